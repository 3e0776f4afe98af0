//! From text to token ids and back: bytes, the characters of a corpus, or byte-level BPE.
//!
//! A vocabulary's ids are its pieces, then its specials, which stand for no text. BPE is stored as its atoms and its
//! merges alone: the first pieces are the atoms, bytes or characters, and each merge adds one, which joins a pair of
//! those before it. Merges come in the order in which they were learned, so that applying them one after the other is
//! Sennrich et al.'s (2016) rule of the earliest first.

use core::str::Chars;

use heapless::{String, Vec};

use crate::Error;
use crate::file::{Pieces, Vocabulary, Words};
use crate::fold::fold;
use crate::text::{PIECE_MAX, TokenBytes, has};

/// The longest stretch of text that merges work on, in bytes; a longer word is cut.
pub const WORD_MAX: usize = PIECE_MAX;

/// A checked vocabulary.
#[derive(Debug, Clone, Copy)]
pub struct Tokenizer<'a> {
    vocabulary: Vocabulary<'a>,
    /// Ids of bytes, characters or atoms.
    atoms: usize,
}

impl<'a> Tokenizer<'a> {
    /// Checks `vocabulary` for a model of `vocab` ids.
    ///
    /// # Errors
    /// [`Error::Damaged`] if it does not fit or contradicts itself.
    #[doc(hidden)]
    pub fn new(vocabulary: Vocabulary<'a>, vocab: usize) -> Result<Self, Error> {
        let counted = |(count, bytes), atom: &[u8]| (count + 1, bytes + 1 + atom.len());
        let (count, listed_bytes) = atoms(&vocabulary.pieces).fold((0, 0), counted);
        let tokenizer = Tokenizer { vocabulary, atoms: count };
        let pieces = tokenizer.pieces();
        let special = |id: Option<u16>| id.is_none_or(|id| (pieces..vocab).contains(&id.into()));
        if pieces == 0 || pieces > vocab || !special(vocabulary.begin) || !special(vocabulary.end) {
            return Err(Error::Damaged("its vocabulary does not fit the shape"));
        }
        let atoms_fit = match vocabulary.pieces {
            Pieces::Merges { atoms, .. } => atoms.len() == listed_bytes,
            _ => true,
        };
        if !atoms_fit || tokenizer.merges().any(|merge| !merge.is_of_earlier() || !tokenizer.fits(merge.id)) {
            return Err(Error::Damaged(
                "its vocabulary has a piece that is empty, too long or cut off, or refers to a later one",
            ));
        }
        Ok(tokenizer)
    }

