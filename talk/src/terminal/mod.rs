//! A person's terminal, or a pipe, at one end; a board's serial port at the other.
//!
//! The board gets a line only when it waits for one, so that what is typed or piped ahead is never lost in the port.
//! After each line goes an ENQ; the board answers it with an ACK behind its prompt as soon as it has done what the
//! line said.

mod input;
mod output;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

use std::collections::VecDeque;
use std::io::{IsTerminal, Read, Write};
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use anyhow::{Context, Result};

use self::input::Input;
#[cfg(unix)]
use self::unix as system;
#[cfg(windows)]
use self::windows as system;

/// Stops a text.
const CTRL_C: u8 = 0x03;
/// Asks the board to answer with ACK when it waits for a line.
const ENQ: u8 = 0x05;

/// A board that has not answered a greeting by then has not heard it: it was starting, or was reset.
const ANSWER: Duration = Duration::from_secs(2);
/// How often a port that is gone is looked for.
const GLANCE: Duration = Duration::from_millis(500);

/// Both ends of a serial port.
pub struct Link {
    /// The bytes from the board; its end is that of the board or of the cable.
    pub output: Box<dyn Read + Send>,
    /// The bytes for the board.
    pub input: Box<dyn Write + Send>,
}

/// A terminal's farewell, when nothing more will be typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtEnd {
    /// Types `:quit`, which ends an emulator.
    Quit,
    /// Leaves the board as it is.
    Leave,
}

/// Why a talk is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// The board has ended, or its cable was pulled.
    Ended,
    /// Nothing more is typed, or nobody reads any more.
    Person,
    /// The system asks this program to end, with this signal.
    Signal(i32),
}

/// An event while a person and a board talk.
enum Event {
    /// A line was typed, or came through the pipe.
    Line(Vec<u8>),
    /// Ctrl-C was typed.
    Stop,
    /// Ctrl-D was typed, or the pipe has ended.
    EndOfInput,
    /// The board waits for a line.
    Ready,
    /// The serial port is closed: the board has ended.
    Ended,
    /// Nobody reads what the board prints any more.
    Unread,
    /// The system asks this program to end, with this signal.
    Signal(i32),
}

/// A person's terminal, or a pipe. Dropping it leaves the terminal as it was found.
pub struct Terminal {
    conversation: Conversation,
    events: Receiver<Event>,
    sender: Sender<Event>,
    as_found: system::Settings,
}

impl Terminal {
    /// Takes over stdin and stdout; lines that are typed are kept in the file `history`.
    ///
    /// # Errors
    /// If the terminal refuses.
    pub fn open(history: &Path, at_end: AtEnd) -> Result<Terminal> {
        let (sender, events) = channel();
        let as_found = system::Settings::save();
        let typed = std::io::stdin().is_terminal();
        let edited = typed && std::io::stdout().is_terminal();
        if edited {
            as_found.hide_typing();
        }
        system::watch_signals(typed, sender.clone())?;
        let input =
            if edited { Input::edited(sender.clone(), history)? } else { Input::piped(sender.clone()) };
        Ok(Terminal { conversation: Conversation::new(input, edited, at_end), events, sender, as_found })
    }

    /// Passes lines and text to and fro, until something ends it. The board gets `greeting` first, and nothing that it
    /// says to that is shown.
    ///
    /// # Errors
    /// If nothing can be typed or printed any more.
    pub fn talk(&mut self, link: Link, greeting: &[u8]) -> Result<Left> {
        output::start(link.output, self.conversation.edited, !greeting.is_empty(), self.sender.clone());
        self.conversation.begin(link.input, greeting);
        self.conversation.run(&self.events)
    }

