//! Lines in and text out, over a serial port.

use core::fmt;

use embedded_io::{Read, ReadReady, Write};
use heapless::{Deque, Vec};

/// The longest line, in bytes, without its line ending.
pub const LINE_BYTES: usize = 512;

/// Bytes that are kept of what is typed while an answer is being written; more wait in the serial port.
const AHEAD_BYTES: usize = 64;

const CTRL_C: u8 = 0x03;
const BACKSPACE: u8 = 0x08;
const DELETE: u8 = 0x7f;

/// A serial port with lines: CR, LF and CR LF end one, backspace takes a character back, Ctrl-C forgets the line.
pub struct Console<S> {
    serial: S,
    ahead: Deque<u8, AHEAD_BYTES>,
    after_cr: bool,
    /// Whether to print back what is typed, and to end lines with CR LF, as a raw terminal needs it.
    pub echo: bool,
}

/// What [`Console::read_line`] read.
#[derive(Debug, PartialEq, Eq)]
pub enum Input<'l> {
    /// A line, without its ending.
    Line(&'l str),
    /// More than [`LINE_BYTES`]; all of it has been read and dropped.
    TooLong,
    /// Bytes that are not UTF-8.
    NotText,
    /// The serial port gave nothing and never will.
    Closed,
}

enum Key {
    Byte(u8),
    Enter,
    Erase,
    Cancel,
    Nothing,
}

impl<S: Read + Write + ReadReady> Console<S> {
    /// Takes a serial port that is set up.
    pub fn new(serial: S, echo: bool) -> Console<S> {
        Console { serial, ahead: Deque::new(), after_cr: false, echo }
    }

    /// Waits for a line.
    pub fn read_line<'l>(&mut self, line: &'l mut Vec<u8, LINE_BYTES>) -> Result<Input<'l>, S::Error> {
        line.clear();
        let mut too_long = false;
        loop {
            let Some(byte) = self.next_byte()? else { return Ok(Input::Closed) };
            match self.key(byte) {
                Key::Byte(byte) if line.push(byte).is_ok() => self.echo_bytes(&[byte])?,
                Key::Byte(_) => too_long = true,
                Key::Erase => self.erase(line)?,
                Key::Nothing => {}
                Key::Enter => break,
                Key::Cancel => {
                    line.clear();
                    too_long = false;
                    break;
                }
            }
        }
        self.echo_bytes(b"\r\n")?;
        Ok(match core::str::from_utf8(line) {
            _ if too_long => Input::TooLong,
            Ok(text) => Input::Line(text),
            Err(_) => Input::NotText,
        })
    }

    /// Whether Ctrl-C has been typed, without waiting. What else has been typed is kept for the next line.
    pub fn interrupted(&mut self) -> Result<bool, S::Error> {
        while !self.ahead.is_full() && self.serial.read_ready()? {
            match self.read_byte()? {
                None => return Ok(false),
                Some(CTRL_C) => {
                    self.ahead.clear();
                    return Ok(true);
                }
                // Not full: checked above.
                Some(byte) => drop(self.ahead.push_back(byte)),
            }
        }
        Ok(false)
    }

    /// Writes text and sends it off.
    pub fn print(&mut self, text: fmt::Arguments<'_>) -> Result<(), S::Error> {
        let mut writer = Writer { console: self, result: Ok(()) };
        // A failure is kept in the result, which is returned.
        let _ = fmt::Write::write_fmt(&mut writer, text);
        writer.result?;
        self.serial.flush()
    }

    fn write_text(&mut self, text: &str) -> Result<(), S::Error> {
        if !self.echo {
            return self.serial.write_all(text.as_bytes());
        }
        for line in text.split_inclusive('\n') {
            match line.strip_suffix('\n') {
                None => self.serial.write_all(line.as_bytes())?,
                Some(line) => {
                    self.serial.write_all(line.as_bytes())?;
                    self.serial.write_all(b"\r\n")?;
                }
            }
        }
        Ok(())
    }

    fn next_byte(&mut self) -> Result<Option<u8>, S::Error> {
        match self.ahead.pop_front() {
            Some(byte) => Ok(Some(byte)),
            None => self.read_byte(),
        }
    }

    fn read_byte(&mut self) -> Result<Option<u8>, S::Error> {
        let mut byte = [0];
        let count = self.serial.read(&mut byte)?;
        Ok((count > 0).then_some(byte[0]))
    }

    fn key(&mut self, byte: u8) -> Key {
        let after_cr = core::mem::replace(&mut self.after_cr, byte == b'\r');
        match byte {
            b'\n' if after_cr => Key::Nothing,
            b'\r' | b'\n' => Key::Enter,
            BACKSPACE | DELETE => Key::Erase,
            CTRL_C => Key::Cancel,
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

    fn echo_bytes(&mut self, bytes: &[u8]) -> Result<(), S::Error> {
        if !self.echo {
            return Ok(());
        }
        self.serial.write_all(bytes)?;
        self.serial.flush()
    }
}

/// Carries an error of the port through `core::fmt`, which has room for none.
struct Writer<'c, S: Write> {
    console: &'c mut Console<S>,
    result: Result<(), S::Error>,
}

impl<S: Read + Write + ReadReady> fmt::Write for Writer<'_, S> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.result = self.console.write_text(text);
        self.result.as_ref().map_err(|_| fmt::Error).copied()
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
        loop {
            match console.read_line(&mut line).unwrap() {
                Input::Line(line) => lines.push(line.into()),
                Input::Closed => return lines,
                other => lines.push(format!("{other:?}")),
            }
        }
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
        assert_eq!(lines(b"\0be\x1bll\x07\n"), ["bell"]);
    }

    #[test]
    fn a_raw_terminal_sees_what_it_types() {
        let mut console = Console::new(FakeSerial::typing(b"ab\x08\r"), true);
        console.read_line(&mut Vec::new()).unwrap();
        console.print(format_args!("x\ny")).unwrap();
        assert_eq!(console.serial.written(), "ab\x08 \x08\r\nx\r\ny");
    }

    #[test]
    fn what_is_typed_ahead_is_kept() {
        let long = "x".repeat(AHEAD_BYTES + 36);
        let mut console = Console::new(FakeSerial::typing(format!("{long}\n").as_bytes()), false);
        assert_eq!(console.interrupted(), Ok(false));
        assert_eq!(console.ahead.len(), AHEAD_BYTES);
        assert_eq!(console.read_line(&mut Vec::new()), Ok(Input::Line(long.as_str())));
        console = Console::new(FakeSerial::typing(b"ahead\nof\n"), false);
        assert_eq!(console.interrupted(), Ok(false));
        assert_eq!(console.read_line(&mut Vec::new()), Ok(Input::Line("ahead")));
    }
}
