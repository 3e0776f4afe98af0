//! The norms, which keep the residual stream in range before each block.
//!
//! Layer norm: `out = (x - mean) / sqrt(variance + ε) * gain + bias` (Ba et al. 2016; GPT-2).
//! RMS norm: `out = x / sqrt(mean(x²) + ε) * gain` (Zhang and Sennrich 2019; Llama).

use crate::math::{self, Float};

/// Writes the norm of `x` to `out`, both `[width]`; an empty `bias` is none. Returns `(mean, 1 / deviation)`, which the
/// backward pass needs.
#[inline(always)]
pub fn layer_norm<F: Float>(out: &mut [F], x: &[F], gain: &[F], bias: &[F], epsilon: F) -> (F, F) {
    let width = F::of(x.len() as f64);
    let mean = math::sum(x, |x| x) / width;
    let variance = math::sum(x, |x| (x - mean) * (x - mean)) / width;
    let inverse_deviation = F::ONE / math::sqrt(variance + epsilon);
    for ((out, &x), &gain) in out.iter_mut().zip(x).zip(gain) {
        *out = (x - mean) * inverse_deviation * gain;
    }
    math::add(out, bias);
    (mean, inverse_deviation)
}

/// Writes the norm of `x` to `out`, both `[width]`; returns `1 / rms`, which the backward pass needs.
#[inline(always)]
pub fn rms_norm<F: Float>(out: &mut [F], x: &[F], gain: &[F], epsilon: F) -> F {
    let mean_square = math::sum(x, |x| x * x) / F::of(x.len() as f64);
    let inverse_rms = F::ONE / math::sqrt(mean_square + epsilon);
    for ((out, &x), &gain) in out.iter_mut().zip(x).zip(gain) {
        *out = x * inverse_rms * gain;
    }
    inverse_rms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mean_zero_and_variance_one() {
        let mut out = [0.0f32; 4];
        layer_norm(&mut out, &[5.0, 7.0, 5.0, 7.0], &[1.0; 4], &[0.5; 4], 0.0);
        assert_eq!(out, [-0.5, 1.5, -0.5, 1.5]);
        layer_norm(&mut out, &[5.0, 7.0, 5.0, 7.0], &[2.0; 4], &[], 0.0);
        assert_eq!(out, [-2.0, 2.0, -2.0, 2.0]);
    }

    #[test]
    fn a_vector_of_equal_sizes_becomes_its_signs() {
        let mut out = [0.0f32; 4];
        rms_norm(&mut out, &[3.0, -3.0, 3.0, -3.0], &[1.0, 1.0, 2.0, 2.0], 0.0);
        assert_eq!(out, [1.0, -1.0, 2.0, -2.0]);
    }
}
