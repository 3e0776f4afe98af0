//! Lines for the board: from a person, through an editor with a history, or from a pipe.

use std::io::{ErrorKind, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use anyhow::Result;
use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::Validator;
use rustyline::{CompletionType, Config, Context, Editor, Helper};

use super::{CTRL_C, Event};

/// The most lines that are read from a pipe before the board asks for them.
const AHEAD_LINES: usize = 1000;
/// How long a reader that is so far ahead waits.
const PAUSE: Duration = Duration::from_millis(10);
/// How long the Escape key waits for the rest of another key's sequence, in milliseconds.
const ESCAPE_MS: u16 = 500;
/// The most bytes of a line that are kept; the board takes half as many, and says so.
const LINE_BYTES: usize = 1024;

/// Where lines come from. The thread that reads them ends with the program, since reading can't be broken off.
pub(super) struct Input {
    /// Asks the editor for a line; a pipe is read as fast as it comes, since a Ctrl-C may follow.
    ask: Option<Sender<()>>,
    /// Lines that have been read and that the board has not been given.
    waiting: Arc<AtomicUsize>,
}

impl Input {
    /// A person at a terminal, with an editor.
    pub(super) fn edited(events: Sender<Event>, history: &Path) -> Result<Input> {
        let (ask, asks) = channel();
        let mut editor = editor(history)?;
        let history = history.to_path_buf();
        std::thread::spawn(move || edit_lines(&mut editor, &history, &asks, &events));
        Ok(Input { ask: Some(ask), waiting: Arc::default() })
    }

    /// Whatever stdin is.
    pub(super) fn piped(events: Sender<Event>) -> Input {
        let waiting = Arc::new(AtomicUsize::new(0));
        let ours = waiting.clone();
        std::thread::spawn(move || read_lines(&mut std::io::stdin().lock(), &ours, &events));
        Input { ask: None, waiting }
    }

    /// Lets the person type a line.
    pub(super) fn ask(&self) {
        if let Some(ask) = &self.ask {
            // Fails only if the editor has ended, which an event says.
            let _ = ask.send(());
        }
    }

    /// Says how many lines wait for the board.
    pub(super) fn note_waiting(&self, lines: usize) {
        self.waiting.store(lines, Ordering::Relaxed);
    }
}

/// Puts a tab where the Tab key is hit: there is nothing to complete, and a text that is pasted may have tabs.
struct Tab;

impl Completer for Tab {
    type Candidate = String;

    fn complete(&self, _: &str, at: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<String>)> {
        Ok((at, vec!["\t".into()]))
    }
}

impl Hinter for Tab {
    type Hint = String;
}
impl Highlighter for Tab {}
impl Validator for Tab {}
impl Helper for Tab {}

fn editor(history: &Path) -> Result<Editor<Tab, FileHistory>> {
    let config = Config::builder().auto_add_history(true).bracketed_paste(false);
    let config = config.completion_type(CompletionType::List).keyseq_timeout(Some(ESCAPE_MS)).build();
    let mut editor = Editor::with_config(config)?;
    editor.set_helper(Some(Tab));
    // There is no history yet at the first start, and it is not worth a word where it can't be kept.
    let _ = editor.load_history(history);
    Ok(editor)
}

/// Reads a line each time that it is asked, until Ctrl-D.
fn edit_lines(
    editor: &mut Editor<Tab, FileHistory>,
    history: &Path,
    asks: &Receiver<()>,
    events: &Sender<Event>,
) {
    for () in asks {
        let line = loop {
            match editor.readline("> ") {
                Ok(line) => break line,
                // The line is taken back; it was never sent.
                Err(ReadlineError::Interrupted) => {}
                // The editor has forgotten the line, and what was pasted behind it.
                Err(ReadlineError::Io(error)) if error.kind() == ErrorKind::InvalidData => {
                    eprintln!("That is not UTF-8, and is left out.");
                }
                Err(_) => return drop(events.send(Event::EndOfInput)),
            }
        };
        let _ = editor.append_history(history);
        let _ = events.send(Event::Line(line.into_bytes()));
    }
}

/// Reads lines to the end. A Ctrl-C among them takes back what was typed before it.
fn read_lines(input: &mut impl Read, waiting: &AtomicUsize, events: &Sender<Event>) {
    let mut line = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = input.read(&mut buffer) {
        for &byte in &buffer[..count] {
            match byte {
                b'\n' => drop(events.send(Event::Line(std::mem::take(&mut line)))),
                CTRL_C => {
                    line.clear();
                    let _ = events.send(Event::Stop);
                }
                byte if line.len() < LINE_BYTES => line.push(byte),
                _ => {}
            }
        }
        while waiting.load(Ordering::Relaxed) > AHEAD_LINES {
            std::thread::sleep(PAUSE);
        }
    }
    if !line.is_empty() {
        let _ = events.send(Event::Line(line));
    }
    let _ = events.send(Event::EndOfInput);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The events that a pipe with these bytes causes, in words.
    fn piped(bytes: &[u8]) -> Vec<String> {
        let (sender, events) = channel();
        read_lines(&mut &*bytes, &AtomicUsize::new(0), &sender);
        drop(sender);
        let word = |event| match event {
            Event::Line(line) => String::from_utf8(line).unwrap(),
            Event::Stop => "STOP".into(),
            Event::EndOfInput => "END".into(),
            _ => unreachable!(),
        };
        events.into_iter().map(word).collect()
    }

    #[test]
    fn a_pipe_is_read_line_by_line() {
        assert_eq!(piped(b"one\n\ntwo\nthree"), ["one", "", "two", "three", "END"]);
        assert_eq!(piped(b""), ["END"]);
    }

    #[test]
    fn ctrl_c_takes_back_what_is_no_line_yet() {
        assert_eq!(piped(b"one\ntwo\x03three\n"), ["one", "STOP", "three", "END"]);
    }

    #[test]
    fn a_line_without_end_takes_no_memory_without_end() {
        assert_eq!(piped(&[b'x'; 100_000])[0].len(), LINE_BYTES);
    }
}
