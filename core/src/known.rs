//! The facts about the model that are known while the program is compiled.
//!
//! A program for a chip that is built with PIPSQUEAK_MODEL, the absolute path of a model file, is for that model alone
//! (`cfg(one_model)`, from build.rs). The file is part of this crate then, read and checked by the compiler, and [`Model`] and
//! [`Tokenizer`] are nothing but references to it. So the compiler knows each choice of the model's, and leaves out what
//! only other models need: number formats, norms, activations, and all that reads and checks a file.
//!
//! Everywhere else nothing is known but what [`parts`](crate::parts) are left out, and the functions here return what they are given.
//!
//! [`Model`]: crate::Model
//! [`Tokenizer`]: crate::Tokenizer

use crate::config::{Activation, Config, Mlp, Norm, Position};
use crate::file::{Pieces, Words};
use crate::math;
use crate::packing::Format;
use crate::parts;
#[cfg(one_model)]
use crate::{
    file::{Aligned, File},
    memory::quantized_columns,
    reader,
};

#[cfg(one_model)]
const BYTES: &[u8] = include_bytes!(env!("PIPSQUEAK_MODEL"));

/// The file, where it lies in flash.
#[cfg(one_model)]
pub(crate) static FILE: Aligned<[u8; BYTES.len()]> = Aligned(*include_bytes!(env!("PIPSQUEAK_MODEL")));

/// Its contents and its length, checked but for the vocabulary.
#[cfg(one_model)]
#[allow(long_running_const_eval)]
pub(crate) static CONTENTS: (File<'static>, usize) = match reader::whole(&FILE.0) {
    Ok(contents) => contents,
    Err(error) => panic!("{}", error.sentence().as_str()),
};

/// Whether the model may be one that computes in f32.
pub(crate) const fn may_be_float() -> bool {
    #[cfg(one_model)]
    return CONTENTS.0.precision.format().is_none();
    #[cfg(not(one_model))]
    !is_left_out(parts::F32)
}

/// Whether the model may be one that computes in integers.
pub(crate) const fn may_be_integer() -> bool {
    #[cfg(one_model)]
    return CONTENTS.0.precision.format().is_some();
    #[cfg(not(one_model))]
    true
}

/// The format of the model's packed weights.
#[inline(always)]
pub(crate) const fn format(given: Format) -> Format {
    #[cfg(one_model)]
    if let Some(format) = CONTENTS.0.precision.format() {
        return format;
    }
    #[cfg(not(one_model))]
    if is_left_out(parts::INT8 | parts::TERNARY) {
        return Format::Int4;
    }
    given
}

/// No matrix of the model's has more words in a row.
#[inline(always)]
pub(crate) const fn longest_row(_format: Format) -> usize {
    #[cfg(one_model)]
    return _format.words_of_row(quantized_columns(&CONTENTS.0.config));
    #[cfg(not(one_model))]
    if is_left_out(parts::LONG_ROWS) { _format.words_of_row(parts::SHORT_ROW) } else { usize::MAX }
}

/// As [`math::frequency`], from a table where there is one.
#[inline(always)]
pub(crate) fn frequency(i: usize, _head: usize, _base: f32) -> f32 {
    #[cfg(one_model)]
    return FREQUENCIES.get(i).copied().unwrap_or_default();
    #[cfg(not(one_model))]
    math::frequency(i, _head, _base)
}

#[cfg(one_model)]
static FREQUENCIES: [f32; CONTENTS.0.config.rotary_size() / 2] = {
    let mut frequencies = [0.0; CONTENTS.0.config.rotary_size() / 2];
    let mut i = 0;
    while i < frequencies.len() {
        frequencies[i] = math::frequency(i, CONTENTS.0.config.rotary_size(), CONTENTS.0.config.rotary_base);
        i += 1;
    }
    frequencies
};

/// Whether the model may be one with biases.
pub(crate) const fn may_have_bias() -> bool {
    #[cfg(one_model)]
    return CONTENTS.0.config.bias;
    #[cfg(not(one_model))]
    !is_left_out(parts::BIAS)
}

