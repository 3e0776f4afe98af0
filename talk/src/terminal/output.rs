//! The board's output, on its way to this terminal.

use std::io::{ErrorKind, Read, Write};
use std::sync::mpsc::Sender;

use super::Event;

/// The board's prompt and its answer to an ENQ.
const PROMPT: &[u8] = b"> \x06";

/// Prints what comes from the board as it comes; if it is `greeted`, only after its first prompt. Where lines are `edited`,
/// the editor prints the prompt.
pub(super) fn start(mut board: Box<dyn Read + Send>, edited: bool, greeted: bool, events: Sender<Event>) {
    std::thread::spawn(move || {
        let mut filter = Filter { edited, muted: greeted, ..Filter::default() };
        let mut buffer = [0; 4096];
        loop {
            let count = match board.read(&mut buffer) {
                Ok(count @ 1..) => count,
                // Nothing has come for a while.
                Err(error) if matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::Interrupted) => {
                    continue;
                }
                _ => break,
            };
            let (text, prompts) = filter.pass(&buffer[..count]);
            if print(&text).is_err() {
                let _ = events.send(Event::Unread);
                return;
            }
            for _ in 0..prompts {
                let _ = events.send(Event::Ready);
            }
        }
        let _ = print(filter.rest());
        let _ = events.send(Event::Ended);
    });
}

fn print(text: &[u8]) -> std::io::Result<()> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(text)?;
    stdout.flush()
}

/// Takes out what is not meant for the reader.
#[derive(Default)]
struct Filter {
    /// Whether a person sees the text, on a terminal where control characters would do what they say.
    edited: bool,
    /// Whether the first prompt has not come yet, and nothing before it is shown.
    muted: bool,
    /// How much of [`PROMPT`] has come.
    matched: usize,
    after_cr: bool,
}

impl Filter {
    /// The part of `bytes` to print, and the number of times that the board has said that it waits for a line.
    fn pass(&mut self, bytes: &[u8]) -> (Vec<u8>, usize) {
        let (mut text, mut prompts) = (Vec::with_capacity(bytes.len()), 0);
        for &byte in bytes {
            if byte == PROMPT[self.matched] {
                self.matched += 1;
            } else {
                text.extend(self.rest());
                self.matched = usize::from(byte == PROMPT[0]);
                if self.matched == 0 {
                    self.show(byte, &mut text);
                }
            }
            if self.matched == PROMPT.len() {
                let shown = if self.edited { 0 } else { PROMPT.len() - 1 };
                text.extend(&PROMPT[..shown]);
                self.matched = 0;
                prompts += 1;
                if std::mem::take(&mut self.muted) {
                    text.clear();
                }
            }
        }
        if self.muted {
            text.clear();
        }
        (text, prompts)
    }

    /// The bytes held back because they may have become a prompt.
    fn rest(&mut self) -> &'static [u8] {
        &PROMPT[..std::mem::take(&mut self.matched)]
    }

    /// Models may write any character; a terminal gets `^X` in place of those that would change it.
    fn show(&mut self, byte: u8, text: &mut Vec<u8>) {
        if !self.edited {
            return text.push(byte);
        }
        if std::mem::take(&mut self.after_cr) && byte != b'\n' {
            text.extend(b"^M");
        }
        match byte {
            b'\r' => self.after_cr = true,
            b'\n' | b'\t' => text.push(byte),
            control if control.is_ascii_control() => text.extend([b'^', control ^ 0x40]),
            _ => text.push(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes as they come, one by one.
    fn passed(edited: bool, bytes: &[u8]) -> (String, usize) {
        let mut filter = Filter { edited, ..Filter::default() };
        let (mut text, mut prompts) = (vec![], 0);
        for byte in bytes {
            let (more, count) = filter.pass(&[*byte]);
            text.extend(more);
            prompts += count;
        }
        text.extend(filter.rest());
        let at_once = Filter { edited, ..Filter::default() }.pass(bytes).1;
        assert_eq!(prompts, at_once);
        (String::from_utf8(text).unwrap(), prompts)
    }

    #[test]
    fn the_editor_prints_the_prompt_in_the_board_s_place() {
        assert_eq!(passed(true, b"hello\n> \x06"), ("hello\n".into(), 1));
        assert_eq!(passed(false, b"hello\n> \x06"), ("hello\n> ".into(), 1));
    }

    #[test]
    fn text_that_looks_like_a_prompt_is_text() {
        for text in ["a > b\n> c", ">> \n> ", "> >>  >"] {
            assert_eq!(passed(true, text.as_bytes()), (text.into(), 0));
        }
        assert_eq!(passed(true, b">> \x06"), (">".into(), 1));
    }

    #[test]
    fn nothing_is_shown_before_the_first_prompt_after_a_greeting() {
        let mut filter = Filter { muted: true, ..Filter::default() };
        assert_eq!(filter.pass(b"half a te"), (vec![], 0));
        assert_eq!(filter.pass(b"xt\n> settings\n> \x06hello"), (b"hello".to_vec(), 1));
    }

    #[test]
    fn a_terminal_gets_no_control_characters() {
        assert_eq!(passed(true, b"a\x1b[2J\rb\r\nc\td\x7f\x06"), ("a^[[2J^Mb\nc\td^?^F".into(), 0));
        assert_eq!(passed(false, b"a\x1b[2J\rb\r\n"), ("a\x1b[2J\rb\r\n".into(), 0));
    }
}
