//! AdamW (Loshchilov and Hutter 2019).
//!
//! `m = β₁ m + (1 - β₁) g`, `v = β₂ v + (1 - β₂) g²`, then
//! `w = w (1 - rate decay) - rate m / (1 - β₁ᵗ) / (sqrt(v / (1 - β₂ᵗ)) + ε)`. Only matrices decay.
//!
//! Both means begin at zero, so after `t` steps they hold a share of `1 - βᵗ` of what they are a mean of; dividing by it
//! makes up for that.

use serde::{Deserialize, Serialize};

use super::{BLOCK, Slices, Step, Tensor};
use crate::training::parallel;
use crate::vector::vectorised;

/// The rule's constants.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AdamW {
    /// `β₁`: decay of the mean of the gradient.
    pub beta1: f64,
    /// `β₂`: decay of the mean of its square.
    pub beta2: f64,
    /// `ε`: keeps the division in range.
    pub epsilon: f64,
    /// Decay of matrices, in units of the learning rate.
    pub weight_decay: f64,
}

impl AdamW {
    /// nanoGPT's constants for small models.
    pub const DEFAULT: AdamW = AdamW { beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weight_decay: 0.1 };
}

/// The numbers of the formula at one step, in f32.
#[derive(Clone, Copy)]
struct Rates {
    beta1: f32,
    beta2: f32,
    epsilon: f32,
    /// `rate / (1 - β₁ᵗ)`.
    rate: f32,
    /// `1 / (1 - β₂ᵗ)`.
    second_correction: f32,
    /// `1 - rate decay`.
    keep: f32,
    /// The factor that clips the gradient.
    clip: f32,
}

impl AdamW {
    /// A step of these tensors.
    pub(super) fn update<'a>(&self, tensors: impl Iterator<Item = Tensor<'a>>, step: Step, threads: usize) {
        let blocks = tensors.flat_map(|tensor| {
            let rates = self.rates(step, tensor.parameter.is_matrix());
            tensor.slices.chunks(BLOCK).map(move |slices| (slices, rates))
        });
        let blocks: Vec<_> = blocks.collect();
        parallel::for_each(threads, blocks.into_iter(), |(Slices { w, m, v, g }, rates)| {
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
    use pipsqueak::internal::Parameter;

    use super::*;
    use crate::optimizer::{Moments, Optimizer};
    use crate::sizing::presets::GPT;
    use crate::training::parameters::Parameters;

    #[test]
    fn the_first_step_goes_by_the_sign_and_only_matrices_decay() {
        let mut parameters = Parameters::<f32>::zeros(&GPT);
        parameters.values_mut().fill(1.0);
        let mut gradients = Parameters::zeros(&GPT);
        gradients.values_mut().fill(-3.0);
        let step = Step { number: 0, learning_rate: 0.5, clip: 1.0 };
        let mut moments = Moments::zeros(&GPT);
        Optimizer::AdamW(AdamW::DEFAULT).update(&GPT, &mut parameters, &mut moments, &gradients, step, 2);
        assert!(parameters.get(Parameter::Up).iter().all(|w| (w - 1.45).abs() < 1e-6));
        assert!(parameters.get(Parameter::MlpNormGain).iter().all(|w| (w - 1.5).abs() < 1e-6));
    }
}
