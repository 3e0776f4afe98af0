//! Takes a model over the serial port and puts it into flash. `docs/flashing.md` describes the protocol.

mod checked;
mod frame;
#[cfg(test)]
mod tests;
mod transfer;

use self::checked::Checked;
use self::frame::Line;
pub use self::frame::PAYLOAD_BYTES;
use self::transfer::{END, Refusal, Transfer};
use crate::model_flash::ModelFlash;
use crate::received::Taken;
use crate::{Board, Clock, Console, Hex, Put, Serial};

/// The protocol's version, which the board's first line names.
const VERSION: u32 = 3;
/// Nothing is waited for longer, in seconds.
const SILENCE_S: u64 = 10;

/// The most that a model may take and have, beside its flash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// RAM that there is for it, in bytes.
    pub ram_bytes: usize,
    /// The [`parts`](pipsqueak::internal::parts) of models that the program was built with.
    pub parts: u32,
}

/// How a transfer has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loaded {
    /// A new model is in flash.
    New,
    /// Broken off; flash has the old model, or none.
    No,
}

/// Takes frames until a model is complete, Ctrl-C comes, or nothing does for ten seconds.
///
/// # Errors
/// If the port fails.
#[inline(never)]
pub fn load<S: Serial, B: Board>(
    board: &B,
    console: &mut Console<S>,
    flash: impl ModelFlash,
    limits: Limits,
) -> Result<Loaded, S::Error> {
    let mut loader = Loader::new(flash, limits);
    loader.greet(console);
    console.send()?;
    let mut silence = Silence::new(board);
    loop {
        board.feed_watchdog();
        match console.take() {
            Taken::Nothing if silence.is_over(board) => {
                return leave(console, "nothing came for ten seconds");
            }
            Taken::Nothing => {}
            Taken::Cancel => return leave(console, "it was broken off"),
            Taken::Byte(byte) => match loader.take(byte, console) {
                Step::Nothing => {}
                Step::Answer => {
                    console.send()?;
                    silence = Silence::new(board);
                }
                Step::Complete => {
                    console.send()?;
                    return Ok(Loaded::New);
                }
            },
        }
    }
}

/// Lets the port send what it still holds, a fiftieth of a second long: a board that starts again would cut it off.
pub fn let_answers_go<B: Board>(board: &B) {
    let start = board.ticks();
    while board.ticks().wrapping_sub(start) < ticks_per_second(B::CLOCK) / 50 {}
}

/// The loader without a port: bytes in, answers out.
pub struct Loader<F> {
    transfer: Transfer<F>,
    line: Line,
}

/// The consequence of a byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// None, yet.
    Nothing,
    /// An answer has been put.
    Answer,
    /// An answer has been put, and a new model is in flash.
    Complete,
}

impl<F: ModelFlash> Loader<F> {
    /// Nothing is written before a frame says so.
    pub fn new(flash: F, limits: Limits) -> Loader<F> {
        Loader { transfer: Transfer::new(flash, limits), line: Line::default() }
    }

    /// The flash, after the transfer.
    pub fn into_flash(self) -> F {
        self.transfer.flash
    }

    /// Puts which protocol it is, the region's bytes and those that are erased together, and what a model may take and have.
    pub fn greet(&self, out: &mut impl Put) {
        let (room, limits) = (self.transfer.flash.bytes().len(), self.transfer.limits);
        let mut out = Checked::new(out);
        out.put("ready ").put(VERSION).put(" ").put(room).put(" ").put(F::ERASE_BYTES);
        out.put(" ").put(limits.ram_bytes).put(" ").put(Hex(limits.parts));
        out.end();
    }

    /// Takes the next byte of a frame; obeys the frame if it ends there, and puts an answer.
    pub fn take(&mut self, byte: u8, out: &mut impl Put) -> Step {
        if !self.line.take(byte) {
            return Step::Nothing;
        }
        let frame = self.line.frame();
        let kind = frame.map_or(0, |frame| frame.kind);
        let done = self.transfer.obey(frame);
        self.line.clear();
        let mut out = Checked::new(out);
        match &done {
            Ok(offset) => out.put("ack ").put(letter(kind)).put(" ").put(*offset),
            Err(refusal) => {
                out.put("nak ").put(letter(kind)).put(" ").put(self.transfer.next()).put(" ");
                out.put(sort(refusal)).put(" ").put(refusal)
            }
        };
        out.end();
        if kind == END && done.is_ok() { Step::Complete } else { Step::Answer }
    }
}

/// The frame's kind, where it is one.
fn letter(kind: u8) -> char {
    if kind.is_ascii_uppercase() { kind.into() } else { '?' }
}

/// Whether the same frame may do better another time, the transfer may from another place, or nothing will.
fn sort(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::Damaged => "again",
        Refusal::OutOfOrder | Refusal::NotBegun | Refusal::Differs => "elsewhere",
        _ => "never",
    }
}

fn leave<S: Serial>(console: &mut Console<S>, reason: &str) -> Result<Loaded, S::Error> {
    console.put("The transfer is over: ").put(reason).put(".\n").send()?;
    Ok(Loaded::No)
}

/// The time since something came. Counted look by look, since a counter may wrap in a few seconds.
struct Silence {
    last: u32,
    ticks: u64,
}

impl Silence {
    fn new(board: &impl Board) -> Silence {
        Silence { last: board.ticks(), ticks: 0 }
    }

    fn is_over<B: Board>(&mut self, board: &B) -> bool {
        let now = board.ticks();
        self.ticks += u64::from(now.wrapping_sub(self.last));
        self.last = now;
        self.ticks > SILENCE_S * u64::from(ticks_per_second(B::CLOCK))
    }
}

/// An emulator that counts instructions takes a nanosecond for each.
fn ticks_per_second(clock: Clock) -> u32 {
    match clock {
        Clock::Instructions { per_tick } => 1_000_000_000u32.checked_div(per_tick).unwrap_or(u32::MAX),
        Clock::Time { hz } => hz,
    }
}
