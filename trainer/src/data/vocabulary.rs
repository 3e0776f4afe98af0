//! Making a vocabulary from a corpus.

use std::collections::{BTreeSet, HashMap};

use anyhow::{Context, Result, anyhow, bail};
use pipsqueak::file::{Pieces, Vocabulary, Words};
use pipsqueak::{Model, Tokenizer};
use serde::Deserialize;
use tokenizers::models::bpe::{BPE, BpeTrainer};

use crate::data::text::Corpus;

/// The ways to cut text into tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Tokens {
    /// The 256 bytes.
    Bytes,
    /// The characters of the corpus.
    Characters,
    /// Byte-level BPE: frequent pairs become tokens of their own.
    Bpe,
}

/// A [`Vocabulary`] that owns what it refers to, and is read from what that is written as.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct OwnedVocabulary {
    /// What the first ids stand for.
    pub pieces: OwnedPieces,
    /// Ids behind the pieces, which stand for no text.
    #[serde(default)]
    pub specials: usize,
    /// See [`Vocabulary::begin`].
    pub begin: Option<u16>,
    /// See [`Vocabulary::end`].
    pub end: Option<u16>,
    /// See [`Vocabulary::prefix_space`].
    pub prefix_space: bool,
}

/// [`Pieces`] that own what they refer to.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub enum OwnedPieces {
    /// See [`Pieces::Bytes`].
    Bytes,
    /// See [`Pieces::Characters`].
    Characters(String),
    /// See [`Pieces::Merges`].
    Merges {
        /// What the first ids stand for, as in [`Pieces::Merges`].
        atoms: Vec<u8>,
        /// Pairs of ids, little-endian.
        pairs: Vec<u8>,
        /// Where words begin.
        words: Words,
    },
}

impl OwnedPieces {
    /// Number of ids that stand for text.
    fn count(&self) -> usize {
        match self {
            OwnedPieces::Bytes => 256,
            OwnedPieces::Characters(characters) => characters.chars().count(),
            OwnedPieces::Merges { atoms, pairs, .. } => {
                let starts =
                    std::iter::successors(Some(0), |&at| Some(at + 1 + usize::from(*atoms.get(at)?)));
                starts.take_while(|&at| at < atoms.len()).count() + pairs.len() / 4
            }
        }
    }
}

impl OwnedVocabulary {
    /// Makes the vocabulary of a corpus. Where that has documents, one special begins and ends them. `size` is that of a
    /// BPE vocabulary, the special included.
    pub fn of_corpus(corpus: &Corpus, tokens: Tokens, size: usize) -> Result<Self> {
        let specials = usize::from(corpus.has_documents());
        let pieces = match tokens {
            Tokens::Bytes => OwnedPieces::Bytes,
            Tokens::Characters => characters(corpus),
            Tokens::Bpe => merges(corpus, size, specials)?,
        };
        let mut vocabulary =
            OwnedVocabulary { pieces, specials, begin: None, end: None, prefix_space: false };
        if specials > 0 {
            let special =
                u16::try_from(vocabulary.pieces.count()).context("the corpus has too many characters")?;
            (vocabulary.begin, vocabulary.end) = (Some(special), Some(special));
        }
        Ok(vocabulary)
    }

    /// The one that a model was trained with.
    pub fn of_model(model: &Model<'_>) -> Self {
        let &Vocabulary { pieces, begin, end, prefix_space } = model.tokenizer().vocabulary();
        let pieces = match pieces {
            Pieces::Bytes => OwnedPieces::Bytes,
            Pieces::Characters(characters) => OwnedPieces::Characters(characters.to_string()),
            Pieces::Merges { atoms, pairs, words } => {
                OwnedPieces::Merges { atoms: atoms.to_vec(), pairs: pairs.to_vec(), words }
            }
        };
        OwnedVocabulary { pieces, specials: 0, begin, end, prefix_space }.of_size(model.config().vocab)
    }

    /// With as many specials as make it `vocab` ids.
    pub fn of_size(mut self, vocab: usize) -> Self {
        self.specials = vocab.saturating_sub(self.pieces.count());
        self
    }

