//! Everything that can be wrong with a model, a prompt or a setting, each as one sentence.

use core::fmt;

use crate::known;

/// An error: what is wrong, the value, and what to do about it. `Display` prints one sentence, without the full stop.
///
/// ```
/// let error = pipsqueak::Model::load(b"no model").unwrap_err();
/// assert_eq!(error.to_string(), "this is not a Pipsqueak model: it does not begin with its mark");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Error {
    /// A dimension is zero or too large.
    Dimension {
        /// The field of `Config`.
        name: &'static str,
        /// Its value.
        value: usize,
        /// Its largest value.
        max: usize,
    },
    /// Two dimensions do not go together.
    Shape {
        /// The field of `Config`.
        name: &'static str,
        /// Its value.
        value: usize,
        /// The relation to `other` that must hold.
        rule: &'static str,
        /// The value it is compared with.
        other: usize,
    },
    /// A number is out of its range or not a number.
    Number {
        /// The setting.
        name: &'static str,
        /// Its range.
        rule: &'static str,
    },
    /// The bytes do not begin as a model file does.
    NotAModel,
    /// The file has a format version that this program does not read.
    Version {
        /// The file's.
        found: u16,
        /// The only one read.
        known: u16,
    },
    /// The file needs a feature that this program lacks.
    Feature {
        /// The lowest unknown bit.
        bit: u32,
    },
    /// The program leaves out a part that the model has, as f32 without the crate's feature `f32`.
    LeftOut {
        /// The part's name.
        part: &'static str,
    },
    /// The file ends early, its checksum does not fit, or its parts contradict each other.
    Damaged(&'static str),
    /// The model's bytes do not start on the boundary that reading in place needs.
    Misaligned {
        /// The boundary, in bytes.
        alignment: usize,
    },
    /// The program is built for one model, and this is not it.
    AnotherModel,
    /// The memory that the model is to run in is too small for it.
    MemoryTooSmall {
        /// Bytes needed.
        needs: usize,
        /// Bytes there.
        has: usize,
    },
    /// The memory of a model that is part of the program has been given to a generator before.
    MemoryTaken,
    /// A token id or a position outside the model.
    OutOfRange {
        /// Which of them.
        name: &'static str,
        /// Its value.
        value: usize,
        /// The first value that is too large.
        limit: usize,
    },
    /// A prompt has a character that the model has no token for.
    UnknownCharacter(char),
    /// A text and its continuation do not fit into the context.
    TooLong {
        /// Tokens of both.
        tokens: usize,
        /// Tokens that the model looks back at.
        context: usize,
    },
    /// The present text does not begin with this [`Prefix`](crate::Prefix) any more.
    StalePrefix,
    /// There are no answers to choose from.
    NoChoices,
    /// The answers are too many or too long for their [`Choices`](crate::Choices).
    ChoicesTooLong {
        /// The `N` that they take.
        needs: usize,
        /// The `N` there is.
        has: usize,
    },
    /// An answer begins another, and the model has no token that ends a text.
    ChoiceBegins {
        /// Its place in the list.
        answer: usize,
    },
}

impl Error {
    pub(crate) const BAD_CHECKSUM: Error = Error::Damaged("its checksum does not fit its contents");
    pub(crate) const ENDS_EARLY: Error = Error::Damaged("it ends early");
    pub(crate) const UNREADABLE: Error = Error::Damaged("its contents cannot be read");

    /// As `Display`, for programs without `core::fmt`.
    #[doc(hidden)]
    pub const fn sentence(&self) -> Sentence {
        let mut sentence = Sentence::new();
        let s = &mut sentence;
        match *self {
            Error::Dimension { name, value, max } => {
                s.text(name).text(" is ").number(value).text("; it must be from 1 to ").number(max);
            }
            Error::Shape { name, value, rule, other } => {
                s.text(name).text(" is ").number(value).text("; it must be ").text(rule).text(" (");
                s.number(other).text(")");
            }
            Error::Number { name, rule } => {
                s.text(name).text(" must be a number ").text(rule);
            }
            Error::NotAModel => {
                s.text("this is not a Pipsqueak model: it does not begin with its mark");
            }
            Error::Version { found, known } => {
                s.text("the model file has format version ").number(found as usize);
                s.text(", and this program reads version ").number(known as usize).text(": export it again");
            }
            Error::Feature { bit } => {
                s.text("the model file needs feature ").number(bit as usize);
                s.text(", which this program does not know: use a newer one");
            }
            Error::LeftOut { part } => {
                s.text("the model has ").text(part).text(", which this program leaves out: ");
                s.text("train or export another, or build the program for this model");
            }
            Error::Damaged(how) => {
                s.text("the model file is damaged: ").text(how).text("; write or flash it again");
            }
            Error::Misaligned { alignment } => {
                s.text("the model must start at a multiple of ").number(alignment).text(" bytes in memory");
            }
            Error::AnotherModel => {
                s.text("the program is built for one model, and this is another: build it with this one");
            }
            Error::MemoryTooSmall { needs, has } => {
                s.text("the model needs ").number(needs).text(" bytes of memory, and there are ").number(has);
                s.text(": build with a larger memory or train a smaller model");
            }
            Error::MemoryTaken => {
                s.text("this model's memory has been given to a generator before: there can be only one");
            }
            _ if known::is_short_of_flash() => {
                s.text("the call is refused; build with the feature every-model to be told why");
            }
            Error::OutOfRange { name, value, limit } => {
                s.text(name).text(" ").number(value).text(" is outside the model, which has ").number(limit);
            }
            Error::UnknownCharacter(character) => {
                s.text("the model has no token for the character ").character(character);
                s.text(": leave it out of the prompt");
            }
            Error::TooLong { tokens, context } => {
                s.text("the text and its continuation have ")
                    .number(tokens)
                    .text(" tokens, and the model looks back at ");
                s.number(context).text(": shorten one of them");
            }
            Error::StalePrefix => {
                s.text("the text does not begin with this prefix any more: the window has slid, or another text was ");
                s.text("started; start from the prompt again");
            }
            Error::NoChoices => {
                s.text("there are no answers to choose from: give at least one");
            }
            Error::ChoicesTooLong { needs, has } => {
                s.text("the answers need a Choices<")
                    .number(needs)
                    .text(">, and this is a Choices<")
                    .number(has);
                s.text(">: make it larger");
            }
            Error::ChoiceBegins { answer } => {
                s.text("answer ")
                    .number(answer)
                    .text(" begins another one, and the model has no end token to tell them ");
                s.text("apart by: let each end in a way of its own, such as a full stop");
            }
        }
        sentence
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.sentence().as_str())
    }
}

