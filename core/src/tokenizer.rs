//! From text to token ids and back: bytes, the characters of a corpus, or byte-level BPE.
//!
//! A vocabulary's ids are its pieces, then its specials, which stand for no text. BPE is stored as its atoms and its
//! merges alone: the first pieces are the atoms, bytes or characters, and each merge adds one, which joins a pair of
//! those before it. Merges come in the order in which they were learned, so that applying them one after the other is
//! Sennrich et al.'s (2016) rule of the earliest first.

#[cfg(one_model)]
use core::marker::PhantomData;
use core::str::Chars;

use heapless::{String, Vec};

use crate::Error;
use crate::file::{Pieces, Vocabulary, Words};
use crate::fold::fold;
use crate::known;
use crate::text::{PIECE_MAX, TokenBytes, has};

/// The longest stretch of text that merges work on, in bytes; a longer word is cut.
pub const WORD_MAX: usize = PIECE_MAX;

/// A checked vocabulary.
#[derive(Debug, Clone, Copy)]
pub struct Tokenizer<'a> {
    #[cfg(not(one_model))]
    contents: (Vocabulary<'a>, usize),
    #[cfg(one_model)]
    contents: PhantomData<Vocabulary<'a>>,
}

/// That of the one model which the program is built for. A piece that is too long comes out empty.
#[cfg(one_model)]
static CONTENTS: (Vocabulary<'static>, usize) = {
    let file = &known::CONTENTS.0;
    match checked(file.vocabulary, file.config.vocab) {
        Ok(contents) => contents,
        Err(error) => panic!("{}", error.sentence().as_str()),
    }
};

impl<'a> Tokenizer<'a> {
    /// That of the one model which the program is built for.
    #[cfg(one_model)]
    pub(crate) const ONLY: Tokenizer<'static> = Tokenizer { contents: PhantomData };

    /// Checks `vocabulary` for a model of `vocab` ids.
    ///
    /// # Errors
    /// [`Error::Damaged`] if it does not fit or contradicts itself.
    #[doc(hidden)]
    #[cfg(not(one_model))]
    pub fn new(vocabulary: Vocabulary<'a>, vocab: usize) -> Result<Self, Error> {
        let tokenizer = Tokenizer { contents: checked(vocabulary, vocab)? };
        let fits = |merge: Merge| tokenizer.expand(merge.id as u16, &mut Vec::new()).is_ok();
        if tokenizer.merges().all(fits) { Ok(tokenizer) } else { Err(BAD_PIECE) }
    }

    /// The vocabulary, and the number of ids of bytes, characters or atoms.
    #[inline(always)]
    fn contents(&self) -> &(Vocabulary<'a>, usize) {
        #[cfg(one_model)]
        return &CONTENTS;
        #[cfg(not(one_model))]
        &self.contents
    }

