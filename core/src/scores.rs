//! How likely the model finds a text.

use crate::Error;
use crate::generator::Generator;
use crate::math;
use crate::tokenizer::Tokenizer;

impl Generator<'_, '_> {
    /// The natural logarithm of the probability that the present text goes on with `continuation`: the sum of its tokens'.
    /// The present text stays as it is.
    ///
    /// ```
    /// use pipsqueak::{Sampling, include_model};
    ///
    /// # fn main() -> Result<(), pipsqueak::Error> {
    /// let generator = include_model!("../models/tiny.pip").generator()?;
    /// generator.start("Once upon", Sampling::default(), 42)?;
    /// assert!(generator.score(" a time")? > -1.0);
    /// assert!(generator.score(" the sea")? < -5.0);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::UnknownCharacter`], or [`Error::TooLong`] if it does not fit into the context behind the present text.
    pub fn score(&mut self, continuation: &str) -> Result<f32, Error> {
        let [score] = self.scores([continuation])?;
        Ok(score)
    }

    /// As [`score`](Self::score) for several continuations: which of these answers is likeliest? The present text is read
    /// once for all of them.
    ///
    /// Every token makes a text less likely, so compare answers of about one length, or divide each score by its number
    /// of tokens.
    ///
    /// ```
    /// use pipsqueak::{Sampling, include_model};
    ///
    /// # fn main() -> Result<(), pipsqueak::Error> {
    /// let generator = include_model!("../models/tiny.pip").generator()?;
    /// generator.start("Once upon a time there was a little", Sampling::default(), 42)?;
    /// let [girl, stone] = generator.scores([" girl", " stone"])?;
    /// assert!(girl > stone);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`score`](Self::score).
    pub fn scores<const N: usize>(&mut self, continuations: [&str; N]) -> Result<[f32; N], Error> {
        let tokenizer = *self.model().tokenizer();
        continuations.iter().try_for_each(|text| self.check_length(&tokenizer, text))?;
        let logits = self.logits();
        // Before others' logits take the place of those.
        let mut scores = continuations.map(|text| match tokenizer.continuation(text).flatten().next() {
            Some(token) => log_probability(logits, token),
            None => 0.0,
        });
        for (score, text) in scores.iter_mut().zip(continuations) {
            let mut read = None;
            for (position, token) in (self.window.len()..).zip(tokenizer.continuation(text).flatten()) {
                if let Some(before) = read.replace(token) {
                    self.predicted = false;
                    self.decoder.forward(before, position - 1)?;
                    *score += log_probability(self.decoder.logits(), token);
                }
            }
        }
        Ok(scores)
    }

    fn check_length(&self, tokenizer: &Tokenizer<'_>, text: &str) -> Result<(), Error> {
        let more = tokenizer.continuation(text).try_fold(0, |count, token| token.map(|_| count + 1))?;
        let (tokens, context) = (self.window.len() + more, self.window.context());
        // The last token is only predicted, not read.
        if tokens <= context + 1 { Ok(()) } else { Err(Error::TooLong { tokens, context }) }
    }
}

/// `logit[token] - ln Σ e^logit`, with the largest logit taken off all of them first, so that the sum is from 1 to the
/// number of tokens.
fn log_probability(logits: &[f32], token: u16) -> f32 {
    let largest = math::maximum(logits);
    let sum = math::sum(logits, |logit| math::exp(logit - largest));
    let logit = logits.get(usize::from(token)).copied().unwrap_or(f32::NEG_INFINITY);
    (logit - largest) - math::ln(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_add_up_to_one() {
        let logits: [f32; 50] = core::array::from_fn(|i| (i * i % 17) as f32 * 0.9 - 7.0);
        let exact_sum: f64 = logits.iter().map(|&logit| libm::exp(logit.into())).sum();
        let mut total = 0.0;
        for (token, &logit) in logits.iter().enumerate() {
            let found = f64::from(log_probability(&logits, token as u16));
            let exact = f64::from(logit) - libm::log(exact_sum);
            assert!((found - exact).abs() < 2e-6, "{token}: {found} {exact}");
            total += libm::exp(found);
        }
        assert!((total - 1.0).abs() < 1e-5, "{total}");
    }

    #[test]
    fn extremes_stay_finite_or_say_impossible() {
        assert_eq!(log_probability(&[1e30, 0.0], 0), 0.0);
        assert_eq!(log_probability(&[0.0, f32::NEG_INFINITY], 1), f32::NEG_INFINITY);
        assert_eq!(log_probability(&[0.0, 0.0], 9), f32::NEG_INFINITY);
    }
}