impl core::error::Error for Error {}

/// Longer than any.
const SENTENCE_MAX: usize = 224;

/// Text put together without `core::fmt`, so that it can be done in a `const` context: the compiler refuses a model in
/// the same words as a chip.
pub struct Sentence {
    bytes: [u8; SENTENCE_MAX],
    length: usize,
}

impl Sentence {
    pub(crate) const fn new() -> Self {
        Sentence { bytes: [0; SENTENCE_MAX], length: 0 }
    }

    /// The whole sentence.
    pub const fn as_str(&self) -> &str {
        match self.bytes.split_at_checked(self.length) {
            Some((text, _)) => match core::str::from_utf8(text) {
                Ok(text) => text,
                Err(_) => "",
            },
            None => "",
        }
    }

    // Once in the program, as the sentences are many.
    #[inline(never)]
    pub(crate) const fn text(&mut self, text: &str) -> &mut Self {
        let (bytes, mut i) = (text.as_bytes(), 0);
        while i < bytes.len() && self.length < SENTENCE_MAX {
            self.bytes[self.length] = bytes[i];
            (self.length, i) = (self.length + 1, i + 1);
        }
        self
    }

    #[inline(never)]
    pub(crate) const fn number(&mut self, value: usize) -> &mut Self {
        if value > 9 {
            self.number(value / 10);
        }
        self.digit(value % 10)
    }

    pub(crate) const fn signed(&mut self, value: i32) -> &mut Self {
        if value < 0 {
            self.text("-");
        }
        self.number(value.unsigned_abs() as usize)
    }

    const fn digit(&mut self, value: usize) -> &mut Self {
        match "0123456789ABCDEF".split_at_checked(value) {
            Some((_, from)) => match from.split_at_checked(1) {
                Some((digit, _)) => self.text(digit),
                None => self,
            },
            None => self,
        }
    }

    /// The character, if it is visible, and its code: `'é' (U+00E9)`.
    const fn character(&mut self, character: char) -> &mut Self {
        let code = character as usize;
        let visible = !matches!(code, 0..=0x20 | 0x7f..=0xa0);
        if visible {
            self.text("'").text(character.encode_utf8(&mut [0; 4])).text("' (");
        }
        self.text("U+");
        let mut digits = if code > 0xffff { 5 } else { 4 };
        while digits > 0 {
            digits -= 1;
            self.digit(code >> (4 * digits) & 15);
        }
        if visible { self.text(")") } else { self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::format;
    use std::string::ToString;

    #[test]
    fn the_longest_sentences_are_whole() {
        let name = "width / heads";
        let longest = [
            Error::Dimension { name, value: usize::MAX, max: usize::MAX },
            Error::Shape { name, value: usize::MAX, rule: "with rotary positions a multiple of", other: 2 },
            Error::Version { found: u16::MAX, known: u16::MAX },
            Error::Feature { bit: 31 },
            Error::Damaged(
                "its vocabulary has a piece that is empty, too long or cut off, or refers to a later one",
            ),
            Error::MemoryTooSmall { needs: usize::MAX, has: usize::MAX },
            Error::MemoryTaken,
            Error::LeftOut { part: "activations other than silu" },
        ];
        for error in longest {
            assert!(error.sentence().length < SENTENCE_MAX, "{error}");
        }
        assert_eq!(
            Error::MemoryTooSmall { needs: 98_304, has: 0 }.to_string(),
            "the model needs 98304 bytes of memory, and there are 0: build with a larger memory or train a smaller model"
        );
    }

    #[test]
    fn a_character_is_shown_with_its_code() {
        for (character, shown) in [('é', "'é' (U+00E9)"), ('🐭', "'🐭' (U+1F42D)"), ('\t', "U+0009")] {
            let sentence = Error::UnknownCharacter(character).to_string();
            assert!(sentence.contains(&format!("the character {shown}: leave")), "{sentence}");
        }
    }
}
