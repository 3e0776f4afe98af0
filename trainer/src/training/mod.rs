//! Training: forward, backward, and a step down the gradient.
//!
//! A batch is cut into shards whose number depends on its size alone; each runs wholly on one thread with a gradient of
//! its own, and these are added in order. So the same seed gives the same weights, bit for bit, on one thread or many.

pub mod checkpoint;
pub mod curve;
pub mod parallel;
pub mod parameters;

use core::ops::Range;
use std::borrow::Cow;
use std::sync::Mutex;

use anyhow::{Context, ensure};
use pipsqueak::{Config, Precision};
use serde::{Deserialize, Serialize};

use crate::data::batches::{Batch, Split, Windows, consecutive};
use crate::export::quantize::round_to;
use crate::network::transpose::transpose_all;
use crate::network::{Network, matmul};
use crate::optimizer::schedule::Schedule;
use crate::optimizer::{Moments, Optimizer, Step, clip, reduce};
use crate::training::parameters::Parameters;

/// The largest number of shards: more threads than this do not help a step.
pub const SHARDS: usize = 4;
/// A pass takes about this many positions at once: its activations then stay in a core's cache, and memory does not grow
/// with the batch.
pub const PASS_POSITIONS: usize = 256;

/// What a run is governed by, beside the model's shape.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HyperParameters {
    /// The learning rate over the steps.
    pub schedule: Schedule,
    /// The rule of a step.
    pub optimizer: Optimizer,
    /// Largest norm of the gradient; 0 does not clip.
    pub clip: f64,
}

/// Quantisation-aware training: from a step on, each pass sees the weights as a model file holds them, and activations,
/// keys and values as the core rounds them. Gradients pass as if nothing had been rounded, and move the weights behind.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Quantization {
    /// Of the weights.
    pub precision: Precision,
    /// The first step, counted from 0.
    pub from: u64,
}

impl Quantization {
    /// The weights that passes see after so many steps.
    pub fn weights<'p>(
        this: Option<Quantization>,
        steps: u64,
        parameters: &'p Parameters<f32>,
    ) -> Cow<'p, Parameters<f32>> {
        let Some(precision) = Quantization::at(this, steps) else { return Cow::Borrowed(parameters) };
        let mut rounded = parameters.clone();
        round_to(&mut rounded, parameters, precision, parallel::available());
        Cow::Owned(rounded)
    }

    /// To what they are rounded, if they are.
    fn at(this: Option<Quantization>, steps: u64) -> Option<Precision> {
        this.filter(|this| steps >= this.from).map(|this| this.precision)
    }
}

/// What a step has seen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepReport {
    /// Mean over the batch before the step, in nats a token.
    pub loss: f64,
    /// Before clipping.
    pub gradient_norm: f64,
    /// Of this step.
    pub learning_rate: f64,
}

/// A model that learns. Its public fields are what a checkpoint holds.
#[derive(Debug)]
pub struct Training {
    /// The model's shape.
    pub config: Config,
    /// What governs the run.
    pub hyper_parameters: HyperParameters,
    /// None at first.
    pub quantization: Option<Quantization>,
    /// The model's weights.
    pub parameters: Parameters<f32>,
    /// The optimiser's memory.
    pub moments: Moments,
    /// Steps done.
    pub steps: u64,
    /// Threads to use; changes no result.
    pub threads: usize,
    shards: Vec<Shard>,
    networks: Networks,
    /// The weights that passes see, once they are rounded.
    rounded: Option<Parameters<f32>>,
    /// The matrices that passes see, transposed.
    transposed: Parameters<f32>,
}

#[derive(Debug)]
struct Shard {
    gradients: Parameters<f32>,
    loss: f64,
}

