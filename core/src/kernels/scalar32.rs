//! Products in Rust, for chips that multiply 32 bits at a time: RV32IM uses all of them, Arm's smaller chips some.
//!
//! **int8.** A 16-bit half of a word, `256 odd + even`, is multiplied whole by `x[odd]`, and its lower byte by
//! `256 x[even] - x[odd]`, which gives `256 (odd x[odd] + even x[even])`: no byte but the lower one is taken out.
//!
//! **int4, ternary.** Two fields 16 bits apart, as one number, are multiplied by two values 16 bits apart. The upper half of
//! the product is the sum of two products, and the lower half stays below it. Fields are `weight` plus an offset, so that
//! none is negative. The products of one word, at most `8 * 15 * 127 < 2^15`, fit a half, which is then added to the sum.

#![allow(unreachable_pub)] // each chip hands on other parts

use super::cast;
use crate::numbers::{Quantizer, scale_row};
use crate::packing::{Format, INT4_SIGNS, Packed, ROWS};
use crate::slices::{copy, rows};

/// Words of an int8 row whose sum, times 256, fits 32 bits: `256 * 4 * 128 * 127 * 127 < 2^31`.
const INT8_BLOCK: usize = 128;

/// Brings an int8 vector into the form that the products read: first the amount that the weights' offset adds to a sum,
/// then the factors of each word.
pub fn prepare(format: Format, prepared: &mut [i32], x: &[i8]) {
    let Some((offset, factors)) = prepared.split_first_mut() else { return };
    *offset = 0;
    let sum = |x: &[i8]| -> i32 { x.iter().map(|&x| i32::from(x)).sum() };
    match format {
        Format::Int8 => {
            for (out, x) in factors.as_chunks_mut::<4>().0.iter_mut().zip(x.as_chunks::<4>().0) {
                *out = int8_factors(x.map(i32::from));
            }
        }
        Format::Int4 => {
            pairs(factors.as_chunks_mut::<4>().0, x.as_chunks::<8>().0);
            *offset = 8 * sum(x);
        }
        Format::Ternary => {
            pairs(factors.as_chunks_mut::<8>().0, x.as_chunks::<16>().0);
            *offset = sum(x);
        }
    }
}

/// The factors of a word of four weights: those of its lower half and of that half's lower byte, then of the upper.
#[inline(always)]
pub(super) fn int8_factors([a, b, c, d]: [i32; 4]) -> [i32; 4] {
    [b, (a << 8) - b, d, (c << 8) - d]
}

/// Pairs values `i` and `i + HALF`, the first in the upper half: so each meets its own field in the product's upper half.
fn pairs<const HALF: usize, const ALL: usize>(factors: &mut [[i32; HALF]], x: &[[i8; ALL]]) {
    for (factors, x) in factors.iter_mut().zip(x) {
        for (i, factor) in factors.iter_mut().enumerate() {
            *factor = i32::from(x[i + HALF]) + (i32::from(x[i]) << 16);
        }
    }
}

/// Quantises `length` values, of which those beyond `v` are zero, straight into the factors that `factors_of` four values
/// make.
#[inline(always)]
pub(super) fn quantize_int8(
    prepared: &mut [i32],
    length: usize,
    v: &[i32],
    quantizer: Quantizer,
    factors_of: impl Fn([i32; 4]) -> [i32; 4],
) {
    let Some((offset, factors)) = prepared.split_first_mut() else { return };
    *offset = 0;
    let (fours, rest) = v.as_chunks::<4>();
    let (places, _) = factors.as_chunks_mut::<4>();
    for (place, v) in places.iter_mut().zip(fours) {
        *place = factors_of(v.map(|v| quantizer.quantize(v)));
    }
    let mut last = [0; 4];
    copy(&mut last, rest);
    let padding = places.iter_mut().take(length / 4).skip(fours.len());
    for (i, place) in padding.enumerate() {
        *place = if i == 0 { factors_of(last.map(|v| quantizer.quantize(v))) } else { [0; 4] };
    }
}