    /// The vocabulary.
    #[doc(hidden)]
    pub fn vocabulary(&self) -> &Vocabulary<'a> {
        &self.vocabulary
    }

    /// Number of ids that stand for text; the specials follow.
    pub fn pieces(&self) -> usize {
        self.atoms + self.pairs().len()
    }

    /// The bytes of a token's text: none for a special.
    ///
    /// ```
    /// # fn main() -> Result<(), pipsqueak::Error> {
    /// let model = pipsqueak::include_model!("../models/tiny.pip").model()?;
    /// let tokenizer = model.tokenizer();
    /// let text: Vec<u8> = tokenizer.encode("a mouse").flatten().flat_map(|token| tokenizer.decode(token).to_vec()).collect();
    /// assert_eq!(text, b"a mouse");
    /// # Ok(())
    /// # }
    /// ```
    pub fn decode(&self, token: u16) -> TokenBytes {
        let mut bytes = Vec::new();
        // Loading has checked that every token's bytes fit.
        _ = self.expand(token, &mut bytes);
        TokenBytes(bytes)
    }

    /// The tokens of `text`, without those that begin or end one. A character without a token is an error in its place.
    ///
    /// ```
    /// # fn main() -> Result<(), pipsqueak::Error> {
    /// let model = pipsqueak::include_model!("../models/tiny.pip").model()?;
    /// let tokens = model.tokenizer().encode("Once upon a time").collect::<Result<Vec<u16>, _>>()?;
    /// assert!(tokens.len() < 16);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::UnknownCharacter`].
    pub fn encode<'t>(&self, text: &'t str) -> impl Iterator<Item = Result<u16, Error>> + use<'a, 't> {
        self.tokens(text, self.vocabulary.prefix_space, false)
    }

    /// The tokens of a text with any characters: those that the model never saw are read as a variant that it knows (curly
    /// quotes as straight ones, é as e), or are [left out](Self::unreadable).
    ///
    /// ```
    /// # fn main() -> Result<(), pipsqueak::Error> {
    /// let model = pipsqueak::include_model!("../models/tiny.pip").model()?;
    /// let read = |text| model.tokenizer().read(text).collect::<Vec<u16>>();
    /// assert_eq!(read("It\u{2019}s a caf\u{e9}\u{1f42d}"), read("It's a cafe"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn read<'t>(&self, text: &'t str) -> impl Iterator<Item = u16> + use<'a, 't> {
        self.tokens(text, self.vocabulary.prefix_space, true).flatten()
    }

    /// The characters that [`read`](Self::read) leaves out, each once: the model has no token for them nor for a variant.
    ///
    /// ```
    /// # fn main() -> Result<(), pipsqueak::Error> {
    /// let model = pipsqueak::include_model!("../models/tiny.pip").model()?;
    /// let left_out: String = model.tokenizer().unreadable("a caf\u{e9}, \u{1f42d}\u{1f42d}").collect();
    /// assert_eq!(left_out, "\u{1f42d}");
    /// # Ok(())
    /// # }
    /// ```
    pub fn unreadable<'t>(&self, text: &'t str) -> impl Iterator<Item = char> + use<'a, 't> {
        let tokenizer = *self;
        let is_first = |at, c| text.get(..at).is_some_and(|before| !has(before, c));
        let indices = text.char_indices();
        let unknown = indices.filter(move |&(_, c)| !tokenizer.knows(c) && tokenizer.variant(c).is_none());
        unknown.filter_map(move |(at, c)| is_first(at, c).then_some(c))
    }

    /// A typed prompt without the spaces at its end. A model learns most words with the space before them, so after a
    /// prompt that ends with one it would go on in the middle of a word.
    ///
    /// ```
    /// # fn main() -> Result<(), pipsqueak::Error> {
    /// let model = pipsqueak::include_model!("../models/tiny.pip").model()?;
    /// assert_eq!(model.tokenizer().trimmed("Once upon a  "), "Once upon a");
    /// # Ok(())
    /// # }
    /// ```
    pub fn trimmed<'t>(&self, prompt: &'t str) -> &'t str {
        let mut end = prompt.len();
        for (at, character) in prompt.char_indices().rev() {
            let read_as = match character {
                ' ' => Some(" "),
                _ if self.knows(character) => break,
                _ => self.variant(character),
            };
            match read_as {
                Some(" ") => end = at,
                None | Some("") => {}
                Some(_) => break,
            }
        }
        prompt.get(..end).unwrap_or(prompt)
    }

    /// Whether the model has tokens for a character.
    fn knows(&self, character: char) -> bool {
        match self.vocabulary.pieces {
            Pieces::Bytes => true,
            Pieces::Characters(known) => has(known, character),
            Pieces::Merges { .. } => {
                self.cut(character.encode_utf8(&mut [0; 4]).as_bytes(), &mut Vec::new()).is_some()
            }
        }
    }

    /// The text that an unknown character is read as.
    fn variant(&self, character: char) -> Option<&'static str> {
        fold(character, |c| self.knows(c))
    }

    /// As [`encode`](Self::encode), for a text that goes on from another: without the space that some vocabularies put
    /// before a text.
    pub fn continuation<'t>(&self, text: &'t str) -> impl Iterator<Item = Result<u16, Error>> + use<'a, 't> {
        self.tokens(text, false, false)
    }

    fn tokens<'t>(&self, text: &'t str, prefix_space: bool, folds: bool) -> Tokens<'a, 't> {
        let (words, prefix) = match self.vocabulary.pieces {
            Pieces::Merges { words, .. } => (words, prefix_space),
            // Cut where one likes: nothing is merged.
            Pieces::Bytes | Pieces::Characters(_) => (Words::Runs, false),
        };
        Tokens {
            tokenizer: *self,
            text: text.chars(),
            folds,
            variant: "".chars(),
            waiting: String::new(),
            words,
            prefix,
            ids: Vec::new(),
            next: 0,
        }
    }

    /// Sets `ids` to the tokens of one word.
    fn word(&self, word: Word<'_>, ids: &mut Vec<u16, WORD_MAX>) -> Result<(), Error> {
        ids.clear();
        let done = match self.vocabulary.pieces {
            Pieces::Bytes => gather(ids, word.bytes().map(|byte| Some(byte.into()))),
            Pieces::Characters(known) => {
                let id = |character| known.chars().position(|k| k == character).map(|id| id as u16);
                gather(ids, word.text.chars().map(id))
            }
            Pieces::Merges { .. } => self.cut(&word.buffer(), ids),
        };
        self.merges().for_each(|merge| merge.apply(ids));
        done.ok_or_else(|| self.unknown(word))
    }

    /// Cuts bytes into the longest atoms that fit; `None` where there is none.
    fn cut(&self, bytes: &[u8], ids: &mut Vec<u16, WORD_MAX>) -> Option<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let fitting =
                atoms(&self.vocabulary.pieces).enumerate().filter(|(_, atom)| rest.starts_with(atom));
            let (id, atom) = fitting.max_by_key(|(id, atom)| (atom.len(), usize::MAX - id))?;
            ids.push(id as u16).ok()?;
            rest = rest.get(atom.len()..)?;
        }
        Some(())
    }

    /// The first character that there are no tokens for.
    fn unknown(&self, word: Word<'_>) -> Error {
        Error::UnknownCharacter(word.text.chars().find(|&c| !self.knows(c)).unwrap_or(' '))
    }

    fn merges(&self) -> impl Iterator<Item = Merge> + use<'a> {
        let first = self.atoms;
        self.pairs().iter().enumerate().map(move |(i, pair)| Merge::new(first + i, pair))
    }

    fn pairs(&self) -> &'a [[u8; 4]] {
        match self.vocabulary.pieces {
            Pieces::Merges { pairs, .. } => pairs.as_chunks().0,
            _ => &[],
        }
    }

    fn fits(&self, token: usize) -> bool {
        self.expand(token as u16, &mut Vec::new()).is_ok()
    }

    /// Appends a token's bytes; an error where they do not fit.
    fn expand(&self, token: u16, bytes: &mut Vec<u8, PIECE_MAX>) -> Result<(), ()> {
        match self.vocabulary.pieces {
            _ if usize::from(token) >= self.pieces() => Ok(()),
            Pieces::Bytes => bytes.push(token as u8).map_err(drop),
            Pieces::Characters(known) => {
                let character = known.chars().nth(token.into()).ok_or(())?;
                bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()).map_err(drop)
            }
            Pieces::Merges { .. } => self.expand_merges(token, bytes),
        }
    }

    /// Halves a token until atoms are left; right halves wait.
    fn expand_merges(&self, token: u16, bytes: &mut Vec<u8, PIECE_MAX>) -> Result<(), ()> {
        let pairs = self.pairs();
        let mut waiting: Vec<u16, PIECE_MAX> = Vec::new();
        let mut id = usize::from(token);
        loop {
            if id < self.atoms {
                let atom = atoms(&self.vocabulary.pieces).nth(id).ok_or(())?;
                bytes.extend_from_slice(atom).map_err(drop)?;
                let Some(next) = waiting.pop() else { return Ok(()) };
                id = next.into();
            } else {
                let merge = Merge::new(id, pairs.get(id - self.atoms).ok_or(())?);
                waiting.push(merge.right).map_err(drop)?;
                id = merge.left.into();
            }
        }
    }
}

