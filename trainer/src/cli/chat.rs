//! `pipsqueak chat`.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;
use pipsqueak_talk::port;
use pipsqueak_talk::terminal::{AtEnd, Left, Terminal};

/// Ctrl-C, so that the board is at its prompt; the terminal shows what is typed itself.
const GREETING: &[u8] = b"\x03:echo off\n";

/// Talk to the board: type the beginning of a text, or :help.
///
/// Ctrl-C stops a text, Ctrl-D ends the talk and leaves the board as it is. If the cable is pulled, this waits for it. Lines may also come
/// through a pipe.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pipsqueak chat                                         where one board is plugged in
  pipsqueak chat --board microbit-v2
  pipsqueak chat --port /dev/ttyACM0
  echo 'Once upon a time' | pipsqueak chat --port COM3")]
pub struct Chat {
    /// The board, if several are plugged in
    #[arg(long, value_name = "NAME", conflicts_with = "port")]
    board: Option<String>,
    /// The board's serial port
    #[arg(long, value_name = "PORT")]
    port: Option<String>,
}

impl Chat {
    pub(super) fn run(self) -> Result<()> {
        let find = || port::find(self.port.as_deref(), self.board.as_deref());
        let mut name = find()?;
        let mut link = port::link(&name)?;
        let mut terminal = Terminal::open(&history(), AtEnd::Leave)?;
        terminal.remark(&format!("Talking to the board at {name}; Ctrl-D ends it."));
        loop {
            match terminal.talk(link, GREETING)? {
                Left::Person => return Ok(()),
                Left::Signal(signal) => return terminal.end_by(signal),
                Left::Ended => {}
            }
            terminal.remark(&format!("The board at {name} is gone; waiting for it. Ctrl-C ends."));
            // A port that comes back may have another name.
            let found = terminal.wait_for(|| find().and_then(|name| Ok((port::link(&name)?, name))))?;
            match found {
                Ok(found) => (link, name) = found,
                Err(Left::Signal(signal)) => return terminal.end_by(signal),
                Err(_) => bail!("the board at {name} is gone"),
            }
            terminal.remark(&format!("The board is back, at {name}."));
        }
    }
}

/// The lines typed before.
fn history() -> PathBuf {
    std::env::home_dir().unwrap_or_default().join(".pipsqueak_history")
}
