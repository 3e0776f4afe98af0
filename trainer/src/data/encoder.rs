//! A tokenizer for whole corpora: gives the tokens that the core's gives, in a time that is linear in the text and does not
//! grow with the vocabulary.
//!
//! The core has no memory to spare, so that each word of a prompt goes through all merges in turn. Here pairs are looked up,
//! and words that come again are remembered, up to a bound.

use std::collections::HashMap;
use std::ops::Range;

use pipsqueak::Error;
use pipsqueak::internal::file::{Pieces, Vocabulary, Words};
use pipsqueak::internal::tokenizer::{WORD_MAX, Word};

use crate::random::{SplitMix64, uniform};

/// The most words that are remembered; then all are forgotten.
const REMEMBERED_MAX: usize = 1 << 16;
/// The most memory that remembered words take beside the text, in bytes.
pub const MEMORY_BYTES: usize = REMEMBERED_MAX * (4 * WORD_MAX + 160);

/// Text to tokens, for one vocabulary.
pub struct Encoder<'v, 't> {
    pieces: Lookup<'v>,
    prefix_space: bool,
    /// The range of each word's tokens in `tokens`.
    remembered: HashMap<Word<'t>, Range<u32>>,
    tokens: Vec<u16>,
    dropout: Option<&'t mut BpeDropout>,
}

/// BPE-dropout (Provilkov, Emelianenko and Voita 2020): each time that a merge could be made, it is left out with this
/// probability. A word is then cut in another way each time it comes, and the model learns how its parts are spelled.
#[derive(Debug, Clone)]
pub struct BpeDropout {
    /// Probability that a merge is left out.
    pub probability: f64,
    /// Decides which.
    pub random: SplitMix64,
}

/// A vocabulary's pieces, as they are looked up.
enum Lookup<'v> {
    Bytes,
    Characters(HashMap<char, u16>),
    Merges {
        atoms: HashMap<&'v [u8], u16>,
        longest: usize,
        merges: HashMap<(u16, u16), u16>,
        words: Words<'v>,
    },
}

impl<'v> Lookup<'v> {
    fn of(pieces: Pieces<'v>) -> Self {
        match pieces {
            Pieces::Bytes => Lookup::Bytes,
            Pieces::Characters(known) => {
                let mut ids = HashMap::new();
                known.chars().zip(0..).for_each(|(c, id)| _ = ids.entry(c).or_insert(id));
                Lookup::Characters(ids)
            }
            Pieces::Merges { atoms: listed, pairs, words } => {
                let (mut atoms, mut count, mut rest) = (HashMap::new(), 0, listed);
                while let Some((atom, after)) = first_atom(rest) {
                    atoms.entry(atom).or_insert(count);
                    (count, rest) = (count + 1, after);
                }
                let mut merges = HashMap::new();
                for (&[a, b, c, d], id) in pairs.as_chunks().0.iter().zip(count..) {
                    merges.entry((u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d]))).or_insert(id);
                }
                let longest = atoms.keys().map(|atom| atom.len()).max().unwrap_or(0);
                Lookup::Merges { atoms, longest, merges, words }
            }
        }
    }
}

/// The first of listed atoms, each a byte that tells its length and then its bytes, and the rest.
fn first_atom(listed: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&length, rest) = listed.split_first()?;
    rest.split_at_checked(length.into())
}

impl<'v, 't> Encoder<'v, 't> {
    /// An encoder that has seen no words yet.
    pub fn new(vocabulary: Vocabulary<'v>) -> Self {
        let (pieces, prefix_space) = (Lookup::of(vocabulary.pieces), vocabulary.prefix_space);
        Encoder { pieces, prefix_space, remembered: HashMap::new(), tokens: Vec::new(), dropout: None }
    }

    /// An encoder that leaves out merges, where the vocabulary has any.
    pub fn with_dropout(vocabulary: Vocabulary<'v>, dropout: &'t mut BpeDropout) -> Self {
        Encoder { dropout: Some(dropout), ..Encoder::new(vocabulary) }
    }