/// The tokens of a text, word by word.
struct Tokens<'a, 't> {
    tokenizer: Tokenizer<'a>,
    text: Chars<'t>,
    /// Whether unknown characters become their variants.
    folds: bool,
    /// The rest of the last variant.
    variant: Chars<'static>,
    /// Characters that are read, but not cut into words yet.
    waiting: String<{ WORD_MAX + 4 }>,
    words: Words,
    /// Whether to put a space before the next word.
    prefix: bool,
    /// Tokens of the present word.
    ids: Vec<u16, WORD_MAX>,
    next: usize,
}

impl Tokens<'_, '_> {
    /// The next character as the model reads it.
    fn character(&mut self) -> Option<char> {
        loop {
            if let Some(character) = self.variant.next() {
                return Some(character);
            }
            let character = self.text.next()?;
            if !self.folds || self.tokenizer.knows(character) {
                return Some(character);
            }
            self.variant = self.tokenizer.variant(character).unwrap_or_default().chars();
        }
    }

    /// Sets `ids` to the tokens of the next word.
    fn next_word(&mut self) -> Option<Result<(), Error>> {
        // One byte more than the longest word shows where any word ends.
        while self.waiting.len() <= WORD_MAX
            && let Some(character) = self.character()
        {
            _ = self.waiting.push(character);
        }
        let (word, rest) = self.words.first(&self.waiting, self.prefix)?;
        let done = self.tokenizer.word(word, &mut self.ids);
        self.waiting = String::try_from(rest).unwrap_or_default();
        self.prefix = false;
        Some(done)
    }
}

