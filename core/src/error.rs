//! Everything that can be wrong with a model, a prompt or a setting, each as one sentence.

use core::fmt;

/// What is wrong, with the value, and what would be right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Error {
    /// A dimension is zero or too large.
    Dimension {
        /// The field of `Config`.
        name: &'static str,
        /// Its value.
        value: usize,
        /// Its largest value.
        max: usize,
    },
    /// Two dimensions do not go together.
    Shape {
        /// The field of `Config`.
        what: &'static str,
        /// Its value.
        value: usize,
        /// What it must be, relative to `other`.
        rule: &'static str,
        /// The value it is compared with.
        other: usize,
    },
    /// A number is out of its range or not a number.
    Number {
        /// The setting.
        name: &'static str,
        /// Its range.
        rule: &'static str,
    },
    /// The bytes do not begin as a model file does.
    NotAModel,
    /// The file has a format version that this program does not read.
    Version {
        /// The file's.
        found: u16,
        /// The only one read.
        known: u16,
    },
    /// The file needs a feature that this program lacks.
    Feature {
        /// The lowest unknown bit.
        bit: u32,
    },
    /// The file ends early, its checksum does not fit, or its parts contradict each other.
    Damaged(&'static str),
    /// The model's bytes do not start on the boundary that reading in place needs.
    Misaligned {
        /// The boundary, in bytes.
        alignment: usize,
    },
    /// The memory that the model is to run in is too small for it.
    MemoryTooSmall {
        /// Bytes needed.
        needs: usize,
        /// Bytes there.
        has: usize,
    },
    /// A token id or a position outside the model.
    OutOfRange {
        /// What was asked for.
        what: &'static str,
        /// Its value.
        value: usize,
        /// The first value that is too large.
        limit: usize,
    },
    /// A prompt has a character that the model has no token for.
    UnknownCharacter(char),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Error::Dimension { name, value, max } => {
                write!(f, "{name} is {value}; it must be from 1 to {max}")
            }
            Error::Shape { what, value, rule, other } => {
                write!(f, "{what} is {value}; it must be {rule} ({other})")
            }
            Error::Number { name, rule } => write!(f, "{name} must be a number {rule}"),
            Error::NotAModel => write!(f, "this is not a Pipsqueak model: it does not begin with its mark"),
            Error::Version { found, known } => {
                write!(
                    f,
                    "the model file has format version {found}, and this program reads version {known}: export it again"
                )
            }
            Error::Feature { bit } => {
                write!(
                    f,
                    "the model file needs feature {bit}, which this program does not know: use a newer one"
                )
            }
            Error::Damaged(how) => write!(f, "the model file is damaged: {how}; write or flash it again"),
            Error::Misaligned { alignment } => {
                write!(f, "the model must start at a multiple of {alignment} bytes in memory")
            }
            Error::MemoryTooSmall { needs, has } => {
                write!(
                    f,
                    "the model needs {needs} bytes of memory, and there are {has}: build with a larger memory or train a smaller model"
                )
            }
            Error::OutOfRange { what, value, limit } => {
                write!(f, "{what} {value} is outside the model, which has {limit}")
            }
            Error::UnknownCharacter(character) => {
                write!(
                    f,
                    "the model has no token for the character '{}': leave it out of the prompt",
                    character.escape_default()
                )
            }
        }
    }
}

impl core::error::Error for Error {}
