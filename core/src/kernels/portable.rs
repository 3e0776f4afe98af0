//! The definition of every kernel's result, in safe Rust for any target.
//!
//! Slices that belong together are as long as each other; where one is shorter, the rest of the others is left alone.

use crate::math::{self, LANES};
use crate::numbers::{
    ActivationTable, Alignment, FRACTION_BITS, Quantizer, ScoreScale, exponent, exponent_bf16,
    magnitude_bits, mantissa, mantissa_bf16, max_u32, min_u32, multiply_shift_16, scale_row,
};
use crate::packing::{Format, Packed, ROWS};
use crate::slices::{first, first_mut, part, rows, rows_mut, split_mut};

/// The largest [magnitude](magnitude_bits) in `v`; 0 for an empty one.
#[cfg_attr(chip = "x86", inline(always))]
pub fn largest(v: &[i32]) -> u32 {
    v.iter().fold(0, |largest, &v| max_u32(magnitude_bits(v), largest))
}

/// The bitwise OR of all [magnitudes](magnitude_bits) in `v`: has the same bit length as the largest, and is cheaper than a
/// maximum.
#[cfg_attr(chip = "x86", inline(always))]
pub fn or_of_magnitudes(v: &[i32]) -> u32 {
    v.iter().fold(0, |bits, &v| bits | magnitude_bits(v))
}

/// [`quantize_to`] and [`prepare`] in one: a kernel may go from the values to the prepared form without `quantized`, whose
/// bytes are then undefined.
#[cfg_attr(chip = "x86", inline(always))]
pub fn quantize(format: Format, prepared: &mut [i32], quantized: &mut [i8], v: &[i32], quantizer: Quantizer) {
    quantize_to(quantized, v, quantizer);
    prepare(format, prepared, quantized);
}

/// Quantises `v` to int8, and zeroes the bytes of `q` beyond the length of `v`.
#[cfg_attr(chip = "x86", inline(always))]
pub fn quantize_to(q: &mut [i8], v: &[i32], quantizer: Quantizer) {
    let (quantized, padding) = split_mut(q, v.len().min(q.len()));
    for (q, &v) in quantized.iter_mut().zip(v) {
        *q = quantizer.quantize(v) as i8;
    }
    padding.fill(0);
}

/// `sums = (sums >> down) + ((v >> shift) * mantissa >> 16)`; a negative `shift` shifts left. See [`Alignment`].
#[cfg_attr(chip = "x86", inline(always))]
pub fn add_aligned(sums: &mut [i32], v: &[i32], alignment: Alignment) {
    let Alignment { down, shift, mantissa } = alignment;
    let pairs = sums.iter_mut().zip(v);
    if shift >= 0 {
        pairs.for_each(|(sum, v)| *sum = (*sum >> down) + multiply_shift_16(v >> shift, mantissa));
    } else {
        pairs.for_each(|(sum, v)| *sum = (*sum >> down) + multiply_shift_16(v << -shift, mantissa));
    }
}

/// `x = (x >> shift) S(x >> shift)`; see [`ActivationTable::activate`].
#[cfg_attr(chip = "x86", inline(always))]
pub fn activate(x: &mut [i32], table: ActivationTable<'_>) {
    x.iter_mut().for_each(|x| *x = table.activate(*x));
}

/// `x = (x >> shift) S(x >> shift) * (up >> up_shift)`; at most 15 bits and a sign may be left of both after their shifts.
#[cfg_attr(chip = "x86", inline(always))]
pub fn gate(x: &mut [i32], up: &[i32], up_shift: u32, table: ActivationTable<'_>) {
    for (x, up) in x.iter_mut().zip(up) {
        *x = table.activate(*x) * (up >> up_shift);
    }
}

