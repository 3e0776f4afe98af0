//! [The norms](crate::float::norm) of a vector of integers: `out = (x - mean) / sqrt(variance + ε) * gain + bias`, and
//! `out = x / sqrt(mean(x²) + ε) * gain`. Step by step, for numbers `x = X scale`:
//!
//! 1. `X` is cut to 15 bits and a sign (14 where a mean is subtracted, which may double a value), and `scale` grows with the
//!    cut. Then `X²` fits a word, and `Σ X²` is exact.
//! 2. `mean(x²) = Σ X² / width * scale²`. The root of it is one f32 a vector, and no loop divides by it: it becomes part of
//!    the scale, `out = (X * gain) * (scale / root)`.
//! 3. A gain is `mantissa * 2^(exponent - 141)`. `X * mantissa`, 15 bits each, is below 2^30, and a shift right aligns it to
//!    the largest exponent of all gains, which becomes part of the scale as well: `2^(largest - 141)`.
//! 4. A bias is divided by the scale that results, and added.
//!
//! Cutting a value and a gain to 15 bits makes a relative error below 2^-14 each.

use crate::config::Norm;
use crate::numbers::{excess_bits, power_of_two};
use crate::slices::copy;
use crate::{kernels, known, math};

/// A vector, and what its numbers count.
#[derive(Clone, Copy)]
pub struct Scaled<'a> {
    /// Below 2^31 in size.
    pub values: &'a [i32],
    /// The value that 1 stands for.
    pub scale: f32,
    /// Their [`kernels::or_of_magnitudes`].
    pub magnitudes: u32,
}

/// Writes the norm of `x` to `out`, both `[width]`; an empty `bias` is none. Returns what the numbers in `out` count.
pub fn norm(out: &mut [i32], x: Scaled<'_>, kind: Norm, gain: &[f32], bias: &[f32], epsilon: f32) -> f32 {
    // Without its mean, a value may be twice as large.
    let kept = if matches!(kind, Norm::Layer) { 14 } else { 15 };
    let cut = excess_bits(x.magnitudes, kept);
    let scale = x.scale * power_of_two(cut as i32);
    copy(out, x.values);
    let gain_cut = match kind {
        Norm::None => {
            out.iter_mut().for_each(|x| *x >>= cut);
            return scale;
        }
        Norm::Layer => {
            out.iter_mut().for_each(|x| *x >>= cut);
            subtract_mean(out);
            0
        }
        Norm::Rms => cut,
    };
    let largest = kernels::largest_exponent(gain);
    let squares = kernels::gain(out, gain_cut, gain, largest);
    let mean_square = squares as f32 / out.len() as f32 * scale * scale;
    let scale = scale / math::sqrt(mean_square + epsilon) * power_of_two(largest - 141);
    if known::may_have_bias() {
        kernels::add_f32(out, bias, scale);
    }
    scale
}

fn subtract_mean(x: &mut [i32]) {
    let mean = x.iter().sum::<i32>() / x.len().max(1) as i32;
    x.iter_mut().for_each(|x| *x -= mean);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::float::norm::{layer_norm, rms_norm};
    use crate::random::SplitMix64;
    use rand_core::Rng;
    use std::vec::Vec;

    #[test]
    fn close_to_f32() {
        let rng = &mut SplitMix64::new(1);
        let noise = |rng: &mut SplitMix64, size: f32| -> Vec<f32> {
            (0..50).map(|_| (rng.next_u32() as f32 / 2f32.powi(31) - 1.0) * size).collect()
        };
        for size in [1e-4, 1.0, 300.0] {
            let (mut x, gain, bias) = (noise(rng, size), noise(rng, 3.0), noise(rng, 1.0));
            x.iter_mut().for_each(|x| *x += 0.3 * size);
            let unit = size / (1 << 25) as f32;
            let values: Vec<i32> = x.iter().map(|x| (x / unit) as i32).collect();
            for kind in [Norm::None, Norm::Layer, Norm::Rms] {
                let mut expected = x.clone();
                match kind {
                    Norm::None => {}
                    Norm::Layer => _ = layer_norm(&mut expected, &x, &gain, &bias, 1e-9),
                    Norm::Rms => _ = rms_norm(&mut expected, &x, &gain, 1e-9),
                }
                let shift: &[f32] = if kind == Norm::Layer { &bias } else { &[] };
                let mut out = std::vec![0; 50];
                let scale = norm(
                    &mut out,
                    Scaled { values: &values, scale: unit, magnitudes: kernels::or_of_magnitudes(&values) },
                    kind,
                    &gain,
                    shift,
                    1e-9,
                );
                let largest = expected.iter().fold(0f32, |l, x| l.max(x.abs()));
                for (i, (out, expected)) in out.iter().zip(&expected).enumerate() {
                    let error = (*out as f32 * scale - expected).abs() / largest;
                    assert!(error < 3e-4, "{kind:?}, size {size}, [{i}]: {error}");
                }
            }
        }
    }

    #[test]
    fn extremes_are_harmless() {
        for values in [[0; 3], [i32::MIN, i32::MAX, 0], [1, -1, 0]] {
            for scale in [0.0, 1e-38, 1e30] {
                for gain in [[0.0; 3], [f32::MAX, -f32::MAX, 1e-40], [1.0; 3]] {
                    for kind in [Norm::None, Norm::Layer, Norm::Rms] {
                        norm(
                            &mut [0; 3],
                            Scaled { values: &values, scale, magnitudes: kernels::or_of_magnitudes(&values) },
                            kind,
                            &gain,
                            &gain,
                            0.0,
                        );
                    }
                }
            }
        }
    }
}
