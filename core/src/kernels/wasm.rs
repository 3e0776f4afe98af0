//! WebAssembly with its vectors (simd128): 16 bytes at a time, in safe Rust.
//!
//! **Product.** A register holds one word of each of four rows, and `i32x4.dot_i16x8_s` multiplies its halves of 16 bits by
//! those of another and adds the two products of each word. So the weights that a half packs become as many registers, one
//! for each field, and a sum of a row stays in its lane. The vector is [prepared](prepare) to match: the word that field
//! `f` of word `w` is multiplied by holds the numbers of columns `2 fields w + f` and, in its upper half,
//! `2 fields w + fields + f`.
//!
//! In int8 a half is `256 odd + even` of two weights, and is multiplied whole by the even column's number, which takes `odd` 256
//! times too often: so the odd column's number is `x[odd] - 256 x[even]`, which has 16 bits. Sums wrap on the way, and are exact at
//! the end, where they have 31 bits.

use core::arch::wasm32::*;

use super::{in_eights, portable};
use crate::numbers::{Quantizer, ScoreScale, scale_row};
use crate::packing::{Format, INT4_SIGNS, Packed, ROWS};
use crate::slices::{from, part};

pub use super::portable::{
    accumulate_f32, activate, add_aligned, add_f32, align_scales, gain, gate, largest, largest_exponent,
    matvec_f32, or_of_magnitudes, quantize_to, rescale, scores_f32, to_f32, weights,
};

/// Rows that are multiplied at once, so that the vector is loaded once for all: two groups.
const ROWS_AT_ONCE: usize = 2 * ROWS;

/// Weights that half a word holds.
const fn fields(format: Format) -> usize {
    format.weights_of_word() / 2
}

/// See [`portable::quantize`].
#[inline(always)]
pub fn quantize(format: Format, prepared: &mut [i32], quantized: &mut [i8], v: &[i32], quantizer: Quantizer) {
    quantize_to(quantized, v, quantizer);
    prepare(format, prepared, quantized);
}

/// Brings an int8 vector into the form that the module's beginning tells of, behind what the offset of the weights adds to
/// every sum.
pub fn prepare(format: Format, prepared: &mut [i32], x: &[i8]) {
    let Some((offset, pairs)) = prepared.split_first_mut() else { return };
    *offset = match format {
        Format::Int8 => 0,
        Format::Int4 => 8 * sum(x),
        Format::Ternary => sum(x),
    };
    match format {
        Format::Int8 => pair::<{ fields(Format::Int8) }>(pairs, x),
        Format::Int4 => pair::<{ fields(Format::Int4) }>(pairs, x),
        Format::Ternary => pair::<{ fields(Format::Ternary) }>(pairs, x),
    }
}

fn sum(x: &[i8]) -> i32 {
    x.iter().map(|&x| i32::from(x)).sum()
}

fn pair<const FIELDS: usize>(pairs: &mut [i32], x: &[i8]) {
    let (halves, _) = x.as_chunks::<FIELDS>();
    let (halves, _) = halves.as_chunks::<2>();
    for (pairs, [low, high]) in pairs.as_chunks_mut::<FIELDS>().0.iter_mut().zip(halves) {
        for ((pair, &low), &high) in pairs.iter_mut().zip(low).zip(high) {
            *pair = i32::from(low) & 0xffff | i32::from(high) << 16;
        }
        if FIELDS == fields(Format::Int8) {
            // Both halves of a word at once.
            let [even, odd] = [0, 1].map(|field| i32x4_splat(pairs[field]));
            pairs[1] = i32x4_extract_lane::<0>(i16x8_sub(odd, i16x8_shl(even, 8)));
        }
    }
}

/// See [`portable::matvec`].
pub fn matvec(out: &mut [i32], matrix: Packed<'_>, prepared: &[i32]) {
    match matrix.format {
        Format::Int8 => all_rows::<{ fields(Format::Int8) }>(out, matrix, prepared),
        Format::Int4 => all_rows::<{ fields(Format::Int4) }>(out, matrix, prepared),
        Format::Ternary => all_rows::<{ fields(Format::Ternary) }>(out, matrix, prepared),
    }
}

