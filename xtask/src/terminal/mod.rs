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
use std::io::{IsTerminal, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};

use anyhow::{Context, Result, bail};

use self::input::Input;
#[cfg(unix)]
use self::unix as system;
#[cfg(windows)]
use self::windows as system;
use crate::board::Board;
use crate::log::Log;
use crate::qemu::{Boot, Emulator};

/// Stops a text.
const CTRL_C: u8 = 0x03;
/// Asks the board to answer with ACK when it waits for a line.
const ENQ: u8 = 0x05;

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

/// Boots `image` and lets this terminal talk to it until `:quit`, Ctrl-D or the end of a pipe. With `log`, prints the
/// image's defmt log to stderr.
pub(crate) fn interact(board: Board, image: &Path, log: bool) -> Result<()> {
    let (log, address) = if log { listen(image)? } else { (None, None) };
    let mut emulator = Emulator::start(&Boot { log: address, apart: true, ..Boot::new(board, image) })?;
    let left_by = talk(&emulator, board)?;
    let status = match left_by {
        Event::Ended => emulator.wait()?,
        Event::Signal(signal) => {
            drop(emulator);
            return system::end_by(signal);
        }
        _ => return Ok(()),
    };
    log.map(Log::finish).transpose()?;
    match status.code() {
        Some(0) => Ok(()),
        Some(1) => bail!("The board ended with a failure; what it printed last says why."),
        _ => bail!("QEMU has ended ({status}), and the board with it."),
    }
}

fn listen(image: &Path) -> Result<(Option<Log>, Option<std::net::SocketAddr>)> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    Ok((Some(Log::start(listener, image)?), Some(address)))
}

/// Passes lines and text to and fro; returns what ended it. Leaves the terminal as it was found.
fn talk(emulator: &Emulator, board: Board) -> Result<Event> {
    let (sender, events) = channel();
    let as_found = system::Settings::save();
    let typed = std::io::stdin().is_terminal();
    let edited = typed && std::io::stdout().is_terminal();
    if edited {
        as_found.hide_typing();
    }
    system::watch_signals(typed, sender.clone())?;
    output::start(emulator.serial()?, edited, sender.clone());
    let input = if edited { Input::edited(sender)? } else { Input::piped(sender) };
    let can_quit = board.flashing().is_none();
    Conversation::new(emulator.serial()?, input, edited, can_quit).run(&events)
}

/// Who has the word.
struct Conversation {
    serial: TcpStream,
    input: Input,
    edited: bool,
    /// Whether `:quit` ends the board; a real board's image has nothing to quit to.
    can_quit: bool,
    /// Lines for which the board was not ready yet.
    waiting: VecDeque<Vec<u8>>,
    ready: bool,
    /// Whether the person has been asked for a line and has not typed it yet.
    asked: bool,
    /// Whether no line will follow those waiting.
    input_ended: bool,
}

impl Conversation {
    fn new(serial: TcpStream, input: Input, edited: bool, can_quit: bool) -> Conversation {
        let waiting = VecDeque::new();
        Conversation {
            serial,
            input,
            edited,
            can_quit,
            waiting,
            ready: false,
            asked: false,
            input_ended: false,
        }
    }

    fn run(mut self, events: &Receiver<Event>) -> Result<Event> {
        self.send(&[ENQ]);
        loop {
            match events.recv().context("Nothing can be typed or printed any more")? {
                Event::Line(line) => self.take(line),
                Event::EndOfInput => self.input_ended = true,
                Event::Ready => self.ready = true,
                Event::Stop => self.stop(),
                end => {
                    self.leave_line();
                    return Ok(end);
                }
            }
            if self.ready && self.input_ended && self.waiting.is_empty() && !self.can_quit {
                return Ok(Event::EndOfInput);
            }
            if self.ready {
                self.go_on();
            }
            self.input.note_waiting(self.waiting.len());
        }
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

    /// Gives the board the next line, or waits for one.
    fn go_on(&mut self) {
        match self.waiting.pop_front() {
            Some(line) => self.send_line(line),
            None if self.input_ended => self.send_line(b":quit".to_vec()),
            None if !self.asked => {
                self.asked = true;
                self.input.ask();
            }
            None => {}
        }
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
        let _ = self.serial.write_all(bytes);
    }
}
