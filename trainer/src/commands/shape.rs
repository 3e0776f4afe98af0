//! The options that name a model's shape, shared by `train` and `inspect`.

use anyhow::Result;
use clap::{Args, ValueEnum};
use pipsqueak::{Activation, Config, Mlp, Norm, Position, Precision};

/// A model's shape and choices.
#[derive(Debug, Args)]
#[command(next_help_heading = "Shape")]
pub(super) struct Shape {
    /// Positions that attention sees at once
    #[arg(long, default_value_t = 128)]
    pub(super) context: usize,
    /// Length of the vector that stands for a token
    #[arg(long, default_value_t = 96)]
    width: usize,
    /// Number of layers
    #[arg(long, default_value_t = 4)]
    layers: usize,
    /// Number of attention heads [default: about one for every 16 of the width]
    #[arg(long)]
    heads: Option<usize>,
    /// Number of key and value heads; fewer than the heads save RAM [default: half the heads, where that divides]
    #[arg(long)]
    kv_heads: Option<usize>,
    /// Hidden units of the MLP [default: 4 times the width; gated, 8/3 of it]
    #[arg(long)]
    hidden: Option<usize>,
    /// How positions enter
    #[arg(long, value_enum, default_value_t = PositionName::Rotary)]
    position: PositionName,
    /// Norm before each block
    #[arg(long, value_enum, default_value_t = NormName::Rms)]
    norm: NormName,
    /// The MLP and its activation function
    #[arg(long, value_enum, default_value_t = MlpName::Swiglu)]
    mlp: MlpName,
    /// Give linear maps and layer norms a bias
    #[arg(long)]
    bias: bool,
    /// Give the head a matrix of its own instead of the embedding's
    #[arg(long)]
    untied: bool,
    /// Leave out residual connections (to see what they do)
    #[arg(long)]
    no_residual: bool,
}

/// See [`Position`].
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum PositionName {
    /// Rotated queries and keys
    Rotary,
    /// A learned vector a position
    Learned,
    /// Sines and cosines
    Sinusoidal,
    /// None
    None,
}

/// See [`Norm`].
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum NormName {
    /// Root mean square
    Rms,
    /// Mean and variance
    Layer,
    /// None
    None,
}

/// [`Mlp`] and [`Activation`] in one.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum MlpName {
    /// SiLU, gated
    Swiglu,
    /// GELU
    Gelu,
    /// ReLU
    Relu,
}

/// See [`Precision`].
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum PrecisionName {
    /// 8-bit integers: for boards
    Int8,
    /// 4-bit integers: half the flash
    Int4,
    /// 2 bits, for -1, 0 and 1: a quarter of the flash
    Ternary,
    /// Single precision: to study and to compare
    F32,
}

impl From<PrecisionName> for Precision {
    fn from(name: PrecisionName) -> Self {
        match name {
            PrecisionName::Int8 => Precision::Int8,
            PrecisionName::Int4 => Precision::Int4,
            PrecisionName::Ternary => Precision::Ternary,
            PrecisionName::F32 => Precision::F32,
        }
    }
}

impl Shape {
    /// The configuration these options name.
    ///
    /// # Errors
    /// A shape that makes no sense.
    pub(super) fn config(&self, vocab: usize) -> Result<Config> {
        let (mlp, activation) = match self.mlp {
            MlpName::Swiglu => (Mlp::Gated, Activation::Silu),
            MlpName::Gelu => (Mlp::Plain, Activation::Gelu),
            MlpName::Relu => (Mlp::Plain, Activation::Relu),
        };
        let heads = self.heads.unwrap_or_else(|| default_heads(self.width));
        let config = Config {
            vocab,
            context: self.context,
            width: self.width,
            layers: self.layers,
            heads,
            kv_heads: self.kv_heads.unwrap_or(if heads.is_multiple_of(2) { heads / 2 } else { heads }),
            hidden: self.hidden.unwrap_or(default_hidden(self.width, mlp)),
            position: match self.position {
                PositionName::Rotary => Position::Rotary,
                PositionName::Learned => Position::Learned,
                PositionName::Sinusoidal => Position::Sinusoidal,
                PositionName::None => Position::None,
            },
            rotary_base: 10_000.0,
            norm: match self.norm {
                NormName::Rms => Norm::Rms,
                NormName::Layer => Norm::Layer,
                NormName::None => Norm::None,
            },
            norm_epsilon: 1e-5,
            activation,
            mlp,
            residual: !self.no_residual,
            bias: self.bias,
            tied: !self.untied,
        };
        config.check()?;
        Ok(config)
    }
}

/// The most heads of at least 16 channels that divide the width; 1 where there are none.
fn default_heads(width: usize) -> usize {
    (1..=width / 16).rev().find(|&heads| width.is_multiple_of(heads)).unwrap_or(1)
}

/// As many weights as a plain MLP of 4 widths has, rounded to whole words.
fn default_hidden(width: usize, mlp: Mlp) -> usize {
    let plain = width.saturating_mul(4);
    match mlp {
        Mlp::Plain => plain,
        Mlp::Gated => (plain / 3 * 2).next_multiple_of(4),
    }
}
