//! The source of the text.

use core::convert::Infallible;

use pipsqueak::{Generator, Progress, Sampling, Score};

use crate::{Put, Show};

/// The part of the core's [`Generator`] that the prompt uses; the tests on the PC put a parrot in its place.
pub trait TextSource {
    /// Shown as one sentence, without its full stop.
    type Error: Show;

    /// Whether the loader can put another model in this one's place.
    const IS_REPLACEABLE: bool = false;

    /// Says which model this is, where that is not known from the image.
    fn introduce(&self, _out: &mut impl Put) {}

    /// Reads a prompt, without spaces at its end, and forgets the text before. The settings have been checked.
    fn start(&mut self, prompt: &str, sampling: Sampling, seed: u64) -> Result<(), Self::Error>;

    /// As `start`, but the model still sees the text before.
    fn start_behind(&mut self, prompt: &str, sampling: Sampling, seed: u64) -> Result<(), Self::Error>;

    /// The characters of a prompt that `start` leaves out, each once: the model has no token for them nor for a variant.
    fn unreadable(&self, prompt: &str) -> impl Iterator<Item = char>;

    /// Does a part of the work for the next piece of text.
    fn advance(&mut self) -> Progress<'_>;

    /// As `advance`; counts in `score` how likely a token was.
    fn advance_scored(&mut self, score: &mut Score) -> Progress<'_>;

    /// No more of the text is wanted, whether it has ended or not.
    fn rest(&mut self) {}

    /// Generates the model's golden run; the error is what differs.
    fn self_test(&mut self) -> Result<(), impl Show>;

    /// Tokens generated since the start.
    fn tokens(&self) -> u32;

    /// A hash of every logit and every token since the start.
    fn fingerprint(&self) -> u32;
}

impl TextSource for &mut Generator<'_, '_> {
    type Error = Infallible;

    fn start(&mut self, prompt: &str, sampling: Sampling, seed: u64) -> Result<(), Infallible> {
        let prompt = self.model().tokenizer().trimmed(prompt);
        // Settings are all that the core can refuse.
        _ = (**self).start(prompt, sampling, seed);
        Ok(())
    }

    fn start_behind(&mut self, prompt: &str, sampling: Sampling, seed: u64) -> Result<(), Infallible> {
        let prompt = self.model().tokenizer().trimmed(prompt);
        _ = (**self).start_behind(prompt, sampling, seed);
        Ok(())
    }

    fn unreadable(&self, prompt: &str) -> impl Iterator<Item = char> {
        self.model().tokenizer().unreadable(prompt)
    }

    fn advance(&mut self) -> Progress<'_> {
        (**self).advance()
    }

    fn advance_scored(&mut self, score: &mut Score) -> Progress<'_> {
        (**self).advance_scored(score)
    }

    fn self_test(&mut self) -> Result<(), impl Show> {
        (**self).self_test()
    }

    fn tokens(&self) -> u32 {
        (**self).tokens()
    }

    fn fingerprint(&self) -> u32 {
        (**self).fingerprint()
    }
}
