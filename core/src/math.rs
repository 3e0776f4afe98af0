//! The mathematics that everything above calls by path, so that the PC, the tests and every chip run the same.
//!
//! Plain IEEE arithmetic in one written order, and `libm`'s pure-Rust functions: no fused multiply-add, no compiler or
//! platform library in between. [`Float`] lets the trainer run the same operations in f64 to check its gradients.

use core::iter::Sum;
use core::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Sub, SubAssign};

use crate::kernels::root;

/// f32, and f64 for checking gradients.
pub trait Float:
    Copy
    + PartialOrd
    + Default
    + Send
    + Sync
    + 'static
    + core::fmt::Debug
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + SubAssign
    + MulAssign
    + DivAssign
    + Sum
{
    /// Zero.
    const ZERO: Self;
    /// One.
    const ONE: Self;
    /// Below every other value: the maximum of nothing.
    const NEG_INFINITY: Self;
    /// 1.5 times the power of two from which on the format has no fraction; see [`nearest`].
    const ROUNDER: Self;
    /// The nearest value to `x`.
    fn of(x: f64) -> Self;
    /// The nearest value to `count`: itself, up to 2^24.
    fn from_count(count: usize) -> Self;
    /// This value as an f64.
    fn to_f64(self) -> f64;
    /// See [`exp`].
    fn exp(x: Self) -> Self;
    /// Square root, correctly rounded.
    fn sqrt(x: Self) -> Self;
    /// Sine and cosine of `x` radians; in f32 within 1e-6 for `|x|` up to 65,536.
    fn sin_cos(x: Self) -> [Self; 2];
    /// `x` to the power of `y`; in f32 within 1.5e-7 of it, for `x` from 2^-31 to 2^31 and `|y|` up to 1, and clamped to
    /// that domain outside it.
    fn pow(x: Self, y: Self) -> Self;
}

impl Float for f32 {
    const ZERO: f32 = 0.0;
    const ONE: f32 = 1.0;
    const NEG_INFINITY: f32 = f32::NEG_INFINITY;
    const ROUNDER: f32 = 12_582_912.0; // 1.5 * 2^23

    #[inline(always)]
    fn of(x: f64) -> f32 {
        x as f32
    }
    #[inline(always)]
    fn from_count(count: usize) -> f32 {
        count as f32
    }
    #[inline(always)]
    fn to_f64(self) -> f64 {
        f64::from(self)
    }
    #[inline(always)]
    fn exp(x: f32) -> f32 {
        exp_f32(x)
    }
    #[inline(always)]
    fn sqrt(x: f32) -> f32 {
        root::sqrt(x)
    }
    fn sin_cos(x: f32) -> [f32; 2] {
        sin_cos(x)
    }
    fn pow(x: f32, y: f32) -> f32 {
        pow_f32(x, y)
    }
}

impl Float for f64 {
    const ZERO: f64 = 0.0;
    const ONE: f64 = 1.0;
    const NEG_INFINITY: f64 = f64::NEG_INFINITY;
    const ROUNDER: f64 = 6_755_399_441_055_744.0; // 1.5 * 2^52

    fn of(x: f64) -> f64 {
        x
    }
    fn from_count(count: usize) -> f64 {
        count as f64
    }
    fn to_f64(self) -> f64 {
        self
    }
    fn exp(x: f64) -> f64 {
        libm::exp(x)
    }
    fn sqrt(x: f64) -> f64 {
        libm::sqrt(x)
    }
    fn sin_cos(x: f64) -> [f64; 2] {
        [libm::sin(x), libm::cos(x)]
    }
    fn pow(x: f64, y: f64) -> f64 {
        libm::pow(x, y)
    }
}

/// `e^x`; in f32 within 2 units in the last place on [-87, 88], and clamped to that domain outside it.
#[inline(always)]
pub fn exp<F: Float>(x: F) -> F {
    F::exp(x)
}

/// Natural logarithm, within 1e-7 of it or a unit in its last place, for `x` from 2^-31 to 2^31, and clamped to that
/// domain outside it.
pub fn ln(x: f32) -> f32 {
    /// `ln 2` with 27 fractional bits: the product with a logarithm below 2^35 fits.
    const LN_2: i64 = 93_032_640;
    // Wraps for a NaN alone, whose logarithm means nothing.
    (log2(x).wrapping_mul(LN_2) >> 27) as f32 / (1 << 30) as f32
}

