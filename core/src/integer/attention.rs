//! Attention in integers, over int8 keys and values. **The integer form of the only operation that looks at another
//! position.**
//!
//! [In f32](crate::float::attention), `p = softmax(q · k[t] / sqrt(head))` and `out = Σ p[t] v[t]`. From there, step by step:
//!
//! 1. **Powers of two.** `e^x = 2^(x log2 e)`. With `s[t] = log2(e) / sqrt(head) * q · k[t]`, softmax is
//!    `p[t] = 2^(s[t] - max s) / Σ 2^(s - max s)`: a shift for the whole part of a score, and a table for the rest.
//! 2. **Products.** Query, keys and values are int8 with one scale a vector: `q · k[t] = scale_q scale_k[t] (Q · K[t])`, and
//!    `|Q · K[t]| <= 127² head < 2^(14 + log2 head)`.
//! 3. **Scales of the cache** are bfloat16, `mantissa * 2^(exponent - 134)`. Once a layer, [`kernels::align_scales`] turns them
//!    into integers that share the exponent of the largest: `scale_k[t] = key[t] * 2^keys`, and `scale_v[t]` likewise. A
//!    `key[t]` has `17 - log2 head` bits, so that its product with `Q · K[t]` is below 2^31.
//! 4. **Scores.** What all positions have in common, `scale_q log2(e) / sqrt(head) 2^keys`, is one mantissa and one shift, a
//!    [`ScoreScale`]. A score then is `(Q · K[t] * key[t] >> 12) * mantissa >> shift`, with
//!    [`FRACTION_BITS`](crate::numbers::FRACTION_BITS) bits behind the point.
//! 5. **Weights.** `P[t] = 2^(15 + s[t] - max s)`, at most 2^15, comes from 256 entries and a shift. A value's scale varies with
//!    its position, so it becomes part of the weight, which keeps 15 bits: `weight[t] = P[t] * value[t] >> 16`.
//! 6. **Sums.** `Σ weight[t] V[t]` is below `2^15 * 127 * positions`, which fits 31 bits up to 512 positions. Beyond, the
//!    weights give up a bit for each doubling, the `headroom`.
//! 7. **One division a head.** The sums are divided by `Σ P[t]`, which has at least 16 bits because the largest score has
//!    `P = 2^15`: a product with `2^30 / Σ P[t]`, cut to 15 bits.
//!
//! Rounding a score to `2^-8` moves a probability by at most 0.14 % (`ln 2 * 2^-9`), and the table by `2^-15` of the largest.
//! A loop over positions has no float in it and no division.

use super::quantize::quantize;
use crate::float::attention::value_size;
use crate::numbers::{FRACTION_BITS, ScoreScale, excess_bits, max_u32, min_u32, power_of_two};
use crate::observer::{Observer, Values, Vector, View};
use crate::slices::{first, first_mut, from, part, part_mut, rows, rows_mut};
use crate::{kernels, math};

/// Query heads that one call of a kernel takes against the key head they share.
pub const HEADS_AT_ONCE: usize = 2;

/// Keys and values of one layer up to and including the present position.
#[derive(Clone, Copy)]
pub struct Past<'a> {
    /// `[positions, stride]`, of which the first `kv_heads * head` channels are keys.
    pub keys: &'a [i8],
    /// `[positions, stride]`. With latent attention, these are the keys, of which the first channels are the values.
    pub values: &'a [i8],
    /// Length of a stored position.
    pub stride: usize,
    /// bfloat16 `[positions]`.
    pub key_scales: &'a [u16],
    /// bfloat16 `[positions]`.
    pub value_scales: &'a [u16],
}

/// Room to work in.
pub struct Scratch<'a> {
    /// Quantised queries, `[HEADS_AT_ONCE, head]`.
    pub queries: &'a mut [i8],
    /// Scores, then weights, `[positions, HEADS_AT_ONCE]`.
    pub scores: &'a mut [i32],
    /// `[positions]`.
    pub scales: &'a mut [i32],
}

/// The units of a layer's numbers.
#[derive(Clone, Copy)]
struct Units {
    /// Of the query's.
    query: f32,
    /// Scores of a query and key in units of 1 are multiplied by this: `log2(e) / sqrt(head)`.
    to_log2: f32,
    /// The integer scale of a key is in units of `2^keys`.
    keys: i32,
    /// The integer scale of a value is multiplied by a probability of 15 bits and shifted right by 16, which leaves the
    /// sums in units of `2^(values + 1)`.
    values: i32,
}