    /// The vocabulary.
    #[doc(hidden)]
    #[inline(always)]
    pub fn vocabulary(&self) -> &Vocabulary<'a> {
        &self.contents().0
    }

    /// The vocabulary's pieces.
    #[inline(always)]
    fn kind(&self) -> Pieces<'a> {
        known::pieces(self.vocabulary().pieces)
    }

    fn atoms(&self) -> usize {
        self.contents().1
    }

    /// Number of ids that stand for text; the specials follow.
    pub fn pieces(&self) -> usize {
        self.atoms() + self.pairs().len()
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
        self.tokens(text, self.vocabulary().prefix_space, false)
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
        self.tokens(text, self.vocabulary().prefix_space, true).flatten()
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
    #[inline(never)]
    fn knows(&self, character: char) -> bool {
        match self.kind() {
            Pieces::Bytes => true,
            Pieces::Characters(known) => has(known, character),
            Pieces::Merges { .. } => {
                self.cut(character.encode_utf8(&mut [0; 4]).as_bytes(), &mut Vec::new()).is_some()
            }
        }
    }

    /// The text that an unknown character is read as.
    fn variant(&self, character: char) -> Option<&'static str> {
        fold(character, &|c| self.knows(c))
    }

    /// As [`encode`](Self::encode), for a text that goes on from another: without the space that some vocabularies put
    /// before a text.
    pub fn continuation<'t>(&self, text: &'t str) -> impl Iterator<Item = Result<u16, Error>> + use<'a, 't> {
        self.tokens(text, false, false)
    }

    fn tokens<'t>(&self, text: &'t str, prefix_space: bool, folds: bool) -> Tokens<'a, 't> {
        Tokens {
            tokenizer: *self,
            text: text.chars(),
            folds,
            variant: "".chars(),
            waiting: String::new(),
            prefix: known::may_have_prefix() && prefix_space && matches!(self.kind(), Pieces::Merges { .. }),
            ids: Vec::new(),
            next: 0,
        }
    }

    /// How text is cut into words.
    fn words(&self) -> Words<'a> {
        match self.kind() {
            Pieces::Merges { words, .. } => words,
            // Cut where one likes: nothing is merged.
            Pieces::Bytes | Pieces::Characters(_) => Words::Runs,
        }
    }

    /// Sets `ids` to the tokens of one word.
    fn word(&self, word: Word<'_>, ids: &mut Vec<u16, WORD_MAX>) -> Result<(), Error> {
        ids.clear();
        let done = match self.kind() {
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
            let fitting = atoms(&self.kind()).enumerate().filter(|(_, atom)| rest.starts_with(atom));
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
        let first = self.atoms();
        self.pairs().iter().enumerate().map(move |(i, pair)| Merge::new(first + i, pair))
    }

    fn pairs(&self) -> &'a [[u8; 4]] {
        pairs(&self.kind())
    }

    /// Appends a token's bytes; an error where they do not fit.
    fn expand(&self, token: u16, bytes: &mut Vec<u8, PIECE_MAX>) -> Result<(), ()> {
        match self.kind() {
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
            if id < self.atoms() {
                let atom = atoms(&self.kind()).nth(id).ok_or(())?;
                bytes.extend_from_slice(atom).map_err(drop)?;
                let Some(next) = waiting.pop() else { return Ok(()) };
                id = next.into();
            } else {
                let merge = Merge::new(id, pairs.get(id - self.atoms()).ok_or(())?);
                waiting.push(merge.right).map_err(drop)?;
                id = merge.left.into();
            }
        }
    }
}

const BAD_PIECE: Error =
    Error::Damaged("its vocabulary has a piece that is empty, too long or cut off, or refers to a later one");

/// Checks a vocabulary, but for the lengths of merged pieces; returns it and its number of bytes, characters or atoms.
const fn checked(vocabulary: Vocabulary<'_>, vocab: usize) -> Result<(Vocabulary<'_>, usize), Error> {
    let kind = known::pieces(vocabulary.pieces);
    let Some(atoms) = count_atoms(&kind) else { return Err(BAD_PIECE) };
    let pairs = pairs(&kind);
    let pieces = atoms + pairs.len();
    let specials_fit =
        special_fits(vocabulary.begin, pieces, vocab) && special_fits(vocabulary.end, pieces, vocab);
    if pieces == 0 || pieces > vocab || !specials_fit {
        return Err(Error::Damaged("its vocabulary does not fit the shape"));
    }
    // Without one the prefix would make the first word unknown, whatever it is.
    if known::may_have_prefix() && vocabulary.prefix_space && !has_space(&vocabulary.pieces) {
        return Err(Error::Damaged("its vocabulary puts a space before a text, and has no token for it"));
    }
    let mut i = 0;
    while i < pairs.len() {
        if !Merge::new(atoms + i, &pairs[i]).is_of_earlier() {
            return Err(BAD_PIECE);
        }
        i += 1;
    }
    Ok((vocabulary, atoms))
}

const fn special_fits(id: Option<u16>, pieces: usize, vocab: usize) -> bool {
    match id {
        Some(id) => pieces <= id as usize && (id as usize) < vocab,
        None => true,
    }
}