    /// Memory of the remembered words, in bytes.
    pub fn memory_bytes(&self) -> usize {
        2 * size_of::<(Word<'_>, Range<u32>)>() * self.remembered.capacity() + 2 * self.tokens.capacity()
    }

    /// Whether the vocabulary has tokens for a character.
    pub fn knows(&self, character: char) -> bool {
        match &self.pieces {
            Lookup::Bytes => true,
            Lookup::Characters(known) => known.contains_key(&character),
            Lookup::Merges { .. } => {
                self.cut(character.encode_utf8(&mut [0; 4]).as_bytes(), &mut Vec::new()).is_some()
            }
        }
    }

    /// Appends the tokens of a text to `ids`; `progress` hears of the bytes that are done.
    ///
    /// # Errors
    /// A character that the vocabulary has no token for.
    pub fn encode(
        &mut self,
        text: &'t str,
        ids: &mut Vec<u16>,
        mut progress: impl FnMut(usize),
    ) -> Result<(), Error> {
        match &self.pieces {
            Lookup::Bytes => {
                ids.extend(text.bytes().map(u16::from));
                progress(text.len());
            }
            Lookup::Characters(known) => {
                for character in text.chars() {
                    ids.push(*known.get(&character).ok_or(Error::UnknownCharacter(character))?);
                }
                progress(text.len());
            }
            &Lookup::Merges { words, .. } => {
                for word in words.split(text, self.prefix_space) {
                    self.append(word, ids)?;
                    progress(word.bytes().count());
                }
            }
        }
        Ok(())
    }

    /// Appends the tokens of a word, which it remembers.
    fn append(&mut self, word: Word<'t>, ids: &mut Vec<u16>) -> Result<(), Error> {
        if let Some(dropout) = self.dropout.take() {
            ids.extend(self.merge_some(word, dropout)?);
            self.dropout = Some(dropout);
            return Ok(());
        }
        if let Some(Range { start, end }) = self.remembered.get(&word) {
            ids.extend(&self.tokens[*start as usize..*end as usize]);
            return Ok(());
        }
        if self.remembered.len() == REMEMBERED_MAX {
            self.remembered.clear();
            self.tokens.clear();
        }
        let start = self.tokens.len();
        let mut merged = self.merge(word)?;
        ids.extend(&merged);
        self.tokens.append(&mut merged);
        self.remembered.insert(word, start as u32..self.tokens.len() as u32);
        Ok(())
    }

    /// The tokens of a word whose merges are left out at random: the earliest merge that is not left out first, until none is
    /// left.
    fn merge_some(&self, word: Word<'_>, dropout: &mut BpeDropout) -> Result<Vec<u16>, Error> {
        let mut ids = self.atoms(word)?;
        loop {
            let merges = ids.windows(2).zip(0..).map(|(pair, at)| (self.merged(pair[0], pair[1]), at));
            let possible = merges.filter(|&(id, _)| id != NONE);
            let kept = possible.filter(|_| uniform(&mut dropout.random) > dropout.probability);
            let Some((id, at)) = kept.min() else { return Ok(ids) };
            ids[at] = id;
            ids.remove(at + 1);
        }
    }

    /// The tokens of a word: the earliest merge first, as their ids go up, wherever its pair stands.
    fn merge(&self, word: Word<'_>) -> Result<Vec<u16>, Error> {
        let mut ids = self.atoms(word)?;
        let mut merged: Vec<u16> = ids.windows(2).map(|pair| self.merged(pair[0], pair[1])).collect();
        while let Some(id) = merged.iter().copied().min().filter(|&id| id != NONE) {
            while let Some(at) = merged.iter().position(|&other| other == id) {
                ids[at] = id;
                ids.remove(at + 1);
                merged.remove(at);
                if let Some(before) = at.checked_sub(1) {
                    merged[before] = self.merged(ids[before], id);
                }
                if let Some(&after) = ids.get(at + 1) {
                    merged[at] = self.merged(id, after);
                }
            }
        }
        Ok(ids)
    }

    /// The merge of two ids side by side, or [`NONE`].
    fn merged(&self, left: u16, right: u16) -> u16 {
        let Lookup::Merges { merges, .. } = &self.pieces else { return NONE };
        merges.get(&(left, right)).copied().unwrap_or(NONE)
    }

    /// A word's atoms.
    fn atoms(&self, word: Word<'_>) -> Result<Vec<u16>, Error> {
        let mut ids = Vec::with_capacity(WORD_MAX);
        self.cut(&word.bytes().collect::<Vec<u8>>(), &mut ids).ok_or_else(|| self.unknown(word))?;
        Ok(ids)
    }

    /// Cuts bytes into the longest atoms that fit; `None` where there is none.
    fn cut(&self, bytes: &[u8], ids: &mut Vec<u16>) -> Option<()> {
        let Lookup::Merges { atoms, longest, .. } = &self.pieces else { return Some(()) };
        let mut rest = bytes;
        while !rest.is_empty() {
            let (length, id) =
                (1..=rest.len().min(*longest)).rev().find_map(|n| Some((n, atoms.get(&rest[..n])?)))?;
            ids.push(*id);
            rest = &rest[length..];
        }
        Some(())
    }

    /// The first character that there are no tokens for.
    fn unknown(&self, word: Word<'_>) -> Error {
        Error::UnknownCharacter(word.text().chars().find(|&c| !self.knows(c)).unwrap_or(' '))
    }
}

/// No id: a vocabulary has at most 65,535.
const NONE: u16 = u16::MAX;

#[cfg(test)]
mod tests {
    use pipsqueak::Tokenizer;

