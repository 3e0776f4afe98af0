//! The time of a training step, against the time that its matrix products alone would take.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use anyhow::{Context, ensure};
use pipsqueak::Config;
use pipsqueak::internal::Parameter;

use crate::data::batches::Batches;
use crate::network::matmul::{View, ViewMut, multiply};
use crate::optimizer::schedule::{Decay, Schedule};
use crate::optimizer::{AdamW, Optimizer};
use crate::sizing::presets::{GPT, STORIES_260K, TWO_LAYERS};
use crate::training::{HyperParameters, Training, parallel};

/// A model and the batch that its step is timed with.
#[derive(Debug, Clone)]
pub struct Case {
    /// Its name in reports.
    pub name: &'static str,
    /// The model's shape.
    pub config: Config,
    /// Sequences of a batch, each as long as the model's context.
    pub sequences: usize,
}

/// The time of a step of a [`Case`].
#[derive(Debug, Clone, Copy)]
pub struct StepTime {
    /// Of the fastest step.
    pub best_ms: f64,
    /// Of the median step.
    pub median_ms: f64,
    /// Rate of the fastest step: multiplications and additions of its matrix products (of attention, the causal half), in 10⁹
    /// per second.
    pub gflops: f64,
}

/// The cases that PyTorch is timed with too.
pub fn cases() -> Vec<Case> {
    vec![
        Case { name: "nanoGPT's CPU recipe", config: GPT, sequences: 12 },
        Case { name: "2 layers, width 64", config: TWO_LAYERS, sequences: 12 },
        Case { name: "stories260K", config: STORIES_260K, sequences: 8 },
        Case { name: "stories260K, batch 32", config: STORIES_260K, sequences: 32 },
        Case {
            name: "stories260K, context 512",
            config: Config { context: 512, ..STORIES_260K },
            sequences: 8,
        },
    ]
}

/// Times `steps` steps on `threads` threads.
///
/// # Errors
/// If the shape makes no sense.
pub fn step_time(case: &Case, threads: usize, steps: usize) -> anyhow::Result<StepTime> {
    let mut training = Training::new(&case.config, recipe(), 1)?;
    training.threads = threads;
    let length = case.config.context;
    let tokens: Vec<u16> = (0..4 * length).map(|i| (i * i % case.config.vocab) as u16).collect();
    let batches = Batches::new(&tokens, case.sequences, length, 1).expect("tokens for a window");
    let time_ms = |batch| {
        let start = Instant::now();
        training.step(&batch);
        start.elapsed().as_secs_f64() * 1e3
    };
    let mut times_ms: Vec<f64> = parallel::with_pool(threads, || batches.take(steps).map(time_ms).collect());
    times_ms.sort_by(f64::total_cmp);
    let best_ms = times_ms[0];
    Ok(StepTime { best_ms, median_ms: times_ms[steps / 2], gflops: step_gflop(case) / best_ms * 1e3 })
}

/// Steps in nanoGPT's recipe for a CPU.
const RECIPE_STEPS: u64 = 2000;

fn recipe() -> HyperParameters {
    let steps = RECIPE_STEPS;
    HyperParameters {
        schedule: Schedule { maximum: 1e-3, minimum: 1e-4, decay: Decay::Cosine, warmup: 100, steps },
        optimizer: Optimizer::AdamW(AdamW::DEFAULT),
        clip: 1.0,
        dropout: 0.0,
    }
}