const fn pairs<'a>(pieces: &Pieces<'a>) -> &'a [[u8; 4]] {
    match *pieces {
        Pieces::Merges { pairs, .. } => pairs.as_chunks().0,
        _ => &[],
    }
}

/// The number of bytes, characters or atoms; `None` if a list of atoms has one that fits into no piece.
const fn count_atoms(pieces: &Pieces<'_>) -> Option<usize> {
    let mut count = 0;
    match *pieces {
        Pieces::Bytes => count = 256,
        Pieces::Characters(characters) => {
            let mut rest = characters.as_bytes();
            while let Some((&byte, after)) = rest.split_first() {
                // All bytes of a character but its first are 0b10xx_xxxx.
                count += (byte & 0xc0 != 0x80) as usize;
                rest = after;
            }
        }
        Pieces::Merges { atoms: mut rest, .. } => {
            while let Some((_, after)) = first_atom(rest) {
                (count, rest) = (count + 1, after);
            }
            if !rest.is_empty() {
                return None;
            }
        }
    }
    Some(count)
}

/// Whether there is a token for a space alone, or none is needed since no space is put before a text.
const fn has_space(pieces: &Pieces<'_>) -> bool {
    let Pieces::Merges { atoms: mut rest, .. } = *pieces else { return true };
    while let Some((atom, after)) = first_atom(rest) {
        if matches!(atom, b" ") {
            return true;
        }
        rest = after;
    }
    false
}

/// The first of a list of atoms, and the rest of the list; `None` where it fits into no piece.
const fn first_atom(list: &[u8]) -> Option<(&[u8], &[u8])> {
    match list.split_first() {
        Some((&length, after)) if 0 < length && length as usize <= PIECE_MAX => {
            after.split_at_checked(length as usize)
        }
        _ => None,
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
        let (word, rest) = self.tokenizer.words().first(&self.waiting, self.prefix)?;
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
        let (atom, after) = first_atom(rest)?;
        rest = after;
        Some(atom)
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
    const fn new(id: usize, &[a, b, c, d]: &[u8; 4]) -> Self {
        Merge { left: u16::from_le_bytes([a, b]), right: u16::from_le_bytes([c, d]), id }
    }

    const fn is_of_earlier(self) -> bool {
        (self.left as usize) < self.id && (self.right as usize) < self.id
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
    #[inline(never)]
    fn of(byte: u8) -> Self {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'\'' | 128.. => Class::Letter,
            b'0'..=b'9' => Class::Digit,
            b' ' | b'\t' | b'\n' | b'\r' => Class::Space,
            _ => Class::Other,
        }
    }
}

impl<'a> Words<'a> {
    /// Cuts `text` into words; with `prefix_space` the first has a space before it.
    pub fn split<'t>(
        self,
        text: &'t str,
        prefix_space: bool,
    ) -> impl Iterator<Item = Word<'t>> + use<'a, 't> {
        let (mut rest, mut prefix) = (text, prefix_space);
        core::iter::from_fn(move || {
            let (word, after) = self.first(rest, prefix)?;
            (rest, prefix) = (after, false);
            Some(word)
        })
    }

    /// The first word of `text`, with a space before it or not, and the rest; `None` of an empty text.
    fn first<'t>(self, text: &'t str, prefix: bool) -> Option<(Word<'t>, &'t str)> {
        if text.is_empty() {
            return None;
        }
        let length = self.length(text, prefix);
        let end = text.floor_char_boundary(length.min(WORD_MAX - usize::from(prefix)));
        let (text, rest) = text.split_at_checked(end)?;
        Some((Word { prefix, text }, rest))
    }

    /// Length of the first word of `text`, or something longer than the longest word: no more than that is looked at, so
    /// that time is linear in the text even where it is all one word.
    fn length(self, text: &str, prefix: bool) -> usize {
        let bytes = text.as_bytes();
        let bytes = bytes.get(..WORD_MAX + 1).unwrap_or(bytes);
        match self {
            Words::Runs => run_length(bytes),
            Words::Spaces => {
                let first = usize::from(!prefix);
                let later = bytes.iter().skip(first).position(|&byte| byte == b' ');
                later.map_or(bytes.len(), |later| later + first)
            }
            Words::SpaceRuns => {
                let leading = bytes.iter().take_while(|&&byte| byte == b' ').count();
                let later = bytes.iter().skip(leading).position(|&byte| byte == b' ');
                later.map_or(bytes.len(), |later| later + leading)
            }
            Words::Gpt2 { classes, single_digits } => Gpt2 { classes, single_digits }.length(text),
        }
    }
}