impl Iterator for Tokens<'_, '_> {
    type Item = Result<u16, Error>;

    // Once in the program, and with a frame that is gone when the tokens are used.
    #[inline(never)]
    fn next(&mut self) -> Option<Result<u16, Error>> {
        while self.next >= self.ids.len() {
            self.next = 0;
            if let Err(error) = self.next_word()? {
                self.ids.clear();
                return Some(Err(error));
            }
        }
        let id = self.ids.get(self.next).copied();
        self.next += 1;
        id.map(Ok)
    }
}

/// Appends all ids, if there are all of them, and room for them.
fn gather(gathered: &mut Vec<u16, WORD_MAX>, ids: impl Iterator<Item = Option<u16>>) -> Option<()> {
    for id in ids {
        gathered.push(id?).ok()?;
    }
    Some(())
}

/// The atoms of merges, up to one that fits into no piece; as many empty ones as there are bytes or characters.
fn atoms<'a>(pieces: &Pieces<'a>) -> impl Iterator<Item = &'a [u8]> + use<'a> {
    let (plain, mut rest): (usize, &[u8]) = match *pieces {
        Pieces::Bytes => (256, &[]),
        Pieces::Characters(characters) => (characters.chars().count(), &[]),
        Pieces::Merges { atoms, .. } => (0, atoms),
    };
    let listed = core::iter::from_fn(move || {
        let (&length, after) = rest.split_first()?;
        let (atom, after) = after.split_at_checked(length.into())?;
        rest = after;
        Some(atom).filter(|atom| (1..=PIECE_MAX).contains(&atom.len()))
    });
    core::iter::repeat_n(&[] as &[u8], plain).chain(listed)
}

/// Two ids that become one.
#[derive(Debug, Clone, Copy)]
struct Merge {
    left: u16,
    right: u16,
    id: usize,
}

impl Merge {
    fn new(id: usize, &[a, b, c, d]: &[u8; 4]) -> Self {
        Merge { left: u16::from_le_bytes([a, b]), right: u16::from_le_bytes([c, d]), id }
    }

    fn is_of_earlier(self) -> bool {
        usize::from(self.left.max(self.right)) < self.id
    }

    /// Puts the merged id wherever this pair stands, from the left.
    fn apply(self, ids: &mut Vec<u16, WORD_MAX>) {
        let mut kept = 0;
        let mut next = 0;
        while let Some(&id) = ids.get(next) {
            let here = id == self.left && ids.get(next + 1) == Some(&self.right);
            if let Some(place) = ids.get_mut(kept) {
                *place = if here { self.id as u16 } else { id };
            }
            next += if here { 2 } else { 1 };
            kept += 1;
        }
        ids.truncate(kept);
    }
}

/// A word, perhaps behind a space that the text did not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Word<'t> {
    prefix: bool,
    /// At most [`WORD_MAX`] bytes, the prefix included.
    text: &'t str,
}

impl<'t> Word<'t> {
    /// Its text, without the prefix.
    pub fn text(self) -> &'t str {
        self.text
    }

    /// Its bytes, the prefix included.
    pub fn bytes(self) -> impl Iterator<Item = u8> + use<'t> {
        self.prefix.then_some(b' ').into_iter().chain(self.text.bytes())
    }

    /// Its bytes, side by side.
    fn buffer(self) -> Vec<u8, WORD_MAX> {
        let mut buffer = Vec::new();
        self.bytes().for_each(|byte| _ = buffer.push(byte));
        buffer
    }
}