/// Square root.
#[inline(always)]
pub fn sqrt<F: Float>(x: F) -> F {
    F::sqrt(x)
}

/// `tanh x = 1 - 2 / (e^2x + 1)`; in f32 within 1.8e-7 of it, absolutely.
#[inline(always)]
pub fn tanh<F: Float>(x: F) -> F {
    let two = F::of(2.0);
    F::ONE - two / (exp(two * x) + F::ONE)
}

/// `1 / (1 + e^-x)`.
#[inline(always)]
pub fn sigmoid<F: Float>(x: F) -> F {
    F::ONE / (F::ONE + exp(-x))
}

/// An integer that orders as the float does, which a chip without an FPU compares faster. What is no number comes first:
/// infinity is the largest integer, and what lies beyond it wraps.
#[inline(always)]
pub(crate) const fn ordered(x: f32) -> i32 {
    const TO_THE_TOP: i32 = i32::MAX - f32::INFINITY.to_bits().cast_signed();
    let bits = x.to_bits().cast_signed();
    (bits ^ ((bits >> 31) & i32::MAX)).wrapping_add(TO_THE_TOP)
}

/// Limits `x`; what is no number stays.
#[inline(always)]
fn clamp(x: f32, low: f32, high: f32) -> f32 {
    #[cfg(soft_float)]
    return clamp_by_bits(x, low, high);
    #[cfg(not(soft_float))]
    x.clamp(low, high)
}

/// As [`clamp`]; the first number, as [`ordered`], is minus infinity.
#[cfg(any(soft_float, test))]
#[inline(always)]
fn clamp_by_bits(x: f32, low: f32, high: f32) -> f32 {
    match ordered(x) {
        above if above > ordered(high) => high,
        below if below < ordered(low) && below >= ordered(f32::NEG_INFINITY) => low,
        _ => x,
    }
}

/// The whole part of a number below 2^32; 0 for what is below 0 or no number.
#[inline(always)]
pub(crate) fn truncated(x: f32) -> u32 {
    #[cfg(soft_float)]
    return truncated_by_bits(x);
    #[cfg(not(soft_float))]
    {
        x as u32
    }
}

/// As [`truncated`]. `as u32` takes four calls of functions, three of them for numbers that are larger.
#[cfg(any(soft_float, test))]
#[inline(always)]
fn truncated_by_bits(x: f32) -> u32 {
    let bits = x.to_bits();
    if bits >= f32::INFINITY.to_bits() {
        return 0;
    }
    let mantissa = bits & 0x7f_ffff | 0x80_0000;
    match (bits >> 23) as i32 - 150 {
        up @ 0.. => mantissa << (up & 31),
        down => mantissa >> (-down).min(31),
    }
}

/// The larger of two; the second where either is not a number.
#[inline(always)]
pub fn max<F: Float>(a: F, b: F) -> F {
    if a > b { a } else { b }
}

/// The largest value; minus infinity for an empty slice.
#[inline(always)]
pub fn maximum<F: Float>(x: &[F]) -> F {
    let mut lanes = [F::NEG_INFINITY; LANES];
    let (chunks, rest) = x.as_chunks::<LANES>();
    for chunk in chunks {
        for lane in 0..LANES {
            lanes[lane] = max(chunk[lane], lanes[lane]);
        }
    }
    let largest = |so_far, &value: &F| max(value, so_far);
    rest.iter().fold(lanes.iter().fold(F::NEG_INFINITY, largest), largest)
}

/// Partial sums of a sum: as many, added up in the same order, on every machine, so that all give the same bits.
pub const LANES: usize = 8;

