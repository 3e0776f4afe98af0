//! Several texts for one prompt, of which the likeliest is kept, as the board's `:think` and `:best-of` do it.

use pipsqueak::{Error, Generator, Progress, Sampling, Score};

use crate::data::vocabulary;

/// How an answer is chosen from several texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passes {
    /// The number of texts; each has a seed one higher than that of the text before.
    pub count: u16,
    /// Whether each text is written behind the one before, which the model then sees.
    pub feeds_back: bool,
}

/// One text to write, as often as is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Task<'t> {
    /// Its beginning.
    pub prompt: &'t str,
    /// How its tokens are chosen.
    pub sampling: Sampling,
    /// The seed of the first pass.
    pub seed: u64,
    /// The most tokens to write.
    pub length: u32,
}

impl Passes {
    /// One text.
    pub const ONE: Passes = Passes { count: 1, feeds_back: false };

    /// Generates every pass, and then brings `generator` to where the best one begins; returns its number, from 0. `tried`
    /// hears of each pass's number, text and score.
    ///
    /// # Errors
    /// Settings out of range.
    pub fn best(
        self,
        generator: &mut Generator<'_, '_>,
        task: &Task<'_>,
        mut tried: impl FnMut(u16, &str, Score),
    ) -> Result<u16, Error> {
        let (mut best, mut best_score) = (0, Score::default());
        for pass in 0..self.count {
            self.start(generator, task, pass)?;
            let (text, score) = write(generator, task.length);
            tried(pass, &text, score);
            if score.exceeds(&best_score) {
                (best, best_score) = (pass, score);
            }
        }
        for pass in if self.feeds_back { 0 } else { best }..best {
            self.start(generator, task, pass)?;
            write(generator, task.length);
        }
        self.start(generator, task, best)?;
        Ok(best)
    }

    /// Starts a pass, with what it sees in the window.
    ///
    /// # Errors
    /// Settings out of range.
    pub fn start(self, generator: &mut Generator<'_, '_>, task: &Task<'_>, pass: u16) -> Result<(), Error> {
        let seed = task.seed.wrapping_add(pass.into());
        if self.feeds_back && pass > 0 {
            return generator.start_behind(task.prompt, task.sampling, seed);
        }
        let tokens = vocabulary::read_prompt(generator.model().tokenizer(), task.prompt);
        generator.start_with(tokens.into_iter(), task.sampling, seed)
    }
}

/// A text, and how likely it was.
fn write(generator: &mut Generator<'_, '_>, length: u32) -> (String, Score) {
    let (mut text, mut score) = (String::new(), Score::default());
    while generator.tokens() < length {
        match generator.advance_scored(&mut score) {
            Progress::Working => {}
            Progress::Piece(piece) => text += piece,
            Progress::Ended => break,
        }
    }
    (text, score)
}