/// The kind of run that a byte belongs to, where words are [`Words::Runs`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Letter,
    Digit,
    Space,
    Other,
}

impl Class {
    fn of(byte: u8) -> Self {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'\'' | 128.. => Class::Letter,
            b'0'..=b'9' => Class::Digit,
            b' ' | b'\t' | b'\n' | b'\r' => Class::Space,
            _ => Class::Other,
        }
    }
}

impl Words {
    /// Cuts `text` into words; with `prefix_space` the first has a space before it.
    pub fn split(self, text: &str, prefix_space: bool) -> impl Iterator<Item = Word<'_>> {
        let (mut rest, mut prefix) = (text, prefix_space);
        core::iter::from_fn(move || {
            let (word, after) = self.first(rest, prefix)?;
            (rest, prefix) = (after, false);
            Some(word)
        })
    }

    /// The first word of `text`, with a space before it or not, and the rest; `None` of an empty text.
    fn first(self, text: &str, prefix: bool) -> Option<(Word<'_>, &str)> {
        if text.is_empty() {
            return None;
        }
        let length = self.length(text.as_bytes(), prefix);
        let end = text.floor_char_boundary(length.min(WORD_MAX - usize::from(prefix)));
        let (text, rest) = text.split_at_checked(end)?;
        Some((Word { prefix, text }, rest))
    }

    /// Length of the first word of `text`, or something longer than the longest word: no more than that is looked at, so
    /// that time is linear in the text even where it is all one word.
    fn length(self, text: &[u8], prefix: bool) -> usize {
        let text = text.get(..WORD_MAX + 1).unwrap_or(text);
        match self {
            Words::Runs => run_length(text),
            Words::Spaces => {
                let first = usize::from(!prefix);
                let later = text.iter().skip(first).position(|&byte| byte == b' ');
                later.map_or(text.len(), |later| later + first)
            }
        }
    }
}

