//! Making a vocabulary from a corpus, and a corpus's tokens.

use std::borrow::Cow;

use anyhow::{Context, Result, bail};
use pipsqueak::internal::file::{Pieces, Vocabulary, Words};
use pipsqueak::{Model, Tokenizer};
use serde::Deserialize;

use crate::data::Progress;
use crate::data::bpe::{self, WordCounts};
use crate::data::encoder::{BpeDropout, Encoder};
use crate::data::text::Corpus;
use crate::data::unseen::{Found, Unseen, readable};

/// The ways to cut text into tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
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
    /// The meaning of the first ids.
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
        /// The meaning of the first ids, as in [`Pieces::Merges`].
        atoms: Vec<u8>,
        /// Pairs of ids, little-endian.
        pairs: Vec<u8>,
        /// Where words begin.
        words: OwnedWords,
    },
}

/// [`Words`] that own what they refer to.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub enum OwnedWords {
    /// See [`Words::Runs`].
    Runs,
    /// See [`Words::Spaces`].
    Spaces,
    /// See [`Words::SpaceRuns`].
    SpaceRuns,
    /// See [`Words::Gpt2`].
    Gpt2 {
        /// The classes of all characters.
        classes: Vec<u8>,
        /// Whether every number is a word of its own.
        single_digits: bool,
    },
}

impl OwnedWords {
    fn of(words: Words<'_>) -> Self {
        match words {
            Words::Runs => OwnedWords::Runs,
            Words::Spaces => OwnedWords::Spaces,
            Words::SpaceRuns => OwnedWords::SpaceRuns,
            Words::Gpt2 { classes, single_digits } => {
                OwnedWords::Gpt2 { classes: classes.to_vec(), single_digits }
            }
        }
    }

    fn borrow(&self) -> Words<'_> {
        match *self {
            OwnedWords::Runs => Words::Runs,
            OwnedWords::Spaces => Words::Spaces,
            OwnedWords::SpaceRuns => Words::SpaceRuns,
            OwnedWords::Gpt2 { ref classes, single_digits } => Words::Gpt2 { classes, single_digits },
        }
    }

    fn bytes(&self) -> usize {
        if let OwnedWords::Gpt2 { classes, .. } = self { classes.len() } else { 0 }
    }
}

impl OwnedPieces {
    /// Number of ids that stand for text.
    pub fn count(&self) -> usize {
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
    ///
    /// # Errors
    /// If `size` is too small for the bytes that occur, or there are more characters than ids.
    pub fn of_corpus(corpus: &Corpus, tokens: Tokens, size: usize, progress: &dyn Progress) -> Result<Self> {
        let specials = usize::from(corpus.has_documents());
        let pieces = match tokens {
            Tokens::Bytes => OwnedPieces::Bytes,
            Tokens::Characters => characters(corpus),
            Tokens::Bpe => merges(corpus, size, specials, progress)?,
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
            Pieces::Merges { atoms, pairs, words } => OwnedPieces::Merges {
                atoms: atoms.to_vec(),
                pairs: pairs.to_vec(),
                words: OwnedWords::of(words),
            },
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
            OwnedPieces::Merges { atoms, pairs, words } => {
                Pieces::Merges { atoms, pairs, words: words.borrow() }
            }
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
            OwnedPieces::Merges { atoms, pairs, words } => atoms.len() + pairs.len() + words.bytes(),
        };
        bytes as u64
    }

    /// The core's tokenizer over this vocabulary.
    pub fn tokenizer(&self) -> Result<Tokenizer<'_>> {
        Ok(Tokenizer::new(self.borrow(), self.vocab())?)
    }

    /// See [`encode`].
    ///
    /// # Errors
    /// As [`encode`].
    pub fn encode(&self, corpus: &Corpus, progress: &dyn Progress) -> Result<Vec<u16>> {
        let texts: Vec<&str> = corpus.documents().collect();
        encode_texts(self.borrow(), &texts, None, progress)
    }

    /// As [`OwnedVocabulary::encode`], with merges left out at random; `dropout` goes on from where it then is.
    ///
    /// # Errors
    /// As [`encode`].
    pub fn encode_with(
        &self,
        corpus: &Corpus,
        dropout: &mut BpeDropout,
        progress: &dyn Progress,
    ) -> Result<Vec<u16>> {
        let texts: Vec<&str> = corpus.documents().collect();
        encode_texts(self.borrow(), &texts, Some(dropout), progress)
    }
}

