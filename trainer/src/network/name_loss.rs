//! Which name? A loss besides the cross entropy: `-weight Σ ln softmax(logits of the names)[target]`, over the targets that are
//! names told before.
//!
//! Few tokens of a story are such names, and the free choices among all the others drown their gradient. A greater weight in the
//! cross entropy would make the model write names too often; a loss among the names alone changes only which name it writes.

use pipsqueak::internal::float::softmax::softmax;
use pipsqueak::internal::math::Float;

use crate::data::batches::Window;
use crate::data::names::Names;

/// The gradient for one sequence.
pub struct NameLoss<'n, F> {
    names: &'n Names,
    /// Positions, and the gradient at each by the logits of the names.
    gradients: Vec<(usize, Vec<F>)>,
}

impl<'n, F: Float> NameLoss<'n, F> {
    /// The gradient by the `logits` `[length, vocab]` of a window.
    pub fn of(names: &'n Names, logits: &[F], window: Window<'_>) -> Self {
        let vocab = logits.len() / window.targets.len();
        let gradient = |position: usize| {
            let row = &logits[position * vocab..(position + 1) * vocab];
            let mut gradient: Vec<F> = names.tokens().iter().map(|&token| row[usize::from(token)]).collect();
            softmax(&mut gradient);
            for (slope, &token) in gradient.iter_mut().zip(names.tokens()) {
                let right = if token == window.targets[position] { F::ONE } else { F::ZERO };
                *slope = (*slope - right) * F::of(names.weight.into());
            }
            (position, gradient)
        };
        NameLoss { names, gradients: names.told_before(window).into_iter().map(gradient).collect() }
    }

    /// Adds the gradient times `scale` to that of the cross entropy, `[length, vocab]`.
    pub fn add_to(&self, dlogits: &mut [F], vocab: usize, scale: F) {
        for (position, gradient) in &self.gradients {
            let row = &mut dlogits[position * vocab..(position + 1) * vocab];
            for (&slope, &token) in gradient.iter().zip(self.names.tokens()) {
                row[usize::from(token)] += slope * scale;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::differences::{check, values};

    #[test]
    fn gradients_are_those_of_differences() {
        let names = Names::of(vec![None, Some(1), Some(2), None, Some(2)], 8.0, Some(0));
        let (inputs, targets) = ([0, 1, 4, 2, 0, 2], [1, 4, 2, 0, 2, 4]);
        let window = Window { inputs: &inputs, targets: &targets, weights: &[] };
        let logits = values(6 * 5, 1);
        // The names are tokens 1, 2 and 4. Positions 2 and 5 have a name that stands before: the second of the three, and the last.
        let loss = |logits: &[f64]| -> f64 {
            let each = [(2, 1), (5, 2)].map(|(position, target)| {
                let row = [1, 2, 4].map(|token| logits[5 * position + token]);
                row.map(f64::exp).iter().sum::<f64>().ln() - row[target]
            });
            8.0 * each.iter().sum::<f64>() * 0.25
        };
        let mut dlogits = vec![0.0; logits.len()];
        NameLoss::of(&names, &logits, window).add_to(&mut dlogits, 5, 0.25);
        check("which name", &dlogits, &logits, loss);
    }
}