/// `x = (x >> shift) * gain`, with gains in units of `2^(largest_exponent - 141)`, where `largest_exponent` is the largest
/// gain's, and their mantissas shortened to 15 bits. Returns `Σ (x >> shift)²`. At most 15 bits and a sign may be left
/// after the shift.
#[cfg_attr(chip = "x86", inline(always))]
pub fn gain(x: &mut [i32], shift: u32, gains: &[f32], largest_exponent: i32) -> u64 {
    let mut squares = 0;
    for (x, gain) in x.iter_mut().zip(gains) {
        let (value, bits) = (*x >> shift, gain.to_bits());
        squares += u64::from((value * value) as u32);
        let product = (value * mantissa(bits)) >> min_u32((largest_exponent - exponent(bits)) as u32, 31);
        *x = if bits >> 31 == 1 { -product } else { product };
    }
    squares
}

/// The exponent, as it is stored, of the largest of `gains` by magnitude; 0 of none. Four at a time, which saves the loop's own
/// instructions.
#[cfg_attr(chip = "x86", inline(always))]
pub fn largest_exponent(gains: &[f32]) -> i32 {
    let larger = |so_far, gain: &f32| max_u32(gain.to_bits() << 1, so_far);
    let (fours, rest) = gains.as_chunks::<4>();
    let largest = fours.iter().fold(0, |so_far, four| four.iter().fold(so_far, larger));
    exponent(rest.iter().fold(largest, larger) >> 1)
}

/// `v[i] += x[i] / scale`, saturating.
#[cfg_attr(chip = "x86", inline(always))]
pub fn add_f32(v: &mut [i32], x: &[f32], scale: f32) {
    if x.is_empty() {
        return;
    }
    let inverse = if scale >= f32::MIN_POSITIVE { 1.0 / scale } else { 0.0 };
    for (v, &x) in v.iter_mut().zip(x) {
        *v = v.saturating_add((x * inverse) as i32);
    }
}

/// `out[i] = v[i] * scale`, with the scale cut to the 15 bits of its mantissa and to at most 2^98; numbers are below 2^30.
/// The product is taken of integers, since a product of floats is slow on a chip without an FPU.
#[cfg_attr(chip = "x86", inline(always))]
pub fn to_f32(out: &mut [f32], v: &[i32], scale: f32) {
    let bits = scale.to_bits();
    // v * scale = (v * mantissa / 2^16) * 2^(exponent - 125)
    let (mantissa, up) = (mantissa(bits), (exponent(bits) - 125).min(98));
    for (out, &v) in out.iter_mut().zip(v) {
        *out = shifted(multiply_shift_16(v, mantissa) as f32, up);
    }
}

/// `x * 2^up`, where both are normal numbers, or `x` is 0.
#[cfg(not(soft_float))]
#[inline(always)]
fn shifted(x: f32, up: i32) -> f32 {
    x * crate::numbers::power_of_two(up)
}

/// `x * 2^up`, where both are normal numbers, or `x` is 0.
#[cfg(soft_float)]
#[inline(always)]
fn shifted(x: f32, up: i32) -> f32 {
    let bits = x.to_bits();
    f32::from_bits(if bits == 0 { 0 } else { bits.wrapping_add_signed(up << 23) })
}

/// Brings an int8 vector into the form in which this chip's [`matvec`] reads it: here, a word for each value.
///
/// `x` is as long as a packed row, and `prepared` has at least [`prepared_len`](super::prepared_len) words.
pub fn prepare(_: Format, prepared: &mut [i32], x: &[i8]) {
    for (prepared, &x) in prepared.iter_mut().zip(x) {
        *prepared = x.into();
    }
}

/// `out[r] = (Σ weights[r][c] x[c] * 2^sum_shift) * scales[r] / 2^16`, rounded down, for each row that `out` has room for.
/// `prepared` is `x`, [prepared](prepare) for the matrix's format.
///
/// Sums are exact: a row has at most 65,535 columns, and `127² * 65,535 < 2^31`.
pub fn matvec(out: &mut [i32], matrix: Packed<'_>, prepared: &[i32]) {
    let sum_shift = matrix.sum_shift();
    let groups = rows(matrix.words, matrix.words_of_row * ROWS);
    let outs = out.chunks_mut(ROWS).zip(matrix.scales.chunks(ROWS));
    for ((out, scales), group) in outs.zip(groups) {
        let sums = match matrix.format {
            Format::Int8 => four_rows(group, prepared, |word, i| Format::Int8.unpack(word, i), 4),
            Format::Int4 => four_rows(group, prepared, |word, i| Format::Int4.unpack(word, i), 8),
            Format::Ternary => four_rows(group, prepared, |word, i| Format::Ternary.unpack(word, i), 16),
        };
        for ((out, sum), &scale) in out.iter_mut().zip(sums).zip(scales) {
            *out = scale_row(sum, sum_shift, scale);
        }
    }
}

