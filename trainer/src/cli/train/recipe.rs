//! The options that say how a model learns.

use anyhow::{Result, ensure};
use clap::{Args, ValueEnum};
use pipsqueak::{Config, Precision, Tokenizer};

use super::super::options::{number, whole};
use crate::data::names::Names;
use crate::optimizer::schedule::{Decay, Schedule};
use crate::optimizer::{AdamW, Muon, Optimizer};
use crate::sizing::amount;
use crate::training::{HyperParameters, Quantization, recipe};

/// Learning rate of a model that goes on from what it has learned.
const LEARNING_RATE_ON: f64 = 1.5e-3;
/// Steps of a run over pairs.
const STEPS_OF_PAIRS: u64 = amount::STEPS_MAX;

/// How the model learns.
#[derive(Debug, Args)]
#[command(next_help_heading = "Recipe")]
pub(in super::super) struct Recipe {
    /// Steps of the optimiser [default: what suits the amount of text, at most 4,000]
    #[arg(long, value_parser = whole::<u64>(1..=1_000_000_000))]
    steps: Option<u64>,
    /// Windows of text in each step
    #[arg(long, value_name = "WINDOWS", default_value_t = recipe::BATCH, value_parser = whole::<usize>(1..=65_536))]
    pub(in super::super) batch: usize,
    /// The update rule
    #[arg(long, value_enum, default_value_t = OptimizerName::Normuon)]
    optimizer: OptimizerName,
    /// Learning rate after the warm-up [default: 0.01, with --from 0.0015]
    #[arg(long, value_name = "RATE", value_parser = number::<f64>(0.0..=10.0))]
    learning_rate: Option<f64>,
    /// How the learning rate falls after the warm-up
    #[arg(long, value_enum, default_value_t = DecayName::Linear)]
    decay: DecayName,
    /// Learning rate to which it falls
    #[arg(long, value_name = "RATE", default_value_t = 0.0, value_parser = number::<f64>(0.0..=10.0))]
    final_learning_rate: f64,
    /// Steps of linear warm-up [default: 100, but at most a tenth of all]
    #[arg(long, value_name = "STEPS", value_parser = whole::<u64>(0..=1_000_000_000))]
    warmup: Option<u64>,
    /// Weight decay of the matrices [default: what suits the amount of text, 0.1 or 0.3]
    #[arg(long, value_name = "RATE", value_parser = number::<f64>(0.0..=10.0))]
    weight_decay: Option<f64>,
    /// AdamW's decay of the mean square of the gradient
    #[arg(long, value_name = "DECAY", default_value_t = AdamW::DEFAULT.beta2, value_parser = number::<f64>(0.0..=0.999_999))]
    beta2: f64,
    /// Largest norm of the gradient; 0 does not clip
    #[arg(long, value_name = "NORM", default_value_t = recipe::CLIP, value_parser = number::<f64>(0.0..=1e6))]
    clip: f64,
    /// Share of the activations that each step drops, so that a text that comes by often is not learned by heart
    /// [default: what suits the amount of text]
    #[arg(long, value_name = "SHARE", value_parser = number::<f64>(0.0..=0.9))]
    dropout: Option<f64>,
    /// Share of the merges that are left out when the text is cut into tokens, each time in another way
    /// [default: what suits the amount of text]
    #[arg(long, value_name = "SHARE", value_parser = number::<f64>(0.0..=0.9))]
    bpe_dropout: Option<f64>,
    /// Share of the windows that begin where a document does, instead of anywhere in the text: for a model that shall remember
    /// how what it writes began. Half of the remaining windows begin the way a board's does once its context has filled up
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = number::<f64>(0.0..=1.0))]
    pub(in super::super) document_starts: f64,
    /// Extra weight on choosing the right name where a document repeats one; every token has a weight of 1. For stories whose
    /// people keep their names
    #[arg(long, value_name = "WEIGHT", default_value_t = 0.0, value_parser = number::<f32>(0.0..=100.0))]
    pub(in super::super) name_weight: f32,
    /// The weights to write: of the step that predicted the held-out text best, or of the last. A run also stops by itself
    /// when it has long got no better, unless the last are asked for
    #[arg(long, value_enum, default_value_t = Keep::Best)]
    pub(in super::super) keep: Keep,
    /// Share of the steps, at the end, that train the weights as the model file's --precision rounds them
    /// [default: int8 0, int4 0.15, ternary 0.4]
    #[arg(long, value_name = "SHARE", value_parser = number::<f64>(0.0..=1.0))]
    quantize_last: Option<f64>,
    /// Random seed of the first weights and of the order of the text: the same seed gives the same model,
    /// bit for bit, on the same kind of processor
    #[arg(long, default_value_t = 1, value_parser = whole::<u64>(0..=u64::MAX))]
    pub(in super::super) seed: u64,
}

/// The weights that a run leaves behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in super::super) enum Keep {
    /// Those of the step with the lowest loss on held-out text
    Best,
    /// Those of the last step
    Last,
}

