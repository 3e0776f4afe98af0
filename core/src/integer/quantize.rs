//! int8 vectors with one scale: `v ≈ factor * q`, with `q = round(v / factor)` in -127..=127, from integers to integers.
//!
//! The factor is `max |v| / 127`, so that nothing is clipped. The division by it is a product with its reciprocal and a shift:
//! [`Quantizer`] shows the steps. Nothing here has a twin in f32, where vectors stay as they are.

use crate::kernels;
use crate::math::truncated;
use crate::numbers::{Quantizer, excess_bits};
use crate::packing::Format;

/// Shifts `v` right until it fits `kept` bits and a sign; returns by how many bits.
pub fn shift_to_fit(v: &mut [i32], kept: u32) -> u32 {
    let shift = excess_bits(kernels::or_of_magnitudes(v), kept);
    if shift > 0 {
        v.iter_mut().for_each(|v| *v >>= shift);
    }
    shift
}

/// Quantises `v` `[n]` to the first `n` of `q`, and zeroes the rest of `q`; returns the factor.
///
/// The error of a value is at most `0.504` of the factor. All zero stays zero.
pub fn quantize(q: &mut [i8], v: &[i32]) -> f32 {
    let quantizer = Quantizer::to_fit(kernels::largest(v));
    kernels::quantize_to(q, v, quantizer);
    quantizer.factor()
}

/// As [`quantize`], and brings the vector into the form that [`kernels::matvec`] reads; `q` is room for it.
pub fn quantize_prepared(format: Format, prepared: &mut [i32], q: &mut [i8], v: &[i32]) -> f32 {
    let quantizer = Quantizer::to_fit(kernels::largest(v));
    kernels::quantize(format, prepared, q, v, quantizer);
    quantizer.factor()
}

/// As [`quantize`] of `v * scale`, with the result's scale rounded up to bfloat16, whose bits are returned: a scale that
/// takes two bytes, and that integer code can multiply by. See [`mantissa_bf16`](crate::numbers::mantissa_bf16).
pub fn quantize_bf16(q: &mut [i8], v: &[i32], scale: f32) -> u16 {
    let mut quantizer = Quantizer::to_fit(kernels::largest(v));
    // Positive, as a negative infinity would make the reciprocal overflow; only damaged weights have a negative scale.
    let exact = (quantizer.factor() * scale).abs();
    let rounded = round_up_bf16(exact);
    let ratio = exact / f32::from_bits(u32::from(rounded) << 16);
    // Of numbers that are not below 0, the bits are in the same order, and what is no number comes last.
    if ratio.to_bits() < 1f32.to_bits() {
        quantizer.reciprocal = truncated(quantizer.reciprocal as f32 * ratio) as i32;
    }
    kernels::quantize_to(q, v, quantizer);
    rounded
}

/// The top half of the bits, rounded up; stays finite.
fn round_up_bf16(x: f32) -> u16 {
    const LARGEST: u32 = 0x7f7f;
    (x.to_bits().saturating_add(0xffff) >> 16).min(LARGEST) as u16
}

/// Length of a quantised vector of `columns`, padded to whole words of any [`Format`].
pub const fn quantized_len(columns: usize) -> usize {
    columns.next_multiple_of(Format::Ternary.weights_of_word())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numbers::{exponent_bf16, mantissa_bf16};

    #[test]
    fn vectors_are_shifted_until_they_fit() {
        let mut v = [3, -700, 0];
        assert_eq!(shift_to_fit(&mut v, 8), 2);
        assert_eq!(v, [0, -175, 0]);
    }

    #[test]
    fn values_return_within_half_a_step() {
        for scale in [1i32, 17, 1000, 90_000, 20_000_000] {
            let v = [3, -100, 99, 1, 0, 57].map(|v: i32| v * scale);
            let mut q = [9i8; 8];
            let factor = quantize(&mut q, &v);
            assert_eq!(q[1], -127);
            assert_eq!(q[6..], [0; 2]);
            for (v, q) in v.iter().zip(q) {
                assert!((*v as f32 - factor * f32::from(q)).abs() <= 0.504 * factor, "{v} {q}");
            }
        }
    }

    #[test]
    fn bf16_scales_never_let_a_value_overflow() {
        for i in 0..100_000u32 {
            let (v, scale) = ([(i * 21_474 + 1000) as i32], f32::from_bits(0x3000_0000 + i * 9973));
            let mut q = [0];
            let rounded = quantize_bf16(&mut q, &v, scale);
            assert!((126..=127).contains(&q[0]), "{v:?} {q:?}");
            let value = mantissa_bf16(rounded) as f32 * libm::exp2f((exponent_bf16(rounded) - 134) as f32);
            assert_eq!(value, f32::from_bits(u32::from(rounded) << 16));
        }
    }

    #[test]
    fn nothing_and_extremes_are_harmless() {
        let mut q = [1i8; 2];
        quantize(&mut q, &[0, 0]);
        assert_eq!(q, [0, 0]);
        for extreme in [i32::MIN, i32::MAX, 1, -1] {
            quantize(&mut q, &[extreme, 1]);
            assert!(q[0].unsigned_abs() >= 63, "{extreme}");
            for scale in [0.0, f32::MAX, f32::INFINITY, f32::NAN, 1e-45] {
                for scale in [scale, -scale] {
                    quantize_bf16(&mut q, &[extreme, 1], scale);
                    assert_eq!(i32::from(q[0].signum()), extreme.signum(), "{extreme} {scale}");
                }
            }
        }
    }
}
