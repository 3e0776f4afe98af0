//! The terminal's settings, and signals.

use std::sync::mpsc::Sender;

use anyhow::Result;
use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use super::Event;

/// The settings of the terminal that stdin is, if it is one; dropping them restores them.
pub(super) struct Settings(Option<Termios>);

impl Settings {
    pub(super) fn save() -> Settings {
        Settings(tcgetattr(std::io::stdin()).ok())
    }

    /// Hides what is typed while the board writes, and keeps every key of it, Ctrl-D too, for the next line.
    pub(super) fn hide_typing(&self) {
        let Some(mut settings) = self.0.clone() else { return };
        settings.local_flags.remove(LocalFlags::ECHO | LocalFlags::ICANON);
        // If the terminal refuses, typing is merely shown.
        let _ = tcsetattr(std::io::stdin(), SetArg::TCSADRAIN, &settings);
    }
}

impl Drop for Settings {
    fn drop(&mut self) {
        if let Some(settings) = &self.0 {
            // Fails only if the terminal is gone.
            let _ = tcsetattr(std::io::stdin(), SetArg::TCSADRAIN, settings);
        }
    }
}

/// Makes events of signals. Ctrl-C stops a text if lines are typed, and ends the program if they come through a pipe.
pub(super) fn watch_signals(typed: bool, events: Sender<Event>) -> Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    std::thread::spawn(move || {
        for signal in signals.forever() {
            let event = if typed && signal == SIGINT { Event::Stop } else { Event::Signal(signal) };
            if events.send(event).is_err() {
                return;
            }
        }
    });
    Ok(())
}

/// Ends this program as the signal would have ended it.
pub(super) fn end_by(signal: i32) -> Result<()> {
    Ok(emulate_default_handler(signal)?)
}