    use super::*;
    use crate::random::SplitMix64;

    /// Random merges over `atoms` that the core takes.
    fn merges(atoms: usize, random: &mut SplitMix64) -> Vec<u8> {
        let mut lengths = vec![2; atoms];
        let mut pairs = Vec::new();
        for _ in 0..60 {
            let (left, right) = (random.below(lengths.len()), random.below(lengths.len()));
            if lengths[left] + lengths[right] <= 64 {
                lengths.push(lengths[left] + lengths[right]);
                pairs.extend([(left as u16).to_le_bytes(), (right as u16).to_le_bytes()].concat());
            }
        }
        pairs
    }

    fn check(vocabulary: Vocabulary<'_>, ids: usize, text: &str) {
        let tokenizer = Tokenizer::new(vocabulary, ids).unwrap();
        let expected: Result<Vec<u16>, Error> = tokenizer.encode(text).collect();
        let (mut found, mut done) = (Vec::new(), 0);
        let same = Encoder::new(vocabulary).encode(text, &mut found, |bytes| done += bytes);
        assert_eq!(same, expected.as_ref().map(drop).map_err(|&error| error), "{text:?}");
        if let Ok(expected) = expected {
            assert_eq!(found, expected, "{text:?}");
            assert_eq!(done, text.len() + usize::from(vocabulary.prefix_space && !text.is_empty()));
        }
    }

    #[test]
    fn the_tokens_are_those_of_the_core() {
        let mut random = SplitMix64::new(1);
        let bytes: Vec<u8> = (0..=255).flat_map(|byte| [1, byte]).collect();
        let few = [&b"\x01a\x01b\x01 \x02\xc3\xa9\x01a"[..], &bytes].concat();
        for round in 0..300 {
            let length = random.below(200);
            let text: String =
                (0..length).map(|_| ['a', 'b', ' ', '\u{e9}', '1'][random.below(4 + round % 2)]).collect();
            for (atoms, count) in [(&bytes, 256), (&few, 261)] {
                let pairs = merges(if count == 261 { 5 } else { 256 }, &mut random);
                for words in [Words::Runs, Words::Spaces] {
                    let pieces = Pieces::Merges { atoms, pairs: &pairs, words };
                    let prefix_space = round % 3 == 0;
                    let vocabulary = Vocabulary { pieces, begin: None, end: None, prefix_space };
                    check(vocabulary, count + pairs.len() / 4, &text);
                }
            }
            for pieces in [Pieces::Bytes, Pieces::Characters("b a\u{e9}b")] {
                let vocabulary = Vocabulary { pieces, begin: None, end: None, prefix_space: false };
                check(vocabulary, 256, &text);
            }
        }
    }

    #[test]
    fn an_unknown_character_is_named_whole() {
        // Of the mouse's bytes the first alone is an atom.
        for (atoms, text) in [("\x01a\x01 ", "a b"), ("\x01a", "a"), ("\x01a", "ab")] {
            let atoms = [atoms.as_bytes(), b"\x01\xf0"].concat();
            let pieces = Pieces::Merges { atoms: &atoms, pairs: &[], words: Words::Runs };
            // A prefix needs a token of its own.
            for prefix_space in [false, text == "a b"] {
                let vocabulary = Vocabulary { pieces, begin: None, end: None, prefix_space };
                check(vocabulary, 3, text);
                check(vocabulary, 3, "a\u{1f42d}");
            }
        }
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let text: String = (0..2 * REMEMBERED_MAX)
            .map(|i| {
                format!("{} ", char::from_u32(0x4e00 + i as u32 % 20_000).unwrap()).repeat(1) + &i.to_string()
            })
            .collect();
        let bytes: Vec<u8> = (0..=255).flat_map(|byte| [1, byte]).collect();
        let pieces = Pieces::Merges { atoms: &bytes, pairs: &[], words: Words::Runs };
        let mut encoder = Encoder::new(Vocabulary { pieces, begin: None, end: None, prefix_space: false });
        let mut ids = Vec::new();
        encoder.encode(&text, &mut ids, |_| ()).unwrap();
        assert!(ids.iter().map(|&id| id as u8).eq(text.bytes()));
        assert!(encoder.remembered.len() <= REMEMBERED_MAX);
        assert!(encoder.memory_bytes() <= MEMORY_BYTES, "{}", encoder.memory_bytes());
    }
}
