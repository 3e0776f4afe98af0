//! The shape of a model, and the choices it is built from.

use serde::{Deserialize, Serialize};

use crate::file::{
    FEATURE_ACTIVE_EXPERTS, FEATURE_BIGRAMS, FEATURE_EXPERTS, FEATURE_LATENT, FEATURE_LATENT_ROTARY,
    FEATURE_LOOPS, FEATURE_PER_LAYER_EMBEDDINGS, extension, extension_flag,
};
use crate::{Error, known, parts};

/// How the model knows the order of tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Position {
    /// No position information: only the causal mask tells the order.
    None,
    /// A learned vector a position is added to the embedding (GPT-2).
    Learned,
    /// Fixed sines and cosines are added to the embedding (Vaswani et al. 2017).
    Sinusoidal,
    /// Queries and keys are rotated by an angle that grows with the position (Su et al. 2021).
    Rotary,
}

/// The normalisation of the residual stream before each block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Norm {
    /// Nothing.
    None,
    /// Mean 0 and variance 1, then a learned gain and bias (Ba et al. 2016).
    Layer,
    /// Root mean square 1, then a learned gain (Zhang and Sennrich 2019).
    Rms,
}

/// The MLP's activation function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Activation {
    /// `max(0, x)`.
    Relu,
    /// `x Φ(x)`, by the tanh approximation that GPT-2 uses.
    Gelu,
    /// `x sigmoid(x)`; with [`Mlp::Gated`] this is SwiGLU.
    Silu,
}

/// The form of the MLP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Mlp {
    /// `down(act(up(x)))`.
    Plain,
    /// `down(act(gate(x)) * up(x))` (Shazeer 2020).
    Gated,
}

/// The number format of a model's matrices, and with it that of its activations and of its cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Precision {
    /// IEEE single precision throughout: to study, to import and to compare with.
    F32,
    /// int8 rows with a scale each; int8 activations, keys and values; integers in every inner loop.
    Int8,
    /// As `Int8`, with weights of 4 bits, -7..=7.
    Int4,
    /// As `Int8`, with weights of 2 bits, -1..=1.
    Ternary,
}

impl Precision {
    /// The name that users see and type.
    pub const fn name(self) -> &'static str {
        match self {
            Precision::F32 => "f32",
            Precision::Int8 => "int8",
            Precision::Int4 => "int4",
            Precision::Ternary => "ternary",
        }
    }
}

