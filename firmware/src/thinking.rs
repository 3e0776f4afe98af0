//! An answer that is the best of several texts.
//!
//! No text is kept: the passes are scored while they are generated, and the best one is generated again, by its seed. All of this
//! is in images with the feature `think` alone; without it an answer is one text, and that costs no byte.

#[cfg(feature = "think")]
use pipsqueak::{Progress, Score};

#[cfg(feature = "think")]
use crate::text::{divide, put_digits};
use crate::{Board, Put, Serial, Session, Show, TextSource};

/// The number of texts an answer is chosen from, and whether each is written behind the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passes {
    #[cfg(feature = "think")]
    pub(crate) count: u16,
    #[cfg(feature = "think")]
    pub(crate) feeds_back: bool,
    /// Whether all of the texts are written, and not just the best.
    #[cfg(feature = "think")]
    pub(crate) shown: bool,
}

#[cfg(not(feature = "think"))]
impl Passes {
    /// An answer is a text.
    pub const ONE: Passes = Passes {};

    pub(crate) fn count(self) -> u16 {
        1
    }
}

#[cfg(not(feature = "think"))]
impl Show for Passes {
    fn show(&self, _: &mut impl Put) {}
}

#[cfg(feature = "think")]
impl Passes {
    /// An answer is a text.
    pub const ONE: Passes = Passes { count: 1, feeds_back: false, shown: false };

    /// `count` passes, each but the first behind the one before.
    pub fn thinking(count: u16) -> Passes {
        Passes { count, feeds_back: true, ..Passes::ONE }
    }

    /// `count` passes that know nothing of each other.
    pub fn best_of(count: u16) -> Passes {
        Passes { count, ..Passes::ONE }
    }

    pub(crate) fn count(self) -> u16 {
        self.count
    }
}

#[cfg(feature = "think")]
impl Show for Passes {
    fn show(&self, out: &mut impl Put) {
        if self.count > 1 {
            out.put(if self.feeds_back { ", think " } else { ", best of " }).put(u32::from(self.count));
            out.put(if self.shown { ", passes shown" } else { "" });
        }
    }
}

#[cfg(not(feature = "think"))]
impl<B: Board, S: Serial, T: TextSource> Session<B, S, T> {
    pub(crate) fn start_pass(&mut self, prompt: &str, seed: u64, _: u16) -> Result<(), T::Error> {
        self.source.start(prompt, self.settings.sampling(), seed)
    }
}

#[cfg(feature = "think")]
impl<B: Board, S: Serial, T: TextSource> Session<B, S, T> {
    /// Tries all passes of an answer, and generates again what the best of them sees; returns its number, from 0.
    #[inline(never)]
    pub(crate) fn think(&mut self, prompt: &str, seed: u64) -> Result<u16, S::Error> {
        let passes = self.settings.passes;
        if passes.count < 2 {
            return Ok(0);
        }
        let (mut best, mut best_score) = (0, Score::default());
        for pass in 0..passes.count {
            let score = self.run_pass(prompt, seed, pass, passes.shown)?;
            if self.stopped {
                return Ok(0);
            }
            if score.exceeds(&best_score) {
                (best, best_score) = (pass, score);
            }
            self.print_pass(pass, score)?;
        }
        self.console.put("[pass ").put(u32::from(best) + 1).put(" is kept]\n").send()?;
        for pass in if passes.feeds_back { 0 } else { best }..best {
            self.run_pass(prompt, seed, pass, false)?;
        }
        Ok(best)
    }

    /// Starts a text; those that are fed back have to be behind the one before.
    // Not inlined, since reading a prompt takes much of the stack.
    #[inline(never)]
    pub(crate) fn start_pass(&mut self, prompt: &str, seed: u64, pass: u16) -> Result<(), T::Error> {
        let (sampling, seed) = (self.settings.sampling(), seed.wrapping_add(pass.into()));
        match self.settings.passes.feeds_back && pass > 0 {
            true => self.source.start_behind(prompt, sampling, seed),
            false => self.source.start(prompt, sampling, seed),
        }
    }

    /// Generates a text to its end.
    #[inline(never)]
    fn run_pass(&mut self, prompt: &str, seed: u64, pass: u16, shown: bool) -> Result<Score, S::Error> {
        // A pass that cannot be started is refused when the answer is.
        self.stopped |= self.start_pass(prompt, seed, pass).is_err();
        let (mut score, mut ended) = (Score::default(), false);
        while !ended && !self.stopped && self.source.tokens() < self.settings.length {
            match self.source.advance_scored(&mut score) {
                Progress::Piece(piece) if shown => self.console.put(piece).send()?,
                progress => ended = progress == Progress::Ended,
            }
            self.stopped |= self.console.interrupted();
        }
        self.console.put(if shown { "\n" } else { "" }).send()?;
        Ok(score)
    }

    /// As `[pass 2: -0.412 nats a token]`.
    #[inline(never)]
    fn print_pass(&mut self, pass: u16, score: Score) -> Result<(), S::Error> {
        let out = self.console.put("[pass ").put(u32::from(pass) + 1).put(": -");
        // Rounded, and below 2^32, as a probability is above 2^-62.
        let (whole, part) = divide(((score.mean() * -1000.0 + 0.5) as u32).into(), 1000);
        put_digits(out.put(whole).put("."), part, 10, 3);
        out.put(" nats a token]\n").send()
    }
}
