//! Lines in and text out, over a serial port.

use core::mem;

use heapless::Vec;

use crate::received::{SUBSTITUTE, Taken};
use crate::{Put, Serial};

/// The longest line, in bytes, without its line ending.
pub const LINE_BYTES: usize = 512;

/// A program that types asks with this whether its last line has been done; the answer is [`ACK`].
const ENQ: u8 = 0x05;
const ACK: u8 = 0x06;
const BACKSPACE: u8 = 0x08;
const ESCAPE: u8 = 0x1b;
const DELETE: u8 = 0x7f;

/// A serial port with lines: CR, LF and CR LF end one, backspace takes a character back, Ctrl-C forgets the line, and
/// arrow keys do nothing.
pub struct Console<S: Serial> {
    serial: S,
    /// Whether what has been put since the last [`Console::send`] was written.
    written: Result<(), S::Error>,
    after_cr: bool,
    escape: Escape,
    /// Whether to print back what is typed, and to end lines with CR LF, as a raw terminal needs it.
    pub echo: bool,
}

/// The result of [`Console::read_line`].
#[derive(Debug, PartialEq, Eq)]
pub enum Input<'l> {
    /// A line, without its ending.
    Line(&'l str),
    /// More than [`LINE_BYTES`]; all of it has been read and dropped.
    TooLong,
    /// Bytes that are not UTF-8.
    NotText,
    /// A line of which a part was lost, because it came faster than it was read; all of it has been dropped.
    Damaged,
}

enum Key {
    Byte(u8),
    Enter,
    Erase,
    Cancel,
    Enquiry,
    /// A part of the line is missing.
    Gap,
    Nothing,
}

/// Where in a key's escape sequence the last byte was, such as `ESC [ 1 ; 5 D`. (ECMA-48, "control sequences"; `ESC O`
/// and one more are a terminal's function keys, and `ESC [ [` and one more those of Linux.)
#[derive(Clone, Copy, PartialEq, Eq)]
enum Escape {
    Outside,
    Start,
    Sequence,
    LastByte,
}

impl Escape {
    /// Goes one byte further; returns whether the byte belongs to a sequence. Sequences are ASCII, without control
    /// characters, which end one that is broken off.
    fn next(&mut self, byte: u8) -> bool {
        let before = *self;
        *self = match (before, byte) {
            (_, ESCAPE) => Escape::Start,
            (Escape::Start, b'[') => Escape::Sequence,
            (Escape::Start, b'O') | (Escape::Sequence, b'[') => Escape::LastByte,
            (Escape::Sequence, b' '..b'@') => Escape::Sequence,
            _ => Escape::Outside,
        };
        byte == ESCAPE || before != Escape::Outside && (b' '..DELETE).contains(&byte)
    }
}

impl<S: Serial> Console<S> {
    /// Takes a serial port that is set up.
    pub fn new(serial: S, echo: bool) -> Console<S> {
        Console { serial, written: Ok(()), after_cr: false, escape: Escape::Outside, echo }
    }

