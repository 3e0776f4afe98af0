//! Training: forward, backward, and a step down the gradient.
//!
//! A batch is cut into shards, whose number depends on its size alone. Each shard runs on one thread with a gradient of its
//! own, and the gradients are added in order. So the same random seed gives the same weights, bit for bit, on one thread or
//! many.

pub mod checkpoint;
pub mod curve;
pub mod parallel;
pub mod parameters;
pub mod recipe;

use core::iter;
use core::ops::Range;
use std::borrow::Cow;
use std::sync::Mutex;

use anyhow::{Context, ensure};
use pipsqueak::{Config, Precision};
use serde::{Deserialize, Serialize};

use crate::data::batches::{Batch, Split, Windows, consecutive};
use crate::data::names::Names;
use crate::export::quantize::round_to;
use crate::network::dropout::Dropout;
use crate::network::gradients::{Gradients, Mode};
use crate::network::rounding::Rounding;
use crate::network::transpose::transpose_all;
use crate::network::weights::Weights;
use crate::network::{Network, matmul};
use crate::optimizer::schedule::Schedule;
use crate::optimizer::{Moments, Optimizer, Step, clip, reduce};
use crate::training::parameters::Parameters;

/// The largest number of shards: more threads than this do not speed a step up.
pub const SHARDS: usize = 4;
/// About how many positions one pass takes: few enough that its activations stay in a core's cache, and that memory does not
/// grow with the batch.
pub const PASS_POSITIONS: usize = 256;

/// The settings of a run, beside the model's shape.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HyperParameters {
    /// The learning rate over the steps.
    pub schedule: Schedule,
    /// The update rule.
    pub optimizer: Optimizer,
    /// Largest norm of the gradient; 0 does not clip.
    pub clip: f64,
    /// Probability with which an activation is dropped; see [`crate::network::dropout`].
    pub dropout: f64,
}

/// Quantisation-aware training: from a step on, each pass sees the weights as a model file holds them, and activations, keys
/// and values as the core rounds them. Gradients pass as if nothing had been rounded, and move the unrounded weights.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Quantization {
    /// Precision that the weights are rounded to.
    pub precision: Precision,
    /// The first step that rounds, counted from 0.
    pub from: u64,
}

impl Quantization {
    /// Precision that the weights are rounded to at this step, if any.
    pub fn at(&self, step: u64) -> Option<Precision> {
        (step >= self.from).then_some(self.precision)
    }
}

/// The weights as passes see them: rounded to `precision`, if any.
pub fn rounded(parameters: &Parameters<f32>, precision: Option<Precision>) -> Cow<'_, Parameters<f32>> {
    let Some(precision) = precision else { return Cow::Borrowed(parameters) };
    let mut rounded = parameters.clone();
    round_to(&mut rounded, parameters, precision, parallel::available());
    Cow::Owned(rounded)
}

/// The figures of one step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepReport {
    /// Mean over the batch before the step, in nats per token.
    pub loss: f64,
    /// Norm of the gradient before clipping.
    pub gradient_norm: f64,
    /// Learning rate of this step.
    pub learning_rate: f64,
}

/// The weights of the step at which held-out text was predicted best.
#[derive(Debug, Clone, PartialEq)]
pub struct Best {
    /// Steps that had been done.
    pub steps: u64,
    /// Loss on held-out text, in nats per token.
    pub loss: f64,
    /// The weights, unrounded.
    pub parameters: Parameters<f32>,
}

/// A model in training. Its public fields are what a checkpoint holds.
#[derive(Debug)]
pub struct Training {
    /// The model's shape.
    pub config: Config,
    /// The settings of the run.
    pub hyper_parameters: HyperParameters,
    /// Quantisation-aware training; off by default.
    pub quantization: Option<Quantization>,
    /// The names to tell apart; none by default.
    pub names: Option<Names>,
    /// The model's weights, unrounded.
    pub parameters: Parameters<f32>,
    /// The optimiser's memory.
    pub moments: Moments,
    /// Steps done.
    pub steps: u64,
    /// The best weights so far, once any were looked at; see [`Training::note_validation`].
    pub best: Option<Best>,
    /// Threads to use; changes no result.
    pub threads: usize,
    seed: u64,
    shards: Vec<Shard>,
    networks: Networks,
    /// The weights that passes see, where these are rounded.
    rounded: Option<Parameters<f32>>,
    /// The matrices that passes see, transposed.
    transposed: Parameters<f32>,
}

