//! The inner loops, and the only place in this crate where `unsafe` may stand.
//!
//! [`portable`] is safe Rust and defines every result; a chip's own kernel must equal it to the last bit, which integer
//! sums make possible: they are exact, so neither order nor width of a machine's steps can change one.
#![allow(unsafe_code)]

#[cfg(any(chip = "dsp", chip = "thumb2", chip = "v6m"))]
mod arm;
pub mod cast;
mod claim;
pub mod portable;
mod root;
#[cfg(chip = "rv32m")]
mod rv32m;
#[cfg(any(chip = "rv32m", chip = "thumb2", chip = "v6m"))]
mod scalar32;
#[cfg(chip = "x86")]
pub mod x86;

#[cfg(chip = "dsp")]
use arm::dsp as chip;
#[cfg(chip = "thumb2")]
use arm::thumb2 as chip;
#[cfg(chip = "v6m")]
use arm::v6m as chip;
#[cfg(chip = "portable")]
use portable as chip;
#[cfg(chip = "rv32m")]
use rv32m as chip;
#[cfg(chip = "x86")]
use x86 as chip;

pub use claim::Claim;
pub use root::sqrt;

pub use chip::{
    accumulate, activate, add_aligned, gain, gate, largest, matvec, or_of_magnitudes, prepare, quantize,
    quantize_to, scores, weights,
};
#[cfg(chip = "x86")]
pub use x86::vectorised;

/// Work to be compiled for each kernel's instructions.
pub trait Work {
    /// Does it. To be inlined, with all that shall be so compiled.
    fn run(self);
}

/// Does `work`, compiled for the instructions of the kernel in use.
#[cfg(not(chip = "x86"))]
#[inline(always)]
pub fn vectorised(work: impl Work) {
    work.run();
}

/// Words that [`prepare`] needs for a vector of `columns`.
pub const fn prepared_len(columns: usize) -> usize {
    columns.next_multiple_of(16) + 4
}
