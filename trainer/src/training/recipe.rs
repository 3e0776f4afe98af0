//! The recipe that `train` and the page follow where nothing else is asked for. `docs/quality.md` has the experiments behind it.

use pipsqueak::Config;

use super::HyperParameters;
use crate::optimizer::schedule::{Decay, Schedule};
use crate::optimizer::{AdamW, Muon, Optimizer};
use crate::sizing::amount::{self, Regularization};
use crate::sizing::shape::weights;

/// Windows of text in each step.
pub const BATCH: usize = 8;
/// Learning rate of a model that begins with random weights.
pub const LEARNING_RATE: f64 = 1e-2;
/// Largest norm of the gradient.
pub const CLIP: f64 = 1.0;
/// Share of a text that is kept back to validate with.
pub const VALIDATION_SHARE: f64 = 0.1;
/// Steps of the warm-up, where a tenth of the run is not less.
const WARMUP_MAX: u64 = 100;

/// Steps of linear warm-up for a run of this many.
pub fn warmup(steps: u64) -> u64 {
    WARMUP_MAX.min(steps / 10)
}

/// How often a run of `steps` goes through a text of `tokens`, by `tokens_a_step`.
pub fn passes(steps: u64, tokens_a_step: usize, tokens: usize) -> f64 {
    steps as f64 * tokens_a_step as f64 / tokens as f64
}

/// The regularization for a run that goes through a text of `tokens` this many times, with a model of this shape.
pub fn regularization(passes: f64, tokens: usize, config: &Config) -> Regularization {
    amount::regularization(passes, tokens as f64 / weights(config) as f64)
}

/// The settings for a run of `steps`.
pub fn hyper_parameters(steps: u64, regularization: Regularization) -> HyperParameters {
    let Regularization { dropout, weight_decay, .. } = regularization;
    let rest = AdamW { weight_decay, ..AdamW::DEFAULT };
    HyperParameters {
        schedule: Schedule {
            maximum: LEARNING_RATE,
            minimum: 0.0,
            decay: Decay::Linear,
            warmup: warmup(steps),
            steps,
        },
        optimizer: Optimizer::Muon(Muon { weight_decay, rest, ..Muon::NORMUON }),
        clip: CLIP,
        dropout,
    }
}