/// The layer whose weights the layer at this `depth` has: with loops, the weights come round again.
#[inline(always)]
pub(crate) const fn weights_of(depth: usize, config: &Config) -> usize {
    #[cfg(one_model)]
    let loops = CONTENTS.0.config.loops > 1;
    #[cfg(not(one_model))]
    let loops = !is_left_out(crate::file::FEATURE_LOOPS);
    let mut layer = depth;
    // Without a division, which a small chip does in software.
    while loops && layer >= config.layers && config.layers > 0 {
        layer -= config.layers;
    }
    layer
}

/// Whether the model may be a mixture of experts.
pub(crate) const fn may_have_experts() -> bool {
    #[cfg(one_model)]
    return CONTENTS.0.config.experts > 1;
    #[cfg(not(one_model))]
    !is_left_out(crate::file::FEATURE_EXPERTS)
}

/// Whether a token may go through two experts of a layer.
pub(crate) const fn may_have_two_active() -> bool {
    #[cfg(one_model)]
    return CONTENTS.0.config.active_experts > 1;
    #[cfg(not(one_model))]
    !is_left_out(crate::file::FEATURE_ACTIVE_EXPERTS)
}

/// Whether the model may have embeddings of pairs of tokens.
pub(crate) const fn may_have_bigrams() -> bool {
    #[cfg(one_model)]
    return CONTENTS.0.config.bigrams > 0;
    #[cfg(not(one_model))]
    !is_left_out(crate::file::FEATURE_BIGRAMS)
}

/// Whether the model's layers may have embeddings of their own.
pub(crate) const fn may_have_per_layer_embeddings() -> bool {
    #[cfg(one_model)]
    return CONTENTS.0.config.per_layer_embeddings;
    #[cfg(not(one_model))]
    !is_left_out(crate::file::FEATURE_PER_LAYER_EMBEDDINGS)
}

/// Whether the model may be one with latent attention.
pub(crate) const fn may_have_latent() -> bool {
    #[cfg(one_model)]
    return CONTENTS.0.config.latent > 0;
    #[cfg(not(one_model))]
    !is_left_out(crate::file::FEATURE_LATENT)
}

/// A choice of the model's, of which one is left where [`parts`] leaves the others out.
macro_rules! choice {
    ($(#[$doc:meta])* $field:ident: $type:ident, $left_out:ident leaves $one:ident) => {
        $(#[$doc])*
        #[inline(always)]
        pub(crate) const fn $field(_given: $type) -> $type {
            #[cfg(one_model)]
            return CONTENTS.0.config.$field;
            #[cfg(not(one_model))]
            if is_left_out(parts::$left_out) { $type::$one } else { _given }
        }
    };
}
choice!(
    /// How the model knows the order of tokens.
    position: Position, OTHER_POSITIONS leaves Rotary
);
choice!(
    /// The kind of the model's norms.
    norm: Norm, OTHER_NORMS leaves Rms
);
choice!(
    /// The model's activation function.
    activation: Activation, OTHER_ACTIVATIONS leaves Silu
);
choice!(
    /// The form of the model's MLPs.
    mlp: Mlp, PLAIN_MLP leaves Gated
);

/// Whether each block's result may replace its input.
pub(crate) const fn may_lack_residuals() -> bool {
    #[cfg(one_model)]
    return !CONTENTS.0.config.residual;
    #[cfg(not(one_model))]
    !is_left_out(parts::NO_RESIDUAL)
}

/// The vocabulary's pieces, which are merges within runs of letters where other vocabularies are left out.
#[inline(always)]
pub(crate) const fn pieces(given: Pieces<'_>) -> Pieces<'_> {
    match given {
        _ if !is_left_out(parts::OTHER_VOCABULARIES) => given,
        Pieces::Merges { atoms, pairs, .. } => Pieces::Merges { atoms, pairs, words: Words::Runs },
        _ => Pieces::Merges { atoms: &[], pairs: &[], words: Words::Runs },
    }
}

/// Whether the vocabulary may put a space before a text.
pub(crate) const fn may_have_prefix() -> bool {
    !is_left_out(parts::OTHER_VOCABULARIES)
}

/// Whether the program has none of these parts of models, as it was built for any model and without them.
pub(crate) const fn is_left_out(parts: u32) -> bool {
    parts::BUILT & parts == 0
}

/// Whether the program is for any model, and leaves out all that it can.
pub(crate) const fn is_short_of_flash() -> bool {
    cfg!(not(any(one_model, feature = "every-model")))
}
