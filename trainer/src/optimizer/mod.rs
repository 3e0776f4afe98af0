//! The update rules, a file each, and what they share: the moments, the walk over all tensors, and the gradient's sum, norm
//! and clipping.

mod adamw;
mod muon;
pub mod schedule;

use pipsqueak::Config;
use pipsqueak::internal::{Parameter, Shape, math};
use serde::{Deserialize, Serialize};

pub use adamw::AdamW;
pub use muon::Muon;

use crate::training::parallel;
use crate::training::parameters::Parameters;
use crate::vector::vectorised;

/// Values that a thread takes at a time. Sums are made block by block, so they do not depend on the number of threads.
const BLOCK: usize = 1 << 14;

/// The update rule.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Optimizer {
    /// Each weight by its own gradients.
    AdamW(AdamW),
    /// Each matrix of a layer as a whole, and the rest by AdamW.
    Muon(Muon),
}

/// Running means of the gradient and of its square.
#[derive(Debug, Clone, PartialEq)]
pub struct Moments {
    /// `m`.
    pub first: Parameters<f32>,
    /// `v`; zero where the rule needs none. NorMuon has one value for each row of a matrix, in place of the row's first.
    pub second: Parameters<f32>,
}

impl Moments {
    /// Both zero.
    pub fn zeros(config: &Config) -> Moments {
        Moments { first: Parameters::zeros(config), second: Parameters::zeros(config) }
    }
}

/// The numbers of one step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// Counted from 0.
    pub number: u64,
    /// See [`Schedule`](crate::optimizer::schedule::Schedule).
    pub learning_rate: f64,
    /// The factor of the gradient; see [`clip`].
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
        let tensors = walk_with(parameters, moments, gradients);
        match self {
            Optimizer::AdamW(rule) => rule.update(tensors, step, threads),
            Optimizer::Muon(rule) => rule.update(config, tensors, step, threads),
        }
    }
}

/// One parameter, with all that a step reads and changes.
struct Tensor<'a> {
    parameter: Parameter,
    shape: Shape,
    slices: Slices<'a>,
}

/// Some weights with their moments and gradients, all of one length; named as in the rules' formulas.
struct Slices<'a> {
    w: &'a mut [f32],
    m: &'a mut [f32],
    v: &'a mut [f32],
    g: &'a [f32],
}

/// Every parameter that the model has, with its moments and gradient.
fn walk_with<'a>(
    parameters: &'a mut Parameters<f32>,
    moments: &'a mut Moments,
    gradients: &'a Parameters<f32>,
) -> impl Iterator<Item = Tensor<'a>> {
    let Moments { first, second } = moments;
    let moments = first.walk_mut().zip(second.walk_mut());
    let all = parameters.walk_mut().zip(moments).zip(gradients.walk());
    all.map(|(((parameter, w), ((_, m), (_, v))), (_, shape, g))| {
        let slices = Slices { w, m, v, g };
        Tensor { parameter, shape, slices }
    })
}

impl<'a> Slices<'a> {
    /// Takes the first `length` of each off; all of them where there are fewer.
    fn split_off(&mut self, length: usize) -> Slices<'a> {
        let length = length.min(self.g.len());
        let split = |values: &mut &'a mut [f32]| values.split_off_mut(..length).unwrap_or_default();
        let (w, m, v) = (split(&mut self.w), split(&mut self.m), split(&mut self.v));
        Slices { w, m, v, g: self.g.split_off(..length).unwrap_or_default() }
    }

    /// Pieces of this `length`, and a last one of what remains.
    fn chunks(mut self, length: usize) -> impl Iterator<Item = Slices<'a>> {
        core::iter::from_fn(move || (!self.g.is_empty()).then(|| self.split_off(length)))
    }
}

/// Adds up all `gradients` in the first of them, in their order; returns the norm of the sum.
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

/// The factor that brings a gradient of this `norm` down to `largest`, if it is larger; 0 stands for no limit.
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
