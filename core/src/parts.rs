//! The parts of a model that a program may leave out for want of flash, each a bit: which a model has, which a program was built
//! with, and what they are called.
//!
//! The lower half are the [feature bits](crate::file::FEATURES) of the model's file; those here are of choices that every file makes.
//! Choices that no program leaves out have no bit.

use crate::Error;
use crate::config::{Activation, Config, Mlp, Norm, Position, Precision};
use crate::file::{
    FEATURE_ACTIVE_EXPERTS, FEATURE_BIGRAMS, FEATURE_EXPERTS, FEATURE_LATENT, FEATURE_LATENT_ROTARY,
    FEATURE_LOOPS, FEATURE_PER_LAYER_EMBEDDINGS, FEATURES, Pieces, Vocabulary, Words,
};

/// [`Precision::F32`].
pub const F32: u32 = 1 << 16;
/// [`Precision::Int8`].
pub const INT8: u32 = 1 << 17;
/// [`Precision::Int4`].
pub const INT4: u32 = 1 << 18;
/// [`Precision::Ternary`].
pub const TERNARY: u32 = 1 << 19;
/// Any [`Position`] but [`Position::Rotary`].
pub const OTHER_POSITIONS: u32 = 1 << 20;
/// Any [`Norm`] but [`Norm::Rms`].
pub const OTHER_NORMS: u32 = 1 << 21;
/// Any [`Activation`] but [`Activation::Silu`].
pub const OTHER_ACTIVATIONS: u32 = 1 << 22;
/// [`Mlp::Plain`].
pub const PLAIN_MLP: u32 = 1 << 23;
/// No [`Config::residual`].
pub const NO_RESIDUAL: u32 = 1 << 24;
/// [`Config::bias`].
pub const BIAS: u32 = 1 << 25;
/// Any [`Vocabulary`] but one of [`Pieces::Merges`] within [`Words::Runs`].
pub const OTHER_VOCABULARIES: u32 = 1 << 26;
/// Rows of more than [`SHORT_ROW`] weights.
pub const LONG_ROWS: u32 = 1 << 27;

/// The longest row, in weights, whose sums of products need no care in any format.
pub const SHORT_ROW: usize = 512;

/// Bits and their names, as in «the model has latent attention».
const NAMES: [(u32, &str); 19] = [
    (FEATURE_LOOPS, "loops"),
    (FEATURE_EXPERTS, "experts"),
    (FEATURE_BIGRAMS, "bigrams"),
    (FEATURE_PER_LAYER_EMBEDDINGS, "per-layer embeddings"),
    (FEATURE_LATENT, "latent attention"),
    (FEATURE_LATENT_ROTARY, "latent attention"),
    (FEATURE_ACTIVE_EXPERTS, "experts"),
    (F32, "weights in f32"),
    (INT8, "weights in int8"),
    (INT4, "weights in int4"),
    (TERNARY, "ternary weights"),
    (OTHER_POSITIONS, "positions other than rotary"),
    (OTHER_NORMS, "norms other than rms"),
    (OTHER_ACTIVATIONS, "activations other than silu"),
    (PLAIN_MLP, "an MLP without a gate"),
    (NO_RESIDUAL, "blocks without residuals"),
    (BIAS, "biases"),
    (OTHER_VOCABULARIES, "a vocabulary other than bpe"),
    (LONG_ROWS, "rows of more than 512 weights"),
];

/// All parts that have a bit here.
const ALL: u32 = FEATURES
    | F32
    | INT8
    | INT4
    | TERNARY
    | OTHER_POSITIONS
    | OTHER_NORMS
    | OTHER_ACTIVATIONS
    | PLAIN_MLP
    | NO_RESIDUAL
    | BIAS
    | OTHER_VOCABULARIES
    | LONG_ROWS;

/// The parts that this program was built with. One for a single model has those of the model.
pub const BUILT: u32 = {
    let float = if cfg!(any(one_model, feature = "f32")) { F32 } else { 0 };
    let integer = if cfg!(any(one_model, feature = "every-model")) { ALL & !F32 } else { INT4 };
    float | integer
};

