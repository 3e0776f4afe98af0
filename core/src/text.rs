//! From bytes to text, without ever splitting a character.

use core::ops::Deref;

use heapless::{String, Vec};

/// The most bytes a token stands for.
pub const PIECE_MAX: usize = 64;

/// The bytes of one token's text: perhaps only a part of a character.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenBytes(pub(crate) Vec<u8, PIECE_MAX>);

impl Deref for TokenBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

/// The text of one token: its bytes, those that waited for it, each at worst replaced by the three bytes of U+FFFD.
pub type Piece = String<{ 3 * (PIECE_MAX + 3) }>;

/// Holds back the bytes of a character until it is whole.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Utf8Stream {
    waiting: Vec<u8, 4>,
}

impl Utf8Stream {
    /// Appends to `text` every character that `bytes` complete; bytes that cannot become one come out as U+FFFD.
    pub fn push(&mut self, bytes: &[u8], text: &mut Piece) {
        for &byte in bytes {
            self.push_byte(byte, text);
        }
    }

    /// Forgets an unfinished character.
    pub fn clear(&mut self) {
        self.waiting.clear();
    }

    fn push_byte(&mut self, byte: u8, text: &mut Piece) {
        // Four bytes always are a character or none, so there is room for this one.
        _ = self.waiting.push(byte);
        match core::str::from_utf8(&self.waiting) {
            Ok(character) => {
                _ = text.push_str(character);
                self.waiting.clear();
            }
            Err(error) if error.error_len().is_some() => self.replace(byte, text),
            Err(_) => {} // a character's beginning
        }
    }

    /// The bytes before `byte` were no character; `byte` itself may begin one.
    fn replace(&mut self, byte: u8, text: &mut Piece) {
        _ = text.push(char::REPLACEMENT_CHARACTER);
        let alone = self.waiting.len() == 1;
        self.waiting.clear();
        if !alone {
            self.push_byte(byte, text);
        }
    }
}

/// Whether a text has a character. `str::contains` does it with indices that no compiler sees to be in range, and 1.4 KB.
#[inline(never)]
pub(crate) fn has(text: &str, character: char) -> bool {
    text.chars().any(|other| other == character)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(parts: &[&[u8]]) -> std::string::String {
        let (mut stream, mut all) = (Utf8Stream::default(), std::string::String::new());
        for part in parts {
            let mut piece = Piece::new();
            stream.push(part, &mut piece);
            all.push_str(&piece);
        }
        all
    }

    #[test]
    fn a_split_character_comes_out_whole() {
        let text = "aé€🐭z";
        let bytes: std::vec::Vec<&[u8]> = text.as_bytes().chunks(1).collect();
        assert_eq!(stream(&bytes), text);
    }

    #[test]
    fn bytes_that_are_no_text_are_replaced() {
        assert_eq!(stream(&[b"a\xff", b"\xc3", b"(", b"\xf0\x9f", b"b"]), "a\u{fffd}\u{fffd}(\u{fffd}b");
        assert_eq!(stream(&[&[0xff; PIECE_MAX + 3]]).chars().count(), PIECE_MAX + 3);
    }
}
