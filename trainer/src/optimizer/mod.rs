//! The rules of a step, a file each, and what they share: the moments, and the gradient's sum, norm and clipping.

mod adamw;
mod muon;
pub mod schedule;

use pipsqueak::Config;
use pipsqueak::internal::math;
use serde::{Deserialize, Serialize};

pub use adamw::AdamW;
pub use muon::Muon;

use crate::training::parallel;
use crate::training::parameters::Parameters;
use crate::vector::vectorised;

/// Values that one thread takes at a time; sums are per block, so that they do not depend on the threads.
const BLOCK: usize = 1 << 14;

/// How far and which way a step goes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Optimizer {
    /// Every value by itself.
    AdamW(AdamW),
    /// The layers' matrices as wholes, the rest by AdamW.
    Muon(Muon),
}

/// Running means of the gradient and of its square.
#[derive(Debug, Clone, PartialEq)]
pub struct Moments {
    /// `m`.
    pub first: Parameters<f32>,
    /// `v`; zero where the rule needs none. For each row of Muon's matrices, one, at its beginning.
    pub second: Parameters<f32>,
}

impl Moments {
    /// Both zero.
    pub fn zeros(config: &Config) -> Moments {
        Moments { first: Parameters::zeros(config), second: Parameters::zeros(config) }
    }
}

/// Which step it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// Counted from 0.
    pub number: u64,
    /// See [`Schedule`](crate::optimizer::schedule::Schedule).
    pub learning_rate: f64,
    /// What the gradient is multiplied by; see [`clip`].
    pub clip: f64,
}

impl Optimizer {
    /// One step with the gradient times `step.clip`. The same for any number of threads.
    pub fn update(
        &self,
        config: &Config,
        parameters: &mut Parameters<f32>,
        moments: &mut Moments,
        gradients: &Parameters<f32>,
        step: Step,
        threads: usize,
    ) {
        match self {
            Optimizer::AdamW(rule) => rule.update(parameters, moments, gradients, step, threads, |_| true),
            Optimizer::Muon(rule) => rule.update(config, parameters, moments, gradients, step, threads),
        }
    }
}

/// Adds all `gradients` up in the first, in their order; returns the norm of the sum.
pub fn reduce(gradients: &mut [&mut Parameters<f32>], threads: usize) -> f64 {
    let (first, others) = gradients.split_first_mut().expect("at least one shard");
    let mut squares = vec![0.0; first.len().div_ceil(BLOCK)];
    let blocks = first.values_mut().chunks_mut(BLOCK).zip(&mut squares).enumerate();
    parallel::for_each(threads, blocks, |(i, (sum, square))| {
        let parts: Vec<&[f32]> = others.iter().map(|other| &other.values()[i * BLOCK..]).collect();
        *square = f64::from(add_all(sum, &parts));
    });
    libm::sqrt(squares.iter().sum())
}

vectorised! {
    /// Adds all `parts` to `sum`; returns the sum of its squares.
    fn add_all(sum: &mut [f32], parts: &[&[f32]]) -> f32 {
        for part in parts {
            sum.iter_mut().zip(*part).for_each(|(sum, part)| *sum += part);
        }
        math::sum(sum, |g| g * g)
    }
}

/// What to multiply a gradient of this `norm` by, so that it is at most `largest` (0: never).
pub fn clip(norm: f64, largest: f64) -> f64 {
    if largest > 0.0 && norm > largest { largest / norm } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sizing::presets::GPT;

    #[test]
    fn shards_add_up_and_the_norm_is_that_of_the_sum() {
        let mut shards = [1.0, 2.0].map(|value| {
            let mut gradients = Parameters::<f32>::zeros(&GPT);
            gradients.values_mut().fill(value);
            gradients
        });
        let [first, second] = &mut shards;
        let norm = reduce(&mut [first, second], 2);
        assert!((norm - libm::sqrt(9.0 * shards[0].len() as f64)).abs() < 1e-6);
        assert!(shards[0].values().iter().all(|&g| g == 3.0));
        assert_eq!((clip(4.0, 1.0), clip(0.5, 1.0), clip(4.0, 0.0)), (0.25, 1.0, 1.0));
    }
}