/// `Σ weights[r][c] x[c]` of the four rows whose words alternate in `group`, with `weights` weights in a word.
#[inline(always)]
fn four_rows(group: &[u32], x: &[i32], weight: impl Fn(u32, usize) -> i32, weights: usize) -> [i32; ROWS] {
    let mut sums = [0; ROWS];
    let (words, _) = group.as_chunks::<ROWS>();
    for (words, x) in words.iter().zip(x.chunks_exact(weights)) {
        for (sum, &word) in sums.iter_mut().zip(words) {
            *sum += x.iter().enumerate().map(|(i, x)| weight(word, i) * x).sum::<i32>();
        }
    }
    sums
}

/// `out[r] = Σ weights[r][c] x[c]` in f32.
#[cfg_attr(chip = "x86", inline(always))]
pub fn matvec_f32(out: &mut [f32], weights: &[f32], x: &[f32]) {
    for (out, row) in out.iter_mut().zip(rows(weights, x.len())) {
        *out = math::dot(row, x);
    }
}

/// `out[t] = query · keys[t] * scale` in f32; position `t`'s key begins at `t * stride`.
#[cfg_attr(chip = "x86", inline(always))]
pub fn scores_f32(out: &mut [f32], query: &[f32], keys: &[f32], stride: usize, scale: f32) {
    for (t, score) in out.iter_mut().enumerate() {
        *score = math::dot(query, part(keys, t * stride, query.len())) * scale;
    }
}

/// `sums[c] = Σ weights[t] values[t][c]` in f32; position `t`'s values begin at `t * stride`.
///
/// A few channels at a time, whose sums stay in registers over all positions.
#[cfg_attr(chip = "x86", inline(always))]
pub fn accumulate_f32(sums: &mut [f32], weights: &[f32], values: &[f32], stride: usize) {
    let (eights, rest) = sums.as_chunks_mut::<LANES>();
    let whole = LANES * eights.len();
    for (i, sums) in eights.iter_mut().enumerate() {
        *sums = weighted_sums(weights, values, LANES * i, stride);
    }
    for (i, sum) in rest.iter_mut().enumerate() {
        [*sum] = weighted_sums(weights, values, whole + i, stride);
    }
}

/// The sums of `N` channels from `channel` on.
#[inline(always)]
fn weighted_sums<const N: usize>(weights: &[f32], values: &[f32], channel: usize, stride: usize) -> [f32; N] {
    let mut sums = [0.0; N];
    for (t, &weight) in weights.iter().enumerate() {
        let values = values.get(t * stride + channel..).and_then(|values| values.first_chunk::<N>());
        for (sum, value) in sums.iter_mut().zip(values.unwrap_or(&[0.0; N])) {
            *sum += weight * value;
        }
    }
    sums
}

/// The exact sum of a row, weight by weight. Tests compare every kernel with it.
pub fn row_sum(matrix: Packed<'_>, row: usize, x: &[i8]) -> i32 {
    let weights = matrix.format.weights_of_word();
    let place = |column: usize| crate::packing::place(matrix.words_of_row, row, column / weights);
    let weight = |column: usize| {
        let word = matrix.words.get(place(column)).copied().unwrap_or_default();
        matrix.format.unpack(word, column % weights)
    };
    x.iter().enumerate().map(|(column, &x)| weight(column) * i32::from(x)).sum()
}

/// `out[t][n] = Σ queries[n][c] keys[t][c]`: `N` query heads times the one key head that they share.
///
/// `queries` is `[N, head]`; position `t`'s key begins at `t * stride`.
pub fn dots<const N: usize>(out: &mut [[i32; N]], queries: &[i8], keys: &[i8], stride: usize) {
    let head = queries.len() / N;
    for (out, key) in out.iter_mut().zip(keys.chunks(stride.max(1))) {
        *out = [0; N];
        for (out, query) in out.iter_mut().zip(rows(queries, head)) {
            *out = query.iter().zip(key).map(|(&q, &k)| i32::from(q) * i32::from(k)).sum();
        }
    }
}

