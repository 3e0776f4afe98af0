//! Softmax: `out[i] = e^(x[i] - max) / Σ e^(x[j] - max)`.

use crate::math::{self, Float};

/// Turns scores into probabilities, in place. Returns `(max, Σ e^(x - max))`, from which a loss follows.
#[inline(always)]
pub fn softmax<F: Float>(x: &mut [F]) -> (F, F) {
    let largest = math::maximum(x);
    for x in x.iter_mut() {
        *x = math::exp(*x - largest);
    }
    let total = math::sum(x, |x| x);
    let inverse = F::ONE / total;
    for x in x.iter_mut() {
        *x *= inverse;
    }
    (largest, total)
}

#[cfg(test)]
mod tests {
    use super::softmax;

    #[test]
    fn equal_scores_share_and_large_ones_do_not_overflow() {
        let mut x = [1e30f32, 1e30, -1e30];
        softmax(&mut x);
        assert_eq!(x[0], 0.5);
        assert!(x[2] < 1e-30);
    }
}