/// One part of a batch: the sum of its losses, and their gradient.
#[derive(Debug)]
struct Shard {
    gradients: Parameters<f32>,
    loss: f64,
}

/// A pool of networks. It grows to as many as ever ran at once; a thread gets back the one that it used last, with the
/// activations still in its cache.
#[derive(Debug)]
struct Networks {
    config: Config,
    free: Mutex<Vec<Network<f32>>>,
}

impl Networks {
    fn new(config: &Config) -> Networks {
        Networks { config: config.clone(), free: Mutex::new(Vec::new()) }
    }

    fn with<R>(&self, work: impl FnOnce(&mut Network<f32>) -> R) -> R {
        let free = || self.free.lock().expect("no thread panicked here");
        let taken = free().pop();
        let mut network = taken.unwrap_or_else(|| Network::new(&self.config));
        let result = work(&mut network);
        free().push(network);
        result
    }
}

impl Training {
    /// Untrained weights from a random `seed`.
    ///
    /// # Errors
    /// If the `config` makes no sense.
    pub fn new(config: &Config, hyper_parameters: HyperParameters, seed: u64) -> anyhow::Result<Training> {
        config.check().map_err(|error| anyhow::anyhow!("{error}"))?;
        matmul::copy_little();
        Ok(Training {
            config: config.clone(),
            hyper_parameters,
            quantization: None,
            names: None,
            parameters: Parameters::init(config, seed),
            moments: Moments::zeros(config),
            steps: 0,
            best: None,
            threads: parallel::available(),
            seed,
            shards: Vec::new(),
            networks: Networks::new(config),
            rounded: None,
            transposed: Parameters::zeros(config),
        })
    }

    /// Bytes that steps over `sequences` of `length` take at most: weights, their transposed copy, two moments, each shard's
    /// gradient, and the activations of a pass on each thread. Rounded weights come on top.
    pub fn bytes(config: &Config, sequences: usize, length: usize, threads: usize) -> usize {
        let parameters = Parameters::<f32>::bytes(config);
        let shards = sequences.min(SHARDS);
        let pass = pass_sequences(length).min(sequences.div_ceil(shards));
        (4 + shards) * parameters + shards.min(threads) * Network::<f32>::bytes(config, pass, length)
    }

    /// One step down the gradient of the `batch`'s mean loss.
    pub fn step(&mut self, batch: &Batch) -> StepReport {
        self.prepare_weights();
        let parts = shards(batch.windows().sequences());
        let loss = self.run_shards(batch.windows(), &parts);
        let gradient_norm = self.add_gradients(parts.len());
        let learning_rate = self.hyper_parameters.schedule.learning_rate(self.steps);
        let clip = clip(gradient_norm, self.hyper_parameters.clip);
        let step = Step { number: self.steps, learning_rate, clip };
        let gradients = &self.shards[0].gradients;
        let rule = self.hyper_parameters.optimizer;
        rule.update(&self.config, &mut self.parameters, &mut self.moments, gradients, step, self.threads);
        self.steps += 1;
        StepReport { loss, gradient_norm, learning_rate }
    }

    /// Hears of the loss on held-out text, and keeps the weights if it is the lowest so far. Weights from before rounding began
    /// are given up as soon as it has begun: they have not learned to bear it.
    pub fn note_validation(&mut self, loss: f64) {
        let rounds = |steps| self.quantization.and_then(|quantization| quantization.at(steps));
        let comparable = self.best.as_ref().filter(|best| rounds(best.steps) == rounds(self.steps));
        if comparable.is_none_or(|best| loss < best.loss) {
            self.best = Some(Best { steps: self.steps, loss, parameters: self.parameters.clone() });
        }
    }

