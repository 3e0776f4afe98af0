//! Layer norm: `out = (x - mean) / sqrt(variance + ε) * gain + bias` (Ba et al. 2016; GPT-2).

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
    super::add(out, bias);
    (mean, inverse_deviation)
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
}
