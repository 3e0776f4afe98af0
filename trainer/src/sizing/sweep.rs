//! Finding the best shape for a budget by trial: successive halving (Jamieson and Talwalkar 2016), by thirds.
//!
//! All candidates are trained for a few steps, the best third again from the start for about three times as many, and so on,
//! until one is left. Each round takes an equal part of the time. Every trial is a whole run, with its warm-up and its
//! falling learning rate, because a run to be continued would be judged before its rate has fallen.

use pipsqueak::{Config, Precision};

use crate::sizing::budget::Budget;
use crate::sizing::shape::{PartialConfig, weights_without_tables};

/// One in this many candidates goes on to the next round.
pub const KEEP: usize = 3;
/// The shortest trial that says anything.
pub const STEPS_MIN: u64 = 60;
/// Numbers of layers to try.
const LAYERS: [usize; 9] = [1, 2, 3, 4, 5, 6, 8, 10, 12];
/// A candidate has at least this share of the weights, those of tables not counted, of the largest with its vocabulary.
const FULL: f64 = 0.75;

/// A shape under trial.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// The shape.
    pub config: Config,
    /// Index of its vocabulary.
    pub vocabulary: usize,
    /// Latest measured time of a step; 0 before the first.
    pub seconds_a_step: f64,
    /// Latest measured time of computing its loss; 0 before the first.
    pub seconds_to_measure: f64,
    /// One for each round that it went through.
    pub trials: Vec<Trial>,
}

/// A whole training of a candidate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trial {
    /// Number of steps.
    pub steps: u64,
    /// Loss on held-out text, with the board's arithmetic, in bits per byte.
    pub bits: f64,
}

/// A vocabulary's number of tokens, and its bytes in a model file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VocabularySize {
    /// Number of ids.
    pub vocab: usize,
    /// Bytes in a model file.
    pub bytes: u64,
}

/// Every depth with every vocabulary that fills the budget: first what [`Budget::choose`] would take, last what is least like
/// it. Empty where nothing fits.
pub fn candidates(
    budget: &Budget,
    partial: &PartialConfig,
    vocabularies: &[VocabularySize],
    precision: Precision,
) -> Vec<Candidate> {
    let mut all: Vec<Candidate> = Vec::new();
    for (vocabulary, &VocabularySize { vocab, bytes }) in vocabularies.iter().enumerate() {
        let choose = |layers: Option<usize>| {
            let partial = PartialConfig { layers: layers.or(partial.layers), ..partial.clone() };
            budget.choose(&partial, vocab, bytes, precision).ok()
        };
        let depths = LAYERS.iter().filter(|_| partial.layers.is_none()).map(|&layers| Some(layers));
        let mut shapes: Vec<Config> = [None].into_iter().chain(depths).filter_map(choose).collect();
        let most = shapes.iter().map(weights_without_tables).max().unwrap_or(0) as f64;
        shapes.retain(|config| weights_without_tables(config) as f64 >= FULL * most);
        for config in shapes {
            if !all.iter().any(|known| known.config == config) {
                all.push(Candidate {
                    config,
                    vocabulary,
                    seconds_a_step: 0.0,
                    seconds_to_measure: 0.0,
                    trials: vec![],
                });
            }
        }
    }
    if let Some(Config { layers, vocab, .. }) = all.first().map(|first| first.config.clone()) {
        let ratio = |a: usize, b: usize| libm::log(a as f64 / b as f64).abs();
        let distance = |c: &Candidate| ratio(c.config.layers, layers) + ratio(c.config.vocab, vocab);
        all.sort_by(|a, b| distance(a).total_cmp(&distance(b)));
    }
    all
}

/// Rounds until one of this many candidates is left.
pub fn rounds(candidates: usize) -> usize {
    let kept = |&candidates: &usize| (candidates > 1).then(|| candidates.div_ceil(KEEP));
    std::iter::successors(Some(candidates), kept).count().saturating_sub(1).max(1)
}

/// The number of candidates, from the first on, that can have [`STEPS_MIN`] steps each in a sweep's first round of `seconds`.
pub fn affordable(candidates: &[Candidate], seconds: f64) -> usize {
    let affords = |&count: &usize| steps(&candidates[..count], seconds, rounds(count), u64::MAX) >= STEPS_MIN;
    (1..=candidates.len()).rev().find(affords).unwrap_or(1)
}

