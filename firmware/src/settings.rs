//! The settings of the colon commands.

use pipsqueak::{Error, Sampling};

use crate::thinking::Passes;
use crate::{Decimal, Put, Show};

/// A setting that the core refuses, by its name, and the numbers that it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadSetting(&'static str, &'static str);

/// The present settings of the prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// 0 always takes the likeliest token.
    pub temperature: Decimal,
    /// 0 keeps every token.
    pub top_k: u16,
    /// 1 keeps every token.
    pub top_p: Decimal,
    /// 1 is off.
    pub penalty: Decimal,
    /// The seed of the next answer.
    pub seed: u64,
    /// Whether `:seed` set it, so that it stays; else every answer takes the next one.
    pub seed_is_fixed: bool,
    /// Tokens to write, unless the model ends its text before.
    pub length: u32,
    /// Texts to choose the answer from.
    pub passes: Passes,
}

impl Settings {
    /// The settings of a board that has just started.
    pub const fn new(seed: u64) -> Settings {
        Settings {
            temperature: Decimal::new(8, 1),
            top_k: 40,
            top_p: Decimal::new(1, 0),
            penalty: Decimal::new(1, 0),
            seed,
            seed_is_fixed: false,
            length: 200,
            passes: Passes::ONE,
        }
    }

    /// Takes the seed of an answer, and those of its further passes.
    pub fn take_seed(&mut self) -> u64 {
        let seed = self.seed;
        if !self.seed_is_fixed {
            self.seed = seed.wrapping_add(self.passes.count().into());
        }
        seed
    }

    /// Refuses what the core would.
    ///
    /// # Errors
    /// The first setting that is out of its range.
    pub fn check(&self) -> Result<(), BadSetting> {
        match self.sampling().check() {
            Err(Error::Number { name, rule }) => Err(BadSetting(name, rule)),
            _ => Ok(()),
        }
    }

    /// The settings as the core takes them.
    pub fn sampling(&self) -> Sampling {
        Sampling {
            temperature: self.temperature.to_f32(),
            top_k: self.top_k,
            top_p: self.top_p.to_f32(),
            repetition_penalty: self.penalty.to_f32(),
        }
    }
}

impl Show for BadSetting {
    fn show(&self, out: &mut impl Put) {
        out.put(self.0).put(" must be a number ").put(self.1);
    }
}

impl Show for Settings {
    fn show(&self, out: &mut impl Put) {
        let Settings { temperature, top_k, top_p, penalty, seed, length, seed_is_fixed, passes } = *self;
        out.put("temperature ").put(temperature).put(", top-k ").put(u32::from(top_k));
        out.put(", top-p ").put(top_p).put(", penalty ").put(penalty);
        out.put(", length ").put(length).put(" tokens, seed ").put(seed);
        out.put(if seed_is_fixed { "" } else { " and counting" }).put(passes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::tests::shown;

    #[test]
    fn a_board_starts_with_the_defaults_of_the_core() {
        let (ours, core) = (Settings::new(1).sampling(), Sampling::default());
        assert_eq!((ours.temperature, ours.top_k), (core.temperature, core.top_k));
        assert_eq!((ours.top_p, ours.repetition_penalty), (core.top_p, core.repetition_penalty));
    }

    #[test]
    fn seeds_count_up_until_one_is_set() {
        let mut settings = Settings::new(u64::MAX);
        assert_eq!((settings.take_seed(), settings.take_seed()), (u64::MAX, 0));
        settings = Settings { seed: 42, seed_is_fixed: true, ..settings };
        assert_eq!((settings.take_seed(), settings.take_seed()), (42, 42));
    }

    #[test]
    #[cfg(feature = "think")]
    fn each_pass_has_a_seed() {
        let mut settings = Settings { passes: Passes::thinking(4), ..Settings::new(7) };
        assert_eq!((settings.take_seed(), settings.take_seed()), (7, 11));
        assert!(shown(settings).ends_with("seed 15 and counting, think 4"));
    }

    #[test]
    fn print_as_a_line() {
        let line = "temperature 0.8, top-k 40, top-p 1, penalty 1, length 200 tokens, seed 7 and counting";
        assert_eq!(shown(Settings::new(7)), line);
    }
}
