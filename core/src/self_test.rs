//! A test of whether this machine computes the same as the one that wrote the model file.

use core::fmt;

use crate::error::Sentence;
use crate::file::Golden;
use crate::generator::Generator;
#[cfg(feature = "self-test")]
use crate::kernels::checks;

/// The first difference that [`Generator::self_test`] found. `Display` prints one sentence, without the full stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Difference {
    /// A token of the golden run differs.
    Token {
        /// Which of the tokens, from 0 on.
        place: usize,
        /// The token that this machine generates; none if it ends the text.
        found: Option<u16>,
        /// The token that was generated when the file was written.
        expected: u16,
    },
    /// The logits that a token of the golden run was chosen by differ in some bit, though the token is the same.
    Logits {
        /// Which of the tokens, from 0 on.
        place: usize,
    },
    /// A kernel gives another result than the portable one, which defines it. Found only with the feature `self-test`.
    Kernel {
        /// The kernel.
        name: &'static str,
        /// The lengths of what it was given: rows and columns, or positions, a head's channels and a row's, or the values.
        lengths: [usize; 3],
        /// Which of the results, from 0 on.
        place: usize,
        /// The result of this machine's kernel.
        found: i32,
        /// The result of the portable kernel.
        expected: i32,
    },
    /// The model file has no golden run, or one that its own tokenizer can't read.
    NoGoldenRun,
}

impl Difference {
    /// As `Display`, for programs without `core::fmt`.
    #[doc(hidden)]
    pub fn sentence(&self) -> Sentence {
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
            Difference::Kernel { name, lengths: [a, b, c], place, found, expected } => {
                s.text("the kernel ")
                    .text(name)
                    .text(" gives ")
                    .signed(found)
                    .text(", not ")
                    .signed(expected);
                s.text(", at ").number(place).text(" of lengths ");
                s.number(a).text(", ").number(b).text(", ").number(c);
            }
            Difference::NoGoldenRun => {
                s.text("the model file has no golden run to compare with: export it again");
            }
        }
        sentence
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.sentence().as_str())
    }
}

impl core::error::Error for Difference {}

impl Generator<'_, '_> {
    /// Generates the golden run of the model's file, and compares every token and every logit with those of the machine
    /// that wrote it: a chip that passes computes as the PC does. The present text is forgotten.
    ///
    /// With the feature `self-test`, the chip's own kernels are compared with the portable ones first, which takes some seconds
    /// on a small chip, and 14 to 18 KB of flash; without it, the golden run is all. The comparison borrows the memory of the
    /// cached keys: the more there is, the longer the vectors that are compared. Where that is less than 1.3 KB, and for f32
    /// models, it takes 1.3 KB of stack instead.
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
        #[cfg(feature = "self-test")]
        self.check_kernels()?;
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

    #[cfg(feature = "self-test")]
    fn check_kernels(&mut self) -> Result<(), Difference> {
        // Nothing of the text is in the cache afterwards.
        self.window.clear();
        self.changed();
        match checks::check(self.decoder.lend_cache()) {
            Ok(_) => Ok(()),
            Err(checks::Difference { kernel: name, lengths, place, found, expected }) => {
                Err(Difference::Kernel { name, lengths, place, found, expected })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn a_kernel_that_differs_is_named_with_its_lengths() {
        let (lengths, place, found, expected) = ([7, 100, 0], 3, -12, 12);
        let difference = Difference::Kernel { name: "int8 product", lengths, place, found, expected };
        let sentence = "the kernel int8 product gives -12, not 12, at 3 of lengths 7, 100, 0";
        assert_eq!(difference.to_string(), sentence);
    }
}