/// Steps of each candidate in the next round, with `seconds` left for `rounds`; `most` at most.
pub fn steps(candidates: &[Candidate], seconds: f64, rounds: usize, most: u64) -> u64 {
    let step: f64 = candidates.iter().map(|candidate| candidate.seconds_a_step).sum();
    let measuring: f64 = candidates.iter().map(|candidate| candidate.seconds_to_measure).sum();
    (((seconds / rounds as f64 - measuring) / step.max(1e-9)) as u64).clamp(1, most)
}

/// The candidates that went through the most rounds first, and among these the one with the lowest loss. Candidates without a
/// trial are left out.
pub fn ranking(candidates: &[Candidate]) -> Vec<&Candidate> {
    let mut tried: Vec<&Candidate> =
        candidates.iter().filter(|candidate| !candidate.trials.is_empty()).collect();
    let bits = |candidate: &Candidate| candidate.trials.last().map_or(f64::INFINITY, |trial| trial.bits);
    tried.sort_by(|a, b| (b.trials.len().cmp(&a.trials.len())).then(bits(a).total_cmp(&bits(b))));
    tried
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sizing::presets::STORIES_260K;
    use crate::sizing::shape::tests::NONE;

    fn some(times: &[f64]) -> Vec<Candidate> {
        let candidate = |&seconds_a_step| Candidate {
            config: STORIES_260K,
            vocabulary: 0,
            seconds_a_step,
            seconds_to_measure: 1.0,
            trials: vec![],
        };
        times.iter().map(candidate).collect()
    }

    #[test]
    fn candidates_fit_and_the_one_that_the_rule_chooses_comes_first() {
        let budget =
            Budget { name: String::new(), flash_bytes: 256 << 10, ram_bytes: 64 << 10, text_bytes: u64::MAX };
        let sizes = [512, 256, 1024].map(|vocab| VocabularySize { vocab, bytes: 4 * vocab as u64 });
        let all = candidates(&budget, &NONE, &sizes, Precision::Int8);
        assert!(all.len() >= 9, "{all:?}");
        let chosen = budget.choose(&NONE, 512, 2048, Precision::Int8).unwrap();
        assert_eq!(all[0].config, chosen);
        assert!(sizes.iter().enumerate().all(|(i, size)| {
            let of_it: Vec<_> = all.iter().filter(|candidate| candidate.vocabulary == i).collect();
            of_it.len() >= 3 && of_it.iter().all(|candidate| candidate.config.vocab == size.vocab)
        }));
        let three = PartialConfig { layers: Some(3), ..NONE };
        assert_eq!(candidates(&budget, &three, &sizes[..1], Precision::Int8).len(), 1);
        let nothing = Budget { flash_bytes: 1000, ..budget };
        assert!(candidates(&nothing, &NONE, &sizes, Precision::Int8).is_empty());
    }

    #[test]
    fn thirds_go_on_until_one_is_left() {
        assert_eq!([1, 2, 3, 4, 9, 10, 27].map(rounds), [1, 1, 1, 2, 2, 3, 3]);
        let candidates = some(&[0.1, 0.1, 0.2]);
        assert_eq!(steps(&candidates, 86.0, 2, 1000), 100);
        assert_eq!(steps(&candidates, 86.0, 2, 70), 70);
        assert_eq!(steps(&candidates, 0.0, 2, 70), 1);
        assert_eq!(affordable(&candidates, 27.1), 3);
        assert_eq!(affordable(&candidates, 26.9), 2);
        assert_eq!(affordable(&candidates, 0.0), 1);
    }

    #[test]
    fn more_rounds_rank_higher() {
        let mut candidates = some(&[0.1, 0.2, 0.3, 0.4]);
        let trials = |bits: &[f64]| bits.iter().map(|&bits| Trial { steps: 1, bits }).collect::<Vec<_>>();
        candidates[0].trials = trials(&[1.0]);
        candidates[1].trials = trials(&[2.0, 1.9]);
        candidates[2].trials = trials(&[2.1, 1.8]);
        let order: Vec<f64> = ranking(&candidates).iter().map(|candidate| candidate.seconds_a_step).collect();
        assert_eq!(order, [0.3, 0.2, 0.1]);
    }
}