/// See [`portable::matvec`](super::portable::matvec).
#[inline(always)]
pub fn matvec(out: &mut [i32], matrix: Packed<'_>, prepared: &[i32]) {
    match matrix.format {
        Format::Int8 => each_group(out, matrix, prepared, int8_rows),
        Format::Int4 => each_group(out, matrix, prepared, |group, x| pair_rows::<4>(group, x, INT4_SIGNS)),
        Format::Ternary => each_group(out, matrix, prepared, |group, x| pair_rows::<8>(group, x, 0)),
    }
}

/// `sums` computes four rows' sums. Not inlined, as the chip's registers are just enough for the loop inside.
#[inline(never)]
fn each_group(
    out: &mut [i32],
    matrix: Packed<'_>,
    prepared: &[i32],
    sums: impl Fn(&[u32], &[i32]) -> [i32; ROWS],
) {
    let Some((&offset, factors)) = prepared.split_first() else { return };
    let sum_shift = matrix.sum_shift();
    let groups = rows(matrix.words, matrix.words_of_row * ROWS);
    for ((out, scales), group) in out.chunks_mut(ROWS).zip(matrix.scales.chunks(ROWS)).zip(groups) {
        for ((out, sum), &scale) in out.iter_mut().zip(sums(group, factors)).zip(scales) {
            *out = scale_row(sum - offset, sum_shift, scale);
        }
    }
}

fn int8_rows(group: &[u32], factors: &[i32]) -> [i32; ROWS] {
    let mut sums = [0; ROWS];
    let blocks = group.chunks(ROWS * INT8_BLOCK).zip(factors.chunks(4 * INT8_BLOCK));
    for (group, factors) in blocks {
        let part = int8_block(group, factors);
        sums.iter_mut().zip(part).for_each(|(sum, part)| *sum += part >> 8);
    }
    sums
}

/// 256 times the sums. Halves and their lower bytes are loaded from memory with their signs, which saves extracting them.
#[inline(always)]
fn int8_block(group: &[u32], factors: &[i32]) -> [i32; ROWS] {
    let mut sums = [0i32; ROWS];
    let (halves, bytes) =
        (cast::signed_halves(group).as_chunks::<8>().0, cast::signed_bytes(group).as_chunks::<16>().0);
    for ((halves, bytes), &[b, a, d, c]) in halves.iter().zip(bytes).zip(factors.as_chunks::<4>().0) {
        for (row, sum) in sums.iter_mut().enumerate() {
            let [low, high] = [halves[2 * row], halves[2 * row + 1]].map(i32::from);
            let [even_low, even_high] = [bytes[4 * row], bytes[4 * row + 2]].map(i32::from);
            let (low, high) = (
                low.wrapping_mul(b).wrapping_add(even_low.wrapping_mul(a)),
                high.wrapping_mul(d).wrapping_add(even_high.wrapping_mul(c)),
            );
            *sum = sum.wrapping_add(low).wrapping_add(high);
        }
    }
    sums
}

/// The sums of fields times values, with `PAIRS` pairs of fields in a word. The bits in `signs` are flipped first, which
/// makes each field its weight plus the offset.
#[inline(always)]
fn pair_rows<const PAIRS: usize>(group: &[u32], factors: &[i32], signs: u32) -> [i32; ROWS] {
    let mut sums = [0i32; ROWS];
    let bits = 16 / PAIRS;
    let mask = ((1 << bits) - 1) * 0x0001_0001;
    for (words, factors) in group.as_chunks::<ROWS>().0.iter().zip(factors.as_chunks::<PAIRS>().0) {
        for (sum, &word) in sums.iter_mut().zip(words) {
            let word = word ^ signs;
            let mut products = 1i32 << 15;
            for (i, factor) in factors.iter().enumerate() {
                let pair = (word >> (bits * i) & mask) as i32;
                products = products.wrapping_add(pair.wrapping_mul(*factor));
            }
            *sum += products >> 16;
        }
    }
    sums
}