    /// The view that a model file holds.
    pub fn borrow(&self) -> Vocabulary<'_> {
        let pieces = match &self.pieces {
            OwnedPieces::Bytes => Pieces::Bytes,
            OwnedPieces::Characters(characters) => Pieces::Characters(characters),
            OwnedPieces::Merges { atoms, pairs, words } => Pieces::Merges { atoms, pairs, words: *words },
        };
        Vocabulary { pieces, begin: self.begin, end: self.end, prefix_space: self.prefix_space }
    }

    /// Number of ids.
    pub fn vocab(&self) -> usize {
        self.pieces.count() + self.specials
    }

    /// Bytes of its text in a model file.
    pub fn bytes(&self) -> u64 {
        let bytes = match &self.pieces {
            OwnedPieces::Bytes => 0,
            OwnedPieces::Characters(characters) => characters.len(),
            OwnedPieces::Merges { atoms, pairs, .. } => atoms.len() + pairs.len(),
        };
        bytes as u64
    }

    /// The core's tokenizer over this vocabulary.
    pub fn tokenizer(&self) -> Result<Tokenizer<'_>> {
        Ok(Tokenizer::new(self.borrow(), self.vocab())?)
    }

    /// See [`encode`].
    pub fn encode(&self, corpus: &Corpus) -> Result<Vec<u16>> {
        encode(&self.tokenizer()?, corpus)
    }
}

/// The tokens of a whole corpus: each document behind `begin`, and `end` behind the last.
pub fn encode(tokenizer: &Tokenizer<'_>, corpus: &Corpus) -> Result<Vec<u16>> {
    let &Vocabulary { begin, end, .. } = tokenizer.vocabulary();
    let mut ids = Vec::with_capacity(corpus.text_bytes() / 2);
    let mut encoder = Encoder { tokenizer: *tokenizer, words: HashMap::new() };
    for document in corpus.documents() {
        ids.extend(begin);
        encoder.encode(document, &mut ids)?;
        ids.extend(end.filter(|_| end != begin));
    }
    ids.extend(end.filter(|_| end == begin));
    Ok(ids)
}

/// The core's tokenizer, which remembers the words it has seen: a corpus has few different ones.
struct Encoder<'v> {
    tokenizer: Tokenizer<'v>,
    words: HashMap<Vec<u8>, Vec<u16>>,
}

impl Encoder<'_> {
    fn encode(&mut self, text: &str, ids: &mut Vec<u16>) -> Result<()> {
        let vocabulary = *self.tokenizer.vocabulary();
        let Pieces::Merges { words, .. } = vocabulary.pieces else {
            return Ok(self.tokenizer.encode(text, |id| {
                ids.push(id);
                Ok(())
            })?);
        };
        for word in words.split(text, vocabulary.prefix_space) {
            let key: Vec<u8> = word.bytes().collect();
            if let Some(known) = self.words.get(&key) {
                ids.extend(known);
                continue;
            }
            let merged = self.tokenizer.merge(word)?;
            ids.extend(&merged);
            self.words.insert(key, merged.to_vec());
        }
        Ok(())
    }
}

fn characters(corpus: &Corpus) -> OwnedPieces {
    let all: BTreeSet<char> = corpus.documents().flat_map(str::chars).collect();
    OwnedPieces::Characters(all.into_iter().collect())
}

