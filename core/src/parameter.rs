//! The names and shapes of a model's parameters: the one list that the optimiser, the checkpoint, the exporter, the
//! model file and the tests walk over.

use crate::config::{Config, Norm, Position, Precision};
use crate::file::{FEATURE_BIGRAMS, FEATURE_EXPERTS, FEATURE_PER_LAYER_EMBEDDINGS};
use crate::packing::ROWS;

/// One named parameter; per-layer ones hold all layers, `[layers, rows, columns]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[repr(usize)]
pub enum Parameter {
    /// `[vocab, width]`; also the head where `tied`.
    Embedding,
    /// `[context, width]`, with learned positions.
    Positions,
    /// `[layers, width]`: the norm before attention.
    AttentionNormGain,
    /// `[layers, width]`.
    AttentionNormBias,
    /// `[layers, width + 2 kv_width, width]`: query, key and value rows, in this order. With latent attention,
    /// `[layers, (heads + 1) (latent + latent_rotary), width]`: the rows of each head's query, then those of the latent and its key.
    Qkv,
    /// `[layers, width + 2 kv_width]`, or as many as there are rows.
    QkvBias,
    /// `[layers, width, width]`: from the heads' results back to the residual stream. With latent attention,
    /// `[layers, width, heads latent]`.
    Output,
    /// `[layers, width]`.
    OutputBias,
    /// `[layers, width]`: the norm before the MLP.
    MlpNormGain,
    /// `[layers, width]`.
    MlpNormBias,
    /// `[layers * experts, hidden or 2 hidden, width]`: gate rows, where gated, then up rows.
    Up,
    /// `[layers * experts, hidden or 2 hidden]`.
    UpBias,
    /// `[layers * experts, width, hidden]`.
    Down,
    /// `[layers * experts, width]`.
    DownBias,
    /// `[width]`: the norm before the head.
    FinalNormGain,
    /// `[width]`.
    FinalNormBias,
    /// `[vocab, width]`, where not `tied`.
    LmHead,
    /// `[layers, experts, width]`: the scores of a layer's experts, where there are several.
    Router,
    /// `[bigrams, width]`: the embeddings of pairs of tokens, where there are such.
    Bigrams,
    /// `[layers, vocab, width]`: each layer's embeddings, where layers have such.
    PerLayerEmbeddings,
}

/// `[layers, rows, columns]`; all zero for a parameter that a model does not have. A vector is one row a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// 1 for parameters outside the layers.
    pub layers: usize,
    /// Outputs of a matrix.
    pub rows: usize,
    /// Inputs of a matrix, or the length of a vector.
    pub columns: usize,
}

impl Shape {
    const NONE: Shape = Shape { layers: 0, rows: 0, columns: 0 };

    /// Number of values.
    pub const fn len(&self) -> usize {
        self.layers * self.rows * self.columns
    }

    /// Whether the model has no such parameter.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The number of parameters in [`Parameter::ALL`].
pub const PARAMETERS: usize = 20;
/// Those that every model file has, be it with a length of 0; the others come with a feature.
pub const OF_EVERY_FILE: usize = 17;

impl Parameter {
    /// Every parameter, in the order of the model file.
    pub const ALL: [Parameter; PARAMETERS] = [
        Parameter::Embedding,
        Parameter::Positions,
        Parameter::AttentionNormGain,
        Parameter::AttentionNormBias,
        Parameter::Qkv,
        Parameter::QkvBias,
        Parameter::Output,
        Parameter::OutputBias,
        Parameter::MlpNormGain,
        Parameter::MlpNormBias,
        Parameter::Up,
        Parameter::UpBias,
        Parameter::Down,
        Parameter::DownBias,
        Parameter::FinalNormGain,
        Parameter::FinalNormBias,
        Parameter::LmHead,
        Parameter::Router,
        Parameter::Bigrams,
        Parameter::PerLayerEmbeddings,
    ];

    /// The name in checkpoints and messages.
    pub const fn name(self) -> &'static str {
        match self {
            Parameter::Embedding => "embedding",
            Parameter::Positions => "positions",
            Parameter::AttentionNormGain => "attention_norm.gain",
            Parameter::AttentionNormBias => "attention_norm.bias",
            Parameter::Qkv => "attention.qkv",
            Parameter::QkvBias => "attention.qkv_bias",
            Parameter::Output => "attention.output",
            Parameter::OutputBias => "attention.output_bias",
            Parameter::MlpNormGain => "mlp_norm.gain",
            Parameter::MlpNormBias => "mlp_norm.bias",
            Parameter::Up => "mlp.up",
            Parameter::UpBias => "mlp.up_bias",
            Parameter::Down => "mlp.down",
            Parameter::DownBias => "mlp.down_bias",
            Parameter::FinalNormGain => "final_norm.gain",
            Parameter::FinalNormBias => "final_norm.bias",
            Parameter::LmHead => "head",
            Parameter::Router => "router",
            Parameter::Bigrams => "bigrams",
            Parameter::PerLayerEmbeddings => "per_layer_embeddings",
        }
    }