/// [`Words::Gpt2`].
struct Gpt2<'a> {
    classes: &'a [u8],
    single_digits: bool,
}

impl Gpt2<'_> {
    /// As [`Words::length`].
    fn length(&self, text: &str) -> usize {
        if let Some(ending) = ENDINGS.iter().find(|&&ending| text.starts_with(ending)) {
            return ending.len();
        }
        let mut characters = text.chars();
        let Some(first) = characters.next() else { return 0 };
        let class = self.class(first);
        if self.single_digits && class == Class::Digit {
            return first.len_utf8();
        }
        match characters.next().map(|next| self.class(next)) {
            Some(next) if first == ' ' && next != Class::Space && !self.stands_alone(next) => {
                1 + self.run(text.get(1..).unwrap_or_default(), next).length
            }
            _ => self.white_space_apart(text, class),
        }
    }

    /// The length of the run of `class` that begins `text`; one of white space leaves its last character to what follows,
    /// unless it has no other.
    fn white_space_apart(&self, text: &str, class: Class) -> usize {
        let Run { length, last, end } = self.run(text, class);
        let follows = end.is_some_and(|next| !self.stands_alone(next));
        if class == Class::Space && follows && length > last { length - last } else { length }
    }

    fn run(&self, text: &str, class: Class) -> Run {
        let mut run = Run { length: 0, last: 0, end: None };
        for character in text.chars() {
            let next = self.class(character);
            if next != class {
                run.end = Some(next);
                break;
            }
            run.last = character.len_utf8();
            run.length += run.last;
            if run.length > WORD_MAX {
                break;
            }
        }
        run
    }

    fn stands_alone(&self, class: Class) -> bool {
        self.single_digits && class == Class::Digit
    }

    fn class(&self, character: char) -> Class {
        let (mut rest, mut end) = (self.classes.iter(), 0u32);
        while let Some(run) = leb128(&mut rest) {
            end = end.saturating_add(run / 4);
            if u32::from(character) < end {
                return [Class::Other, Class::Letter, Class::Digit, Class::Space][run as usize % 4];
            }
        }
        Class::Other
    }
}

/// Endings that GPT-2 takes for words of their own.
const ENDINGS: [&str; 7] = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d"];

/// Characters of one class.
struct Run {
    /// In bytes.
    length: usize,
    /// Bytes of the last character.
    last: usize,
    /// The class of the character behind; `None` at the end of the text, or if the run is longer than any word.
    end: Option<Class>,
}