/// Networks that are taken and given back: as many as ever ran at once, each still in its thread's cache when taken again.
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
    /// Fresh weights from `seed`.
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
            parameters: Parameters::init(config, seed),
            moments: Moments::zeros(config),
            steps: 0,
            threads: parallel::available(),
            shards: Vec::new(),
            networks: Networks::new(config),
            rounded: None,
            transposed: Parameters::zeros(config),
        })
    }

    /// Bytes that steps over `sequences` of `length` take at most: weights, moments, each shard's gradient, and the
    /// activations of a pass on each thread; rounded weights come on top.
    pub fn bytes(config: &Config, sequences: usize, length: usize, threads: usize) -> usize {
        let parameters = Parameters::<f32>::bytes(config);
        let shards = sequences.min(SHARDS);
        let pass = pass_sequences(length).min(sequences.div_ceil(shards));
        (4 + shards) * parameters + shards.min(threads) * Network::<f32>::bytes(config, pass, length)
    }

    /// One step down the gradient of the `batch`'s mean loss.
    pub fn step(&mut self, batch: &Batch) -> StepReport {
        let (loss, gradient_norm) = self.loss_and_gradient(batch);
        let learning_rate = self.hyper_parameters.schedule.learning_rate(self.steps);
        let clip = clip(gradient_norm, self.hyper_parameters.clip);
        let step = Step { number: self.steps, learning_rate, clip };
        let gradients = &self.shards[0].gradients;
        let rule = self.hyper_parameters.optimizer;
        rule.update(&self.config, &mut self.parameters, &mut self.moments, gradients, step, self.threads);
        self.steps += 1;
        StepReport { loss, gradient_norm, learning_rate }
    }

    /// To what the passes of the next step round, if they do.
    pub fn rounds_to(&self) -> Option<Precision> {
        Quantization::at(self.quantization, self.steps)
    }

    /// The weights that the passes of the next step see: what there is to evaluate and to export.
    pub fn weights(&self) -> Cow<'_, Parameters<f32>> {
        Quantization::weights(self.quantization, self.steps, &self.parameters)
    }

    /// The mean loss, and the norm of its gradient, which is left in the first shard.
    fn loss_and_gradient(&mut self, batch: &Batch) -> (f64, f64) {
        let rounds_to = self.rounds_to();
        if let Some(precision) = rounds_to {
            let rounded = self.rounded.get_or_insert_with(|| self.parameters.clone());
            round_to(rounded, &self.parameters, precision, self.threads);
        }
        let parameters = self.rounded.as_ref().filter(|_| rounds_to.is_some()).unwrap_or(&self.parameters);
        transpose_all(&mut self.transposed, parameters, self.threads);
        let weights = [parameters, &self.transposed];
        let windows = batch.windows();
        let weight = windows.weight();
        let parts = shards(windows.sequences());
        let new_shard = || Shard { gradients: Parameters::zeros(&self.config), loss: 0.0 };
        self.shards.resize_with(parts.len().max(self.shards.len()), new_shard);
        let shards = &mut self.shards[..parts.len()];
        let work = shards.iter_mut().zip(parts).map(|(shard, part)| (shard, windows.part(part)));
        let networks = &self.networks;
        parallel::for_each(self.threads, work, |(shard, windows)| {
            networks.with(|network| {
                network.rounds = rounds_to.is_some();
                shard.run(network, weights, windows, weight);
            });
        });
        let loss = shards.iter().map(|shard| shard.loss).sum::<f64>() / weight;
        let mut gradients: Vec<_> = shards.iter_mut().map(|shard| &mut shard.gradients).collect();
        (loss, reduce(&mut gradients, self.threads))
    }

    /// Mean loss over a whole split, in nats a token, in f32; see [`loss_over`].
    ///
    /// # Errors
    /// If there are fewer than two tokens, or one is not below `vocab`.
    pub fn loss_over(&self, tokens: &[u16]) -> anyhow::Result<f64> {
        loss_over(&self.config, &self.weights(), tokens, self.threads)
    }

    /// Mean loss over a split, each target by its weight: with `rounds`, of activations as an integer model has them.
    ///
    /// # Errors
    /// As [`Training::loss_over`], and if no target counts.
    pub fn loss_over_split(&self, split: &Split, rounds: bool) -> anyhow::Result<f64> {
        if split.starts.is_empty() {
            let batches = batches_over(&self.config, &split.tokens)?;
            return Ok(self.losses(&batches, rounds) / (split.tokens.len() - 1) as f64);
        }
        ensure!(split.weight() > 0.0, "nothing to predict");
        let batches = split.windows(self.config.context).into_iter().map(|range| Batch {
            length: range.len() - 1,
            weights: split.weights[range.start + 1..range.end].to_vec(),
            tokens: split.tokens[range].to_vec(),
        });
        let batches: Vec<Batch> = batches.collect();
        Ok(self.losses(&batches, rounds) / split.weight())
    }

    fn losses(&self, batches: &[Batch], rounds: bool) -> f64 {
        losses(&self.config, &self.weights(), rounds, batches, self.threads)
    }
}

impl Shard {
    /// Leaves the sum of the losses, and the gradient of their sum over `weight`.
    fn run(
        &mut self,
        network: &mut Network<f32>,
        [parameters, transposed]: [&Parameters<f32>; 2],
        windows: Windows<'_>,
        weight: f64,
    ) {
        let others = self.gradients.walk_mut().filter(|(parameter, _)| !network.writes(*parameter));
        others.for_each(|(_, gradient)| gradient.fill(0.0));
        self.loss = 0.0;
        for (i, pass) in windows.chunks(pass_sequences(windows.length)).enumerate() {
            network.fresh = i == 0;
            network.forward_with(parameters, Some(transposed), pass);
            self.loss += network.loss(pass, (1.0 / weight) as f32);
            network.backward(&mut self.gradients, parameters, pass);
        }
    }
}

