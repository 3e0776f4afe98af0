//! Vectors of integers that share one f32 scale: `x[i] = v[i] * scale`. Chips without an FPU do their work a value in
//! these, and only the few scales in software f32.

use crate::kernels::{self, Alignment, multiply_shift_16};

/// Shifts `v` right until it fits `kept` bits and a sign; returns by how many.
#[cfg_attr(x86_vectors, inline(always))]
pub fn shift_to_fit(v: &mut [i32], kept: u32) -> u32 {
    let cut = excess_bits(kernels::or_of_magnitudes(v), kept);
    if cut > 0 {
        v.iter_mut().for_each(|v| *v >>= cut);
    }
    cut
}

/// Bits that the number takes: 0 for 0.
pub const fn bits(x: u32) -> u32 {
    32 - x.leading_zeros()
}

/// Bits by which numbers up to `largest` must be shifted right to fit `kept` bits and a sign.
pub const fn excess_bits(largest: u32, kept: u32) -> u32 {
    bits(largest).saturating_sub(kept)
}

/// `2^exponent`, for -126..=127; the nearest of these elsewhere.
pub fn power_of_two(exponent: i32) -> f32 {
    f32::from_bits(((exponent.clamp(-126, 127) + 127) as u32) << 23)
}

impl Alignment {
    /// How numbers of `bits` bits that count `scale` join sums of `sum_bits` bits that count `sum_scale`, so that
    /// neither summand exceeds 29 bits; and what the sums count then.
    ///
    /// The summand is off by less than 2^-14 of itself, and both by less than 2 after their shifts.
    #[cfg_attr(x86_vectors, inline(always))]
    pub fn of(bits: u32, scale: f32, sum_bits: u32, sum_scale: f32) -> (Alignment, f32) {
        let ratio = (scale / sum_scale).to_bits();
        // v * ratio = v * mantissa * 2^(exponent - 141) = (v * mantissa / 2^16) * 2^(exponent - 125)
        let up = exponent(ratio) - 125;
        // The mantissa has 15 bits, so that the summand has `bits + up - 1`.
        let down = (bits as i32 + up - 30).max(sum_bits as i32 - 29).clamp(0, 31);
        let shift = (down - up).clamp(-31, 31);
        let alignment = Alignment { down: down as u32, shift, mantissa: mantissa(ratio) };
        (alignment, sum_scale * power_of_two(down))
    }
}

/// The upper 15 bits of an f32's mantissa, the leading one included.
#[inline(always)]
pub const fn mantissa(bits: u32) -> i32 {
    ((bits & 0x7f_ffff | 0x80_0000) >> 9) as i32
}

/// An f32's exponent: `|x| = mantissa(x) * 2^(exponent(x) - 141)`.
#[inline(always)]
pub const fn exponent(bits: u32) -> i32 {
    (bits >> 23 & 0xff) as i32
}

/// `v[i] += x[i] / scale`, saturating.
#[cfg_attr(x86_vectors, inline(always))]
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
/// What a chip without an FPU would take long for, the product of two floats, is one of integers.
#[cfg_attr(x86_vectors, inline(always))]
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
    x * power_of_two(up)
}

/// `x * 2^up`, where both are normal numbers, or `x` is 0.
#[cfg(soft_float)]
#[inline(always)]
fn shifted(x: f32, up: i32) -> f32 {
    let bits = x.to_bits();
    f32::from_bits(if bits == 0 { 0 } else { bits.wrapping_add_signed(up << 23) })
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn vectors_of_any_scale_join() {
        for ratio in [1.0f32, 0.3, 1e-3, 7.9, 1e-9, 3e5, 2e9] {
            for (sum, value) in
                [(1 << 28, 1000), (-5, 12_345_678), ((1 << 30) - 1, (1 << 30) - 1), (0, -1 << 29)]
            {
                let (mut sums, values) = ([sum, 0], [value, -7]);
                let bits_of = |v: &[i32]| bits(kernels::or_of_magnitudes(v));
                let (alignment, scale) = Alignment::of(bits_of(&values), ratio, bits_of(&sums), 1.0);
                kernels::add_aligned(&mut sums, &values, alignment);
                let exact = f64::from(sum) + f64::from(value) * f64::from(ratio);
                let error = (f64::from(sums[0]) * f64::from(scale) - exact).abs();
                let allowed = f64::from(value).abs() * f64::from(ratio) / 16_384.0 + 2.0 * f64::from(scale);
                assert!(error <= allowed, "{sum} + {value} * {ratio}: off by {error}");
                assert!(sums[0].unsigned_abs() <= 1 << 30);
            }
        }
    }

    #[test]
    fn sizes() {
        let mut v = [3, -700, 0];
        assert_eq!(shift_to_fit(&mut v, 8), 2);
        assert_eq!(v, [0, -175, 0]);
        assert_eq!((bits(0), bits(1), bits(255), excess_bits(256, 8), excess_bits(3, 8)), (0, 1, 8, 1, 0));
        assert_eq!(power_of_two(-3), 0.125);
    }
}
