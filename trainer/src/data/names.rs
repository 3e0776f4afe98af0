//! Names in a text: tokens that are never written without their capital.

use std::collections::{HashMap, HashSet};

use pipsqueak::Tokenizer;

use super::batches::Window;

/// The names in a vocabulary, and the weight of the loss that asks which of them is meant; see
/// [`NameLoss`](crate::network::name_loss::NameLoss).
#[derive(Debug, Clone)]
pub struct Names {
    /// For each token the first one of the same name; `None` for other tokens. `[vocab]`.
    names: Vec<Option<u16>>,
    tokens: Vec<u16>,
    /// The weight beside a cross entropy of weight 1.
    pub weight: f32,
    /// The token that every document begins with.
    begin: Option<u16>,
}

impl Names {
    /// The names that are whole tokens of `tokenizer`: with a capital, of two letters at least, and no word without the capital.
    pub fn new(tokenizer: &Tokenizer<'_>, weight: f32) -> Names {
        let text = |token| String::from_utf8_lossy(&tokenizer.decode(token)).to_string();
        let texts: Vec<String> = (0..tokenizer.pieces()).map(|token| text(token as u16)).collect();
        let words = || texts.iter().map(|text| text.trim());
        // Without a space in front, "ella" is the end of "umbrella".
        let known: HashSet<&str> = texts.iter().filter_map(|text| text.strip_prefix(' ')).collect();
        let is_name = |word: &str| {
            word.starts_with(char::is_uppercase)
                && word.chars().all(char::is_alphabetic)
                && word.chars().nth(1).is_some_and(char::is_lowercase)
                && !known.contains(word.to_lowercase().as_str())
        };
        let mut firsts = HashMap::new();
        let names =
            words().zip(0..).map(|(word, token)| is_name(word).then(|| *firsts.entry(word).or_insert(token)));
        Names::of(names.collect(), weight, tokenizer.vocabulary().begin)
    }

    pub(crate) fn of(names: Vec<Option<u16>>, weight: f32, begin: Option<u16>) -> Names {
        let tokens = names.iter().zip(0..).filter_map(|(name, token)| name.and(Some(token))).collect();
        Names { names, tokens, weight, begin }
    }

    /// All tokens that are names, in order.
    pub(crate) fn tokens(&self) -> &[u16] {
        &self.tokens
    }

    /// The positions of a window whose targets count, are names, and stand before in the window's part of the document.
    pub(crate) fn told_before(&self, window: Window<'_>) -> Vec<usize> {
        let (mut told, mut positions) = (Vec::new(), Vec::new());
        let tokens = window.inputs.first().into_iter().chain(window.targets);
        for (place, &token) in tokens.enumerate() {
            if Some(token) == self.begin {
                told.clear();
            }
            let Some(name) = self.names.get(usize::from(token)).copied().flatten() else { continue };
            if !told.contains(&name) {
                told.push(name);
            } else if window.weights.get(place - 1).is_none_or(|&weight| weight > 0.0) {
                positions.push(place - 1);
            }
        }
        positions
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::text::{Corpus, Documents};
    use crate::data::vocabulary::{OwnedVocabulary, Tokens};

    #[test]
    fn a_name_is_told_before_if_it_stands_before_in_its_document() {
        let story =
            "Then Mia sat. So Mia ran to Tom, and then Tom sat so by Mia.\n<|endoftext|>\n".repeat(20);
        let corpus = Corpus::from_text(story, "a test", Documents::Auto).unwrap();
        let vocabulary = OwnedVocabulary::of_corpus(&corpus, Tokens::Bpe, 60, &()).unwrap();
        let (tokenizer, tokens) = (vocabulary.tokenizer().unwrap(), vocabulary.encode(&corpus, &()).unwrap());
        let names = Names::new(&tokenizer, 4.0);
        let told_before = |weights| {
            let window = Window { inputs: &tokens[..60], targets: &tokens[1..61], weights };
            let positions = names.told_before(window).into_iter();
            let texts = positions.flat_map(|position| tokenizer.decode(window.targets[position]).to_vec());
            String::from_utf8(texts.collect()).unwrap()
        };
        let said = told_before(&[]);
        assert!(said.starts_with(" Mia Tom Mia Mia Tom Mia"), "{said}");
        assert_eq!(told_before(&[0.0; 60]), "");
    }
}