    /// Goes back to the best weights that were seen.
    pub fn return_to_best(&mut self) {
        if let Some(best) = self.best.take() {
            (self.steps, self.parameters) = (best.steps, best.parameters);
        }
    }

    /// Precision that the next step rounds the weights to, if any.
    pub fn rounds_to(&self) -> Option<Precision> {
        self.quantization.and_then(|quantization| quantization.at(self.steps))
    }

    /// How the passes of the next step round activations.
    pub fn rounding(&self) -> Rounding {
        if self.rounds_to().is_some() { Rounding::Int8 } else { Rounding::None }
    }

    /// The weights that the passes of the next step see: those to evaluate and to export.
    pub fn weights(&self) -> Cow<'_, Parameters<f32>> {
        rounded(&self.parameters, self.rounds_to())
    }

    /// Rounds and transposes the weights, for all passes of a step.
    fn prepare_weights(&mut self) {
        match self.rounds_to() {
            None => self.rounded = None,
            Some(precision) => {
                let rounded = self.rounded.get_or_insert_with(|| self.parameters.clone());
                round_to(rounded, &self.parameters, precision, self.threads);
            }
        }
        let seen = self.rounded.as_ref().unwrap_or(&self.parameters);
        transpose_all(&mut self.transposed, seen, self.threads);
    }

    /// Forward and backward over the `parts` of a batch, one shard each; returns its mean loss.
    fn run_shards(&mut self, windows: Windows<'_>, parts: &[Range<usize>]) -> f64 {
        let weight = windows.weight();
        let weights = Weights {
            values: self.rounded.as_ref().unwrap_or(&self.parameters),
            transposed: Some(&self.transposed),
            rounding: self.rounding(),
            dropout: Dropout::NONE,
        };
        let new_shard = || Shard { gradients: Parameters::zeros(&self.config), loss: 0.0 };
        self.shards.resize_with(parts.len().max(self.shards.len()), new_shard);
        let shards = &mut self.shards[..parts.len()];
        let (networks, names) = (&self.networks, self.names.as_ref());
        let work = shards.iter_mut().zip(parts).map(|(shard, part)| (shard, part.clone()));
        let (probability, seed, step) = (self.hyper_parameters.dropout, self.seed, self.steps);
        parallel::for_each(self.threads, work, |(shard, part)| {
            let dropout = |pass| Dropout::new(probability, [seed, step, part.start as u64, pass]);
            let windows = windows.part(part.clone());
            networks.with(|network| shard.run(network, weights, dropout, windows, names, weight));
        });
        shards.iter().map(|shard| shard.loss).sum::<f64>() / weight
    }

    /// Adds up the gradients of the first `shards`, in the first of them; returns the norm of the sum.
    fn add_gradients(&mut self, shards: usize) -> f64 {
        let gradients = self.shards[..shards].iter_mut().map(|shard| &mut shard.gradients);
        reduce(&mut gradients.collect::<Vec<_>>(), self.threads)
    }

    /// Mean loss over a whole split, in nats per token, in f32; see [`loss_over`].
    ///
    /// # Errors
    /// If there are fewer than two tokens, or one is not below `vocab`.
    pub fn loss_over(&self, tokens: &[u16]) -> anyhow::Result<f64> {
        loss_over(&self.config, &self.weights(), tokens, self.threads)
    }

    /// Mean loss over a split, each target by its weight, with activations in f32 or as an integer model rounds them.
    ///
    /// # Errors
    /// As [`Training::loss_over`], and if no target counts.
    pub fn loss_over_split(&self, split: &Split, rounding: Rounding) -> anyhow::Result<f64> {
        let batches = if split.starts.is_empty() {
            batches_over(&self.config, &split.tokens)?
        } else {
            batches_from_starts(&self.config, split)
        };
        ensure!(split.weight() > 0.0, "nothing to predict");
        let values = &*self.weights();
        let weights = Weights { rounding, ..Weights::exact(values) };
        Ok(losses(&self.config, weights, &batches, self.threads) / split.weight())
    }
}