/// `sums[n][c] = Σ weights[t][n] values[t][c]`, with two positions' weights in one word: the even one's in the low half.
///
/// `sums` is `[N, head]`; position `t`'s values begin at `t * stride`. Weights are at most 32,767, and their headroom keeps
/// the sums within 31 bits; see [`weights`].
pub fn accumulate<const N: usize>(
    sums: &mut [i32],
    weights: &[[i32; N]],
    values: &[i8],
    stride: usize,
    positions: usize,
) {
    sums.fill(0);
    let head = sums.len() / N;
    for (t, values) in values.chunks(stride.max(1)).take(positions).enumerate() {
        let Some(pair) = weights.get(t / 2) else { return };
        for (sums, word) in rows_mut(sums, head).zip(pair) {
            let weight = if t % 2 == 0 { word & 0xffff } else { word >> 16 };
            for (sum, &value) in sums.iter_mut().zip(values) {
                *sum += weight * i32::from(value);
            }
        }
    }
}

/// `out[t][n] = (queries[n] · keys[t] * key >> 12) * mantissas[n] >> shift`, where `key` is the lower half of `scales[t]`, and
/// the rest is a [`ScoreScale`]. Returns the largest score of each head.
///
/// Slices are as for [`dots`]. A product of a query and a key, times the key's scale, fits 31 bits.
pub fn scores<const N: usize>(
    out: &mut [[i32; N]],
    queries: &[i8],
    keys: &[i8],
    stride: usize,
    scales: &[i32],
    scale: ScoreScale<N>,
) -> [i32; N] {
    dots(out, queries, keys, stride);
    scale_products(out, scales, scale)
}

/// Turns products into scores, in place; see [`scores`].
#[cfg_attr(chip = "x86", inline(always))]
pub fn scale_products<const N: usize>(
    out: &mut [[i32; N]],
    scales: &[i32],
    scale: ScoreScale<N>,
) -> [i32; N] {
    let mut largest = [i32::MIN; N];
    for (scores, scales) in out.iter_mut().zip(scales) {
        for ((score, mantissa), largest) in scores.iter_mut().zip(scale.mantissas).zip(&mut largest) {
            *score = (((*score * (scales & 0xffff)) >> 12) * mantissa) >> scale.shift;
            *largest = if *score > *largest { *score } else { *largest };
        }
    }
    largest
}

/// Turns scores into weights of 15 bits, `p[t] * value / 2^(16 + headroom)`, where `p[t] = 2^(15 + score - largest)`, and
/// `value` is the upper half of `scales[t]`. The weights of positions `2t` and `2t + 1` share a word, at `t`. Returns `Σ p[t]`
/// of each head.
///
/// `headroom` is the number of bits that the weights give up so that [`accumulate`]'s sums fit.
pub fn weights<const N: usize>(
    scores: &mut [[i32; N]],
    scales: &[i32],
    largest: [i32; N],
    headroom: u32,
) -> [u32; N] {
    let mut totals = [0; N];
    let positions = scores.len().min(scales.len());
    let (scores, scales) = (first_mut(scores, positions), first(scales, positions));
    for (n, (total, largest)) in totals.iter_mut().zip(largest).enumerate() {
        for t in 0..positions {
            let power = power(largest.wrapping_sub(scores[t][n]) as u32);
            *total += power;
            let weight = ((power * (scales[t] as u32 >> 16)) >> (16 + headroom)) as i32;
            let word = &mut scores[t / 2][n];
            *word = if t % 2 == 0 { weight } else { *word | weight << 16 };
        }
    }
    totals
}

