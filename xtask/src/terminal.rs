//! An emulated board at this terminal.

use std::path::Path;

use anyhow::{Result, bail};
use pipsqueak_talk::terminal::{AtEnd, Left, Link, Terminal};

use crate::log::Log;
use crate::paths;
use crate::qemu::{Boot, Emulator};

/// Boots an image and lets this terminal talk to it until `:quit`, Ctrl-D or the end of a pipe. With `log`, prints the
/// image's defmt log to stderr.
pub(crate) fn interact(boot: Boot, log: bool) -> Result<()> {
    let (log, address) = if log { listen(boot.image)? } else { (None, None) };
    let mut emulator = Emulator::start(&Boot { log: address, apart: true, ..boot })?;
    let link = Link { output: Box::new(emulator.serial()?), input: Box::new(emulator.serial()?) };
    // A real board's image has nothing to quit to.
    let at_end = if boot.board.flashing().is_none() { AtEnd::Quit } else { AtEnd::Leave };
    let mut terminal = Terminal::open(&paths::run_history(), at_end)?;
    let left_by = terminal.talk(link, &[])?;
    if let Left::Signal(signal) = left_by {
        drop(emulator);
        return terminal.end_by(signal);
    }
    drop(terminal);
    if left_by == Left::Person {
        return Ok(());
    }
    let status = emulator.wait()?;
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