/// `Σ a[i] b[i]` of two equally long vectors, in [`LANES`] partial sums.
#[inline(always)]
pub fn dot<F: Float>(a: &[F], b: &[F]) -> F {
    let mut lanes = [F::ZERO; LANES];
    let (a, a_rest) = a.as_chunks::<LANES>();
    let (b, b_rest) = b.as_chunks::<LANES>();
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            lanes[lane] += a[lane] * b[lane];
        }
    }
    for (lane, (&a, &b)) in lanes.iter_mut().zip(a_rest.iter().zip(b_rest)) {
        *lane += a * b;
    }
    add_lanes(lanes)
}

/// `Σ f(x[i])`, in [`LANES`] partial sums.
#[inline(always)]
pub fn sum<F: Float>(x: &[F], f: impl Fn(F) -> F) -> F {
    let mut lanes = [F::ZERO; LANES];
    let (chunks, rest) = x.as_chunks::<LANES>();
    for chunk in chunks {
        for lane in 0..LANES {
            lanes[lane] += f(chunk[lane]);
        }
    }
    for (lane, &value) in lanes.iter_mut().zip(rest) {
        *lane += f(value);
    }
    add_lanes(lanes)
}

#[inline(always)]
fn add_lanes<F: Float>(l: [F; LANES]) -> F {
    ((l[0] + l[4]) + (l[2] + l[6])) + ((l[1] + l[5]) + (l[3] + l[7]))
}

/// `x += y`: adds a block's result to the residual stream, or a bias.
pub fn add<F: Float>(x: &mut [F], y: &[F]) {
    for (x, &y) in x.iter_mut().zip(y) {
        *x += y;
    }
}

/// `length` rounded up to a multiple of 4, so that rows of int8 start on a word.
pub const fn word_padded(length: usize) -> usize {
    length.next_multiple_of(4)
}

/// Added to an f32 of a magnitude below 2^22, leaves the nearest integer in the low bits of the sum.
pub(crate) const ROUNDER: f32 = <f32 as Float>::ROUNDER;

/// Rounds to the nearest integer, ties to even, for magnitudes below 2^22 (f64: 2^51): the sum with
/// [`ROUNDER`](Float::ROUNDER) has no bits left for a fraction.
#[inline(always)]
pub fn nearest<F: Float>(x: F) -> F {
    (x + F::ROUNDER) - F::ROUNDER
}

/// `Σ coefficients[i] x^(N - 1 - i)`, by Horner's rule: the coefficient of the highest power comes first.
#[inline(always)]
fn polynomial<const N: usize>(x: f32, coefficients: [f32; N]) -> f32 {
    coefficients.into_iter().reduce(|sum, coefficient| sum * x + coefficient).unwrap_or_default()
}

/// `e^x = 2^n e^r` with `n = round(x / ln 2)` and `|r| <= ln 2 / 2`, in the way of Cephes' `expf` (Moshier 1992). Straight-line
/// code, so that it vectorises on a PC.
///
/// 1. `ln 2` is taken in two parts, of which the first has 9 bits: its product with `n`, and so the difference from `x`, is
///    exact.
/// 2. `e^r = 1 + r + r² p(r)`, with Cephes' minimax coefficients for `p`. The whole then has degree 7 and is within 2.4e-9 of
///    `e^r`. Half a unit in f32's last place is 6.0e-8, which the Taylor series' term in `r^7` still exceeds, with up to
///    1.2e-7, and the one in `r^8` does not, with 5.2e-9.
/// 3. `n`, in the low bits of `shifted`, moves into the exponent's place.
#[inline(always)]
fn exp_f32(x: f32) -> f32 {
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    const P: [f32; 6] = [1.987_569_2e-4, 1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 0.166_666_65, 0.5];
    let x = clamp(x, -87.0, 88.0);
    let shifted = x * core::f32::consts::LOG2_E + ROUNDER;
    let n = shifted - ROUNDER;
    let r = (x - n * LN_2_HIGH) - n * LN_2_LOW;
    let mantissa = polynomial(r, P) * (r * r) + r + 1.0;
    let exponent = (shifted.to_bits() << 23).wrapping_add(127 << 23);
    mantissa * f32::from_bits(exponent)
}