/// Writes the scale of each position's key, and in the upper half of the value, as integers: mantissas of bfloat16, shifted
/// left by `shifts`, then right to the largest exponents of all, which are returned. See
/// [`attention`](crate::integer::attention).
#[cfg_attr(chip = "x86", inline(always))]
pub fn align_scales(scales: &mut [i32], keys: &[u16], values: &[u16], shifts: [u32; 2]) -> [i32; 2] {
    let mut largest = [0, 0];
    for (&k, &v) in keys.iter().zip(values) {
        largest = [max_u32(largest[0], k.into()), max_u32(largest[1], v.into())];
    }
    let exponents = largest.map(|largest| exponent_bf16(largest as u16));
    let aligned = |scale: u16, i: usize| {
        (mantissa_bf16(scale) << shifts[i]) >> min_u32((exponents[i] - exponent_bf16(scale)) as u32, 31)
    };
    for ((scale, &k), &v) in scales.iter_mut().zip(keys).zip(values) {
        *scale = aligned(k, 0) | aligned(v, 1) << 16;
    }
    exponents
}

/// `v = (v * multiplier >> 16) >> shift`; a negative `shift` shifts left.
#[cfg_attr(chip = "x86", inline(always))]
pub fn rescale(v: &mut [i32], multiplier: i32, shift: i32) {
    for v in v {
        let product = multiply_shift_16(*v, multiplier);
        *v = if shift >= 0 { product >> shift.min(31) } else { product << (-shift).min(31) };
    }
}

/// `EXP2[i] = round(2^15 * 2^(-i / 256))`.
pub(super) static EXP2: [u16; 256] = exp2_table();

/// Each entry is the one before times `2^(-1/256)`, with 62 fractional bits.
pub(super) const fn exp2_table() -> [u16; 256] {
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

/// `2^(15 - distance / 256)`: the fraction of the exponent by the table, its whole octaves by a shift.
#[inline(always)]
pub(crate) fn power(distance: u32) -> u32 {
    let octaves = min_u32(distance >> FRACTION_BITS, 31);
    u32::from(EXP2[(distance & 0xff) as usize]) >> octaves
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numbers::bits;

    #[test]
    fn logits_are_close_and_finite() {
        let v = [0, 1 << 29, -(1 << 29), 12_345_678, -77_777, 65_536];
        for scale in [1e-30f32, 1e-8, 0.7, 1.0, 1.999, 3e5] {
            let mut out = [1.0; 6];
            to_f32(&mut out, &v, scale);
            for (out, v) in out.iter().zip(v) {
                let exact = v as f32 * scale;
                assert!(
                    (out - exact).abs() <= exact.abs() / 16_384.0 + 4.0 * scale,
                    "{v} {scale}: {out} {exact}"
                );
            }
        }
        for scale in [0.0, f32::MAX, f32::INFINITY, f32::NAN, 1e-45] {
            let mut out = [1.0; 6];
            to_f32(&mut out, &v, scale);
            assert!(out.iter().all(|x| x.is_finite()), "{scale} {out:?}");
        }
    }

    #[test]
    fn the_table_is_rounded_powers_of_two() {
        for (i, &entry) in EXP2.iter().enumerate() {
            assert_eq!(f64::from(entry), libm::round(libm::exp2(15.0 - i as f64 / 256.0)), "{i}");
        }
    }

    #[test]
    fn vectors_of_any_scale_are_added() {
        for ratio in [1.0f32, 0.3, 1e-3, 7.9, 1e-9, 3e5, 2e9] {
            for (sum, value) in
                [(1 << 28, 1000), (-5, 12_345_678), ((1 << 30) - 1, (1 << 30) - 1), (0, -1 << 29)]
            {
                let (mut sums, values) = ([sum, 0], [value, -7]);
                let bits_of = |v: &[i32]| bits(or_of_magnitudes(v));
                let (alignment, scale) = Alignment::of(bits_of(&values), ratio, bits_of(&sums), 1.0);
                add_aligned(&mut sums, &values, alignment);
                let exact = f64::from(sum) + f64::from(value) * f64::from(ratio);
                let error = (f64::from(sums[0]) * f64::from(scale) - exact).abs();
                let allowed = f64::from(value).abs() * f64::from(ratio) / 16_384.0 + 2.0 * f64::from(scale);
                assert!(error <= allowed, "{sum} + {value} * {ratio}: off by {error}");
                assert!(sums[0].unsigned_abs() <= 1 << 30);
            }
        }
    }
}
