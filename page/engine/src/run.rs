//! A model in training.

use anyhow::{Context, Result, ensure};
use pipsqueak::{Config, Precision, Provenance};
use pipsqueak_trainer::data::batches::{Batches, Split};
use pipsqueak_trainer::data::material::{Encoded, Material};
use pipsqueak_trainer::data::text::{Corpus, Documents, Reading};
use pipsqueak_trainer::data::vocabulary::{OwnedVocabulary, Tokens};
use pipsqueak_trainer::export::model_file::{self, ModelFile};
use pipsqueak_trainer::network::rounding::Rounding;
use pipsqueak_trainer::optimizer::{AdamW, Optimizer};
use pipsqueak_trainer::random::SplitMix64;
use pipsqueak_trainer::sizing::amount;
use pipsqueak_trainer::sizing::presets::TOY;
use pipsqueak_trainer::training::checkpoint::{self, Identity, Progress};
use pipsqueak_trainer::training::curve::Curve;
use pipsqueak_trainer::training::recipe::{self, BATCH, VALIDATION_SHARE};
use pipsqueak_trainer::training::{HyperParameters, Training};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::shape;

/// A model that a tab trains in minutes.
const OWN: Config =
    Config { context: 64, width: 64, layers: 2, heads: 4, kv_heads: 2, hidden: 172, ..Config::LLAMA };
/// Steps of the toy's training.
const TOY_STEPS: u64 = 2000;
/// Learning rate of the toy.
const TOY_LEARNING_RATE: f64 = 2e-2;
/// Tokens of the vocabulary of one's own text.
const OWN_VOCAB: usize = 512;
/// Tokens from which on a vocabulary of one's own text is byte pairs; below, it is characters.
const BPE_MIN: usize = 260;
/// Width from which on Muon trains the matrices of a model for one's own text.
const MUON_WIDTH_MIN: usize = 16;
/// Tokens of the held-out text that a look at it reads.
const GLANCE_TOKENS: usize = 2048;
/// Looks at the held-out text that a curve has at most; then every second one goes. A checkpoint takes a few more.
const LOOKS_MAX: usize = 200;

/// The shape and recipe of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Width 4, context 3, characters.
    Toy,
    /// Width 64, context 64, byte-pair tokens.
    Own,
}

impl Kind {
    fn shape(self) -> Config {
        match self {
            Kind::Toy => TOY,
            Kind::Own => OWN,
        }
    }

    fn tokens(self, shape: Option<&Config>) -> (Tokens, usize) {
        match (self, shape) {
            (Kind::Toy, _) => (Tokens::Characters, 0),
            (Kind::Own, None) => (Tokens::Bpe, OWN_VOCAB),
            (Kind::Own, Some(shape)) if shape.vocab < BPE_MIN => (Tokens::Characters, 0),
            (Kind::Own, Some(shape)) => (Tokens::Bpe, shape.vocab),
        }
    }

    fn hyper_parameters(self, tokens: usize, config: &Config) -> HyperParameters {
        let a_step = BATCH * config.context;
        match self {
            Kind::Toy => {
                let mut toy = recipe::hyper_parameters(TOY_STEPS, amount::regularization(0.0, 0.0));
                toy.schedule.maximum = TOY_LEARNING_RATE;
                toy.optimizer = Optimizer::AdamW(AdamW { weight_decay: 0.0, ..AdamW::DEFAULT });
                toy
            }
            Kind::Own => {
                let steps = amount::steps(tokens, a_step);
                let passes = recipe::passes(steps, a_step, tokens);
                let suitable = recipe::regularization(passes, tokens, config);
                let mut own = recipe::hyper_parameters(steps, suitable);
                if config.width < MUON_WIDTH_MIN {
                    let weight_decay = suitable.weight_decay;
                    own.optimizer = Optimizer::AdamW(AdamW { weight_decay, ..AdamW::DEFAULT });
                }
                own
            }
        }
    }
}

/// A model in training, with its text as tokens.
pub(crate) struct Run {
    pub(crate) vocabulary: OwnedVocabulary,
    pub(crate) training: Training,
    pub(crate) split: Split,
    validation: Split,
    bytes_per_token: f64,
    name: String,
    crc: u32,
    seed: u64,
    /// State of the random generator that chooses the windows.
    random: u64,
    curve: Curve,
}

