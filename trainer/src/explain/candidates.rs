//! The candidates for the next token.

use pipsqueak::internal::sampler;
use pipsqueak::{Sampling, Tokenizer};
use serde::Serialize;

/// Candidates that are listed.
const LISTED: usize = 24;

/// A token that may come next.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Candidate {
    /// Its index in the vocabulary.
    pub token: u16,
    /// Its text.
    pub piece: String,
    /// The model's score, after the repetition penalty.
    pub logit: f32,
    /// The bits of the logit, in hexadecimal digits.
    pub bits: String,
    /// Its probability at this temperature.
    pub probability: f64,
    /// Whether top-k keeps it.
    pub in_top_k: bool,
    /// Whether top-p keeps it, of those that top-k keeps.
    pub in_top_p: bool,
    /// The probability by which it is drawn.
    pub drawn: f64,
}

/// The likeliest tokens that the model's `logits` leave to choose from behind the tokens of `window`, by the sampler's own weights.
pub fn candidates(
    tokenizer: &Tokenizer<'_>,
    logits: &[f32],
    window: &[u16],
    sampling: &Sampling,
) -> Vec<Candidate> {
    let mut logits = logits.to_vec();
    sampler::penalize(&mut logits, window, sampling.repetition_penalty);
    let all = shares(&logits, &Sampling { top_k: 0, top_p: 1.0, ..*sampling });
    let by_k = shares(&logits, &Sampling { top_p: 1.0, ..*sampling });
    let drawn = shares(&logits, sampling);
    let mut order: Vec<u16> = (0..logits.len() as u16).collect();
    let logit = |token: u16| logits[usize::from(token)];
    order.sort_by(|&a, &b| logit(b).total_cmp(&logit(a)).then(a.cmp(&b)));
    let candidate = |token: u16| {
        let at = usize::from(token);
        Candidate {
            token,
            piece: String::from_utf8_lossy(&tokenizer.decode(token)).into_owned(),
            logit: logits[at],
            bits: format!("{:08x}", logits[at].to_bits()),
            probability: all[at],
            in_top_k: by_k[at] > 0.0,
            in_top_p: drawn[at] > 0.0,
            drawn: drawn[at],
        }
    };
    order.into_iter().take(LISTED).map(candidate).collect()
}

/// The probability of each token.
fn shares(logits: &[f32], sampling: &Sampling) -> Vec<f64> {
    let likeliest = sampler::argmax(logits);
    let mut weights = logits.to_vec();
    match sampler::weigh(&mut weights, likeliest, sampling) {
        None | Some(0) => {
            (0..logits.len()).map(|token| f64::from(u8::from(token == usize::from(likeliest)))).collect()
        }
        Some(total) => weights.iter().map(|weight| f64::from(weight.to_bits()) / f64::from(total)).collect(),
    }
}
