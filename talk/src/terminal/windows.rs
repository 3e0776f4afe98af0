//! Ctrl-C. The console's settings need no care: the shell sets its own when it reads the next line.

use std::sync::mpsc::Sender;

use anyhow::{Result, bail};

use super::Event;

/// Nothing on this system.
pub(super) struct Settings;

impl Settings {
    pub(super) fn save() -> Settings {
        Settings
    }

    /// Does nothing: text typed while the board writes is never shown here.
    pub(super) fn hide_typing(&self) {}
}

/// Makes events of Ctrl-C: it stops a text if lines are typed, and ends the program if they come through a pipe.
pub(super) fn watch_signals(typed: bool, events: Sender<Event>) -> Result<()> {
    let event = move || if typed { Event::Stop } else { Event::Signal(2) };
    ctrlc::set_handler(move || drop(events.send(event())))?;
    Ok(())
}

/// Ends this program as one that was told to end.
pub(super) fn end_by(_: i32) -> Result<()> {
    bail!("Ended by Ctrl-C.")
}