    /// Whether this is a matrix, stored at the model's [`Precision`]; vectors stay f32.
    pub const fn is_matrix(self) -> bool {
        use Parameter::{Down, Embedding, LmHead, Output, Positions, Qkv, Router, Up};
        matches!(self, Embedding | Positions | Qkv | Output | Up | Down | LmHead | Router) || self.is_table()
    }

    /// Whether this is a table whose rows are added to the residual stream beside the embedding.
    pub const fn is_table(self) -> bool {
        matches!(self, Parameter::Bigrams | Parameter::PerLayerEmbeddings)
    }

    /// The bit of a file's [features](crate::file::Header::features) with which it has this; 0 for what every file has.
    pub const fn feature(self) -> u32 {
        match self {
            Parameter::Router => FEATURE_EXPERTS,
            Parameter::Bigrams => FEATURE_BIGRAMS,
            Parameter::PerLayerEmbeddings => FEATURE_PER_LAYER_EMBEDDINGS,
            _ => 0,
        }
    }

    /// The shape in a model of this `config`.
    pub const fn shape(self, config: &Config) -> Shape {
        let (width, mlps) = (config.width, config.layers * config.experts);
        let gains = !matches!(config.norm, Norm::None);
        let shifts = matches!(config.norm, Norm::Layer) && config.bias;
        match self {
            Parameter::Embedding => matrix(1, config.vocab, width),
            Parameter::Positions if matches!(config.position, Position::Learned) => {
                matrix(1, config.context, width)
            }
            Parameter::AttentionNormGain | Parameter::MlpNormGain if gains => vector(config.layers, width),
            Parameter::AttentionNormBias | Parameter::MlpNormBias if shifts => vector(config.layers, width),
            Parameter::FinalNormGain if gains => vector(1, width),
            Parameter::FinalNormBias if shifts => vector(1, width),
            Parameter::Qkv => matrix(config.layers, config.qkv_width(), width),
            Parameter::Output => matrix(config.layers, width, config.attended_width()),
            Parameter::Up => matrix(mlps, config.up_width(), width),
            Parameter::Down => matrix(mlps, width, config.hidden),
            Parameter::QkvBias if config.bias => vector(config.layers, config.qkv_width()),
            Parameter::OutputBias if config.bias => vector(config.layers, width),
            Parameter::DownBias if config.bias => vector(mlps, width),
            Parameter::UpBias if config.bias => vector(mlps, config.up_width()),
            Parameter::Router if config.experts > 1 => matrix(config.layers, config.experts, width),
            Parameter::Bigrams if config.bigrams > 0 => matrix(1, config.bigrams, width),
            Parameter::PerLayerEmbeddings if config.per_layer_embeddings => {
                matrix(config.layers, config.vocab, width)
            }
            Parameter::LmHead if !config.tied => matrix(1, config.vocab, width),
            _ => Shape::NONE,
        }
    }

    /// Bytes in the model file at this `precision`; 64 bits, so that no shape overflows them on a small chip.
    pub const fn bytes(self, config: &Config, precision: Precision) -> u64 {
        let Shape { layers, rows, columns } = self.shape(config);
        match precision.format() {
            Some(format) if self.is_matrix() => {
                let row = 4 * format.words_of_row(columns) as u64 + 2;
                layers as u64 * (rows.next_multiple_of(ROWS) as u64 * row + 4)
            }
            _ => layers as u64 * rows as u64 * columns as u64 * 4,
        }
    }
}

const fn matrix(layers: usize, rows: usize, columns: usize) -> Shape {
    Shape { layers, rows, columns }
}

const fn vector(layers: usize, columns: usize) -> Shape {
    Shape { layers, rows: 1, columns }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::TINY;

    #[test]
    fn the_list_is_in_the_order_of_the_enum() {
        for (i, parameter) in Parameter::ALL.into_iter().enumerate() {
            assert_eq!(parameter as usize, i, "{}", parameter.name());
        }
    }

    #[test]
    fn the_count_of_a_known_model() {
        let gpt2 = Config {
            vocab: 50_257,
            context: 1024,
            width: 768,
            layers: 12,
            heads: 12,
            kv_heads: 12,
            hidden: 3072,
            tied: true,
            ..TINY
        };
        let count: usize = Parameter::ALL.iter().map(|p| p.shape(&gpt2).len()).sum();
        assert_eq!(count, 124_439_808); // GPT-2 small, as published
    }
}