fn run_length(text: &[u8]) -> usize {
    let led = text.first() == Some(&b' ') && text.get(1).is_some_and(|&next| Class::of(next) != Class::Space);
    let start = usize::from(led);
    let Some(class) = text.get(start).map(|&byte| Class::of(byte)) else { return text.len() };
    let run = text.iter().skip(start).take_while(|&&byte| Class::of(byte) == class).count();
    let end = start + run;
    // A run of spaces leaves its last one to the word behind it.
    let last = end.checked_sub(1).and_then(|last| text.get(last));
    let leads = class == Class::Space && run > 1 && end < text.len() && last == Some(&b' ');
    end - usize::from(leads)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::String;
    use std::vec;

    fn all_bytes() -> std::vec::Vec<u8> {
        (0..=255).flat_map(|byte| [1, byte]).collect()
    }

    fn pairs(pairs: &[(u16, u16)]) -> std::vec::Vec<u8> {
        pairs.iter().flat_map(|&(l, r)| [l.to_le_bytes(), r.to_le_bytes()]).flatten().collect()
    }

    fn vocabulary(pieces: Pieces<'_>) -> Vocabulary<'_> {
        Vocabulary { pieces, begin: None, end: None, prefix_space: false }
    }

    fn encode(tokenizer: &Tokenizer<'_>, text: &str) -> Result<std::vec::Vec<u16>, Error> {
        tokenizer.encode(text).collect()
    }

    fn decode(tokenizer: &Tokenizer<'_>, ids: &[u16]) -> String {
        String::from_utf8(ids.iter().flat_map(|&id| tokenizer.decode(id).to_vec()).collect()).unwrap()
    }

    #[test]
    fn characters_and_bytes_there_and_back() {
        let tokenizer = Tokenizer::new(vocabulary(Pieces::Characters("\n aé🐭")), 5).unwrap();
        assert_eq!(encode(&tokenizer, "é a🐭").unwrap(), [3, 1, 2, 4]);
        assert_eq!(decode(&tokenizer, &[3, 1, 2, 4]), "é a🐭");
        assert_eq!(encode(&tokenizer, "ab"), Err(Error::UnknownCharacter('b')));
        let known = |text| tokenizer.encode(text).filter_map(Result::ok).collect::<std::vec::Vec<_>>();
        assert_eq!(known("a.éb"), [2], "no token of a word with an unknown character");
        let tokenizer = Tokenizer::new(vocabulary(Pieces::Bytes), 256).unwrap();
        assert_eq!(decode(&tokenizer, &encode(&tokenizer, "é a🐭\0").unwrap()), "é a🐭\0");
    }

    #[test]
    fn merges_apply_in_the_order_learned_and_within_words() {
        let bytes = all_bytes();
        let pairs = pairs(&[
            (b'a'.into(), b'b'.into()),
            (256, b'c'.into()),
            (b' '.into(), 257),
            (b'b'.into(), b'c'.into()),
        ]);
        let tokenizer = Tokenizer::new(
            vocabulary(Pieces::Merges { atoms: &bytes, pairs: &pairs, words: Words::Runs }),
            261,
        )
        .unwrap();
        assert_eq!(encode(&tokenizer, "abcabc bc abc").unwrap(), [257, 257, 32, 259, 258]);
        assert_eq!(decode(&tokenizer, &[257, 257, 32, 259, 258, 260]), "abcabc bc abc");
        assert_eq!(encode(&tokenizer, "a.bc").unwrap(), [97, 46, 259]);
    }

    #[test]
    fn a_few_bytes_may_do() {
        let pairs = pairs(&[(0, 1)]);
        let pieces = Pieces::Merges { atoms: b"\x01a\x01 \x01b", pairs: &pairs, words: Words::Spaces };
        let tokenizer = Tokenizer::new(vocabulary(pieces), 4).unwrap();
        assert_eq!(encode(&tokenizer, "ba b").unwrap(), [2, 0, 1, 2]);
        assert_eq!(decode(&tokenizer, &[2, 3, 0]), "ba a");
        assert_eq!(encode(&tokenizer, "a\u{e9}"), Err(Error::UnknownCharacter('\u{e9}')));
    }

    #[test]
    fn the_longest_atom_and_the_first_of_equals_is_taken() {
        let mut atoms = b"\x02\xc3\xa9\x01a\x01 ".to_vec();
        atoms.extend(all_bytes());
        let pairs = pairs(&[(2, 1)]);
        let pieces = Pieces::Merges { atoms: &atoms, pairs: &pairs, words: Words::Spaces };
        let tokenizer = Tokenizer::new(Vocabulary { prefix_space: true, ..vocabulary(pieces) }, 260).unwrap();
        assert_eq!(encode(&tokenizer, "a  a\u{e9}b").unwrap(), [259, 2, 259, 0, 3 + 98]);
        assert_eq!(encode(&tokenizer, " a").unwrap(), [2, 259]);
        assert_eq!(tokenizer.continuation(" a").collect::<std::vec::Vec<_>>(), [Ok(259)]);
        assert_eq!(encode(&tokenizer, "").unwrap(), [0u16; 0]);
        assert_eq!(decode(&tokenizer, &[259, 0, 2]), " a\u{e9} ");
    }

    #[test]
    fn a_prompt_is_read_as_the_text_that_it_is_a_variant_of() {
        let bytes: std::vec::Vec<u8> = (b' '..=b'z').flat_map(|byte| [1, byte]).collect();
        let id = |c: char| c as u16 - 32;
        let (space_a, ab) = (91, 92);
        let pairs = pairs(&[(id(' '), id('a')), (space_a, id('b'))]);
        let merges = Pieces::Merges { atoms: &bytes, pairs: &pairs, words: Words::Runs };
        for (pieces, vocab) in [(merges, 93), (Pieces::Characters(" ab12'\"-.e"), 11)] {
            let tokenizer = Tokenizer::new(vocabulary(pieces), vocab).unwrap();
            let read = |text| tokenizer.read(text).collect::<std::vec::Vec<_>>();
            for (typed, known) in [
                ("ab", "ab"),
                ("1\u{a0}ab\tab", "1 ab ab"),
                ("\u{201c}ab\u{201d}\u{2014}ab\u{2026}12", "\"ab\"-ab...12"),
                ("ae\u{301} \u{e9}\u{1f42d}b", "ae eb"),
                ("ab ", "ab "),
                ("ab \u{1f42d}\u{a0} ", "ab   "),
                ("\u{1f42d}", ""),
                ("\u{1f42d}ab", "ab"),
            ] {
                assert_eq!(read(typed), encode(&tokenizer, known).unwrap(), "{typed:?}");
            }
            let long = "a\u{e9}".repeat(50);
            assert_eq!(read(&long), encode(&tokenizer, &"ae".repeat(50)).unwrap());
            assert!(tokenizer.unreadable("\u{1f42d}ab\u{e9}\u{44f}\u{1f42d}").eq(['\u{1f42d}', '\u{44f}']));
            for spaces in ["", " ", "  \u{a0}", " \u{1f42d}\t"] {
                assert_eq!(tokenizer.trimmed(&std::format!(" ab{spaces}")), " ab");
            }
            assert_eq!(tokenizer.trimmed(" \u{1f42d}"), "");
            assert_eq!(tokenizer.trimmed("e\u{301}"), "e\u{301}", "no space is behind the accent");
            if vocab == 93 {
                assert_eq!(read("1\u{a0}ab"), [id('1'), ab], "the space begins the word");
            }
        }
        let bytes = Tokenizer::new(vocabulary(Pieces::Bytes), 256).unwrap();
        assert!(bytes.read("\u{e9} ").eq([0xc3, 0xa9, b' '.into()]));
        assert_eq!(
            bytes.trimmed("\u{e9}\t \u{a0} "),
            "\u{e9}\t \u{a0}",
            "only what the model reads as a space"
        );
        let prefixed = Vocabulary { prefix_space: true, ..vocabulary(merges) };
        let prefixed = Tokenizer::new(prefixed, 93).unwrap();
        assert_eq!((prefixed.read("ab").next(), prefixed.read("\u{1f42d}").next()), (Some(ab), None));
    }

    #[test]
    fn words_are_cut_as_documented() {
        let words =
            |text| -> std::vec::Vec<&str> { Words::Runs.split(text, false).map(|w| w.text).collect() };
        assert_eq!(
            words("Don't go,  12 \"mice\"\n\nran.  "),
            ["Don't", " go", ",", " ", " 12", " \"", "mice", "\"", "\n\n", "ran", ".", "  "]
        );
        let long = "ä".repeat(40);
        assert_eq!(words(&long), [&long[..64], &long[64..]]);
        for spaces in 60..70 {
            let text = " ".repeat(spaces) + "a";
            let first = |text| Words::Runs.split(text, false).next().map(|word: Word<'_>| word.text.len());
            assert_eq!(first(&text), Some((spaces - 1).min(WORD_MAX)), "{spaces} spaces and a letter");
            assert_eq!(first(&text[..spaces]), Some(spaces.min(WORD_MAX)), "{spaces} spaces");
        }
    }

    #[test]
    fn a_vocabulary_that_contradicts_itself_is_refused() {
        let bytes = all_bytes();
        let later = pairs(&[(97, 257), (98, 99)]);
        let mut doubling = vec![(97, 97)];
        doubling.extend((256..=262).map(|id| (id, id)));
        let many = pairs(&[(1, 2); 9]);
        for (pairs, vocab) in [(later, 300), (pairs(&doubling), 300), (many, 260)] {
            let pieces = Pieces::Merges { atoms: &bytes, pairs: &pairs, words: Words::Runs };
            assert!(Tokenizer::new(vocabulary(pieces), vocab).is_err());
        }
        let long = [&[PIECE_MAX as u8 + 1][..], &[b'a'; PIECE_MAX + 1]].concat();
        for last in [&b"\0"[..], b"\0\x01a", b"\x02a", &long] {
            let atoms = [&bytes, last].concat();
            let pieces = Pieces::Merges { atoms: &atoms, pairs: &[], words: Words::Runs };
            assert!(Tokenizer::new(vocabulary(pieces), 300).is_err(), "{last:?}");
        }
        let wrong_end = Vocabulary { end: Some(3), ..vocabulary(Pieces::Bytes) };
        assert!(Tokenizer::new(wrong_end, 257).is_err());
    }
}
