//! A prompt that is read once and gone on from many times.

use crate::Error;
use crate::generator::{Generator, mix};
use crate::random::SplitMix64;
use crate::text::Utf8Stream;

/// A beginning of a text, from [`Generator::prefix`], which [`Generator::return_to`] goes back to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prefix {
    length: usize,
    /// A hash of the tokens, to notice a text that has changed.
    hash: u32,
    stream: Utf8Stream,
    tokens: u32,
    fingerprint: u32,
}

impl Generator<'_, '_> {
    /// Remembers the present text, whose keys and values stay in the cache when it goes on.
    ///
    /// ```
    /// use pipsqueak::{Sampling, include_model};
    ///
    /// # fn main() -> Result<(), pipsqueak::Error> {
    /// let generator = include_model!("../models/tiny.pip").generator()?;
    /// generator.start("Once upon a time", Sampling::default(), 42)?;
    /// let opening = generator.prefix();
    /// for (hero, seed) in [(" a mouse", 1), (" a cat", 2), (" a mouse", 1)] {
    ///     generator.return_to(&opening, seed)?; // the opening is not read again
    ///     generator.append(hero)?;
    ///     let next: String = (0..10).map_while(|_| generator.next_piece().map(String::from)).collect();
    ///     println!("Once upon a time{hero}{next}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn prefix(&self) -> Prefix {
        Prefix {
            length: self.window.len(),
            hash: hash(self.window.tokens()),
            stream: self.stream.clone(),
            tokens: self.tokens,
            fingerprint: self.fingerprint,
        }
    }

    /// Goes back to where `prefix` was taken, as often as one likes, and goes on from there by `seed`: with the same seed
    /// and the same text appended, to the same text.
    ///
    /// # Errors
    /// [`Error::StalePrefix`] if the present text does not begin with it any more: because the context was full and the
    /// window has slid, or because another text was started or gone back to. The present text goes on then.
    pub fn return_to(&mut self, prefix: &Prefix, seed: u64) -> Result<(), Error> {
        let beginning = self.window.tokens().get(..prefix.length).ok_or(Error::StalePrefix)?;
        if hash(beginning) != prefix.hash {
            return Err(Error::StalePrefix);
        }
        self.window.truncate(prefix.length);
        self.changed();
        (self.stream, self.random) = (prefix.stream.clone(), SplitMix64::new(seed));
        (self.tokens, self.fingerprint) = (prefix.tokens, prefix.fingerprint);
        Ok(())
    }
}

fn hash(tokens: &[u16]) -> u32 {
    tokens.iter().fold(tokens.len() as u32, |hash, &token| mix(hash, token.into()))
}