impl Shard {
    /// Leaves the sum of the losses, and the gradient of their sum over `weight`.
    fn run(
        &mut self,
        network: &mut Network<f32>,
        weights: Weights<'_, f32>,
        dropout: impl Fn(u64) -> Dropout,
        windows: Windows<'_>,
        names: Option<&Names>,
        weight: f64,
    ) {
        self.loss = 0.0;
        let modes = iter::once(Mode::Write).chain(iter::repeat(Mode::Add));
        let passes = windows.chunks(pass_sequences(windows.length));
        for ((number, pass), mode) in (0..).zip(passes).zip(modes) {
            let weights = Weights { dropout: dropout(number), ..weights };
            network.forward(weights, pass);
            self.loss += network.loss(pass, names, (1.0 / weight) as f32);
            network.backward(Gradients { into: &mut self.gradients, mode }, weights, pass);
        }
    }
}

/// Mean loss over a whole split, in nats per token: windows of `context` that follow each other, so that every token but the
/// first is predicted exactly once. The same for any number of threads.
///
/// # Errors
/// If there are fewer than two tokens, or one is not below `vocab`.
pub fn loss_over(
    config: &Config,
    parameters: &Parameters<f32>,
    tokens: &[u16],
    threads: usize,
) -> anyhow::Result<f64> {
    let batches = batches_over(config, tokens)?;
    Ok(losses(config, Weights::exact(parameters), &batches, threads) / (tokens.len() - 1) as f64)
}

/// A running text, cut into passes.
fn batches_over(config: &Config, tokens: &[u16]) -> anyhow::Result<Vec<Batch>> {
    ensure!(tokens.len() >= 2, "nothing to predict in {} tokens", tokens.len());
    let largest = usize::from(*tokens.iter().max().context("no tokens")?);
    ensure!(largest < config.vocab, "token {largest} in a vocabulary of {}", config.vocab);
    Ok(consecutive(tokens, pass_sequences(config.context), config.context).collect())
}

/// A split with starts: a pass from each start to the next.
fn batches_from_starts(config: &Config, split: &Split) -> Vec<Batch> {
    let batch = |range: Range<usize>| Batch {
        length: range.len() - 1,
        weights: split.weights[range.start + 1..range.end].to_vec(),
        tokens: split.tokens[range].to_vec(),
    };
    split.windows(config.context).into_iter().map(batch).collect()
}

/// Sum of the losses of all `batches`.
fn losses(config: &Config, weights: Weights<'_, f32>, batches: &[Batch], threads: usize) -> f64 {
    let mut losses = vec![0.0; batches.len()];
    let networks = Networks::new(config);
    parallel::for_each(threads, batches.iter().zip(&mut losses), |(batch, loss)| {
        *loss = networks.with(|network| {
            network.forward(weights, batch.windows());
            network.loss(batch.windows(), None, 0.0)
        });
    });
    losses.iter().sum()
}

/// The number of sequences in one pass.
fn pass_sequences(length: usize) -> usize {
    (PASS_POSITIONS / length).max(1)
}