fn all_rows<const FIELDS: usize>(out: &mut [i32], matrix: Packed<'_>, prepared: &[i32]) {
    let Some((&offset, pairs)) = prepared.split_first() else { return };
    let (pairs, offset) = (pairs.as_chunks::<FIELDS>().0, i32x4_splat(offset));
    let group = matrix.words_of_row * ROWS;
    let outs = out.chunks_mut(ROWS_AT_ONCE).zip(matrix.scales.chunks(ROWS_AT_ONCE));
    for ((out, scales), words) in outs.zip(matrix.words.chunks(2 * group.max(1))) {
        // Where one group is left, the second sum is of nothing.
        let (first, second) = words.split_at_checked(group).unwrap_or((words, &[]));
        let sums = match second.len() == group {
            true => sums(first, second, pairs),
            false => [sums(first, first, pairs)[0], offset],
        };
        let sums = sums.map(|sums| lanes(i32x4_sub(sums, offset)));
        for ((out, &sum), &scale) in out.iter_mut().zip(sums.as_flattened()).zip(scales) {
            *out = scale_row(sum, matrix.sum_shift(), scale);
        }
    }
}

/// The sums of two groups' rows.
#[inline(always)]
fn sums<const FIELDS: usize>(first: &[u32], second: &[u32], pairs: &[[i32; FIELDS]]) -> [v128; 2] {
    let mut sums = [i32x4_splat(0); 2];
    let words = first.as_chunks::<ROWS>().0.iter().zip(second.as_chunks::<ROWS>().0);
    for ((first, second), pairs) in words.zip(pairs) {
        let weights = [unpack::<FIELDS>(load(first)), unpack::<FIELDS>(load(second))];
        for (field, &pair) in pairs.iter().enumerate() {
            let pair = i32x4_splat(pair);
            for (sum, weights) in sums.iter_mut().zip(weights) {
                *sum = i32x4_add(*sum, i32x4_dot_i16x8(weights[field], pair));
            }
        }
    }
    sums
}

/// The fields of each half: in int8 the half itself and the odd weight, else the weights and the format's offset.
#[inline(always)]
fn unpack<const FIELDS: usize>(words: v128) -> [v128; FIELDS] {
    if FIELDS == fields(Format::Int8) {
        // A half is 256 odd + even: 128 more, and the even byte carries nothing into the odd one.
        let odd = i16x8_shr(i16x8_add(words, i16x8_splat(0x80)), 8);
        return core::array::from_fn(|field| if field == 0 { words } else { odd });
    }
    let bits = 16 / FIELDS as u32;
    let is_int4 = FIELDS == fields(Format::Int4);
    let words = if is_int4 { v128_xor(words, u32x4_splat(INT4_SIGNS)) } else { words };
    let mask = u16x8_splat((1 << bits) - 1);
    core::array::from_fn(|field| v128_and(u16x8_shr(words, bits * field as u32), mask))
}

/// Four words. The safe way, `u32x4`, is compiled to four loads of a lane, and takes the product twice as long.
#[inline(always)]
fn load(words: &[u32; ROWS]) -> v128 {
    // SAFETY: the array has 16 bytes, and WebAssembly loads from any address.
    unsafe { v128_load(words.as_ptr().cast()) }
}

#[inline(always)]
fn lanes(v: v128) -> [i32; 4] {
    [
        i32x4_extract_lane::<0>(v),
        i32x4_extract_lane::<1>(v),
        i32x4_extract_lane::<2>(v),
        i32x4_extract_lane::<3>(v),
    ]
}

/// Eight int8, and zeros.
#[inline(always)]
fn load_eight(x: &[i8; 8]) -> v128 {
    u64x2(u64::from_le_bytes(x.map(i8::cast_unsigned)), 0)
}