/// The tokens of a whole corpus: each document behind `begin`, and `end` behind the last.
///
/// # Errors
/// A character that the vocabulary has no token for.
pub fn encode(tokenizer: &Tokenizer<'_>, corpus: &Corpus) -> Result<Vec<u16>> {
    let texts: Vec<&str> = corpus.documents().collect();
    encode_texts(*tokenizer.vocabulary(), &texts, None, &())
}

/// A text as a model reads it that was not made for it.
pub struct Read {
    /// As of [`encode`].
    pub tokens: Vec<u16>,
    /// Bytes of the text that they stand for.
    pub bytes: usize,
    /// Characters that the model has no token for.
    pub unseen: Vec<Unseen>,
}

/// As [`encode`], with characters that the model never saw as their variants, or left out.
///
/// # Errors
/// None that a text can be the reason of.
pub fn read(tokenizer: &Tokenizer<'_>, corpus: &Corpus, progress: &dyn Progress) -> Result<Read> {
    let vocabulary = *tokenizer.vocabulary();
    let encoder = Encoder::new(vocabulary);
    let mut found = Found::new();
    let knows = |c| encoder.knows(c);
    let texts: Vec<Cow<'_, str>> = corpus.documents().map(|text| readable(text, knows, &mut found)).collect();
    let bytes = texts.iter().map(|text| text.len()).sum();
    let tokens = encode_texts(vocabulary, &texts, None, progress)?;
    Ok(Read { tokens, bytes, unseen: found.into_values().collect() })
}

/// The tokens of a prompt, as [`Tokenizer::read`] gives them, but in a time that does not grow with the vocabulary.
pub fn read_prompt(tokenizer: &Tokenizer<'_>, prompt: &str) -> Vec<u16> {
    let mut encoder = Encoder::new(*tokenizer.vocabulary());
    let read = readable(prompt, |c| encoder.knows(c), &mut Found::new());
    let mut ids = Vec::new();
    // Every character that is left is known.
    _ = encoder.encode(&read, &mut ids, |_| ());
    ids
}

fn encode_texts<T: AsRef<str>>(
    vocabulary: Vocabulary<'_>,
    texts: &[T],
    dropout: Option<&mut BpeDropout>,
    progress: &dyn Progress,
) -> Result<Vec<u16>> {
    let Vocabulary { begin, end, .. } = vocabulary;
    let bytes: usize = texts.iter().map(|text| text.as_ref().len()).sum();
    progress.begin("tokens", bytes as u64);
    // A vector that grows leaves its earlier, smaller copies in the allocator's heap; pages that are never touched take no
    // memory. Two bytes a token are few.
    let mut ids = Vec::with_capacity(bytes / 2);
    let mut encoder = match dropout {
        Some(dropout) => Encoder::with_dropout(vocabulary, dropout),
        None => Encoder::new(vocabulary),
    };
    for text in texts {
        ids.extend(begin);
        encoder.encode(text.as_ref(), &mut ids, |bytes| progress.advance(bytes as u64))?;
        ids.extend(end.filter(|_| end != begin));
    }
    ids.extend(end.filter(|_| end == begin));
    ids.shrink_to_fit();
    progress.takes(2 * ids.len() + encoder.memory_bytes());
    Ok(ids)
}

/// Every character that occurs, in the order of their numbers.
fn characters(corpus: &Corpus) -> OwnedPieces {
    let mut seen = Vec::new();
    for character in corpus.documents().flat_map(str::chars) {
        let at = character as usize;
        if at >= seen.len() {
            seen.resize(at + 1, false);
        }
        seen[at] = true;
    }
    let numbers = (0..).zip(seen).filter_map(|(number, seen)| seen.then_some(number));
    OwnedPieces::Characters(numbers.filter_map(char::from_u32).collect())
}