    /// Waits for a line.
    ///
    /// # Errors
    /// If the port fails, or nothing will ever come from it.
    pub fn read_line<'l>(&mut self, line: &'l mut Vec<u8, LINE_BYTES>) -> Result<Input<'l>, S::Error> {
        line.clear();
        self.escape = Escape::Outside;
        let (mut too_long, mut damaged) = (false, false);
        loop {
            match self.next_key()? {
                Key::Byte(byte) if line.push(byte).is_ok() => self.echo_bytes(&[byte])?,
                Key::Byte(_) => too_long = true,
                Key::Erase => self.erase(line)?,
                Key::Enquiry => self.acknowledge()?,
                Key::Gap => damaged = true,
                Key::Nothing => {}
                Key::Enter => break,
                Key::Cancel => {
                    line.clear();
                    (too_long, damaged) = (false, false);
                    break;
                }
            }
        }
        self.echo_bytes(b"\r\n")?;
        Ok(match core::str::from_utf8(line) {
            _ if damaged => Input::Damaged,
            _ if too_long => Input::TooLong,
            Ok(text) => Input::Line(text),
            Err(_) => Input::NotText,
        })
    }

    /// Whether Ctrl-C has been typed, without waiting. What was typed after it is kept for the next line.
    pub fn interrupted(&mut self) -> bool {
        self.serial.received().was_cancelled()
    }

    /// The next byte as it came, whatever it is, without waiting.
    pub(crate) fn take(&mut self) -> Taken {
        self.serial.received().take()
    }

    /// Sends off what has been [put](Put).
    ///
    /// # Errors
    /// If the port fails, or has failed meanwhile.
    pub fn send(&mut self) -> Result<(), S::Error> {
        mem::replace(&mut self.written, Ok(()))?;
        self.serial.flush()
    }

    fn write_text(&mut self, text: &[u8]) -> Result<(), S::Error> {
        if !self.echo {
            return self.serial.write_all(text);
        }
        text.iter().try_for_each(|byte| match byte {
            b'\n' => self.serial.write_all(b"\r\n"),
            byte => self.serial.write_all(&[*byte]),
        })
    }

    fn next_key(&mut self) -> Result<Key, S::Error> {
        loop {
            match self.serial.received().take() {
                Taken::Byte(byte) => return Ok(self.key(byte)),
                Taken::Cancel => return Ok(Key::Cancel),
                Taken::Nothing => self.serial.wait()?,
            }
        }
    }

    fn key(&mut self, byte: u8) -> Key {
        let after_cr = mem::replace(&mut self.after_cr, byte == b'\r');
        if self.escape.next(byte) {
            return Key::Nothing;
        }
        match byte {
            b'\n' if after_cr => Key::Nothing,
            b'\r' | b'\n' => Key::Enter,
            BACKSPACE | DELETE => Key::Erase,
            ENQ => Key::Enquiry,
            SUBSTITUTE => Key::Gap,
            b'\t' | b' '.. => Key::Byte(byte),
            _ => Key::Nothing,
        }
    }

    /// Takes back the last character: the bytes that go on from a first one, and the first.
    fn erase(&mut self, line: &mut Vec<u8, LINE_BYTES>) -> Result<(), S::Error> {
        while let Some(byte) = line.pop() {
            if byte & 0xc0 != 0x80 {
                return self.echo_bytes(b"\x08 \x08");
            }
        }
        Ok(())
    }

    /// Who enquires is a program, which shows what is typed itself.
    fn acknowledge(&mut self) -> Result<(), S::Error> {
        self.echo = false;
        self.serial.write_all(&[ACK])?;
        self.serial.flush()
    }

    fn echo_bytes(&mut self, bytes: &[u8]) -> Result<(), S::Error> {
        if !self.echo {
            return Ok(());
        }
        self.serial.write_all(bytes)?;
        self.serial.flush()
    }
}