/// See [`portable::scores`]. Four at a time; those beyond the last position repeat the last one's.
pub fn scores<const N: usize>(
    out: &mut [[i32; N]],
    queries: &[i8],
    keys: &[i8],
    stride: usize,
    scales: &[i32],
    scale: ScoreScale<N>,
) -> [i32; N] {
    let (head, positions) = (queries.len() / N, out.len());
    if !in_eights::<N>(keys, head, stride, positions) || scales.len() < positions {
        return portable::scores(out, queries, keys, stride, scales, scale);
    }
    let mantissas = by_lanes(|lane| scale.mantissas[lane % N]);
    let mut largest = i32x4_splat(i32::MIN);
    for (four, out) in out.as_flattened_mut().chunks_mut(4).enumerate() {
        let position = |lane: usize| ((4 * four + lane) / N).min(positions - 1);
        let mut sums = [i32x4_splat(0); 4];
        for (lane, sum) in sums.iter_mut().enumerate() {
            let (query, key) = (part(queries, lane % N * head, head), from(keys, position(lane) * stride));
            for (query, key) in query.as_chunks::<8>().0.iter().zip(key.as_chunks::<8>().0) {
                let [query, key] = [query, key].map(|x| i16x8_extend_low_i8x16(load_eight(x)));
                *sum = i32x4_add(*sum, i32x4_dot_i16x8(query, key));
            }
        }
        let factors = by_lanes(|lane| scales[position(lane)] & 0xffff);
        let products = i32x4_shr(i32x4_mul(add_lanes(sums), factors), 12);
        let scores = i32x4_shr(i32x4_mul(products, mantissas), scale.shift);
        largest = i32x4_max(largest, scores);
        out.iter_mut().zip(lanes(scores)).for_each(|(out, score)| *out = score);
    }
    let largest = lanes(largest);
    core::array::from_fn(|head| largest.into_iter().skip(head).step_by(N).fold(i32::MIN, i32::max))
}

#[inline(always)]
fn by_lanes(number: impl Fn(usize) -> i32) -> v128 {
    i32x4(number(0), number(1), number(2), number(3))
}

/// The sum of each register's lanes.
#[inline(always)]
fn add_lanes([a, b, c, d]: [v128; 4]) -> v128 {
    let halves = |a, b| i32x4_add(i32x4_shuffle::<0, 2, 4, 6>(a, b), i32x4_shuffle::<1, 3, 5, 7>(a, b));
    halves(halves(a, b), halves(c, d))
}

/// See [`portable::accumulate`]. Two positions at a time, whose values alternate as their weights do.
pub fn accumulate<const N: usize>(
    sums: &mut [i32],
    weights: &[[i32; N]],
    values: &[i8],
    stride: usize,
    positions: usize,
) {
    let head = sums.len() / N;
    if !in_eights::<N>(values, head, stride, positions) || weights.len() < positions.div_ceil(2) {
        return portable::accumulate(sums, weights, values, stride, positions);
    }
    for eight in 0..head / 8 {
        let mut totals = [[i32x4_splat(0); 2]; N];
        for (t, weights) in (0..positions).step_by(2).zip(weights) {
            let at = |t: usize| {
                let channels = from(values, t * stride + 8 * eight).first_chunk();
                load_eight(channels.filter(|_| t < positions).unwrap_or(&[0; 8]))
            };
            let pairs =
                i8x16_shuffle::<0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23>(at(t), at(t + 1));
            let pairs = [i16x8_extend_low_i8x16(pairs), i16x8_extend_high_i8x16(pairs)];
            for (totals, &weight) in totals.iter_mut().zip(weights) {
                for (total, pairs) in totals.iter_mut().zip(pairs) {
                    *total = i32x4_add(*total, i32x4_dot_i16x8(pairs, i32x4_splat(weight)));
                }
            }
        }
        for (sums, totals) in sums.chunks_exact_mut(head).zip(totals) {
            let totals = totals.map(lanes);
            let channels = sums.iter_mut().skip(8 * eight);
            channels.zip(totals.as_flattened()).for_each(|(sum, &total)| *sum = total);
        }
    }
}
