//! The inner loops, and the only place in this crate where `unsafe` may stand.
//!
//! [`portable`] is safe Rust and defines every result; a chip's own kernel must equal it to the last bit, which integer
//! sums make possible: they are exact, so neither order nor width of a machine's steps can change one.
#![allow(unsafe_code)]

#[cfg(any(chip = "dsp", chip = "thumb2", chip = "v6m"))]
mod arm;
pub mod cast;
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

pub use chip::{
    accumulate, activate, add_aligned, gain, gate, largest, matvec, or_of_magnitudes, prepare, quantize,
    quantize_to, scores, weights,
};
pub use root::sqrt;
#[cfg(chip = "x86")]
pub use x86::vectorised;

use crate::math;
use crate::packing::Format;

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

/// A packed matrix, as it lies in flash; see `packing.rs`.
#[derive(Debug, Clone, Copy)]
pub struct Packed<'a> {
    /// What a word holds.
    pub format: Format,
    /// `[rows / 4, words_of_row, 4]`.
    pub words: &'a [u32],
    /// `[rows]`, padded as the words are; at most 32,767 each.
    pub scales: &'a [u16],
    /// Words that a row takes.
    pub words_of_row: usize,
}

impl Packed<'_> {
    /// Bits by which sums are shifted left before their row's scale shifts them right by 16, so that small rows keep
    /// their format; `|Σ| * 2^lift` stays below 2^31 for any row of this length. It is [`Self::full_lift`] up to 512
    /// columns of int8 and int4, and for any number of ternary weights.
    pub const fn lift(&self) -> u32 {
        let blocks = match self.format {
            Format::Int8 => self.words_of_row.div_ceil(128),
            Format::Int4 => self.words_of_row.div_ceil(64),
            Format::Ternary => 1,
        };
        self.full_lift() - blocks.next_power_of_two().trailing_zeros()
    }

    /// The lift of short rows: what a kernel's own sums count anyway.
    pub const fn full_lift(&self) -> u32 {
        match self.format {
            Format::Int8 | Format::Ternary => 8,
            Format::Int4 => 12,
        }
    }
}

/// How the values of a vector become int8: `q = ((v >> shift) * reciprocal + 2^23) >> 24`.
///
/// Values are cut to 16 bits and a sign, so that the product fits 31; the result is its upper byte.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct Quantizer {
    /// 0..=15.
    pub shift: u32,
    /// `127 * 2^24` over the largest size, at most.
    pub reciprocal: i32,
}

impl Quantizer {
    /// What is added before the upper byte is taken, to round.
    pub const HALF: i32 = 1 << 23;

    /// The quantised value.
    #[inline(always)]
    pub fn quantize(self, v: i32) -> i32 {
        ((v >> self.shift) * self.reciprocal + Quantizer::HALF) >> 24
    }
}

/// How a vector joins the sums of another scale: those shifted right by `down`, itself by `shift`, or left where that is
/// negative, and times `mantissa / 2^16`.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct Alignment {
    /// 0..=31.
    pub down: u32,
    /// -31..=31.
    pub shift: i32,
    /// 0..=32,767.
    pub mantissa: i32,
}

/// Steps of a [`ActivationTable`].
pub const ACTIVATION_STEPS: usize = 1024;

/// A function that rises from 0 to 1, looked up at a value after its cut.
#[derive(Debug, Clone, Copy)]
pub struct ActivationTable<'a> {
    /// Times 2^15; the value 0 lies at the middle.
    pub table: &'a [u16; ACTIVATION_STEPS],
    /// Steps of the table that a value of 1 makes, times 2^16: 0..=64,000, so that products fit 31 bits.
    pub steps: i32,
    /// Leaves at most 15 bits and a sign of a value.
    pub cut: u32,
}

impl ActivationTable<'_> {
    /// The value times the function there.
    #[inline(always)]
    pub fn activate(&self, x: i32) -> i32 {
        let x = x >> self.cut;
        let step = (x * self.steps + ((ACTIVATION_STEPS as i32 / 2) << 16)) >> 16;
        let step = if step < 0 { 0 } else { math::min_u32(step as u32, ACTIVATION_STEPS as u32 - 1) };
        (x * i32::from(self.table[step as usize])) >> 15
    }
}

/// `v`, or `-1 - v` of a negative one: its bits without its sign.
#[inline(always)]
pub const fn magnitude_bits(v: i32) -> u32 {
    (v ^ (v >> 31)) as u32
}

/// What products of queries with a key, times the key's scale, become scores by: `(product >> 12) * mantissa >> shift`.
#[derive(Debug, Clone, Copy)]
pub struct ScoreScale<const N: usize> {
    /// Of each head; 0..=4095.
    pub mantissas: [i32; N],
    /// 1..=31, so that the difference of two scores fits 31 bits.
    pub shift: u32,
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

/// `(sum * 2^lift) * scale / 2^16`, rounded down; `|sum| * 2^lift` below 2^31, `scale` at most 32,767. The result is
/// below 2^30.
#[inline(always)]
pub fn scale_row(sum: i32, lift: u32, scale: u16) -> i32 {
    multiply_shift_16(sum << lift, scale.into())
}

/// `(a * b) >> 16` for `b` from 0 to 32,767: one instruction of a DSP.
#[cfg(not(chip = "v6m"))]
#[inline(always)]
pub fn multiply_shift_16(a: i32, b: i32) -> i32 {
    // The upper half of a product: what a chip has an instruction for.
    ((i64::from(a) * i64::from(b << 16)) >> 32) as i32
}

/// `(a * b) >> 16` for `b` from 0 to 32,767: in two products of 32 bits, as the chip has none of 64.
#[cfg(chip = "v6m")]
#[inline(always)]
pub fn multiply_shift_16(a: i32, b: i32) -> i32 {
    (a >> 16) * b + (((a as u32 & 0xffff) * b as u32) >> 16) as i32
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