/// A model's shape and choices; everything that the sizes of flash and RAM follow from.
///
/// ```
/// use pipsqueak::{Activation, Config, Mlp, Norm, Position, Precision};
///
/// // GPT-2's choices, apart from rotary positions and wider MLPs.
/// let config = Config { width: 96, heads: 6, kv_heads: 3, hidden: 384, position: Position::Rotary, ..Config::GPT2 };
/// assert_eq!(config.check(), Ok(()));
/// assert_eq!((config.head_size(), config.kv_width()), (16, 48));
/// assert_eq!((config.norm, config.activation, config.mlp), (Norm::Layer, Activation::Gelu, Mlp::Plain));
/// println!("runs in {} bytes of RAM", config.memory_bytes(Precision::Int8));
///
/// let error = Config { heads: 7, ..config }.check().unwrap_err();
/// assert_eq!(error.to_string(), "width is 96; it must be a multiple of heads (7)");
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Config {
    /// Number of token ids.
    pub vocab: usize,
    /// Positions that attention sees at once.
    pub context: usize,
    /// Length of the residual stream (`d_model`).
    pub width: usize,
    /// Number of blocks.
    pub layers: usize,
    /// Number of query heads.
    pub heads: usize,
    /// Number of key and value heads; fewer than `heads` is grouped-query attention (Ainslie et al. 2023).
    pub kv_heads: usize,
    /// Number of hidden units of the MLP.
    pub hidden: usize,
    /// How positions enter.
    pub position: Position,
    /// Base of the rotary angles; read only with [`Position::Rotary`].
    #[serde(with = "crate::file::float_bytes")]
    pub rotary_base: f32,
    /// The norm before each block and before the head.
    pub norm: Norm,
    /// Added to the mean square under the norm's root.
    #[serde(with = "crate::file::float_bytes")]
    pub norm_epsilon: f32,
    /// The MLP's activation function.
    pub activation: Activation,
    /// The MLP's form.
    pub mlp: Mlp,
    /// Whether each block's result is added to its input (off: replaces it; to study what residuals do).
    pub residual: bool,
    /// Whether linear maps and layer norms have a bias.
    pub bias: bool,
    /// Whether the head's matrix is the embedding's.
    pub tied: bool,
    /// How often a token goes through all layers, with the same weights each time (Dehghani et al. 2019); 1 in all but looped
    /// models.
    #[serde(default = "one", skip_serializing_if = "is_one", deserialize_with = "extension::<1, _>")]
    pub loops: usize,
    /// MLPs of a layer, of which each token goes through those that the layer's router chooses (Fedus et al. 2022); 1 without router.
    #[serde(default = "one", skip_serializing_if = "is_one", deserialize_with = "extension::<1, _>")]
    pub experts: usize,
    /// Rows of a table that is looked up by a hash of the token before and the token, and added to its embedding; 0 without.
    #[serde(default, skip_serializing_if = "is_zero", deserialize_with = "extension::<0, _>")]
    pub bigrams: usize,
    /// Whether each layer has an embedding of its own for each token, added to the residual stream before it.
    #[serde(default, skip_serializing_if = "is_off", deserialize_with = "extension_flag")]
    pub per_layer_embeddings: bool,
    /// Channels of the latent that stands for all heads' keys and values of a position (DeepSeek-AI 2024, latent attention); 0
    /// where they are cached themselves.
    #[serde(default, skip_serializing_if = "is_zero", deserialize_with = "extension::<0, _>")]
    pub latent: usize,
    /// Channels beside the latent that queries and keys have for rotary positions.
    #[serde(default, skip_serializing_if = "is_zero", deserialize_with = "extension::<0, _>")]
    pub latent_rotary: usize,
    /// Experts of a layer that a token goes through: 1, or 2 (Jiang et al. 2024, Mixtral).
    #[serde(default = "one", skip_serializing_if = "is_one", deserialize_with = "extension::<1, _>")]
    pub active_experts: usize,
}

const fn one() -> usize {
    1
}

// serde asks by reference.
#[allow(clippy::trivially_copy_pass_by_ref)]
const fn is_one(value: &usize) -> bool {
    *value == 1
}

#[allow(clippy::trivially_copy_pass_by_ref)]
const fn is_zero(value: &usize) -> bool {
    *value == 0
}

#[allow(clippy::trivially_copy_pass_by_ref)]
const fn is_off(value: &bool) -> bool {
    !*value
}

/// The largest value of any dimension: products of two fit 32 bits, and an id fits 16.
pub const DIMENSION_MAX: usize = 65_535;
/// The largest number of layers, those of all loops counted.
pub const LAYERS_MAX: usize = 256;
/// The largest number of experts of a layer.
pub const EXPERTS_MAX: usize = 64;
/// The largest number of experts of a layer that a token goes through.
pub const ACTIVE_EXPERTS_MAX: usize = 2;
/// The largest number of channels of a head: the integer score of one key then fits 32 bits.
pub const HEAD_MAX: usize = 256;

impl Config {
    /// The choices of GPT-2 (Radford et al. 2019), at a small size: a base for configs that name only what differs.
    pub const GPT2: Config = Config {
        vocab: 256,
        context: 128,
        width: 64,
        layers: 4,
        heads: 4,
        kv_heads: 4,
        hidden: 256,
        position: Position::Learned,
        rotary_base: 10_000.0,
        norm: Norm::Layer,
        norm_epsilon: 1e-5,
        activation: Activation::Gelu,
        mlp: Mlp::Plain,
        residual: true,
        bias: true,
        tied: true,
        loops: 1,
        experts: 1,
        bigrams: 0,
        per_layer_embeddings: false,
        latent: 0,
        latent_rotary: 0,
        active_experts: 1,
    };