/// Byte-level BPE by the `tokenizers` crate, over words as the core cuts them. Bytes are lent to it as the characters
/// from U+0100 on, so that it takes each for a letter.
fn merges(corpus: &Corpus, size: usize, specials: usize) -> Result<OwnedPieces> {
    let words = Words::Runs;
    let mut counts: HashMap<String, u64> = HashMap::new();
    for word in corpus.documents().flat_map(|document| words.split(document, false)) {
        *counts.entry(word.bytes().map(letter).collect()).or_default() += 1;
    }
    let alphabet: BTreeSet<char> = counts.keys().flat_map(|word| word.chars()).collect();
    let room = size.saturating_sub(specials);
    if room < alphabet.len() {
        bail!(
            "a vocabulary of {size} is too small: the corpus has {} different bytes alone; choose at least {}",
            alphabet.len(),
            alphabet.len() + specials
        );
    }
    let trainer = BpeTrainer::builder()
        .vocab_size(room)
        .show_progress(false)
        .max_token_length(Some(pipsqueak::internal::text::PIECE_MAX / 2))
        .build();
    let mut bpe = BPE::default();
    let counts = counts.into_iter().map(|(word, count)| (word.into(), count)).collect();
    trainer.do_train(&counts, &mut bpe).map_err(|error| anyhow!("cannot train the vocabulary: {error}"))?;
    Ok(OwnedPieces::Merges {
        pairs: pairs(&learnt_merges(&bpe)?, &alphabet)?,
        atoms: alphabet.into_iter().flat_map(|letter| [1, byte(letter)]).collect(),
        words,
    })
}

fn letter(byte: u8) -> char {
    char::from_u32(0x100 + u32::from(byte)).unwrap_or_default()
}

fn byte(letter: char) -> u8 {
    (letter as u32 - 0x100) as u8
}

/// The pairs of strings that a trained model joins, in its order: its serialised form alone tells them.
fn learnt_merges(bpe: &BPE) -> Result<Vec<(String, String)>> {
    let mut json = serde_json::to_value(bpe)?;
    Ok(serde_json::from_value(json["merges"].take())?)
}

fn pairs(merges: &[(String, String)], alphabet: &BTreeSet<char>) -> Result<Vec<u8>> {
    let mut ids: HashMap<String, u16> = HashMap::new();
    for letter in alphabet {
        ids.insert(letter.to_string(), ids.len() as u16);
    }
    let mut pairs = Vec::with_capacity(4 * merges.len());
    for (left, right) in merges {
        let id = |half: &String| ids.get(half).copied().context("a merge refers to a later piece");
        pairs.extend(id(left)?.to_le_bytes());
        pairs.extend(id(right)?.to_le_bytes());
        let merged = alphabet.len() + pairs.len() / 4 - 1;
        ids.entry(format!("{left}{right}")).or_insert(u16::try_from(merged)?);
    }
    Ok(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::text::Documents;

    fn round_trip(tokens: Tokens, size: usize, text: &str) -> (OwnedVocabulary, Vec<u16>) {
        let corpus = Corpus::from_text(text.to_string(), "a test", Documents::Auto).unwrap();
        let vocabulary = OwnedVocabulary::of_corpus(&corpus, tokens, size).unwrap();
        let ids = vocabulary.encode(&corpus).unwrap();
        let tokenizer = vocabulary.tokenizer().unwrap();
        let mut bytes = vec![];
        for &id in &ids {
            let mut piece = Default::default();
            tokenizer.decode(id, &mut piece);
            bytes.extend_from_slice(&piece);
        }
        let expected: String = corpus.documents().collect();
        assert_eq!(String::from_utf8(bytes).unwrap(), expected);
        (vocabulary, ids)
    }

    const TEXT: &str = "The mouse ran. The mouse hid, «ä» 12 times.\n<|endoftext|>\nThe cat and the mouse\n";

    #[test]
    fn every_kind_of_token_returns_the_text() {
        let (_, bytes) = round_trip(Tokens::Bytes, 0, TEXT);
        let (characters, ids) = round_trip(Tokens::Characters, 0, TEXT);
        assert!(ids.len() < bytes.len());
        assert_eq!(ids.iter().filter(|&&id| Some(id) == characters.end).count(), 3);
        let (bpe, ids) = round_trip(Tokens::Bpe, 50, TEXT);
        assert_eq!(bpe.vocab(), 50);
        assert!(
            ids.len()
                < characters
                    .encode(&Corpus::from_text(TEXT.into(), "", Documents::Auto).unwrap())
                    .unwrap()
                    .len()
        );
    }

    #[test]
    fn one_corpus_gives_one_vocabulary() {
        assert_eq!(round_trip(Tokens::Bpe, 50, TEXT), round_trip(Tokens::Bpe, 50, TEXT));
    }
}
