//! The inner loops, and the only place in this crate where `unsafe` may stand.
//!
//! [`portable`] is safe Rust and defines every result; a chip's own kernel must equal it to the last bit. Sums of integers
//! are exact, so neither the order nor the width of a machine's steps can change one. Sums in f32 have one order for every
//! machine, that of [`math::dot`](crate::math::dot).
#![allow(unsafe_code)]

#[cfg(any(chip = "dsp", chip = "thumb2", chip = "v6m"))]
mod arm;
pub mod cast;
#[cfg(feature = "self-test")]
pub mod checks;
mod claim;
pub mod portable;
pub mod root;
#[cfg(chip = "rv32m")]
mod rv32m;
#[cfg(any(chip = "rv32m", chip = "thumb2", chip = "v6m"))]
mod scalar32;
#[cfg(chip = "wasm")]
mod wasm;
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
#[cfg(chip = "wasm")]
use wasm as chip;
#[cfg(chip = "x86")]
use x86 as chip;

pub use claim::Claim;

pub use chip::{
    accumulate, accumulate_f32, activate, add_aligned, add_f32, align_scales, gain, gate, largest,
    largest_exponent, matvec, matvec_f32, or_of_magnitudes, prepare, quantize, quantize_to, rescale, scores,
    scores_f32, to_f32, weights,
};

/// Whether channels can be taken eight at a time from `positions` rows, for one or two heads.
#[cfg(any(chip = "wasm", chip = "x86"))]
fn in_eights<const N: usize>(rows: &[i8], head: usize, stride: usize, positions: usize) -> bool {
    (N == 1 || N == 2)
        && positions > 0
        && head > 0
        && head.is_multiple_of(8)
        && rows.len() >= (positions - 1) * stride + head
}

/// Words that [`prepare`] needs for a vector of `columns`.
pub const fn prepared_len(columns: usize) -> usize {
    columns.next_multiple_of(16) + 4
}
