//! Whether this machine computes what it should.

use core::fmt;

use crate::error::Sentence;
use crate::file::Golden;
use crate::generator::Generator;

/// The first thing that [`Generator::self_test`] found to be different. Its `Display` is one sentence, without the full
/// stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Difference {
    /// A token of the golden run is another.
    Token {
        /// Which of the tokens, from 0 on.
        place: usize,
        /// What this machine generates; none if it ends the text.
        found: Option<u16>,
        /// What the machine generated that wrote the file.
        expected: u16,
    },
    /// The logits that a token of the golden run was chosen by differ in some bit, though the token is the same.
    Logits {
        /// Which of the tokens, from 0 on.
        place: usize,
    },
    /// The model file has no golden run, or one that its own tokenizer can't read.
    NoGoldenRun,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut sentence = Sentence::new();
        let s = &mut sentence;
        match *self {
            Difference::Token { place, found: Some(found), expected } => {
                s.text("token ").number(place).text(" of the golden run is ").number(found.into());
                s.text(", not ").number(expected.into());
            }
            Difference::Token { place, found: None, expected } => {
                s.text("the golden run ends at token ").number(place);
                s.text(", which should be ").number(expected.into());
            }
            Difference::Logits { place } => {
                s.text("the logits of token ").number(place);
                s.text(" of the golden run differ, though not the token");
            }
            Difference::NoGoldenRun => {
                s.text("the model file has no golden run to compare with: export it again");
            }
        }
        f.write_str(sentence.as_str())
    }
}

impl core::error::Error for Difference {}

impl Generator<'_, '_> {
    /// Generates the golden run of the model's file, and compares every token and every logit with those of the machine
    /// that wrote it: a chip that passes computes as the PC does. The present text is forgotten.
    ///
    /// ```
    /// # fn main() -> Result<(), pipsqueak::Error> {
    /// let generator = pipsqueak::include_model!("../models/tiny.pip").generator()?;
    /// match generator.self_test() {
    ///     Ok(()) => println!("ok"),
    ///     Err(difference) => println!("{difference}."),
    /// }
    /// # assert_eq!(generator.self_test(), Ok(()));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The first difference.
    pub fn self_test(&mut self) -> Result<(), Difference> {
        let golden = *self.model().golden();
        let (tokens, fingerprints) = (golden.tokens.as_chunks().0, golden.fingerprints.as_chunks().0);
        let started = self.start(golden.prompt, Golden::SAMPLING, golden.seed).is_ok();
        if tokens.is_empty() || !started {
            return Err(Difference::NoGoldenRun);
        }
        for (place, (&token, &fingerprint)) in tokens.iter().zip(fingerprints).enumerate() {
            let (found, expected) = (self.next_token(), u16::from_le_bytes(token));
            if found != Some(expected) {
                return Err(Difference::Token { place, found, expected });
            }
            if self.fingerprint() != u32::from_le_bytes(fingerprint) {
                return Err(Difference::Logits { place });
            }
        }
        Ok(())
    }
}