/// Mean loss over a whole split, in nats a token: windows of `context` that follow each other, so that every token but the
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
    Ok(losses(config, parameters, false, &batches, threads) / (tokens.len() - 1) as f64)
}

/// A whole split in passes.
fn batches_over(config: &Config, tokens: &[u16]) -> anyhow::Result<Vec<Batch>> {
    ensure!(tokens.len() >= 2, "nothing to predict in {} tokens", tokens.len());
    let largest = usize::from(*tokens.iter().max().context("no tokens")?);
    ensure!(largest < config.vocab, "token {largest} in a vocabulary of {}", config.vocab);
    Ok(consecutive(tokens, pass_sequences(config.context), config.context).collect())
}

/// Sum of the losses of all `batches`, of activations in f32 or rounded.
fn losses(
    config: &Config,
    parameters: &Parameters<f32>,
    rounds: bool,
    batches: &[Batch],
    threads: usize,
) -> f64 {
    let mut losses = vec![0.0; batches.len()];
    let networks = Networks::new(config);
    parallel::for_each(threads, batches.iter().zip(&mut losses), |(batch, loss)| {
        *loss = networks.with(|network| {
            network.rounds = rounds;
            network.forward(parameters, batch.windows());
            network.loss(batch.windows(), 0.0)
        });
    });
    losses.iter().sum()
}

/// Sequences of one pass.
fn pass_sequences(length: usize) -> usize {
    (PASS_POSITIONS / length).max(1)
}

/// Which sequences each shard takes.
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

    const ADAMW: AdamW = AdamW { beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weight_decay: 0.1 };
    const MUON: Muon = Muon { momentum: 0.95, row_beta: Some(0.95), weight_decay: 0.1, rest: ADAMW };
    const RULES: [Optimizer; 2] = [Optimizer::AdamW(ADAMW), Optimizer::Muon(MUON)];

    fn hyper_parameters(optimizer: Optimizer) -> HyperParameters {
        let schedule = Schedule { maximum: 1e-2, minimum: 1e-3, decay: Decay::Linear, warmup: 2, steps: 40 };
        HyperParameters { schedule, optimizer, clip: 1.0 }
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

    /// Counts up, over and over: soon learned.
    fn tokens() -> Vec<u16> {
        (0..500).map(|i| i % 11).collect()
    }

    /// The second half of the steps with weights of four bits.
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
        let [exact, rounded] = [false, true].map(|rounds| training.loss_over_split(&split, rounds).unwrap());
        assert!(exact != rounded && (exact - rounded).abs() < 1e-2, "{exact} {rounded}");
    }

    /// The straight-through estimator: the gradient is that at the rounded weights, and moves those behind.
    #[test]
    fn the_weights_behind_move_by_the_gradient_at_the_rounded_ones() {
        let config = small(&STORIES_260K);
        let tokens = tokens();
        let batch = Batches::new(&tokens, 3, config.context, 2).unwrap().next().unwrap();
        let rule = Optimizer::AdamW(AdamW { weight_decay: 0.0, ..ADAMW });
        let mut training = Training::new(&config, hyper_parameters(rule), 1).unwrap();
        training.quantization = Some(Quantization { precision: Precision::Int4, from: 0 });
        let mut network = Network::new(&config);
        network.rounds = true;
        let (windows, weights) = (batch.windows(), training.weights().into_owned());
        let mut gradients = Parameters::zeros(&config);
        network.forward(&weights, windows);
        let loss = network.loss(windows, (1.0 / windows.weight()) as f32) / windows.weight();
        network.backward(&mut gradients, &weights, windows);
        let before = training.parameters.clone();
        let report = training.step(&batch);
        assert!((report.loss - loss).abs() < 1e-6, "{} {loss}", report.loss);
        // AdamW's first step goes by the sign.
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
    fn memory_is_known_beforehand() {
        let config = small(&STORIES_260K);
        let training = train(&config, RULES[0], 1, 28);
        let networks = training.networks.free.lock().unwrap();
        let activations: usize = networks.iter().map(Network::allocated_bytes).sum();
        let parameters = (4 + SHARDS) * training.parameters.len() * size_of::<f32>();
        assert_eq!(Training::bytes(&config, 28, config.context, 1), activations + parameters);
    }

    #[test]
    fn memory_grows_in_a_straight_line() {
        // Not with the square of the context: no scores are kept.
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
