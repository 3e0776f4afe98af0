//! The options that name a model's shape, shared by `train` and `inspect`.

use anyhow::{Result, ensure};
use clap::{Args, ValueEnum};
use pipsqueak::{Activation, Config, Mlp, Norm, Position, Precision};

use super::options::{bytes, number, whole};
use crate::human::ByteCount;
use crate::sizing::boards;
use crate::sizing::budget::Budget;
use crate::sizing::presets::STORIES_260K;
use crate::sizing::shape::PartialConfig;

/// A model's shape and choices.
#[derive(Debug, Args)]
#[command(next_help_heading = "Shape")]
pub(super) struct Shape {
    /// Positions that attention sees at once [default: 128, or less where a --board lacks RAM]
    #[arg(long, value_name = "TOKENS", value_parser = whole::<usize>(1..=65_535))]
    context: Option<usize>,
    /// Length of the vector that stands for a token [default: 96, less for a short text, or what a --board has flash for]
    #[arg(long, value_name = "CHANNELS", value_parser = whole::<usize>(1..=65_535))]
    width: Option<usize>,
    /// Number of layers [default: 4, less for a short text, or what a --board has flash for]
    #[arg(long, value_name = "COUNT", value_parser = whole::<usize>(1..=256))]
    layers: Option<usize>,
    /// Go through the layers this often, with the same weights: more RAM and time, no more flash
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = whole::<usize>(1..=256))]
    loops: usize,
    /// Give each layer this many MLPs, of which a router chooses one or two for each token: more flash, hardly more RAM and time
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = whole::<usize>(1..=64))]
    experts: usize,
    /// Experts that a token goes through: 1, or 2 whose results are weighted
    #[arg(long, value_name = "COUNT", default_value_t = 1, requires = "experts", value_parser = whole::<usize>(1..=2))]
    active_experts: usize,
    /// Add to each token's embedding one for the pair of the token before and it, from a table of this many rows (0 for none): more
    /// flash, hardly more RAM and time [default: 0, or with --board or --flash and a text of 2 MB or more, what there is flash for]
    #[arg(long, value_name = "ROWS", value_parser = whole::<usize>(0..=65_535))]
    bigrams: Option<usize>,
    /// Give each layer embeddings of its own: more flash, hardly more RAM and time [default: with --board or --flash and a text of
    /// 2 MB or more, if there is flash for them]
    #[arg(long, conflicts_with = "no_per_layer_embeddings")]
    per_layer_embeddings: bool,
    /// Leave out embeddings for each layer, which --board or --flash may add
    #[arg(long)]
    no_per_layer_embeddings: bool,
    /// Cache a latent of this many values in place of all heads' keys and values (0 for these themselves): less RAM, more flash
    #[arg(long, value_name = "RANK", default_value_t = 0, value_parser = whole::<usize>(0..=256))]
    latent: usize,
    /// Values that are cached beside a latent for rotary positions [default: about half of width / heads]
    #[arg(long, value_name = "CHANNELS", requires = "latent", value_parser = whole::<usize>(2..=254))]
    latent_rotary: Option<usize>,
    /// Number of attention heads [default: about one for every 16 of the width]
    #[arg(long, value_name = "COUNT", value_parser = whole::<usize>(1..=65_535))]
    heads: Option<usize>,
    /// Number of key and value heads; fewer than the heads save RAM [default: half the heads, where that divides]
    #[arg(long, value_name = "COUNT", value_parser = whole::<usize>(1..=65_535))]
    kv_heads: Option<usize>,
    /// Hidden units of the MLP [default: 4 times the width; gated, 8/3 of it]
    #[arg(long, value_name = "CHANNELS", value_parser = whole::<usize>(1..=32_767))]
    hidden: Option<usize>,
    /// How the model knows positions
    #[arg(long, value_enum, default_value_t = PositionName::Rotary)]
    position: PositionName,
    /// Base of the frequencies of rotary positions: the larger it is, the slower the channels turn with the position, and the
    /// further a head finds what it looks for [default: 10000]
    #[arg(long, value_name = "BASE", value_parser = number::<f32>(1.0..=1e8))]
    rotary_base: Option<f32>,
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

