//! The inner loops, and the only place in this crate where `unsafe` may stand.
//!
//! [`portable`] is safe Rust and defines every result; a chip's own kernel must equal it to the last bit, which integer
//! sums make possible: they are exact, so neither order nor width of a machine's steps can change one.
#![allow(unsafe_code)]

pub mod cast;
#[cfg(arm_dsp)]
mod dsp;
pub mod portable;
#[cfg(arm_without_dsp)]
mod scalar;
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
pub mod x86;

#[cfg(arm_dsp)]
pub use dsp::{accumulate, dots, matvec, prepare, scale_scores, weights};
#[cfg(not(any(arm_dsp, arm_without_dsp, all(target_arch = "x86_64", target_feature = "sse2"))))]
pub use portable::{accumulate, dots, matvec, prepare};
#[cfg(not(any(arm_dsp, all(target_arch = "x86_64", target_feature = "sse2"))))]
pub use portable::{scale_scores, weights};
#[cfg(arm_without_dsp)]
pub use scalar::{accumulate, dots, matvec, prepare};
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
pub(crate) use x86::vectorised;
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
pub use x86::{accumulate, dots, matvec, prepare, scale_scores, weights};

use crate::config::Precision;
use crate::packing::weights_of_word;

/// Work to be compiled for each kernel's instructions.
pub(crate) trait Work {
    /// Does it. To be inlined, with all that shall be so compiled.
    fn run(self);
}

/// Does `work`, compiled for the instructions of the kernel in use.
#[cfg(not(all(target_arch = "x86_64", target_feature = "sse2")))]
#[inline(always)]
pub(crate) fn vectorised(work: impl Work) {
    work.run();
}

/// A packed matrix, as it lies in flash; see [`packing`](crate::packing).
#[derive(Debug, Clone, Copy)]
pub struct Packed<'a> {
    /// The format of the words.
    pub precision: Precision,
    /// `[rows / 4, words_of_row, 4]`.
    pub words: &'a [u32],
    /// `[rows]`, padded as the words are; at most 32,767 each.
    pub scales: &'a [u16],
    /// Words that a row takes.
    pub words_of_row: usize,
}

impl Packed<'_> {
    /// Bits by which sums are shifted left before their row's scale shifts them right by 15, so that small rows keep
    /// their precision; `|Σ| * 2^lift` stays below 2^30 for any row of this length.
    pub const fn lift(&self) -> u32 {
        let blocks = (self.words_of_row * weights_of_word(self.precision)).div_ceil(256);
        let room = match self.precision {
            Precision::F32 | Precision::Int8 => 8,
            Precision::Int4 => 12,
            Precision::Ternary => 14,
        };
        room - blocks.next_power_of_two().trailing_zeros()
    }
}

/// From a key's product with a query to a score; see [`portable::scale_scores`].
#[derive(Debug, Clone, Copy, Default)]
#[repr(C)]
pub struct Factor {
    /// 15 bits.
    pub mantissa: i32,
    /// 1..=31.
    pub shift: i32,
}

/// Bits of a score behind the binary point.
pub const FRACTION_BITS: u32 = 8;

/// `round(2^15 * 2^(-i / 256))`.
static EXP2: [u16; 256] = exp2_table();

const fn exp2_table() -> [u16; 256] {
    const ROOT: u128 = 4_599_216_278_082_138_665; // 2^62 * 2^(-1/256)
    let mut table = [0; 256];
    let mut power: u128 = 1 << 62;
    let mut i = 0;
    while i < table.len() {
        table[i] = ((power + (1 << 46)) >> 47) as u16;
        power = (power * ROOT) >> 62;
        i += 1;
    }
    table
}

/// Words that [`prepare`] needs for a vector of `columns`.
pub const fn prepared_len(columns: usize) -> usize {
    columns.next_multiple_of(16) + 4
}

/// `(sum * 2^lift) * scale / 2^15`, rounded down; `|sum| * 2^lift` below 2^30, `scale` at most 32,767.
#[inline(always)]
pub fn scale_row(sum: i32, lift: u32, scale: u16) -> i32 {
    multiply_shift_15(sum << lift, scale.into())
}

/// `(a * b) >> 15` for `b` from 0 to 32,767.
#[cfg(not(no_long_multiply))]
#[inline(always)]
pub(crate) fn multiply_shift_15(a: i32, b: i32) -> i32 {
    ((i64::from(a) * i64::from(b)) >> 15) as i32
}

/// `(a * b) >> 15` for `b` from 0 to 32,767: in two products of 32 bits, as the chip has none of 64.
#[cfg(no_long_multiply)]
#[inline(always)]
pub(crate) fn multiply_shift_15(a: i32, b: i32) -> i32 {
    (a >> 15) * b + (((a & 0x7fff) * b) >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_rounded_powers_of_two() {
        for (i, &entry) in EXP2.iter().enumerate() {
            assert_eq!(f64::from(entry), libm::round(libm::exp2(15.0 - i as f64 / 256.0)), "{i}");
        }
    }
}