/// Sine and cosine: `x = n π/2 + r` with `n = round(x / (π/2))` and `|r| <= π/4`, in the way of Cephes' `sinf` and `cosf`
/// (Moshier 1992).
///
/// 1. `π/2` is taken in three parts. The first two are short: their products with an `n` of 13 bits are exact.
/// 2. With `z = r²`, `sin r = r + r z s(z)` and `cos r = 1 - z/2 + z² c(z)`, with Cephes' minimax coefficients for `s` and `c`.
///    The sine has degree 7 and is within 6.4e-9 of itself, the cosine has degree 8 and is within 2.1e-10, of the 6.0e-8 that
///    are half a unit in the last place. The Taylor series' last terms that they take in come to 3.7e-5 and 3.6e-6.
/// 3. A turn by `n π/2` swaps the two and changes signs, by the two low bits of `n`.
fn sin_cos(x: f32) -> [f32; 2] {
    const HALF_PI: [f32; 3] = [1.570_312_5, 4.837_513e-4, 7.549_79e-8];
    const S: [f32; 3] = [-1.951_529_6e-4, 8.332_161e-3, -0.166_666_55];
    const C: [f32; 3] = [2.443_315_7e-5, -1.388_731_6e-3, 4.166_664_6e-2];
    let shifted = x * core::f32::consts::FRAC_2_PI + ROUNDER;
    let n = shifted - ROUNDER;
    let r = ((x - n * HALF_PI[0]) - n * HALF_PI[1]) - n * HALF_PI[2];
    let z = r * r;
    let sin = polynomial(z, S) * z * r + r;
    let cos = polynomial(z, C) * z * z - 0.5 * z + 1.0;
    match shifted.to_bits() & 3 {
        0 => [sin, cos],
        1 => [cos, -sin],
        2 => [-sin, -cos],
        _ => [-cos, sin],
    }
}

/// `x^y = 2^(y log2 x)` in integers with 30 fractional bits.
///
/// 1. `|log2 x| <= 31` and `|y| <= 1`, so that the exponent has 5 bits before the point, and its product with `y`, which has 28
///    fractional bits, fits 64.
/// 2. Its whole part becomes the f32's exponent, and its fraction `f`, from 0 to 1, goes through the Taylor series of
///    `2^f = e^(f ln 2)`. That ends with `f^9`: the next term is at most 7.1e-9, while the one in `f^9` comes to 1.0e-7, more
///    than half a unit in f32's last place.
const fn pow_f32(x: f32, y: f32) -> f32 {
    /// `round(2^30 ln(2)^k / k!)`, for the powers of the fraction from 0 on.
    const EXP2: [i64; 10] = [
        1_073_741_824,
        744_261_118,
        257_941_248,
        59_597_083,
        10_327_387,
        1_431_680,
        165_394,
        16_377,
        1419,
        109,
    ];
    let y = (y.clamp(-1.0, 1.0) * (1 << 28) as f32) as i64;
    // Wraps for a NaN alone, whose power means nothing.
    let exponent = log2(x).wrapping_mul(y) >> 28;
    let fraction = exponent & ((1 << 30) - 1);
    let (mut power, mut k) = (0, EXP2.len());
    while k > 0 {
        k -= 1;
        power = ((power * fraction) >> 30) + EXP2[k];
    }
    let scale = ((exponent >> 30) - 30 + 127) as u32;
    power as u32 as f32 * f32::from_bits(scale << 23)
}

/// The rotary frequency `base^(-2i / head)` of pair `i` of a head's channels (Su et al. 2021).
pub(crate) const fn frequency(i: usize, head: usize, base: f32) -> f32 {
    pow_f32(base, -((2 * i) as f32) / head as f32)
}