/// One position's attention: `query` is `[heads, head]`, `out` `[heads, value]`, with as many channels a head as values have;
/// `group` query heads share a key and value head. The numbers in `query` count `query_scale` each; returns what those in `out` count.
#[allow(clippy::too_many_arguments)] // a struct of these would be made for this call alone
pub(crate) fn attention<O: Observer>(
    out: &mut [i32],
    query: &[i32],
    query_scale: f32,
    past: Past<'_>,
    head: usize,
    group: usize,
    scratch: &mut Scratch<'_>,
    view: &mut View<'_, O>,
) -> f32 {
    let [keys, values] = align_scales(scratch.scales, past, head);
    let to_log2 = core::f32::consts::LOG2_E / math::sqrt(head as f32);
    let units = Units { query: query_scale, to_log2, keys, values };
    let value = value_size(out, query, head);
    if O::WATCHES {
        show_now(past, [head, value], query.len() / (head * group).max(1), view);
    }
    let (mut h, mut kv_start) = (0, 0);
    // No division, which takes a chip long, and no branch to a number of heads that the model does not have.
    while h * head < query.len() && group * head > 0 {
        // Where values are shorter than keys, there is one key head.
        let past = Past { keys: from(past.keys, kv_start), values: from(past.values, kv_start), ..past };
        for _ in 0..group / HEADS_AT_ONCE {
            let out = part_mut(out, h * value, HEADS_AT_ONCE * value);
            let query = part(query, h * head, HEADS_AT_ONCE * head);
            heads::<HEADS_AT_ONCE, O>(out, query, past, units, scratch, h, view);
            h += HEADS_AT_ONCE;
        }
        if !group.is_multiple_of(HEADS_AT_ONCE) {
            let (out, query) = (part_mut(out, h * value, value), part(query, h * head, head));
            heads::<1, O>(out, query, past, units, scratch, h, view);
            h += 1;
        }
        kv_start += head;
    }
    power_of_two(units.values + 1)
}

/// Bits of a key's integer scale: with those of a product, `14 + log2 head`, and a sign, they fit 32. It has half a word.
const fn key_bits(head: usize) -> u32 {
    min_u32(17 - head_bits(head), 16)
}

const fn head_bits(head: usize) -> u32 {
    head.next_power_of_two().trailing_zeros()
}

/// Writes the scale of each position's key, and in the upper half of the value, as integers; returns the exponents of their
/// units.
fn align_scales(scales: &mut [i32], past: Past<'_>, head: usize) -> [i32; 2] {
    let key_shift = key_bits(head) - 8;
    let [keys, values] = kernels::align_scales(scales, past.key_scales, past.value_scales, [key_shift, 8]);
    [keys - 134 - key_shift as i32, values - 134 - 7]
}

/// Shows the present position's keys and values, of the sizes `head` and `value`.
fn show_now(past: Past<'_>, [head, value]: [usize; 2], kv_heads: usize, view: &mut View<'_, impl Observer>) {
    let now = past.key_scales.len().saturating_sub(1) * past.stride;
    let unit = |scales: &[u16]| f32::from_bits(u32::from(*scales.last().unwrap_or(&0)) << 16);
    let (key_unit, value_unit) = (unit(past.key_scales), unit(past.value_scales));
    for kv_head in 0..kv_heads {
        let start = now + kv_head * head;
        let (key, value) = (part(past.keys, start, head), part(past.values, start, value));
        view.show(Vector::Key { head: kv_head }, || Values::bytes(key, key_unit));
        view.show(Vector::Value { head: kv_head }, || Values::bytes(value, value_unit));
    }
}

/// `N` heads from `first_head` on, which share a key head.
fn heads<const N: usize, O: Observer>(
    out: &mut [i32],
    query: &[i32],
    past: Past<'_>,
    units: Units,
    scratch: &mut Scratch<'_>,
    first_head: usize,
    view: &mut View<'_, O>,
) {
    let (head, value) = (query.len() / N, out.len() / N);
    let positions = scratch.scales.len();
    let queries = first_mut(scratch.queries, N * head);
    let mut query_scales = [0.0; N];
    for ((scale, q), query) in query_scales.iter_mut().zip(rows_mut(queries, head)).zip(rows(query, head)) {
        *scale = quantize(q, query) * units.query;
    }
    let score_scale = ScoreScale::of(query_scales, units.to_log2, units.keys);
    let (scores, _) = scratch.scores.as_chunks_mut::<N>();
    let scores = first_mut(scores, positions);
    let largest = kernels::scores(scores, queries, past.keys, past.stride, scratch.scales, score_scale);
    if O::WATCHES {
        let unit = core::f32::consts::LN_2 / (1 << FRACTION_BITS) as f32;
        let each = queries.chunks(head).zip(query_scales).zip(largest);
        for (n, ((query, scale), largest)) in each.enumerate() {
            let (head, scores) = (first_head + n, from(scores.as_flattened(), n));
            view.show(Vector::Query { head }, || Values::bytes(query, scale));
            view.show(Vector::Scores { head }, || Values::scores(scores, N, unit));
            view.show(Vector::Weights { head }, || Values::weights(scores, N, largest));
        }
    }
    let headroom = headroom(positions);
    let totals = kernels::weights(scores, scratch.scales, largest, headroom);
    kernels::accumulate(out, first(scores, positions.div_ceil(2)), past.values, past.stride, positions);
    for (out, total) in rows_mut(out, value).zip(totals) {
        normalise(out, total, headroom);
    }
}

