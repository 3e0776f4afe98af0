//! Cross entropy of the next token: `loss = -Σ weight ln softmax(logits)[target]`, in nats.

use pipsqueak::internal::float::softmax::softmax;
use pipsqueak::internal::math::Float;

use crate::vector::vectorised;

/// Returns the weighted sum over one sequence, and replaces `logits` `[length, vocab]` by their gradient
/// `(softmax(logits) - onehot(target)) weight scale`.
///
/// Empty `weights` stand for ones; a target of weight 0 is ignored. With a `scale` of 1 over the sum of the batch's weights,
/// the gradient is that of the mean.
pub fn cross_entropy<F: Float>(logits: &mut [F], targets: &[u16], weights: &[f32], scale: F) -> f64 {
    let vocab = logits.len() / targets.len();
    let mut total = 0.0;
    for (position, (row, &target)) in logits.chunks_exact_mut(vocab).zip(targets).enumerate() {
        let weight = weights.get(position).map_or(1.0, |&weight| f64::from(weight));
        let logit = row[usize::from(target)];
        let (largest, sum) = differentiate(row, usize::from(target), scale * F::of(weight));
        // -ln (e^(logit - largest) / sum)
        total += weight * (libm::log(sum.to_f64()) + (largest - logit).to_f64());
    }
    total
}

vectorised! {
    /// `row = (softmax(row) - onehot(target)) scale`; returns the largest logit and the sum of `e^(logit - largest)`.
    fn differentiate<F>(row: &mut [F], target: usize, scale: F) -> (F, F) {
        let statistics = softmax(row);
        row[target] -= F::ONE;
        row.iter_mut().for_each(|dlogit| *dlogit *= scale);
        statistics
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::differences::{check, values};

    #[test]
    fn gradients_are_those_of_differences() {
        let logits = values(3 * 4, 1);
        let (targets, weights) = ([1, 3, 0], [1.0, 0.0, 0.5]);
        let loss = |logits: &[f64]| cross_entropy(&mut logits.to_vec(), &targets, &weights, 0.25) * 0.25;
        let mut dlogits = logits.clone();
        cross_entropy(&mut dlogits, &targets, &weights, 0.25);
        check("cross entropy", &dlogits, &logits, loss);
        assert_eq!(dlogits[4..8], [0.0; 4]);
    }

    #[test]
    fn equal_logits_cost_the_logarithm_of_the_vocabulary() {
        let loss = cross_entropy(&mut [0.5f32; 8], &[3], &[], 1.0);
        assert!((loss - libm::log(8.0)).abs() < 1e-6);
    }
}