/// The parts of a model of this shape.
pub const fn of_config(config: &Config) -> u32 {
    config.features()
        | part(!matches!(config.position, Position::Rotary), OTHER_POSITIONS)
        | part(!matches!(config.norm, Norm::Rms), OTHER_NORMS)
        | part(!matches!(config.activation, Activation::Silu), OTHER_ACTIVATIONS)
        | part(matches!(config.mlp, Mlp::Plain), PLAIN_MLP)
        | part(!config.residual, NO_RESIDUAL)
        | part(config.bias, BIAS)
        | part(config.width > SHORT_ROW || config.hidden > SHORT_ROW, LONG_ROWS)
}

/// The part that a number format is.
pub const fn of_precision(precision: Precision) -> u32 {
    match precision {
        Precision::F32 => F32,
        Precision::Int8 => INT8,
        Precision::Int4 => INT4,
        Precision::Ternary => TERNARY,
    }
}

/// The parts of a vocabulary.
pub const fn of_vocabulary(vocabulary: &Vocabulary<'_>) -> u32 {
    let is_usual = matches!(vocabulary.pieces, Pieces::Merges { words: Words::Runs, .. });
    part(!is_usual || vocabulary.prefix_space, OTHER_VOCABULARIES)
}

const fn part(is_there: bool, bit: u32) -> u32 {
    if is_there { bit } else { 0 }
}

/// Refuses a model that has parts which this program leaves out.
pub(crate) const fn check(of_model: u32) -> Result<(), Error> {
    match first(of_model & !BUILT) {
        Some((_, part)) => Err(Error::LeftOut { part }),
        None => Ok(()),
    }
}

/// The lowest of these parts that has a name, and the name.
pub const fn first(parts: u32) -> Option<(u32, &'static str)> {
    let mut i = 0;
    while i < NAMES.len() {
        if parts & NAMES[i].0 != 0 {
            return Some(NAMES[i]);
        }
        i += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use crate::config::TINY;
    use std::string::ToString;

    #[test]
    fn every_part_has_a_bit_and_a_name() {
        let mut bits = 0;
        for (bit, name) in NAMES {
            assert_eq!((bit.count_ones(), bits & bit), (1, 0), "{name}");
            bits |= bit;
            assert_eq!(first(bit), Some((bit, name)));
            assert!(
                Error::LeftOut { part: name }
                    .to_string()
                    .starts_with(&std::format!("the model has {name}, "))
            );
        }
        assert_eq!((bits, first(0)), (ALL, None));
        assert_eq!(first(LONG_ROWS).unwrap().1, std::format!("rows of more than {SHORT_ROW} weights"));
        // The upper half's bits are not those that a file's features may come to have.
        assert_eq!(bits & 0xffff, FEATURES);
    }

    #[test]
    fn the_usual_model_has_nothing_that_is_left_out() {
        let shape = Config { kv_heads: 2, ..Config::LLAMA };
        assert_eq!(of_config(&shape), 0);
        let pieces = Pieces::Merges { atoms: &[], pairs: &[], words: Words::Runs };
        let usual = Vocabulary { pieces, begin: None, end: None, prefix_space: false };
        assert_eq!(of_vocabulary(&usual), 0);
        for other in
            [Vocabulary { pieces: Pieces::Bytes, ..usual }, Vocabulary { prefix_space: true, ..usual }]
        {
            assert_eq!(of_vocabulary(&other), OTHER_VOCABULARIES);
        }
        let of_tiny = OTHER_POSITIONS | OTHER_NORMS | OTHER_ACTIVATIONS | PLAIN_MLP | BIAS;
        assert_eq!(of_config(&TINY), of_tiny);
        let wide = Config { hidden: 513, loops: 2, experts: 2, residual: false, ..shape };
        assert_eq!(of_config(&wide), LONG_ROWS | NO_RESIDUAL | FEATURE_LOOPS | FEATURE_EXPERTS);
    }
}
