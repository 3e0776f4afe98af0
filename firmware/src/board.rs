//! The board without its serial port, as the prompt needs it.

/// A board: one file in `src/boards/` implements this.
pub trait Board {
    /// The board's name, as `cargo xtask run --board` spells it.
    const NAME: &'static str;

    /// The unit of [`Board::ticks`].
    const CLOCK: Clock;

    /// Whether a person types at a raw terminal: the board then echoes, and ends lines with CR LF. `:echo` changes it.
    const ECHO: bool;

    /// A counter that runs freely upwards and wraps at 2^32, read in a few instructions.
    fn ticks(&self) -> u32;

    /// The seed of the first answer, until `:seed` sets another: as random as the board can make it.
    fn seed(&self) -> u64;

    /// Flash and RAM taken, in bytes.
    fn memory_use(&self) -> MemoryUse;

    /// Gives the watchdog another period, and starts it if it does not run. Called between two slices of a token.
    fn feed_watchdog(&self) {}

    /// Stops the watchdog, which guards nothing but the writing of a text. Called at its end.
    fn stop_watchdog(&self) {}

    /// Whether `:quit` leads anywhere: true on an emulator, false on a chip.
    fn can_exit(&self) -> bool;
}

/// The unit of a board's counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// An emulator that counts instructions: how many of them a tick takes.
    Instructions {
        /// Instructions in one tick.
        per_tick: u32,
    },
    /// A chip's clock.
    Time {
        /// Ticks in one second.
        hz: u32,
    },
}

/// Bytes of flash and RAM, as the linker and the stack's paint tell them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryUse {
    /// Program, constants and model.
    pub flash_bytes: u32,
    /// Statics, the model's memory among them, and all RAM that is kept for one.
    pub static_bytes: u32,
    /// The deepest that the stack has been since the board started.
    pub stack_peak_bytes: u32,
    /// The room for the stack.
    pub stack_room_bytes: u32,
}