/// See [`Optimizer`].
#[derive(Debug, Clone, Copy, ValueEnum)]
enum OptimizerName {
    /// AdamW for every parameter
    Adamw,
    /// Muon for the matrices of the layers (orthogonal updates), AdamW for the rest
    Muon,
    /// Muon with a step size for each row, by the size of its earlier updates
    Normuon,
}

/// See [`Decay`].
#[derive(Debug, Clone, Copy, ValueEnum)]
enum DecayName {
    /// Linearly
    Linear,
    /// Along half a cosine
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

/// The amount of text to learn.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Amount {
    /// Of a text; `None` of pairs.
    pub(in super::super) tokens: Option<usize>,
    /// Whether the model has learned something before.
    pub(in super::super) goes_on: bool,
}

/// The recipe for a certain text: what the options leave open follows from the amount of it.
#[derive(Debug, Clone)]
pub(in super::super) struct Run {
    pub(in super::super) hyper_parameters: HyperParameters,
    /// See [`Recipe::bpe_dropout`].
    pub(in super::super) bpe_dropout: f64,
    /// How often the run goes through the text.
    pub(in super::super) passes: f64,
    quantize_last: Option<f64>,
}

impl Recipe {
    /// The names that the steps tell apart, if they shall.
    ///
    /// # Errors
    /// A vocabulary without names.
    pub(in super::super) fn names(&self, tokenizer: &Tokenizer<'_>) -> Result<Option<Names>> {
        if self.name_weight == 0.0 {
            return Ok(None);
        }
        let names = Names::new(tokenizer, self.name_weight);
        ensure!(
            !names.tokens().is_empty(),
            "--name-weight {} needs names that are whole tokens, and there are none: take byte pairs (--tokens bpe) and a larger \
             --vocab",
            self.name_weight
        );
        Ok(Some(names))
    }

    /// The run over this much, by a model of this shape.
    pub(in super::super) fn run(&self, amount: Amount, config: &Config) -> Run {
        let tokens_a_step = self.batch * config.context;
        let suitable = || amount.tokens.map_or(STEPS_OF_PAIRS, |tokens| amount::steps(tokens, tokens_a_step));
        self.run_of(self.steps.unwrap_or_else(suitable), amount, config)
    }

    /// The same with this many `steps`.
    pub(in super::super) fn run_of(&self, steps: u64, amount: Amount, config: &Config) -> Run {
        let tokens_a_step = self.batch * config.context;
        // Pairs are learned without regularization, as a text that goes by less than once.
        let passes = amount.tokens.map_or(0.0, |tokens| recipe::passes(steps, tokens_a_step, tokens));
        let suitable = recipe::regularization(passes, amount.tokens.unwrap_or_default(), config);
        let HyperParameters { schedule, .. } = recipe::hyper_parameters(steps, suitable);
        let suitable_rate = if amount.goes_on { LEARNING_RATE_ON } else { schedule.maximum };
        Run {
            hyper_parameters: HyperParameters {
                schedule: Schedule {
                    maximum: self.learning_rate.unwrap_or(suitable_rate),
                    minimum: self.final_learning_rate,
                    decay: self.decay.into(),
                    warmup: self.warmup.unwrap_or(schedule.warmup),
                    steps,
                },
                optimizer: self.optimizer(self.weight_decay.unwrap_or(suitable.weight_decay)),
                clip: self.clip,
                dropout: self.dropout.unwrap_or(suitable.dropout),
            },
            bpe_dropout: self.bpe_dropout.unwrap_or(suitable.bpe_dropout),
            passes,
            quantize_last: self.quantize_last,
        }
    }

    fn optimizer(&self, weight_decay: f64) -> Optimizer {
        let adamw = AdamW { beta2: self.beta2, weight_decay, ..AdamW::DEFAULT };
        let muon = |rule: Muon| Optimizer::Muon(Muon { weight_decay, rest: adamw, ..rule });
        match self.optimizer {
            OptimizerName::Adamw => Optimizer::AdamW(adamw),
            OptimizerName::Muon => muon(Muon::PLAIN),
            OptimizerName::Normuon => muon(Muon::NORMUON),
        }
    }
}

impl Run {
    pub(in super::super) fn steps(&self) -> u64 {
        self.hyper_parameters.schedule.steps
    }

    /// The step from which on weights are rounded to `precision`; `None` if they never are.
    pub(in super::super) fn quantization(&self, precision: Precision) -> Option<Quantization> {
        let default = match precision {
            Precision::F32 | Precision::Int8 => 0.0,
            Precision::Int4 => 0.15,
            Precision::Ternary => 0.4,
        };
        let steps = self.steps();
        let last = (self.quantize_last.unwrap_or(default) * steps as f64).round() as u64;
        let rounds = precision != Precision::F32 && last > 0;
        rounds.then(|| Quantization { precision, from: steps - last.min(steps) })
    }
}