/// The next number; `None` at the end, or where there is none of 32 bits.
fn leb128(bytes: &mut core::slice::Iter<'_, u8>) -> Option<u32> {
    let mut number = 0;
    for shift in [0, 7, 14, 21, 28] {
        let byte = *bytes.next()?;
        number |= u32::from(byte & 127) << shift;
        if byte < 128 {
            return Some(number);
        }
    }
    None
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
    fn a_space_before_a_text_needs_a_token_of_its_own() {
        let loads = |atoms, prefix_space| {
            let pieces = Pieces::Merges { atoms, pairs: &[], words: Words::Spaces };
            Tokenizer::new(Vocabulary { prefix_space, ..vocabulary(pieces) }, 3).map(drop)
        };
        let without = b"\x01a\x02 a\x01b";
        let error = Error::Damaged("its vocabulary puts a space before a text, and has no token for it");
        assert_eq!(loads(without, true), Err(error));
        assert_eq!(loads(without, false), Ok(()));
        assert_eq!(loads(b"\x01a\x02 a\x01 ", true), Ok(()));
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

    /// White space, letters and digits of ASCII, `\u{e9}`, `\u{3000}` as white space, and `\u{b2}` as a number.
    fn classes() -> std::vec::Vec<u8> {
        let mut runs = std::vec::Vec::new();
        let mut class = |end: char, class: u32, from: char| {
            let mut number = 4 * (u32::from(end) - u32::from(from)) + class;
            while number > 127 {
                runs.push(number as u8 | 128);
                number >>= 7;
            }
            runs.push(number as u8);
        };
        let mut from = '\0';
        for (end, number) in [
            ('\t', 0),
            ('\u{e}', 3),
            (' ', 0),
            ('!', 3),
            ('0', 0),
            (':', 2),
            ('A', 0),
            ('[', 1),
            ('a', 0),
            ('{', 1),
            ('\u{b2}', 0),
            ('\u{b3}', 2),
            ('\u{e9}', 0),
            ('\u{ea}', 1),
            ('\u{3000}', 0),
            ('\u{3001}', 3),
        ] {
            class(end, number, from);
            from = end;
        }
        runs
    }

    fn gpt2(text: &str, single_digits: bool) -> std::vec::Vec<&str> {
        let classes = classes();
        let words = Words::Gpt2 { classes: &classes, single_digits };
        words.split(text, false).map(|word| word.text).collect()
    }

    /// The cuts are those of GPT-2's regular expression, by Python's `regex`.
    #[test]
    fn words_are_cut_as_gpt2_cuts_them() {
        let cut = |text| gpt2(text, false);
        assert_eq!(
            cut("Don't we'll HE'S, 12\u{b2}a  x \n\ny\tz"),
            [
                "Don",
                "'t",
                " we",
                "'ll",
                " HE",
                "'",
                "S",
                ",",
                " 12\u{b2}",
                "a",
                " ",
                " x",
                " \n",
                "\n",
                "y",
                "\t",
                "z"
            ]
        );
        assert_eq!(
            cut("''s \u{3000}\u{3000}\u{e9}. "),
            ["''", "s", " \u{3000}", "\u{3000}", "\u{e9}", ".", " "]
        );
        assert_eq!(cut(" 's\u{1f600} \u{1f600}!"), [" '", "s", "\u{1f600}", " \u{1f600}!"]);
        assert_eq!(cut(""), [""; 0]);
        assert_eq!(
            gpt2("a 12  3x \u{b2}'s", true),
            ["a", " ", "1", "2", "  ", "3", "x", " ", "\u{b2}", "'s"]
        );
        let long = "\u{e9}".repeat(40);
        assert_eq!(gpt2(&long, false), [&long[..64], &long[64..]]);
        for spaces in 60..70 {
            let text = " ".repeat(spaces) + "a";
            assert_eq!(
                gpt2(&text, false)[0].len(),
                (spaces - 1).min(WORD_MAX),
                "{spaces} spaces and a letter"
            );
        }
    }

    #[test]
    fn classes_that_are_cut_off_or_too_large_end_the_table() {
        for classes in [&[][..], &[0x80], &[0xff; 8], &[0xff, 0xff, 0xff, 0xff, 0x0f, 0xff]] {
            let words = Words::Gpt2 { classes, single_digits: true };
            assert!(words.split("a 1", false).count() > 0);
        }
    }

    #[test]
    fn runs_of_spaces_begin_words() {
        let words = |text, prefix| -> std::vec::Vec<&str> {
            Words::SpaceRuns.split(text, prefix).map(|word| word.text).collect()
        };
        assert_eq!(words("a  b c", false), ["a", "  b", " c"]);
        assert_eq!(words("  a b", true), ["  a", " b"], "with the space before them");
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