/// Bits that the weights give up so that the sum over all positions stays below 2^31: none up to 512 positions.
fn headroom(positions: usize) -> u32 {
    (positions.next_power_of_two().trailing_zeros()).saturating_sub(9)
}

/// `out = out * 2^(14 + headroom) / total`: below 2^21.
fn normalise(out: &mut [i32], total: u32, headroom: u32) {
    // `total` has at least 16 bits, as the largest has p = 1; `2^30 / total` has at most 15.
    let shift = excess_bits(total, 16);
    let reciprocal = min_u32((1 << 30) / max_u32(total >> shift, 1), 0x7fff) as i32;
    kernels::rescale(out, reciprocal, shift as i32 - headroom as i32);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::float::attention as float;
    use crate::integer::quantize::quantize_bf16;
    use crate::observer::Unobserved;
    use crate::random::SplitMix64;
    use rand_core::Rng;
    use std::vec;
    use std::vec::Vec;

    fn noise(rng: &mut SplitMix64, count: usize, size: f32) -> Vec<f32> {
        (0..count).map(|_| (rng.next_u32() as f32 / 2f32.powi(31) - 1.0) * size).collect()
    }

    /// Largest error against f32 attention over the same numbers, relative to the largest value.
    fn error(positions: usize, head: usize, group: usize, size: f32) -> f32 {
        let rng = &mut SplitMix64::new((positions * 1000 + head) as u64);
        let (heads, kv_width) = (2 * group, 2 * head);
        let (query, keys, values) = (
            noise(rng, heads * head, size),
            noise(rng, positions * kv_width, size),
            noise(rng, positions * kv_width, 3.0),
        );
        let mut expected = vec![0.0; heads * head];
        let past = float::Past { keys: &keys, values: &values, kv_width };
        let view = &mut View { observer: &mut Unobserved, position: positions - 1, layer: 0 };
        float::attention(&mut expected, &query, past, head, group, &mut vec![0.0; positions], view);

        let (mut k8, mut v8) = (vec![0i8; keys.len()], vec![0i8; values.len()]);
        let integers = |x: &[f32], size: f32| -> (Vec<i32>, f32) {
            let unit = size.clamp(1e-20, 1e20) / 32_000.0;
            (x.iter().map(|x| (x / unit) as i32).collect(), unit)
        };
        let quantized = |q: &mut [i8], x: &[f32], size: f32| -> Vec<u16> {
            let rows = q.chunks_mut(kv_width).zip(x.chunks(kv_width));
            rows.map(|(q, x)| {
                let (v, unit) = integers(x, size);
                quantize_bf16(q, &v, unit)
            })
            .collect()
        };
        let (key_scales, value_scales) = (quantized(&mut k8, &keys, size), quantized(&mut v8, &values, 3.0));
        let past = Past {
            keys: &k8,
            values: &v8,
            stride: kv_width,
            key_scales: &key_scales,
            value_scales: &value_scales,
        };
        let mut out = vec![0; heads * head];
        let mut scratch = Scratch {
            queries: &mut vec![0; 2 * head],
            scores: &mut vec![0; 2 * positions],
            scales: &mut vec![0; positions],
        };
        let (query, unit) = integers(&query, size);
        let view = &mut View { observer: &mut Unobserved, position: positions - 1, layer: 0 };
        let scale = attention(&mut out, &query, unit, past, head, group, &mut scratch, view);
        let out: Vec<f32> = out.iter().map(|&out| out as f32 * scale).collect();
        out.iter().zip(&expected).map(|(a, b)| (a - b).abs() / 3.0).fold(0.0, f32::max)
    }

    #[test]
    fn close_to_attention_in_f32() {
        for positions in [1, 2, 7, 64, 512, 513, 3000] {
            for head in [1, 2, 4, 8, 10, 64, 256] {
                for group in [1, 2, 3] {
                    let error = error(positions, head, group, 1.5);
                    assert!(error < 0.03, "{positions} positions, head {head}, group {group}: {error}");
                }
            }
        }
    }

    #[test]
    fn extremes_do_not_overflow() {
        for size in [0.0, 1e-30, 1e-3, 1e6, 1e15, 1e30] {
            assert!(error(5, 256, 2, size).is_finite(), "{size}");
        }
    }
}