impl<S: Serial> Put for Console<S> {
    #[inline(never)]
    fn bytes(&mut self, bytes: &[u8]) {
        if self.written.is_ok() {
            self.written = self.write_text(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fakes::FakeSerial;
    use std::{format, string::String, vec};

    fn lines(typed: &[u8]) -> std::vec::Vec<String> {
        let mut console = Console::new(FakeSerial::typing(typed), false);
        let (mut line, mut lines) = (Vec::new(), vec![]);
        while let Ok(input) = console.read_line(&mut line) {
            lines.push(match input {
                Input::Line(line) => line.into(),
                other => format!("{other:?}"),
            });
        }
        lines
    }

    #[test]
    fn all_line_endings_end_one_line() {
        assert_eq!(
            lines(b"one\rtwo\nthree\r\nfour\n\nfive\r\rsix\n"),
            ["one", "two", "three", "four", "", "five", "", "six"]
        );
    }

    #[test]
    fn an_over_long_line_is_swallowed_whole() {
        let fits = "a".repeat(LINE_BYTES);
        assert_eq!(
            lines(format!("{fits}\n{fits}b\nafter\n").as_bytes()),
            [fits.as_str(), "TooLong", "after"]
        );
        assert_eq!(lines(format!("{}\nafter\n", fits.repeat(99)).as_bytes()), ["TooLong", "after"]);
    }

    #[test]
    fn bytes_that_are_no_text_are_told_apart() {
        assert_eq!(lines(b"\xff\xfe\nafter\n\xc3\n"), ["NotText", "after", "NotText"]);
        assert_eq!(lines("grüße\n".as_bytes()), ["grüße"]);
    }

    #[test]
    fn backspace_takes_a_character_back_and_ctrl_c_the_line() {
        assert_eq!(lines("aö\x08b\n".as_bytes()), ["ab"]);
        assert_eq!(lines("aö\x08b\x7f\x7f\x7f\x7fc\n".as_bytes()), ["c"]);
        assert_eq!(lines(b"gone\x03kept\n"), ["", "kept"]);
        assert_eq!(lines(b"\0bell\x07\n"), ["bell"]);
    }

    #[test]
    fn keys_that_are_no_characters_are_left_out() {
        let arrows = b"Once\x1b[D\x1b[C upon\x1b[A a\x1bOH time\x1b[1;5D\n";
        assert_eq!(lines(arrows), ["Once upon a time"]);
        let others = b"a\x1b[3~b\x1b[15~c\x1b[200~d\x1b[201~e\x1b[[Af\x1bxg\x1b\x1b[Bh\n";
        assert_eq!(lines(others), ["abcdefgh"]);
        assert_eq!(lines("[D \x1b\u{e9}\x1b\x7f\x1b[\nO\x1b\x03[D\n".as_bytes()), ["[D ", "", "[D"]);
    }

    #[test]
    fn a_raw_terminal_sees_what_it_types() {
        let mut console = Console::new(FakeSerial::typing(b"ab\x08\r"), true);
        console.read_line(&mut Vec::new()).unwrap();
        console.put("x\ny").send().unwrap();
        assert_eq!(console.serial.written(), "ab\x08 \x08\r\nx\r\ny");
    }

    #[test]
    fn an_enquiry_is_answered_in_its_turn() {
        let mut console = Console::new(FakeSerial::typing(b"a\x05b\n\x05"), false);
        assert_eq!(console.read_line(&mut Vec::new()), Ok(Input::Line("ab")));
        assert_eq!(console.serial.written(), "\x06");
        assert!(console.read_line(&mut Vec::new()).is_err());
        assert_eq!(console.serial.written(), "\x06\x06");
    }

    #[test]
    fn a_program_that_enquires_gets_no_echo() {
        let mut console = Console::new(FakeSerial::typing(b"\x05ab\n"), true);
        assert_eq!(console.read_line(&mut Vec::new()), Ok(Input::Line("ab")));
        assert_eq!(console.serial.written(), "\x06");
    }

    #[test]
    fn what_is_typed_ahead_is_kept() {
        let mut console = Console::new(FakeSerial::pasting(b"ahead\nof\n"), false);
        assert!(!console.interrupted());
        assert_eq!(console.read_line(&mut Vec::new()), Ok(Input::Line("ahead")));
        assert_eq!(console.read_line(&mut Vec::new()), Ok(Input::Line("of")));
    }

    #[test]
    fn a_line_of_which_a_part_was_lost_is_not_taken() {
        let long = "x".repeat(FakeSerial::RECEIVED_BYTES);
        let mut console = Console::new(FakeSerial::pasting(format!("first\n{long}\n").as_bytes()), false);
        assert_eq!(console.read_line(&mut Vec::new()), Ok(Input::Line("first")));
        assert_eq!(console.read_line(&mut Vec::new()), Ok(Input::Damaged));
        // The port itself may lose a byte, too.
        console.serial.received().put(b'a');
        console.serial.received().lose();
        b"b\nwhole\n".iter().for_each(|&byte| console.serial.received().put(byte));
        assert_eq!(console.read_line(&mut Vec::new()), Ok(Input::Damaged));
        assert_eq!(console.read_line(&mut Vec::new()), Ok(Input::Line("whole")));
    }

    #[test]
    fn a_broken_line_is_not_read_on_where_there_is_room_again() {
        let long = "x".repeat(FakeSerial::RECEIVED_BYTES);
        // More comes each time that the board waits, which then has read all that it kept.
        let typed = format!("{long}y{long}{long}z:quit\nwhole\n");
        let serial = FakeSerial::in_bursts(typed.as_bytes(), FakeSerial::RECEIVED_BYTES + 1);
        let mut console = Console::new(serial, false);
        assert_eq!(console.read_line(&mut Vec::new()), Ok(Input::Damaged));
        assert_eq!(console.read_line(&mut Vec::new()), Ok(Input::Line("whole")));
        assert!(console.read_line(&mut Vec::new()).is_err());
    }
}
