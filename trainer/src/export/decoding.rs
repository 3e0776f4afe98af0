//! Running the core on the PC, with memory for a model whose shape is known only at run time.

use std::ops::Range;

use anyhow::Result;
use pipsqueak::internal::memory::{LANES_MAX, memory_bytes_with_lanes};
use pipsqueak::internal::{Decoder, math};
use pipsqueak::{Buffers, Model};

use crate::aligned::Aligned;
use crate::data::batches::Split;
use crate::training::parallel;

/// The memory that a model runs in.
pub struct OwnedMemory(Aligned<u8>);

impl OwnedMemory {
    /// Memory for `model`, with which it reads prompts as many positions at a time as the core can.
    pub fn of(model: &Model<'_>) -> Self {
        Self::with_lanes(model, LANES_MAX)
    }

    /// Memory for `model` to read prompts `lanes` positions at a time.
    pub fn with_lanes(model: &Model<'_>, lanes: usize) -> Self {
        OwnedMemory(Aligned::filled(0, memory_bytes_with_lanes(model.config(), model.precision(), lanes)))
    }

    /// Lends the memory to the core.
    pub fn buffers(&mut self) -> Buffers<'_> {
        Buffers::from(&mut self.0[..])
    }
}

/// Mean loss over a split in nats per token, by the core's own decoder: with the numbers that the board will compute.
///
/// The text is cut into consecutive windows of the model's context, or at the split's starts. Each window is read from
/// position 0. `progress` is called with the number of tokens of each window when it is done.
pub fn loss_over(model: &Model<'_>, split: &Split, progress: impl Fn(u64) + Sync) -> Result<f64> {
    let windows = split.windows(model.config().context);
    let mut sums = vec![Ok(0.0); windows.len()];
    let work = windows.iter().zip(&mut sums);
    parallel::for_each(parallel::available(), work, |(window, sum)| {
        *sum = window_loss(model, split, window.clone());
        progress(window.len() as u64 - 1);
    });
    let total: f64 = sums.into_iter().sum::<Result<f64, pipsqueak::Error>>()?;
    Ok(total / split.weight())
}

/// Sum of the losses of all tokens of a window but the first, each times its weight.
fn window_loss(model: &Model<'_>, split: &Split, window: Range<usize>) -> Result<f64, pipsqueak::Error> {
    let mut memory = OwnedMemory::of(model);
    let (mut decoder, _) = Decoder::new(model.clone(), memory.buffers())?;
    let (mut total, mut targets) = (0.0, window.start + 1..window.end);
    decoder.forward_each(&split.tokens[window.start..window.end - 1], 0, |logits| {
        if let Some(target) = targets.next() {
            let weight = split.weights.get(target).map_or(1.0, |&weight| f64::from(weight));
            total += weight * negative_log_likelihood(logits, split.tokens[target].into());
        }
    })?;
    Ok(total)
}

/// `ln Σ e^logit - logit[token]`, in f64.
pub fn negative_log_likelihood(logits: &[f32], token: usize) -> f64 {
    let largest = f64::from(math::maximum(logits));
    let sum: f64 = logits.iter().map(|&logit| (f64::from(logit) - largest).exp()).sum();
    sum.ln() + largest - f64::from(logits[token])
}
