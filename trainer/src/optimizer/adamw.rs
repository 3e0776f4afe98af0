//! AdamW (Loshchilov and Hutter 2019).
//!
//! `m = β₁ m + (1 - β₁) g`, `v = β₂ v + (1 - β₂) g²`, then
//! `w = w (1 - rate decay) - rate m / (1 - β₁ᵗ) / (sqrt(v / (1 - β₂ᵗ)) + ε)`. Only matrices decay.

use pipsqueak::internal::Parameter;
use serde::{Deserialize, Serialize};

use super::{BLOCK, Moments, Step};
use crate::training::parallel;
use crate::training::parameters::Parameters;
use crate::vector::vectorised;

/// The rule's constants.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AdamW {
    /// Decay of the mean of the gradient.
    pub beta1: f64,
    /// Decay of the mean of its square.
    pub beta2: f64,
    /// Keeps the division in range.
    pub epsilon: f64,
    /// Decay of matrices, times the learning rate.
    pub weight_decay: f64,
}

/// What the formula needs of one step, in f32.
#[derive(Clone, Copy)]
struct Rates {
    beta1: f32,
    beta2: f32,
    epsilon: f32,
    /// `rate / (1 - β₁ᵗ)`.
    rate: f32,
    /// `1 / (1 - β₂ᵗ)`.
    second_correction: f32,
    /// What is left of a matrix.
    keep: f32,
    /// What the gradient is multiplied by: clipping.
    clip: f32,
}

impl AdamW {
    /// A step of every parameter that `chosen` says yes to.
    pub(super) fn update(
        &self,
        parameters: &mut Parameters<f32>,
        moments: &mut Moments,
        gradients: &Parameters<f32>,
        step: Step,
        threads: usize,
        chosen: impl Fn(Parameter) -> bool,
    ) {
        let all = parameters.walk_mut().zip(moments.first.walk_mut()).zip(moments.second.walk_mut());
        let all = all.zip(gradients.walk()).filter(|((((parameter, _), _), _), _)| chosen(*parameter));
        let blocks = all.flat_map(|((((parameter, w), (_, m)), (_, v)), (_, _, g))| {
            let rates = self.rates(step, parameter.is_matrix());
            let blocks =
                w.chunks_mut(BLOCK).zip(m.chunks_mut(BLOCK)).zip(v.chunks_mut(BLOCK)).zip(g.chunks(BLOCK));
            blocks.map(move |block| (rates, block))
        });
        let blocks: Vec<_> = blocks.collect();
        parallel::for_each(threads, blocks.into_iter(), |(rates, (((w, m), v), g))| {
            update(w, m, v, g, rates)
        });
    }

    fn rates(&self, step: Step, decays: bool) -> Rates {
        let time = (step.number + 1) as f64;
        let decay = if decays { self.weight_decay } else { 0.0 };
        Rates {
            beta1: self.beta1 as f32,
            beta2: self.beta2 as f32,
            epsilon: self.epsilon as f32,
            rate: (step.learning_rate / (1.0 - libm::pow(self.beta1, time))) as f32,
            second_correction: (1.0 / (1.0 - libm::pow(self.beta2, time))) as f32,
            keep: (1.0 - step.learning_rate * decay) as f32,
            clip: step.clip as f32,
        }
    }
}

vectorised! {
    fn update(w: &mut [f32], m: &mut [f32], v: &mut [f32], g: &[f32], rates: Rates) {
        let Rates { beta1, beta2, epsilon, rate, second_correction, keep, clip } = rates;
        for (((w, m), v), &g) in w.iter_mut().zip(m).zip(v).zip(g) {
            let g = g * clip;
            *m = beta1 * *m + (1.0 - beta1) * g;
            *v = beta2 * *v + (1.0 - beta2) * g * g;
            *w = *w * keep - rate * *m / (f32::sqrt(*v * second_correction) + epsilon);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sizing::presets::GPT;

    #[test]
    fn the_first_step_goes_by_the_sign_and_only_matrices_decay() {
        let rule = AdamW { beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weight_decay: 0.1 };
        let mut parameters = Parameters::<f32>::zeros(&GPT);
        parameters.values_mut().fill(1.0);
        let mut gradients = Parameters::zeros(&GPT);
        gradients.values_mut().fill(-3.0);
        let step = Step { number: 0, learning_rate: 0.5, clip: 1.0 };
        rule.update(&mut parameters, &mut Moments::zeros(&GPT), &gradients, step, 2, |_| true);
        assert!(parameters.get(Parameter::Up).iter().all(|w| (w - 1.45).abs() < 1e-6));
        assert!(parameters.get(Parameter::MlpNormGain).iter().all(|w| (w - 1.5).abs() < 1e-6));
    }
}