    /// Waits until `open` succeeds. What is typed meanwhile is kept for the board.
    ///
    /// # Errors
    /// If nothing can be typed or printed any more.
    pub fn wait_for<T>(&mut self, mut open: impl FnMut() -> Result<T>) -> Result<Result<T, Left>> {
        loop {
            if let Ok(found) = open() {
                return Ok(Ok(found));
            }
            match self.events.recv_timeout(GLANCE) {
                Ok(event) => {
                    if let Some(left) = self.conversation.note(event) {
                        return Ok(Err(left));
                    }
                    if self.conversation.input_ended {
                        return Ok(Err(Left::Person));
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(error) => return Err(error).context("Nothing can be typed or printed any more"),
            }
        }
    }

    /// Says a sentence on stderr, on a line of its own.
    #[allow(clippy::print_stderr)]
    pub fn remark(&self, sentence: &str) {
        self.conversation.leave_line();
        eprintln!("{sentence}");
    }

    /// Leaves the terminal as it was found, and ends this program as the signal would have ended it.
    ///
    /// # Errors
    /// On Windows, where there are no signals.
    pub fn end_by(self, signal: i32) -> Result<()> {
        drop(self.as_found);
        system::end_by(signal)
    }
}

/// Who has the word.
struct Conversation {
    /// The way to the board, while there is one.
    serial: Option<Box<dyn Write + Send>>,
    input: Input,
    edited: bool,
    at_end: AtEnd,
    /// Lines for which the board was not ready yet.
    waiting: VecDeque<Vec<u8>>,
    ready: bool,
    /// Whether the person has been asked for a line and has not typed it yet.
    asked: bool,
    /// The greeting that the board gets until it answers.
    greeting: Vec<u8>,
    /// Whether no line will follow those waiting.
    input_ended: bool,
}

impl Conversation {
    fn new(input: Input, edited: bool, at_end: AtEnd) -> Conversation {
        let waiting = VecDeque::new();
        Conversation {
            serial: None,
            input,
            edited,
            at_end,
            waiting,
            ready: false,
            asked: false,
            greeting: Vec::new(),
            input_ended: false,
        }
    }

    fn begin(&mut self, serial: Box<dyn Write + Send>, greeting: &[u8]) {
        self.serial = Some(serial);
        self.ready = false;
        self.greeting = greeting.into();
        self.send(&[greeting, &[ENQ]].concat());
    }

    fn run(&mut self, events: &Receiver<Event>) -> Result<Left> {
        loop {
            let event = match events.recv_timeout(ANSWER) {
                Err(RecvTimeoutError::Timeout) => {
                    self.greet_again();
                    continue;
                }
                event => event.context("Nothing can be typed or printed any more")?,
            };
            let left = match self.note(event) {
                None if self.ready => self.go_on(),
                left => left,
            };
            self.input.note_waiting(self.waiting.len());
            if let Some(left) = left {
                self.serial = None;
                self.leave_line();
                return Ok(left);
            }
        }
    }

    /// Repeats a greeting that has not been answered. It begins with Ctrl-C, by which a board forgets the one before.
    fn greet_again(&mut self) {
        if !self.greeting.is_empty() {
            self.send(&[&self.greeting[..], &[ENQ]].concat());
        }
    }

    /// Takes note of an event; returns what it ends.
    fn note(&mut self, event: Event) -> Option<Left> {
        match event {
            Event::Line(line) => self.take(line),
            Event::EndOfInput => self.input_ended = true,
            Event::Ready => {
                self.greeting.clear();
                self.ready = true;
            }
            Event::Stop => self.stop(),
            Event::Ended => return Some(Left::Ended),
            Event::Unread => return Some(Left::Person),
            Event::Signal(signal) => return Some(Left::Signal(signal)),
        }
        None
    }

    fn take(&mut self, line: Vec<u8>) {
        self.waiting.push_back(line);
        self.asked = false;
    }

    /// Stops the text that the board is writing, and forgets the lines that were to follow it.
    fn stop(&mut self) {
        self.waiting.clear();
        if !self.ready {
            self.send(&[CTRL_C, ENQ]);
        }
    }

    /// Gives the board the next line, or waits for one; returns whether there will be none.
    fn go_on(&mut self) -> Option<Left> {
        match self.waiting.pop_front() {
            Some(line) => self.send_line(line),
            None if self.input_ended && self.at_end == AtEnd::Leave => return Some(Left::Person),
            None if self.input_ended => self.send_line(b":quit".to_vec()),
            None if !self.asked => {
                self.asked = true;
                self.input.ask();
            }
            None => {}
        }
        None
    }

    /// Ends the line that is being edited, so that what is printed next has one to itself.
    fn leave_line(&self) {
        if self.edited && self.asked {
            // Nobody may be there to see it.
            let _ = std::io::stdout().write_all(b"\r\n");
        }
    }

    fn send_line(&mut self, mut line: Vec<u8>) {
        self.ready = false;
        line.extend([b'\n', ENQ]);
        self.send(&line);
    }

    fn send(&mut self, bytes: &[u8]) {
        // Fails only if the board has ended, which an event says.
        if let Some(serial) = &mut self.serial {
            let _ = serial.write_all(bytes).and_then(|()| serial.flush());
        }
    }
}