/// The sequences of each shard.
fn shards(sequences: usize) -> Vec<Range<usize>> {
    let count = sequences.min(SHARDS);
    let start = |shard: usize| shard * sequences / count;
    (0..count).map(|shard| start(shard)..start(shard + 1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::batches::Batches;
    use crate::optimizer::schedule::Decay;
    use crate::optimizer::{AdamW, Muon};
    use crate::sizing::presets::{GPT, STORIES_260K};
    use pipsqueak::internal::Parameter;

    const RULES: [Optimizer; 2] = [Optimizer::AdamW(AdamW::DEFAULT), Optimizer::Muon(Muon::NORMUON)];

    fn hyper_parameters(optimizer: Optimizer) -> HyperParameters {
        let schedule = Schedule { maximum: 1e-2, minimum: 1e-3, decay: Decay::Linear, warmup: 2, steps: 40 };
        HyperParameters { schedule, optimizer, clip: 1.0, dropout: 0.1 }
    }

    fn small(config: &Config) -> Config {
        Config {
            context: 20,
            width: 16,
            layers: 2,
            hidden: 24,
            vocab: 11,
            heads: 4,
            kv_heads: 2,
            ..config.clone()
        }
    }

    /// A text that counts up, over and over: soon learned.
    fn tokens() -> Vec<u16> {
        (0..500).map(|i| i % 11).collect()
    }

    /// 40 steps, the second half of them with weights of four bits.
    fn train(config: &Config, rule: Optimizer, threads: usize, sequences: usize) -> Training {
        let mut training = Training::new(config, hyper_parameters(rule), 1).unwrap();
        training.quantization = Some(Quantization { precision: Precision::Int4, from: 20 });
        training.threads = threads;
        let tokens = tokens();
        for batch in Batches::new(&tokens, sequences, config.context, 2).unwrap().take(40) {
            training.step(&batch);
        }
        training
    }

    #[test]
    fn the_number_of_threads_changes_no_bit() {
        let shapes = [small(&GPT), small(&STORIES_260K)];
        for (config, rule) in shapes.into_iter().flat_map(|shape| RULES.map(|rule| (shape.clone(), rule))) {
            let one = train(&config, rule, 1, 7);
            for threads in [2, 3] {
                let many = train(&config, rule, threads, 7);
                assert_eq!(one.parameters, many.parameters);
                assert_eq!(one.moments, many.moments);
            }
            let loss = |threads| loss_over(&config, &one.parameters, &tokens(), threads).unwrap();
            assert_eq!(loss(1).to_bits(), loss(2).to_bits());
        }
    }

    #[test]
    fn a_simple_text_is_learned() {
        for rule in RULES {
            let training = train(&small(&GPT), rule, 2, 16);
            let loss = training.loss_over(&tokens()).unwrap();
            let expected = if rule == RULES[0] { 0.7 } else { 1.2 };
            assert!(loss < expected, "{rule:?}: {loss} nats");
        }
    }

    #[test]
    fn rounding_begins_at_its_step_and_not_before() {
        let config = small(&STORIES_260K);
        let mut training = Training::new(&config, hyper_parameters(RULES[0]), 1).unwrap();
        training.quantization = Some(Quantization { precision: Precision::Ternary, from: 1 });
        assert_eq!(*training.weights(), training.parameters);
        training.steps = 1;
        assert_ne!(*training.weights(), training.parameters);
        let split = Split::of_text(tokens());
        let [exact, rounded] = [Rounding::None, Rounding::Int8]
            .map(|rounding| training.loss_over_split(&split, rounding).unwrap());
        assert!(exact != rounded && (exact - rounded).abs() < 1e-2, "{exact} {rounded}");
    }

    /// The straight-through estimator.
    #[test]
    fn the_unrounded_weights_move_by_the_gradient_at_the_rounded_ones() {
        let config = small(&STORIES_260K);
        let tokens = tokens();
        let batch = Batches::new(&tokens, 3, config.context, 2).unwrap().next().unwrap();
        let rule = Optimizer::AdamW(AdamW { weight_decay: 0.0, ..AdamW::DEFAULT });
        let hyper_parameters = HyperParameters { dropout: 0.0, ..hyper_parameters(rule) };
        let mut training = Training::new(&config, hyper_parameters, 1).unwrap();
        training.quantization = Some(Quantization { precision: Precision::Int4, from: 0 });
        let mut network = Network::new(&config);
        let (windows, values) = (batch.windows(), training.weights().into_owned());
        let weights = Weights { rounding: Rounding::Int8, ..Weights::exact(&values) };
        let mut gradients = Parameters::zeros(&config);
        network.forward(weights, windows);
        let loss = network.loss(windows, None, (1.0 / windows.weight()) as f32) / windows.weight();
        network.backward(Gradients { into: &mut gradients, mode: Mode::Write }, weights, windows);
        let before = training.parameters.clone();
        let report = training.step(&batch);
        assert!((report.loss - loss).abs() < 1e-6, "{} {loss}", report.loss);
        // AdamW's first step is as large for every weight, against the gradient's sign.
        let moved = training.parameters.values().iter().zip(before.values());
        let moved: Vec<f32> = moved.map(|(after, before)| after - before).collect();
        let against = moved.iter().zip(gradients.values()).filter(|(moved, g)| **moved * **g > 0.0);
        let still =
            moved.iter().zip(gradients.values()).filter(|(moved, g)| **moved == 0.0 && g.abs() > 1e-6);
        assert_eq!((against.count(), still.count()), (0, 0));
    }

    #[test]
    fn the_loss_over_a_split_is_the_mean_over_its_targets() {
        let config = small(&GPT);
        let parameters = Parameters::<f32>::init(&config, 1);
        let tokens = &tokens()[..48]; // two windows of 20 and one of 7
        let parts: f64 = [(0..21, 20.0), (20..41, 20.0), (40..48, 7.0)]
            .into_iter()
            .map(|(range, targets)| loss_over(&config, &parameters, &tokens[range], 1).unwrap() * targets)
            .sum();
        let whole = loss_over(&config, &parameters, tokens, 2).unwrap();
        assert!((whole - parts / 47.0).abs() < 1e-6, "{whole} {parts}");
        assert!(loss_over(&config, &parameters, &[1], 1).is_err());
        assert!(loss_over(&config, &parameters, &[1, 11], 1).is_err());
    }

    #[test]
    fn shards_share_the_sequences() {
        assert_eq!(shards(12), [0..3, 3..6, 6..9, 9..12]);
        assert_eq!(shards(5), [0..1, 1..2, 2..3, 3..5]);
        assert_eq!(shards(2), [0..1, 1..2]);
    }

    #[test]
    fn the_best_weights_are_kept_and_those_from_before_rounding_are_not() {
        let config = small(&GPT);
        let mut training = Training::new(&config, hyper_parameters(RULES[0]), 1).unwrap();
        training.quantization = Some(Quantization { precision: Precision::Int4, from: 30 });
        let mut note = |steps, loss| {
            training.steps = steps;
            training.parameters.get_mut(Parameter::Embedding)[0] = steps as f32;
            training.note_validation(loss);
            training.best.as_ref().map(|best| (best.steps, best.loss))
        };
        assert_eq!(note(10, 2.0), Some((10, 2.0)));
        assert_eq!(note(20, 2.5), Some((10, 2.0)));
        assert_eq!(note(30, 3.0), Some((30, 3.0)));
        assert_eq!(note(35, 2.8), Some((35, 2.8)));
        assert_eq!(note(40, 2.9), Some((35, 2.8)));
        training.return_to_best();
        assert_eq!((training.steps, training.parameters.get(Parameter::Embedding)[0]), (35, 35.0));
    }

    #[test]
    fn memory_is_known_beforehand() {
        let config = small(&STORIES_260K);
        let training = train(&config, RULES[0], 1, 28);
        let mut networks = training.networks.free.lock().unwrap();
        let activations: usize = networks.iter_mut().map(Network::allocated_bytes).sum();
        let parameters = (4 + SHARDS) * training.parameters.len() * size_of::<f32>();
        assert_eq!(Training::bytes(&config, 28, config.context, 1), activations + parameters);
    }

    #[test]
    fn memory_grows_in_a_straight_line() {
        // Memory does not grow with the square of the context, since no scores are kept.
        let bytes = |layers: usize, context: usize, sequences: usize| {
            let config = Config { layers, context, ..small(&STORIES_260K) };
            Training::bytes(&config, sequences, context, 2) as i64
        };
        let ways: [(&str, &dyn Fn(usize) -> i64); 3] = [
            ("batch", &|n| bytes(2, PASS_POSITIONS, n)),
            ("context", &|n| bytes(2, n * PASS_POSITIONS, 8)),
            ("layers", &|n| bytes(n, PASS_POSITIONS, 8)),
        ];
        for (what, of) in ways {
            let growth = |n: usize| of(2 * n) - of(n);
            assert!(growth(8) <= 2 * growth(4), "{what}: {} bytes more, then {}", growth(4), growth(8));
        }
    }
}
