//! Prompts with their answers: for a board that answers or obeys.
//!
//! Each pair is a document: begin, prompt, a newline, answer, end. The loss is that of the answer, the newline before it
//! and the end behind it; prompts are given, not learned. So a prompt is typed as it stands in the file, without a newline:
//! the model's first token then is the newline, and behind it comes the answer.

use std::path::Path;

use anyhow::{Result, bail, ensure};

use crate::data::batches::Split;
use crate::data::clean;
use crate::data::text::{Corpus, Documents, read_text};
use crate::data::unseen::{self, Found};
use crate::data::vocabulary::OwnedVocabulary;
use crate::random::SplitMix64;
use pipsqueak_stories::END_OF_STORY;

/// The separator between a prompt and its answer.
pub const SEPARATOR: &str = "\n";

/// A line of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// Counted from 1.
    pub line: usize,
    /// Text that will be typed.
    pub prompt: String,
    /// Text that the model should answer.
    pub answer: String,
}

/// Reads a file of lines `prompt<TAB>answer`; blank lines are no pairs.
///
/// # Errors
/// If it cannot be read, has no lines, or one is not a prompt, a tab and an answer; the message tells its number.
pub fn read(path: &Path) -> Result<Vec<Pair>> {
    from_text(read_text(path)?, &path.display().to_string())
}

/// The same pairs as a model reads them that `knows` some characters; notes the others in `found`.
pub fn readable(pairs: Vec<Pair>, knows: impl Fn(char) -> bool, found: &mut Found) -> Vec<Pair> {
    let mut read = |text: String| unseen::readable(&text, &knows, found).into_owned();
    let pair = |Pair { line, prompt, answer }| Pair { line, prompt: read(prompt), answer: read(answer) };
    pairs.into_iter().map(pair).collect()
}

/// Chooses about `share` of the pairs by chance, at least one and not all; none where `share` is 0. Returns the others and
/// them, both in their order.
pub fn keep_back(pairs: Vec<Pair>, share: f64, seed: u64) -> (Vec<Pair>, Vec<Pair>) {
    if share == 0.0 || pairs.len() < 2 {
        return (pairs, Vec::new());
    }
    let mut keep = ((pairs.len() as f64 * share).round() as usize).clamp(1, pairs.len() - 1);
    let mut random = SplitMix64::new(seed);
    let (mut kept, mut others) = (Vec::new(), Vec::new());
    // Each of what is left is taken with the chance that makes all choices equally likely (Knuth's algorithm S).
    let mut left = pairs.len();
    for pair in pairs {
        let take = random.below(left) < keep;
        keep -= usize::from(take);
        left -= 1;
        if take { &mut kept } else { &mut others }.push(pair);
    }
    (others, kept)
}

/// As [`read`], of a file's text; `name` is what messages call it.
///
/// # Errors
/// If it has no lines, or one is not a prompt, a tab and an answer.
pub fn from_text(text: String, name: &str) -> Result<Vec<Pair>> {
    let pair = |(index, line): (usize, &str)| {
        let line_number = index + 1;
        let wrong = |what: &str| {
            format!("{name}, line {line_number}: {what}; a line is a prompt, one tab and an answer")
        };
        let parts: Vec<&str> = line.split('\t').map(str::trim).collect();
        match parts[..] {
            [_] => bail!(wrong("it has no tab")),
            ["", _] => bail!(wrong("the prompt is empty")),
            [_, ""] => bail!(wrong("the answer is empty")),
            [prompt, answer] => {
                ensure!(!line.contains(END_OF_STORY), wrong("it holds the marker <|endoftext|>"));
                Ok(Pair { line: line_number, prompt: prompt.into(), answer: answer.into() })
            }
            _ => bail!(wrong(&format!("it has {} tabs", parts.len() - 1))),
        }
    };
    let text = clean::plain(text);
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let pairs = lines.map(pair).collect::<Result<Vec<_>>>()?;
    ensure!(!pairs.is_empty(), "{name} has no pairs in it; a line is a prompt, one tab and an answer");
    Ok(pairs)
}

/// The text of all pairs, from which to make a vocabulary.
///
/// # Errors
/// None that [`read`] has not refused.
pub fn corpus(pairs: &[Pair], name: &str) -> Result<Corpus> {
    let text = pairs
        .iter()
        .map(|Pair { prompt, answer, .. }| format!("{prompt}{SEPARATOR}{answer}\n{END_OF_STORY}\n"))
        .collect();
    Corpus::from_text(text, name, Documents::Marker)
}

/// The use of a split, which decides the weight of the newline before an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Training: the model must write the newline itself. The first pairs are repeated at the end, so that a whole window
    /// follows each pair.
    Learn,
    /// Validation: every model predicts the newline, which would make the loss look better than it is.
    Validate,
}