    /// The choices of Llama (Touvron et al. 2023), at a small size: as [`GPT2`](Self::GPT2), a base.
    pub const LLAMA: Config = Config {
        kv_heads: 2,
        hidden: 172,
        position: Position::Rotary,
        norm: Norm::Rms,
        activation: Activation::Silu,
        mlp: Mlp::Gated,
        bias: false,
        ..Config::GPT2
    };

    /// Layers that a token goes through, each with keys and values of its own: those of all loops.
    ///
    /// ```
    /// use pipsqueak::Config;
    /// assert_eq!(Config { layers: 2, loops: 3, ..Config::LLAMA }.depth(), 6);
    /// ```
    pub const fn depth(&self) -> usize {
        if known::is_left_out(FEATURE_LOOPS) { self.layers } else { self.layers * self.loops }
    }

    /// The [feature bits](crate::file::Header::features) of a model file of this shape.
    #[doc(hidden)]
    pub const fn features(&self) -> u32 {
        let loops = if self.loops == 1 { 0 } else { FEATURE_LOOPS };
        let experts = if self.experts == 1 { 0 } else { FEATURE_EXPERTS };
        let bigrams = if self.bigrams == 0 { 0 } else { FEATURE_BIGRAMS };
        let per_layer = if self.per_layer_embeddings { FEATURE_PER_LAYER_EMBEDDINGS } else { 0 };
        let latent = if self.latent == 0 { 0 } else { FEATURE_LATENT };
        let latent_rotary = if self.latent_rotary == 0 { 0 } else { FEATURE_LATENT_ROTARY };
        let active_experts = if self.active_experts == 1 { 0 } else { FEATURE_ACTIVE_EXPERTS };
        loops | experts | bigrams | per_layer | latent | latent_rotary | active_experts
    }

    /// Whether a token goes through two experts of a layer, in a program that knows such models.
    pub(crate) const fn has_two_active(&self) -> bool {
        self.active_experts > 1 && !known::is_left_out(FEATURE_ACTIVE_EXPERTS)
    }

    /// Whether attention looks at a latent, in a program that knows such models.
    pub(crate) const fn has_latent(&self) -> bool {
        self.latent > 0 && !known::is_left_out(FEATURE_LATENT)
    }

    /// Channels of one head's query, and of a key; 0 without heads, which [`check`](Self::check) refuses.
    ///
    /// ```
    /// use pipsqueak::Config;
    /// let grouped = Config { width: 64, heads: 4, kv_heads: 2, ..Config::LLAMA };
    /// assert_eq!((grouped.head_size(), grouped.kv_width()), (16, 32));
    /// let latent = Config { kv_heads: 1, latent: 32, latent_rotary: 8, ..grouped };
    /// assert_eq!((latent.head_size(), latent.kv_width()), (40, 40));
    /// ```
    pub const fn head_size(&self) -> usize {
        if self.has_latent() { self.latent + self.latent_rotary } else { quotient(self.width, self.heads) }
    }

    /// Channels of one head's value, and of its result. With latent attention, a value is the latent, the first channels of a key.
    #[doc(hidden)]
    pub const fn value_size(&self) -> usize {
        if self.has_latent() { self.latent } else { self.head_size() }
    }

    /// Channels of a query and of a key that are rotated by their position, the last ones; 0 where positions are not rotary.
    #[doc(hidden)]
    pub const fn rotary_size(&self) -> usize {
        match self.position {
            Position::Rotary if self.has_latent() => self.latent_rotary,
            Position::Rotary => self.head_size(),
            _ if known::is_left_out(parts::OTHER_POSITIONS) => self.head_size(),
            _ => 0,
        }
    }

