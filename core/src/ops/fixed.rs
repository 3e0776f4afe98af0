//! Vectors of integers that share one f32 scale: `x[i] = v[i] * scale`. Chips without an FPU do their work a value in
//! these, and only the few scales in software f32.

use crate::math;

/// The largest size in `v`.
pub fn largest(v: &[i32]) -> u32 {
    v.iter().fold(0, |largest, &v| math::max_u32(v.unsigned_abs(), largest))
}

/// Bits that the number takes: 0 for 0.
pub const fn bits(x: u32) -> u32 {
    32 - x.leading_zeros()
}

/// Bits by which numbers up to `largest` must be shifted right to fit `kept` bits and a sign.
pub const fn surplus(largest: u32, kept: u32) -> u32 {
    bits(largest).saturating_sub(kept)
}

/// `2^exponent`, for -126..=127; the nearest of these elsewhere.
pub fn power_of_two(exponent: i32) -> f32 {
    f32::from_bits(((exponent.clamp(-126, 127) + 127) as u32) << 23)
}

/// A positive f32 as an integer of 15 bits and a shift: `mantissa * 2^-shift`, truncated, with an error below 2^-14 of it.
#[derive(Debug, Clone, Copy)]
pub struct Multiplier {
    mantissa: i32,
    /// Negative for factors above 2^15.
    shift: i32,
}

impl Multiplier {
    /// The nearest below `factor`.
    pub fn new(factor: f32) -> Self {
        let bits = factor.to_bits();
        Multiplier { mantissa: mantissa(bits), shift: 141 - exponent(bits) }
    }

    /// The multiplier for factors `2^bits` smaller.
    pub fn halved(self, bits: u32) -> Self {
        Multiplier { shift: self.shift + bits as i32, ..self }
    }

    /// Bits of the product with a number of `bits` bits, at most.
    pub fn product_bits(self, bits: u32) -> i32 {
        bits as i32 + 15 - self.shift
    }

    /// `x * factor`, rounded; `|x|` below 2^15. The product must fit 30 bits.
    #[inline(always)]
    pub fn apply(self, x: i32) -> i32 {
        let product = x * self.mantissa;
        match self.shift {
            0 => product,
            1..=30 => (product + (1 << (self.shift - 1))) >> self.shift,
            31.. => 0,
            _ => product.saturating_mul(1 << (-self.shift).min(30)),
        }
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
pub fn add_f32(v: &mut [i32], x: &[f32], scale: f32) {
    if x.is_empty() {
        return;
    }
    let inverse = if scale >= f32::MIN_POSITIVE { 1.0 / scale } else { 0.0 };
    for (v, &x) in v.iter_mut().zip(x) {
        *v = v.saturating_add((x * inverse) as i32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn multipliers_are_close() {
        for factor in [1.0f32, 0.3, 1e-3, 7.9, 1e-9, 3e5] {
            for x in [0, 1, -1, 77, -3000, 32_767, -32_767] {
                let exact = f64::from(x) * f64::from(factor);
                if exact.abs() >= f64::from(1 << 30) {
                    continue;
                }
                let error = f64::from(Multiplier::new(factor).apply(x)) - exact;
                assert!(error.abs() <= 0.5 + exact.abs() / 16384.0, "{x} * {factor}: off by {error}");
            }
        }
    }

    #[test]
    fn sizes() {
        assert_eq!(largest(&[3, -7, 0]), 7);
        assert_eq!((bits(0), bits(1), bits(255), surplus(256, 8), surplus(3, 8)), (0, 1, 8, 1, 0));
        assert_eq!(power_of_two(-3), 0.125);
    }
}