impl Run {
    /// Of a text of one's own, a model of this `shape`, but for the vocabulary, which is the text's.
    pub(crate) fn start(
        kind: Kind,
        shape: Option<&Config>,
        text: String,
        name: &str,
        seed: u64,
    ) -> Result<Run> {
        if let Some(shape) = shape {
            shape::check_trainable(shape)?;
        }
        let reading = Reading {
            documents: Documents::Auto,
            joins_lines: kind == Kind::Own,
            leaves_out_library_text: true,
        };
        let corpus = Corpus::from_file(text, name, reading)?;
        let (tokens, size) = kind.tokens(shape);
        let vocabulary = OwnedVocabulary::of_corpus(&corpus, tokens, size, &())?;
        let crc = corpus.crc();
        let share = if kind == Kind::Own { VALIDATION_SHARE } else { 0.0 };
        let material = Material::of_text(corpus, share)?;
        let config = Config { vocab: vocabulary.vocab(), ..shape.cloned().unwrap_or(kind.shape()) };
        config.check()?;
        let Encoded { training: split, validation, bytes_per_token } =
            material.encode(&vocabulary, config.context, &())?;
        let count = split.tokens.len();
        ensure!(
            count > config.context,
            "{name} has {count} tokens to learn from, and this model needs more than {}: give it a longer text",
            config.context
        );
        ensure!(validation.weight() > 0.0, "{name} is too short to keep a part back: give it a longer text");
        let mut training = Training::new(&config, kind.hyper_parameters(count, &config), seed)?;
        training.threads = 1;
        let random = Batches::of(&split, BATCH, config.context, seed)
            .context("the text is shorter than the context")?
            .random
            .state();
        let name = name.to_string();
        let curve = Curve::default();
        Ok(Run { vocabulary, training, split, validation, bytes_per_token, name, crc, seed, random, curve })
    }

    fn steps(&self) -> u64 {
        self.training.hyper_parameters.schedule.steps
    }

    /// The shape, size and length of the run.
    pub(crate) fn describe(&self) -> Value {
        json!({
            "config": self.training.config,
            "parameters": self.training.parameters.len(),
            "tokens": self.split.tokens.len(),
            "tokensAStep": BATCH * self.training.config.context,
            "steps": self.steps(),
        })
    }

    /// Takes up to `count` steps; returns the loss curve.
    pub(crate) fn step(&mut self, count: u64) -> Result<Value> {
        let context = self.training.config.context;
        let mut batches =
            Batches::of(&self.split, BATCH, context, self.seed).context("the text is too short")?;
        batches.random = SplitMix64::new(self.random);
        let steps = self.steps();
        for _ in 0..count.min(steps.saturating_sub(self.training.steps)) {
            let report = self.training.step(&batches.next().context("batches never end")?);
            ensure!(
                report.loss.is_finite(),
                "the loss is no longer a number after {} steps: begin again with another seed",
                self.training.steps
            );
            self.curve.note(self.training.steps, steps, report.loss);
        }
        self.random = batches.random.state();
        Ok(self.progress())
    }

    /// Adds a point to the curve of the validation loss, and keeps the weights if none predicted the held-out text better.
    pub(crate) fn validate(&mut self) -> Result<Value> {
        let glance = self.validation.spread(GLANCE_TOKENS, self.training.config.context);
        let loss = self.training.loss_over_split(&glance, Rounding::None)?;
        if self.curve.validation.len() >= LOOKS_MAX {
            let mut seen = 0;
            self.curve.validation.retain(|_| {
                seen += 1;
                seen % 2 == 0
            });
        }
        self.curve.validation.push((self.training.steps, loss));
        self.training.note_validation(loss);
        Ok(self.progress())
    }

    fn progress(&self) -> Value {
        json!({
            "step": self.training.steps,
            "steps": self.steps(),
            "loss": self.curve.smoothed,
            "training": self.curve.training,
            "validation": self.curve.validation,
            "best": self.training.best.as_ref().map(|best| (best.steps, best.loss)),
        })
    }

    fn identity(&self) -> Result<Identity> {
        let mut run = Identity::new();
        run.insert("batch".into(), BATCH.into());
        run.insert("corpus checksum".into(), self.crc.into());
        run.insert("quantisation".into(), Value::Null);
        run.insert("seed".into(), self.seed.into());
        run.insert("steps".into(), self.steps().into());
        run.insert("vocabulary".into(), serde_json::to_value(self.vocabulary.borrow())?);
        if let Value::Object(shape) = serde_json::to_value(&self.training.config)? {
            run.extend(shape);
        }
        Ok(run)
    }

    /// See [`checkpoint::to_bytes`].
    pub(crate) fn checkpoint(&self) -> Result<Vec<u8>> {
        let progress =
            Progress { steps: self.training.steps, random: self.random, curve: self.curve.clone() };
        checkpoint::to_bytes(&self.identity()?, &progress, &self.training)
    }

    /// See [`checkpoint::from_bytes`].
    pub(crate) fn restore(&mut self, bytes: &[u8]) -> Result<Value> {
        let progress = checkpoint::from_bytes(bytes, &self.identity()?, &mut self.training)
            .context("cannot go on with what the tab had kept")?;
        (self.random, self.curve) = (progress.random, progress.curve);
        Ok(self.progress())
    }

    /// The weights that predicted the held-out text best, as a model file; the present ones, if it was never looked at.
    pub(crate) fn model(&self, precision: Precision) -> Result<ModelFile> {
        let Training { best, parameters, steps, .. } = &self.training;
        let (steps, loss, weights) = match best {
            Some(best) => (best.steps, best.loss as f32, &best.parameters),
            None => (*steps, f32::NAN, parameters),
        };
        let provenance = Provenance {
            corpus: &self.name,
            licence: "",
            corpus_crc: self.crc,
            steps: steps as u32,
            loss_f32: loss,
            loss: f32::NAN,
            bytes_per_token: self.bytes_per_token as f32,
        };
        model_file::build(&self.training.config, precision, &self.vocabulary, provenance, |p| weights.get(p))
    }
}