    /// Channels of all heads' queries.
    #[doc(hidden)]
    pub const fn query_width(&self) -> usize {
        if self.has_latent() { self.heads * self.head_size() } else { self.width }
    }

    /// Channels of all heads' results.
    #[doc(hidden)]
    pub const fn attended_width(&self) -> usize {
        if self.has_latent() { self.heads * self.latent } else { self.width }
    }

    /// Query heads that share a key and value head.
    #[doc(hidden)]
    pub const fn group(&self) -> usize {
        quotient(self.heads, self.kv_heads)
    }

    /// Channels of the keys (and of the values, where these are not a part of them) of one position.
    pub const fn kv_width(&self) -> usize {
        self.kv_heads * self.head_size()
    }

    /// Rows of the stacked query, key and value matrix.
    #[doc(hidden)]
    pub const fn qkv_width(&self) -> usize {
        self.query_width() + if self.has_latent() { self.kv_width() } else { 2 * self.kv_width() }
    }

    /// Rows of the MLP's first matrix: gate and up are stacked.
    #[doc(hidden)]
    pub const fn up_width(&self) -> usize {
        match self.mlp {
            _ if known::is_left_out(parts::PLAIN_MLP) => 2 * self.hidden,
            Mlp::Plain => self.hidden,
            Mlp::Gated => 2 * self.hidden,
        }
    }

    /// Says in words what is wrong with this shape, if anything is.
    ///
    /// # Errors
    /// [`Error::Dimension`] for a dimension that is zero or too large, [`Error::Shape`] for two that do not go
    /// together, [`Error::LeftOut`] for a choice that this program leaves out.
    pub const fn check(&self) -> Result<(), Error> {
        if let Err(error) = parts::check(parts::of_config(self)) {
            return Err(error);
        }
        let dimensions = [
            ("vocab", self.vocab, DIMENSION_MAX),
            ("context", self.context, DIMENSION_MAX),
            ("width", self.width, DIMENSION_MAX),
            ("layers", self.layers, LAYERS_MAX),
            ("heads", self.heads, DIMENSION_MAX),
            ("kv_heads", self.kv_heads, DIMENSION_MAX),
            ("hidden", self.hidden, DIMENSION_MAX / 2),
            ("loops", self.loops, LAYERS_MAX),
            ("experts", self.experts, EXPERTS_MAX),
            ("active_experts", self.active_experts, ACTIVE_EXPERTS_MAX),
        ];
        let mut i = 0;
        while i < dimensions.len() {
            let (name, value, max) = dimensions[i];
            if value == 0 || value > max {
                return Err(Error::Dimension { name, value, max });
            }
            i += 1;
        }
        if self.depth() > LAYERS_MAX {
            return Err(Error::Shape {
                name: "layers * loops",
                value: self.depth(),
                rule: "at most",
                other: LAYERS_MAX,
            });
        }
        if self.active_experts > self.experts {
            return Err(Error::Shape {
                name: "active_experts",
                value: self.active_experts,
                rule: "at most experts",
                other: self.experts,
            });
        }
        if self.bigrams > DIMENSION_MAX {
            return Err(Error::Shape {
                name: "bigrams",
                value: self.bigrams,
                rule: "at most",
                other: DIMENSION_MAX,
            });
        }
        let is_latent = !known::is_left_out(FEATURE_LATENT) && (self.latent > 0 || self.latent_rotary > 0);
        match if is_latent { self.check_latent() } else { self.check_heads() } {
            Err(error) => Err(error),
            Ok(()) => self.check_numbers(),
        }
    }