/// The chip that a model is to fit.
#[derive(Debug, Args)]
#[command(next_help_heading = "Board")]
pub(super) struct Chip {
    /// Choose shape, vocabulary, number format and context for this board (`inspect` lists them)
    #[arg(long, value_name = "NAME", conflicts_with_all = ["flash", "ram"])]
    board: Option<String>,
    /// As --board, for a chip with this much flash (256K, 1M), of which the firmware takes a part
    #[arg(long, value_name = "BYTES", requires = "ram", value_parser = bytes(8 << 10..=1 << 30))]
    flash: Option<ByteCount>,
    /// As --board, for a chip with this much RAM (20K, 512K), of which the firmware takes a part
    #[arg(long, value_name = "BYTES", requires = "flash", value_parser = bytes(1 << 10..=1 << 30))]
    ram: Option<ByteCount>,
}

impl Chip {
    /// The flash and the RAM of the chip, if one is named, for a text of `text_bytes`.
    ///
    /// # Errors
    /// A board that is not known, or one that the firmware alone does not fit.
    pub(super) fn budget(&self, text_bytes: u64) -> Result<Option<Budget>> {
        let budget = match (&self.board, self.flash, self.ram) {
            (Some(name), _, _) => Budget { text_bytes, ..Budget::of(boards::find(name)?) },
            (None, Some(ByteCount(flash_bytes)), Some(ByteCount(ram_bytes))) => {
                Budget { name: "the chip".into(), flash_bytes, ram_bytes, text_bytes }
            }
            _ => return Ok(None),
        };
        budget.check_firmware()?;
        Ok(Some(budget))
    }
}

/// See [`Position`].
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum PositionName {
    /// Rotary: queries and keys are rotated by their position
    Rotary,
    /// A learned vector for each position
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
    /// Finds options that have no use beside the others.
    ///
    /// # Errors
    /// A base of rotary positions for positions of another kind.
    pub(super) fn check(&self) -> Result<()> {
        let has_use = self.rotary_base.is_none() || matches!(self.position, PositionName::Rotary);
        ensure!(
            has_use,
            "--rotary-base is for rotary positions; leave out either --rotary-base or --position"
        );
        Ok(())
    }

    /// The shape that these options give, for a text of this size, without regard to a board.
    ///
    /// # Errors
    /// A shape that makes no sense.
    pub(super) fn config(&self, vocab: usize, text_bytes: u64) -> Result<Config> {
        Ok(self.partial().config_for_text(vocab, text_bytes)?)
    }

    /// The sizes and choices that these options give.
    pub(super) fn partial(&self) -> PartialConfig {
        let (mlp, activation) = match self.mlp {
            MlpName::Swiglu => (Mlp::Gated, Activation::Silu),
            MlpName::Gelu => (Mlp::Plain, Activation::Gelu),
            MlpName::Relu => (Mlp::Plain, Activation::Relu),
        };
        let position = match self.position {
            PositionName::Rotary => Position::Rotary,
            PositionName::Learned => Position::Learned,
            PositionName::Sinusoidal => Position::Sinusoidal,
            PositionName::None => Position::None,
        };
        let norm = match self.norm {
            NormName::Rms => Norm::Rms,
            NormName::Layer => Norm::Layer,
            NormName::None => Norm::None,
        };
        let choices = Config {
            position,
            rotary_base: self.rotary_base.unwrap_or(Config::LLAMA.rotary_base),
            norm,
            activation,
            mlp,
            residual: !self.no_residual,
            bias: self.bias,
            tied: !self.untied,
            loops: self.loops,
            experts: self.experts,
            active_experts: self.active_experts,
            latent: self.latent,
            ..STORIES_260K
        };
        PartialConfig {
            choices,
            context: self.context,
            width: self.width,
            layers: self.layers,
            heads: self.heads,
            kv_heads: self.kv_heads,
            hidden: self.hidden,
            latent_rotary: self.latent_rotary,
            per_layer_embeddings: (self.per_layer_embeddings || self.no_per_layer_embeddings)
                .then_some(self.per_layer_embeddings),
            bigrams: self.bigrams,
        }
    }
}
