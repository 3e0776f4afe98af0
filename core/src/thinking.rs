//! Several texts for one prompt, and which of them the model finds likeliest.
//!
//! Two ways to several texts: each by a seed of its own, from the prompt alone ([`Generator::start`]: best of N); or each behind
//! the one before, which the model then sees ([`Generator::start_behind`]: an answer is fed back with the prompt). No text is
//! stored: the best one is generated again, by its seed.

use crate::Error;
use crate::generator::{Generator, Progress};
use crate::math;
use crate::sampler::Sampling;

/// How likely a text was, by the mean logarithm of the probabilities that its tokens were chosen with: those after temperature,
/// top-k, top-p and penalty, and so the model's own at a temperature of 1 and with the others off. Greedy choices have 1.
///
/// Kept and compared in integers, so that every machine finds the same text best.
///
/// ```
/// use pipsqueak::{Progress, Sampling, Score, include_model};
///
/// # fn main() -> Result<(), pipsqueak::Error> {
/// let generator = include_model!("../models/tiny.pip").generator()?;
/// let (mut best, mut best_seed) = (Score::default(), 0);
/// for seed in 1..=4 {
///     generator.start("Once upon a time", Sampling::default(), seed)?;
///     let mut score = Score::default();
///     while generator.tokens() < 20 && generator.advance_scored(&mut score) != Progress::Ended {}
///     if score.exceeds(&best) {
///         (best, best_seed) = (score, seed);
///     }
/// }
/// println!("seed {best_seed}, {} nats a token", best.mean());
/// # assert!((1..=4).contains(&best_seed) && best.mean() < 0.0 && best.mean() > -5.0);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Score {
    /// Sum of the tokens' `log2 p`, with 16 fractional bits.
    sum: i64,
    tokens: u32,
}

/// `ln 2 / 2^16`.
const NATS: f32 = core::f32::consts::LN_2 / 65_536.0;

impl Score {
    /// Nats a token: 0 for tokens that were certain, less for all others, and minus infinity for no tokens.
    pub fn mean(&self) -> f32 {
        if self.tokens == 0 { f32::NEG_INFINITY } else { self.sum as f32 / self.tokens as f32 * NATS }
    }

    /// Whether the mean is higher than that of `other`, which that of any text is if `other` has no tokens.
    pub fn exceeds(&self, other: &Score) -> bool {
        // Of 2^20 tokens, the products still fit.
        let product = |sum: i64, tokens: u32| sum.saturating_mul(tokens.into());
        self.tokens > 0
            && (other.tokens == 0 || product(self.sum, other.tokens) > product(other.sum, self.tokens))
    }

    /// Counts a token of the probability `2^(log2 / 2^16)`.
    #[doc(hidden)]
    pub fn count(&mut self, log2: i64) {
        (self.sum, self.tokens) = (self.sum.saturating_add(log2), self.tokens.saturating_add(1));
    }
}

impl Generator<'_, '_> {
    /// As [`start`](Self::start), but the model still sees the text before, as a document that has ended, as far as the context
    /// has room for it. Where a vocabulary has no token between documents, a line end stands there.
    ///
    /// ```
    /// # fn main() -> Result<(), pipsqueak::Error> {
    /// use pipsqueak::Sampling;
    /// let generator = pipsqueak::include_model!("../models/tiny.pip").generator()?;
    /// generator.start("Once upon a time", Sampling::default(), 1)?;
    /// while generator.tokens() < 20 && generator.next_piece().is_some() {}
    /// generator.start_behind("Once upon a time", Sampling::default(), 2)?;
    /// assert_eq!(generator.tokens(), 0);
    /// # assert!(generator.next_piece().is_some());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Settings out of range. The text before goes on then.
    pub fn start_behind(&mut self, prompt: &str, sampling: Sampling, seed: u64) -> Result<(), Error> {
        sampling.check()?;
        let tokenizer = *self.model().tokenizer();
        let vocabulary = tokenizer.vocabulary();
        let end = vocabulary.end.filter(|_| vocabulary.end != vocabulary.begin);
        end.into_iter().chain(vocabulary.begin).for_each(|token| self.window.push(token));
        if vocabulary.end.or(vocabulary.begin).is_none() {
            tokenizer.continuation("\n").flatten().for_each(|token| self.window.push(token));
        }
        tokenizer.read(prompt).for_each(|token| self.window.push(token));
        self.begin_by(sampling, seed);
        Ok(())
    }

    /// As [`advance`](Self::advance), with the probability of a token that was chosen counted in `score`.
    pub fn advance_scored(&mut self, score: &mut Score) -> Progress<'_> {
        let before = self.tokens;
        if self.has_ended() {
            return Progress::Ended;
        }
        if !self.predict_slice() {
            return Progress::Working;
        }
        let token = self.choose_token(|_| ());
        if self.tokens != before {
            let chosen = token.or(self.model().tokenizer().vocabulary().end);
            score.count(chosen.map_or(0, |token| self.log2_of_choice(token)));
        }
        token.map_or(Progress::Ended, |token| Progress::Piece(self.write(token)))
    }

    /// `log2` of the probability that `token` was just chosen with, with 16 fractional bits. The sampler has left its weights,
    /// which are integers, in the place of the logits.
    // Not inlined, so that its frame is gone when the next token is computed.
    #[inline(never)]
    fn log2_of_choice(&mut self, token: u16) -> i64 {
        if math::ordered(self.sampling.temperature) <= math::ordered(0.0) {
            return 0;
        }
        let weights = self.decoder.logits();
        let total: u32 = weights.iter().fold(0, |total, weight| total.wrapping_add(weight.to_bits()));
        let weight = weights.get(usize::from(token)).map_or(0, |weight| weight.to_bits());
        (math::log2(weight as f32) - math::log2(total as f32)).min(0) >> 14
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(log2: &[i64]) -> Score {
        let mut score = Score::default();
        log2.iter().for_each(|&log2| score.count(log2 << 16));
        score
    }

    #[test]
    fn means_are_compared_whatever_the_lengths() {
        let (short, long, none) = (score(&[-1, -3]), score(&[-1, -1, -1, -4, -2]), Score::default());
        assert!(long.exceeds(&short) && !short.exceeds(&long));
        assert!(!short.exceeds(&short) && !short.exceeds(&score(&[-2])));
        assert!(short.exceeds(&none) && !none.exceeds(&short) && !none.exceeds(&none));
        assert!((short.mean() + 2.0 * core::f32::consts::LN_2).abs() < 1e-6);
        assert_eq!((score(&[0, 0]).mean(), none.mean()), (0.0, f32::NEG_INFINITY));
    }

    #[test]
    fn extremes_do_not_overflow() {
        let worst = Score { sum: i64::MIN, tokens: u32::MAX };
        let mut counted = worst;
        counted.count(-1);
        assert_eq!(counted, worst);
        assert!(!worst.exceeds(&worst) && score(&[-5]).exceeds(&worst));
    }
}