    const fn check_latent(&self) -> Result<(), Error> {
        let Config { latent, latent_rotary, kv_heads, .. } = *self;
        if latent == 0 || latent > HEAD_MAX {
            return Err(Error::Dimension { name: "latent", value: latent, max: HEAD_MAX });
        }
        if kv_heads > 1 {
            return Err(Error::Shape {
                name: "kv_heads",
                value: kv_heads,
                rule: "no more than latent attention has",
                other: 1,
            });
        }
        let is_rotary = matches!(self.position, Position::Rotary);
        if is_rotary && (latent_rotary == 0 || !latent_rotary.is_multiple_of(2)) {
            return Err(Error::Shape {
                name: "latent_rotary",
                value: latent_rotary,
                rule: "even, and no less than the minimum",
                other: 2,
            });
        }
        if !is_rotary && latent_rotary > 0 {
            return Err(Error::Shape {
                name: "latent_rotary",
                value: latent_rotary,
                rule: "zero where positions are not rotary",
                other: 0,
            });
        }
        if latent_rotary > HEAD_MAX - latent {
            return Err(Error::Shape {
                name: "latent_rotary",
                value: latent_rotary,
                rule: "at most 256 less latent",
                other: HEAD_MAX - latent,
            });
        }
        if self.query_width() > DIMENSION_MAX {
            return Err(Error::Shape {
                name: "heads * (latent + latent_rotary)",
                value: self.query_width(),
                rule: "at most",
                other: DIMENSION_MAX,
            });
        }
        Ok(())
    }

    const fn check_heads(&self) -> Result<(), Error> {
        if !self.width.is_multiple_of(self.heads) {
            return Err(Error::Shape {
                name: "width",
                value: self.width,
                rule: "a multiple of heads",
                other: self.heads,
            });
        }
        if !self.heads.is_multiple_of(self.kv_heads) {
            return Err(Error::Shape {
                name: "heads",
                value: self.heads,
                rule: "a multiple of kv_heads",
                other: self.kv_heads,
            });
        }
        if self.head_size() > HEAD_MAX {
            return Err(Error::Shape {
                name: "width / heads",
                value: self.head_size(),
                rule: "at most",
                other: HEAD_MAX,
            });
        }
        if matches!(self.position, Position::Rotary) && !self.head_size().is_multiple_of(2) {
            return Err(Error::Shape {
                name: "width / heads",
                value: self.head_size(),
                rule: "with rotary positions a multiple of",
                other: 2,
            });
        }
        Ok(())
    }

    const fn check_numbers(&self) -> Result<(), Error> {
        if !(self.norm_epsilon >= 0.0 && self.norm_epsilon < 1.0) {
            return Err(Error::Number { name: "norm_epsilon", rule: "from 0 to 1" });
        }
        if matches!(self.position, Position::Rotary) && !(self.rotary_base >= 1.0 && self.rotary_base < 1e9) {
            return Err(Error::Number { name: "rotary_base", rule: "from 1 to 1e9" });
        }
        Ok(())
    }
}

/// `a / b`, and 0 for a `b` of 0: without a path to a panic.
const fn quotient(a: usize, b: usize) -> usize {
    match a.checked_div(b) {
        Some(quotient) => quotient,
        None => 0,
    }
}

/// The shape that the crate's own tests start from.
#[cfg(test)]
pub(crate) const TINY: Config = Config {
    vocab: 11,
    context: 8,
    width: 12,
    layers: 2,
    heads: 4,
    kv_heads: 2,
    hidden: 20,
    tied: false,
    ..Config::GPT2
};

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::ToString;

    #[test]
    fn a_shape_that_makes_no_sense_is_refused_in_words() {
        for sensible in [TINY, Config::GPT2, Config::LLAMA] {
            assert_eq!(sensible.check(), Ok(()));
        }
        let wrong = Config { width: 13, ..TINY }.check().unwrap_err().to_string();
        assert_eq!(wrong, "width is 13; it must be a multiple of heads (4)");
        let wrong = Config { layers: 0, ..TINY }.check().unwrap_err().to_string();
        assert_eq!(wrong, "layers is 0; it must be from 1 to 256");
        assert!(Config { position: Position::Rotary, ..TINY }.check().is_err());
        assert!(Config { kv_heads: 3, ..TINY }.check().is_err());
        assert!(Config { norm_epsilon: f32::NAN, ..TINY }.check().is_err());
    }
}