/// Trains nanoGPT's recipe for a CPU on the characters of the first nine tenths of a text; returns the loss over the whole last
/// tenth, in nats per character.
///
/// # Errors
/// If the text has too many characters, or too few.
pub fn final_loss(text: &str, seed: u64) -> anyhow::Result<f64> {
    let characters: BTreeSet<char> = text.chars().collect();
    ensure!(
        characters.len() < usize::from(u16::MAX),
        "the text has {} different characters, too many for a vocabulary",
        characters.len()
    );
    let id_of: BTreeMap<char, u16> = characters.into_iter().zip(0..).collect();
    let config = Config { vocab: id_of.len(), ..GPT };
    let tokens: Vec<u16> = text.chars().map(|character| id_of[&character]).collect();
    let (training_tokens, held_out) = tokens.split_at(tokens.len() / 10 * 9);
    let mut training = Training::new(&config, recipe(), seed)?;
    let batches = Batches::new(training_tokens, 12, config.context, seed)
        .with_context(|| format!("the text is too short: it has {} characters", tokens.len()))?;
    batches.take(RECIPE_STEPS as usize).for_each(|batch| _ = training.step(&batch));
    training.loss_over(held_out)
}

/// Floating-point operations of a step's matrix products, in 10⁹.
///
/// A multiplication and an addition for each weight and position, in the forward pass and for each of two gradients, makes 6
/// per weight. Attention has two products per channel of an attended position (scores, and the sum of values), so 12.
fn step_gflop(case: &Case) -> f64 {
    use Parameter::{Down, LmHead, Output, Qkv, Up};
    let config = Config { tied: false, ..case.config.clone() };
    let weights: usize = [Qkv, Output, Up, Down, LmHead].iter().map(|p| p.shape(&config).len()).sum();
    let attended = config.context.div_ceil(2) * config.width * config.depth();
    let positions = case.sequences * config.context;
    positions as f64 * (6 * weights + 12 * attended) as f64 * 1e-9
}

/// The best rate of a product about as large as the models', on each of `threads` threads at once, in 10⁹ operations per
/// second.
pub fn gemm_gflops(threads: usize) -> f64 {
    const SIZE: usize = 192;
    const REPEATS: usize = 200;
    let best = |_| {
        let (a, b, mut out) = (vec![0.5f32; SIZE * SIZE], vec![0.5; SIZE * SIZE], vec![0.0; SIZE * SIZE]);
        let time = |_| {
            let view = |values| View::new(values, SIZE, SIZE, SIZE);
            let start = Instant::now();
            multiply(ViewMut::new(&mut out, SIZE, SIZE, SIZE), view(&a), view(&b).transposed(), 1.0);
            start.elapsed().as_secs_f64()
        };
        (0..REPEATS).map(time).fold(f64::INFINITY, f64::min)
    };
    let mut rates = vec![0.0; threads];
    parallel::for_each(threads, rates.iter_mut().enumerate(), |(thread, rate)| {
        *rate = 2.0 * (SIZE * SIZE * SIZE) as f64 / best(thread) * 1e-9;
    });
    rates.iter().sum()
}

/// The ceiling and a line for each case, on one thread and on all.
///
/// # Errors
/// If a shape makes no sense.
pub fn report(steps: usize) -> anyhow::Result<String> {
    let mut lines = String::new();
    for threads in [1, parallel::available()] {
        let ceiling = gemm_gflops(threads);
        lines += &format!("{threads} threads, matrix products at best {ceiling:.0} GFLOP/s\n");
        for case in cases() {
            let StepTime { best_ms, median_ms, gflops } = step_time(&case, threads, steps)?;
            let (name, share, steps) = (case.name, 100.0 * gflops / ceiling, 1e3 / best_ms);
            lines += &format!(
                "  {name:<26} {best_ms:7.1} ms a step ({median_ms:.1} median), {steps:6.1} steps/s, \
                 {gflops:6.1} GFLOP/s, {share:.0} %\n"
            );
        }
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_operations_of_a_known_step() {
        let case = Case { name: "", config: GPT, sequences: 12 };
        // 794,752 weights; 32 positions attended to on the mean, 128 channels, 4 layers
        let expected = 768.0 * (6.0 * 794_752.0 + 12.0 * 32.0 * 128.0 * 4.0) * 1e-9;
        assert!((step_gflop(&case) - expected).abs() < 1e-9);
    }
}