/// `log2 x` with 30 fractional bits, for `x` from 2^-31 to 2^31. The exponent is its whole part. The fraction comes a bit at a
/// time, the highest first: squaring the mantissa doubles its logarithm, and a square of 2 or more carries a 1 out.
pub(crate) const fn log2(x: f32) -> i64 {
    let bits = x.clamp(4.7e-10, 2.1e9).to_bits();
    let mut log = (bits >> 23) as i64 - 127;
    let mut mantissa = ((bits & 0x7f_ffff | 0x80_0000) as u64) << 7;
    let mut i = 0;
    while i < 30 {
        i += 1;
        mantissa = (mantissa * mantissa) >> 30;
        let carry = mantissa >> 31;
        mantissa >>= carry;
        log = 2 * log + carry as i64;
    }
    log
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_within_two_units_in_the_last_place() {
        let mut worst = 0.0f64;
        for i in 0..2_000_000 {
            let x = -87.0 + i as f32 * (175.0 / 2_000_000.0);
            let exact = libm::exp(f64::from(x));
            let unit = f64::from(f32::EPSILON) * libm::exp2(libm::floor(libm::log2(exact)));
            worst = worst.max((f64::from(exp(x)) - exact).abs() / unit);
        }
        assert!(worst < 2.0, "{worst} units");
        assert_eq!(exp(0.0f32), 1.0);
        assert_eq!(exp(-1e30f32), exp(-87.0f32));
        assert!(exp(f32::INFINITY).is_finite());
    }

    #[test]
    fn chips_without_an_fpu_compare_and_cut_alike() {
        let ends = [0.0, -0.0, 1e-45, -1e-45, 87.0, -87.0, 88.0, f32::MAX, f32::INFINITY, f32::NAN]
            .map(f32::to_bits);
        for bits in (0..=u32::MAX).step_by(4093).chain(ends).flat_map(|bits| [bits, bits ^ 1 << 31]) {
            let x = f32::from_bits(bits);
            assert_eq!(clamp_by_bits(x, -87.0, 88.0).to_bits(), x.clamp(-87.0, 88.0).to_bits(), "{x:e}");
            if x.is_nan() || x < 4_294_967_296.0 {
                assert_eq!(truncated_by_bits(x), x as u32, "{x:e}");
            }
            for y in [-1.0, 0.0, 1.0] {
                assert_eq!(
                    ordered(x) < ordered(y),
                    x < y || x.is_nan() || (x, y) == (0.0, 0.0) && bits != 0,
                    "{x:e} {y}"
                );
            }
        }
    }

    #[test]
    fn tanh_and_sigmoid_reach_their_ends() {
        assert_eq!(tanh(50.0f32), 1.0);
        assert_eq!(tanh(-50.0f32), -1.0);
        for i in -800..800 {
            let x = i as f32 / 100.0;
            assert!((f64::from(tanh(x)) - libm::tanh(f64::from(x))).abs() < 1.8e-7, "{x}");
        }
        assert_eq!(sigmoid(0.0f32), 0.5);
    }

    #[test]
    fn dot_takes_every_length() {
        let ones = [1.0f32; 37];
        for length in 0..37 {
            assert_eq!(dot(&ones[..length], &ones[..length]), length as f32);
            assert_eq!(sum(&ones[..length], |x| x + x), 2.0 * length as f32);
        }
    }

    #[test]
    fn sine_cosine_and_power_are_close() {
        for i in -200_000..200_000 {
            let x = i as f32 * 0.327_67;
            let [sin, cos] = sin_cos(x).map(f64::from);
            let x = f64::from(x);
            assert!(
                (sin - libm::sin(x)).abs() < 1e-6 && (cos - libm::cos(x)).abs() < 1e-6,
                "{x}: {sin} {cos}"
            );
        }
        for x in [1e-9f32, 0.7, 1.0, 2.0, 500.0, 10_000.0, 500_000.0, 1e9] {
            for i in -1000..=1000 {
                let y = i as f32 / 1000.0;
                let error = f64::from(pow_f32(x, y)) / libm::pow(x.into(), y.into()) - 1.0;
                assert!(error.abs() < 1.5e-7, "{x}^{y}: {error}");
            }
        }
        for x in (0..60_000).map(|i| libm::exp2f((i - 30_000) as f32 / 1000.0)) {
            let exact = libm::log(x.into());
            assert!((f64::from(ln(x)) - exact).abs() < 1e-7 + exact.abs() * 6e-8, "{x}: {} {exact}", ln(x));
        }
        assert_eq!(ln(1.0), 0.0);
        for x in [0.0, -1.0, f32::NAN, f32::INFINITY] {
            assert!(ln(x).is_finite());
            assert!(pow_f32(x, -1.0).is_finite() || x.is_nan());
            let _ = sin_cos(x);
        }
    }
}