/// Byte-level BPE over words as the core cuts them.
fn merges(corpus: &Corpus, size: usize, specials: usize, progress: &dyn Progress) -> Result<OwnedPieces> {
    let words = Words::Runs;
    let mut counts = WordCounts::default();
    progress.begin("words", corpus.text_bytes() as u64);
    corpus.documents().for_each(|text| counts.add(text, words, |bytes| progress.advance(bytes as u64)));
    let alphabet = counts.alphabet();
    let room = size.saturating_sub(specials);
    if room < alphabet.len() {
        bail!(
            "a vocabulary of {size} is too small: the corpus has {} different bytes alone; choose at least {}",
            alphabet.len(),
            alphabet.len() + specials
        );
    }
    progress.takes(counts.memory_bytes());
    progress.begin("vocabulary", (room - alphabet.len()) as u64);
    let merges = bpe::learn(counts, room - alphabet.len(), || progress.advance(1));
    Ok(OwnedPieces::Merges {
        pairs: merges.into_iter().flat_map(|(a, b)| [a.to_le_bytes(), b.to_le_bytes()].concat()).collect(),
        atoms: alphabet.into_iter().flat_map(|byte| [1, byte]).collect(),
        words: OwnedWords::of(words),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::text::Documents;
    use crate::random::SplitMix64;

    fn round_trip(tokens: Tokens, size: usize, text: &str) -> (OwnedVocabulary, Vec<u16>) {
        let corpus = Corpus::from_text(text.to_string(), "a test", Documents::Auto).unwrap();
        let vocabulary = OwnedVocabulary::of_corpus(&corpus, tokens, size, &()).unwrap();
        let ids = vocabulary.encode(&corpus, &()).unwrap();
        let tokenizer = vocabulary.tokenizer().unwrap();
        let mut bytes = vec![];
        for &id in &ids {
            bytes.extend_from_slice(&tokenizer.decode(id));
        }
        let expected: String = corpus.documents().collect();
        assert_eq!(String::from_utf8(bytes).unwrap(), expected);
        (vocabulary, ids)
    }

    #[test]
    fn a_prompt_is_read_as_the_core_reads_it() {
        let corpus = |text: &str| Corpus::from_text(text.to_string(), "a test", Documents::Auto).unwrap();
        // The ASCII alone, so that what else there is has to be folded or left out.
        let known: String = TEXT.chars().filter(char::is_ascii).collect();
        let characters: Vec<char> =
            "The mouse catrn. 12\n\u{e9}\u{2019}\u{201c}\u{1f42d}\u{a0}\u{fb01}Z".chars().collect();
        let mut random = SplitMix64::new(3);
        for (tokens, size) in
            [(Tokens::Bytes, 0), (Tokens::Characters, 0), (Tokens::Bpe, 50), (Tokens::Bpe, 300)]
        {
            let text = if size == 300 { TEXT.repeat(9) } else { known.clone() };
            let made = OwnedVocabulary::of_corpus(&corpus(&text), tokens, size, &()).unwrap();
            for prefix_space in [false, true] {
                let vocabulary = OwnedVocabulary { prefix_space, ..made.clone() };
                let tokenizer = vocabulary.tokenizer().unwrap();
                for length in (0..300).map(|i| i % 60) {
                    let prompt: String =
                        (0..length).map(|_| characters[random.below(characters.len())]).collect();
                    let core: Vec<u16> = tokenizer.read(&prompt).collect();
                    assert_eq!(
                        read_prompt(&tokenizer, &prompt),
                        core,
                        "{tokens:?} {size} {prefix_space} {prompt:?}"
                    );
                }
            }
        }
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
                    .encode(&Corpus::from_text(TEXT.into(), "", Documents::Auto).unwrap(), &())
                    .unwrap()
                    .len()
        );
    }

    #[test]
    fn one_corpus_gives_one_vocabulary() {
        assert_eq!(round_trip(Tokens::Bpe, 50, TEXT), round_trip(Tokens::Bpe, 50, TEXT));
    }

    /// As `tokenizers` learned them of the same words: `trainer/tests/tokenizers/merges.py`.
    #[test]
    fn merges_are_those_of_another_implementation() {
        let corpus = Corpus::built_in(1, 200 << 10).unwrap();
        let vocabulary = OwnedVocabulary::of_corpus(&corpus, Tokens::Bpe, 600, &()).unwrap();
        let OwnedPieces::Merges { atoms, pairs, .. } = vocabulary.pieces else { panic!("not BPE") };
        assert_eq!(pairs.len() / 4, 540);
        assert_eq!(pipsqueak::internal::file::CRC.checksum(&[atoms, pairs].concat()), 0xb004_00a6);
    }
}