/// The tokens of pairs, with weight 0 on the prompts.
///
/// # Errors
/// If a pair does not fit into the `context`, or holds a character that the vocabulary lacks.
pub fn encode(
    pairs: &[Pair],
    vocabulary: &OwnedVocabulary,
    context: usize,
    purpose: Purpose,
) -> Result<Split> {
    let mut split = Split::default();
    let tokenizer = vocabulary.tokenizer()?;
    for Pair { line, prompt, answer } in pairs {
        let start = split.tokens.len();
        split.starts.push(start);
        split.tokens.extend(vocabulary.begin);
        split.weights.push(1.0); // as the end of the answer before
        let separator = f32::from(u8::from(purpose == Purpose::Learn));
        for token in tokenizer.encode(prompt) {
            split.tokens.push(token?);
        }
        split.weights.resize(split.tokens.len(), 0.0);
        // The text goes on, so that a vocabulary that puts a space before a text puts none here.
        for (text, weight) in [(SEPARATOR, separator), (answer, 1.0)] {
            for token in tokenizer.continuation(text) {
                split.tokens.push(token?);
            }
            split.weights.resize(split.tokens.len(), weight);
        }
        let length = split.tokens.len() - start;
        ensure!(
            length <= context,
            "line {line}: prompt and answer take {length} tokens, and the context is {context}; use --context {length}"
        );
    }
    let again = if purpose == Purpose::Learn { context + 1 } else { 1 };
    for i in 0..again {
        split.tokens.push(split.tokens[i]);
        split.weights.push(split.weights[i]);
    }
    Ok(split)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::vocabulary::Tokens;

    fn refusal(text: &str) -> String {
        from_text(text.into(), "p.tsv").unwrap_err().to_string()
    }

    #[test]
    fn wrong_lines_are_told_by_their_number() {
        assert!(refusal("a\tb\nc d\n").starts_with("p.tsv, line 2: it has no tab"));
        assert!(refusal("a\tb\nc\td\te\n").starts_with("p.tsv, line 2: it has 2 tabs"));
        assert!(refusal("\n \na\tb\n\nc d\n").starts_with("p.tsv, line 5: it has no tab"));
        assert!(refusal("\tb\n").starts_with("p.tsv, line 1: the prompt is empty"));
        assert!(refusal("a\t \n").starts_with("p.tsv, line 1: the answer is empty"));
        assert!(refusal("\n \n").contains("has no pairs"));
        for text in [
            "on\tlight on\r\noff\tdark\n",
            "\u{feff}on\tlight on\roff\tdark\r\r",
            "on\tlight on\noff\tdark\n\n \n",
            "on\tlight on\noff\tdark\n\u{1a}",
        ] {
            let pairs = from_text(text.into(), "").unwrap();
            assert_eq!(pairs[0], Pair { line: 1, prompt: "on".into(), answer: "light on".into() });
            assert_eq!(pairs[1..], [Pair { line: 2, prompt: "off".into(), answer: "dark".into() }]);
        }
    }

    #[test]
    fn pairs_are_kept_back_by_chance() {
        let pairs: Vec<Pair> =
            (1..=20).map(|line| Pair { line, prompt: String::new(), answer: String::new() }).collect();
        let lines = |share, seed| {
            let (others, kept) = keep_back(pairs.clone(), share, seed);
            let mut all: Vec<usize> = others.iter().chain(&kept).map(|pair| pair.line).collect();
            all.sort_unstable();
            assert!(all.into_iter().eq(1..=20));
            kept.iter().map(|pair| pair.line).collect::<Vec<_>>()
        };
        assert_eq!(lines(0.0, 1), [0usize; 0]);
        assert_eq!(
            [lines(0.1, 1).len(), lines(0.01, 1).len(), lines(0.5, 1).len(), lines(0.99, 1).len()],
            [2, 1, 10, 19]
        );
        assert_eq!(lines(0.1, 1), lines(0.1, 1));
        let chosen: std::collections::BTreeSet<usize> = (0..200).flat_map(|seed| lines(0.1, seed)).collect();
        assert_eq!(chosen.len(), 20, "some are never chosen");
        assert_eq!(keep_back(pairs[..1].to_vec(), 0.5, 1).1, []);
    }

    #[test]
    fn only_answers_count() {
        let pairs = from_text("ab\tcde\nfg\th\n".into(), "").unwrap();
        let vocabulary =
            OwnedVocabulary::of_corpus(&corpus(&pairs, "").unwrap(), Tokens::Characters, 0, &()).unwrap();
        let begin = vocabulary.begin.unwrap();
        let split = encode(&pairs, &vocabulary, 7, Purpose::Validate).unwrap();
        // ^ a b \n c d e ^ f g \n h ^
        assert_eq!(split.weights, [1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0]);
        assert_eq!((split.starts.as_slice(), split.weight()), (&[0, 7][..], 6.0));
        assert_eq!([split.tokens[0], split.tokens[7], split.tokens[12]], [begin; 3]);
        assert_eq!(split.windows(7), [0..8, 7..13]);
        let learn = encode(&pairs, &vocabulary, 7, Purpose::Learn).unwrap();
        assert_eq!(learn.weights[..12], [1.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 1.0, 1.0]);
        assert_eq!(learn.tokens[12..], learn.tokens[..8]);
        let error = encode(&pairs, &vocabulary, 6, Purpose::Learn).unwrap_err().to_string();
        assert!(error.starts_with("line 1: prompt and answer take 7 tokens"), "{error}");
    }
}
