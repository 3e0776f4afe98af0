//! The square root, correctly rounded, so the same on every machine.

/// Square root of `x`. `libm` has the same instruction, in an encoding that stalls between vectors of AVX: a norm over a
/// short row takes twice as long with it.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub fn sqrt(x: f32) -> f32 {
    use core::arch::x86_64::{_mm_cvtss_f32, _mm_set_ss, _mm_sqrt_ss};
    // SAFETY: every x86-64 processor has SSE.
    unsafe { _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(x))) }
}

/// Square root of `x`.
#[cfg(not(any(target_arch = "x86_64", target_arch = "arm", target_arch = "riscv32")))]
#[inline(always)]
pub fn sqrt(x: f32) -> f32 {
    libm::sqrtf(x)
}

#[cfg(any(target_arch = "arm", target_arch = "riscv32"))]
pub use digit_by_digit as sqrt;

/// Square root of `x`, for chips: a fifth of the flash of `libm`'s, which has a table and products of 64 bits, and faster where
/// there is no FPU. (Stable Rust has no way to the instruction of those with one.)
///
/// 1. `x = m * 2^(2e)`, with `m` from 1 to 4, in units of `2^-24`.
/// 2. As on paper in base ten, a digit at a time from the highest: with `root` found and `rest = m - root²`, the next bit `b` is
///    set if `(root + b)² <= m`, which is `2 root b + b² <= rest`. Doubling `rest` each time instead of halving `b` leaves
///    `2 root + b` to compare with.
/// 3. The last of 25 bits rounds the other 24; it can't be a tie, as no number of 24 bits has a root that ends in a 25th.
#[cfg(any(target_arch = "arm", target_arch = "riscv32", test))]
#[inline(never)]
pub fn digit_by_digit(x: f32) -> f32 {
    const INFINITY: u32 = f32::INFINITY.to_bits();
    const MINUS_ZERO: u32 = 1 << 31;
    let bits = x.to_bits();
    if bits.wrapping_sub(1) >= INFINITY - 1 {
        let has_no_root = bits > INFINITY && bits != MINUS_ZERO;
        return if has_no_root { f32::NAN } else { x };
    }
    // A subnormal number has less than 24 bits, and is moved up to them.
    let up = (bits.leading_zeros() as i32 - 8).max(0);
    let exponent = (bits >> 23).max(1) as i32 - up;
    let mantissa = if up > 0 { bits << up } else { bits & 0x7f_ffff | 0x80_0000 };
    let is_even = exponent & 1 == 0;
    let mut rest = mantissa << (1 + u32::from(is_even));
    let (mut root, mut doubled) = (0, 0);
    let mut bit = 1u32 << 24;
    while bit != 0 {
        let next = doubled + bit;
        if next <= rest {
            (root, doubled, rest) = (root + bit, next + bit, rest - next);
        }
        rest <<= 1;
        bit >>= 1;
    }
    let rounded = (root + (root & 1)) >> 1;
    let half_exponent = (exponent - 127) >> 1;
    f32::from_bits(rounded.wrapping_add(((half_exponent + 126) as u32) << 23))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_those_of_libm() {
        // A prime step meets every exponent many times.
        let some = (0..=u32::MAX).step_by(4093);
        let ends = [0.0, -0.0, f32::MIN_POSITIVE, f32::from_bits(1), f32::MAX, f32::INFINITY, f32::NAN, -1.0];
        for bits in some.chain(ends.map(f32::to_bits)) {
            let x = f32::from_bits(bits);
            let (ours, theirs) = (digit_by_digit(x), libm::sqrtf(x));
            assert!(
                ours.to_bits() == theirs.to_bits() || ours.is_nan() && theirs.is_nan(),
                "{x:e}: {ours} {theirs}"
            );
        }
    }
}
