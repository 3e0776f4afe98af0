//! The options that say how a model learns.

use anyhow::{Result, ensure};
use clap::{Args, ValueEnum};
use pipsqueak::Precision;

use crate::optimizer::schedule::{Decay, Schedule};
use crate::optimizer::{AdamW, Muon, Optimizer};
use crate::training::{HyperParameters, Quantization};

/// How the model learns.
#[derive(Debug, Args)]
#[command(next_help_heading = "Recipe")]
pub(in super::super) struct Recipe {
    /// Steps of the optimiser
    #[arg(long, default_value_t = 3000)]
    pub(in super::super) steps: u64,
    /// Windows of text a step
    #[arg(long, default_value_t = 8)]
    pub(in super::super) batch: usize,
    /// The rule of a step
    #[arg(long, value_enum, default_value_t = OptimizerName::Normuon)]
    optimizer: OptimizerName,
    /// Learning rate after the warm-up
    #[arg(long, default_value_t = 1e-2)]
    pub(in super::super) learning_rate: f64,
    /// How the learning rate falls after the warm-up
    #[arg(long, value_enum, default_value_t = DecayName::Linear)]
    decay: DecayName,
    /// Learning rate to which it falls
    #[arg(long, default_value_t = 0.0)]
    final_learning_rate: f64,
    /// Steps of linear warm-up
    #[arg(long, default_value_t = 100)]
    warmup: u64,
    /// Decay of the matrices
    #[arg(long, default_value_t = 0.1)]
    weight_decay: f64,
    /// AdamW's decay of the mean square of the gradient
    #[arg(long, default_value_t = 0.99)]
    beta2: f64,
    /// Largest norm of the gradient; 0 does not clip
    #[arg(long, default_value_t = 1.0)]
    clip: f64,
    /// Share of the text that is kept back to validate with
    #[arg(long, default_value_t = 0.1)]
    pub(in super::super) validation: f64,
    /// Share of the steps, at the end, that train the weights as the model file's --precision rounds them
    /// [default: int8 0, int4 0.15, ternary 0.4]
    #[arg(long, value_name = "SHARE")]
    quantize_last: Option<f64>,
    /// Begins the weights and the order of the text: the same seed gives the same model, bit for bit
    #[arg(long, default_value_t = 1)]
    pub(in super::super) seed: u64,
}

/// See [`Optimizer`].
#[derive(Debug, Clone, Copy, ValueEnum)]
enum OptimizerName {
    /// Every value by itself
    Adamw,
    /// The layers' matrices made orthogonal, the rest by AdamW
    Muon,
    /// Muon, each row by what its steps usually are
    Normuon,
}

/// See [`Decay`].
#[derive(Debug, Clone, Copy, ValueEnum)]
enum DecayName {
    /// In a straight line
    Linear,
    /// By half a cosine
    Cosine,
}

impl From<DecayName> for Decay {
    fn from(name: DecayName) -> Decay {
        match name {
            DecayName::Linear => Decay::Linear,
            DecayName::Cosine => Decay::Cosine,
        }
    }
}

impl Recipe {
    pub(in super::super) fn check(&self) -> Result<()> {
        ensure!(self.steps > 0, "--steps is 0; it takes at least 1");
        ensure!((1..=65_536).contains(&self.batch), "--batch is {}; it must be from 1 to 65536", self.batch);
        for (name, value, largest) in [
            ("learning-rate", self.learning_rate, 10.0),
            ("final-learning-rate", self.final_learning_rate, 10.0),
            ("weight-decay", self.weight_decay, 10.0),
            ("beta2", self.beta2, 0.999_999),
            ("clip", self.clip, f64::MAX),
            ("validation", self.validation, 0.9),
            ("quantize-last", self.quantize_last.unwrap_or(0.0), 1.0),
        ] {
            ensure!((0.0..=largest).contains(&value), "--{name} is {value}; it must be from 0 to {largest}");
        }
        Ok(())
    }

    pub(in super::super) fn hyper_parameters(&self) -> HyperParameters {
        HyperParameters {
            schedule: Schedule {
                maximum: self.learning_rate,
                minimum: self.final_learning_rate,
                decay: self.decay.into(),
                warmup: self.warmup,
                steps: self.steps,
            },
            optimizer: self.optimizer(),
            clip: self.clip,
        }
    }

    /// From which step on weights are rounded to `precision`.
    pub(in super::super) fn quantization(&self, precision: Precision) -> Option<Quantization> {
        let default = match precision {
            Precision::F32 | Precision::Int8 => 0.0,
            Precision::Int4 => 0.15,
            Precision::Ternary => 0.4,
        };
        let last = (self.quantize_last.unwrap_or(default) * self.steps as f64).round() as u64;
        let rounds = precision != Precision::F32 && last > 0;
        rounds.then(|| Quantization { precision, from: self.steps - last.min(self.steps) })
    }

    fn optimizer(&self) -> Optimizer {
        let weight_decay = self.weight_decay;
        let adamw = AdamW { beta2: self.beta2, weight_decay, ..AdamW::DEFAULT };
        let muon = |rule: Muon| Optimizer::Muon(Muon { weight_decay, rest: adamw, ..rule });
        match self.optimizer {
            OptimizerName::Adamw => Optimizer::AdamW(adamw),
            OptimizerName::Muon => muon(Muon::PLAIN),
            OptimizerName::Normuon => muon(Muon::NORMUON),
        }
    }
}
