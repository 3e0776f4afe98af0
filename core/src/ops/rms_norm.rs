//! RMS norm: `out = x / sqrt(mean(x²) + ε) * gain` (Zhang and Sennrich 2019; Llama).

use crate::math::{self, Float};

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
    fn a_vector_of_equal_sizes_becomes_its_signs() {
        let mut out = [0.0f32; 4];
        rms_norm(&mut out, &[3.0, -3.0, 3.0, -3.0], &[1.0, 1.0, 2.0, 2.0], 0.0);
        assert_eq!(out, [1.0, -1.0, 2.0, -2.0]);
    }
}
