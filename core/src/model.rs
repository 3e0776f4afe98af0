//! The model file: one postcard message that anyone can decode with [`File`], closed by a CRC-32.
//!
//! [`Model::load`] checks it and is then a view of it: every weight stays where it lies in flash.

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::config::{Config, Norm, Precision};
use crate::kernels::cast;
use crate::matrix::Matrix;
use crate::parameter::{PARAMETERS, Parameter};
use crate::slices::part;
use crate::tokenizer::{Tokenizer, Vocabulary};

/// What every model file begins with.
pub const MAGIC: [u8; 4] = *b"PIPS";
/// The format version this crate reads.
pub const VERSION: u16 = 1;
/// The feature bits this crate knows.
pub const FEATURES: u32 = 0;
/// A model file's tensors start on multiples of this, and so must the file in memory.
pub const ALIGNMENT: usize = 16;
/// The checksum that closes a model file (CRC-32/ISO-HDLC, as in zip and PNG).
pub const CRC: crc::Crc<u32> = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC);

/// Decoded and checked before all else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// [`MAGIC`].
    pub magic: [u8; 4],
    /// [`VERSION`].
    pub version: u16,
    /// Bits of what a reader must know beyond the version; none are given out yet.
    pub features: u32,
}

impl Header {
    /// The header of files that this crate writes.
    pub const CURRENT: Header = Header { magic: MAGIC, version: VERSION, features: FEATURES };

    fn check(&self) -> Result<(), Error> {
        let unknown = self.features & !FEATURES;
        match self {
            Header { magic, .. } if *magic != MAGIC => Err(Error::NotAModel),
            Header { version, .. } if *version != VERSION => {
                Err(Error::Version { found: *version, known: VERSION })
            }
            _ if unknown != 0 => Err(Error::Feature { bit: unknown.trailing_zeros() }),
            _ => Ok(()),
        }
    }
}

/// Where a model comes from.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Provenance<'a> {
    /// What it was trained on, in words.
    pub corpus: &'a str,
    /// The corpus' licence, or empty where it is not known.
    pub licence: &'a str,
    /// CRC-32 of the corpus.
    pub corpus_crc: u32,
    /// Optimiser steps.
    pub steps: u32,
    /// Validation loss in nats a token, as trained in f32; not a number where it is not known.
    #[serde(with = "crate::float_bytes")]
    pub loss_f32: f32,
    /// Validation loss in nats a token at the file's precision, by this crate's decoder; not a number where unknown.
    #[serde(with = "crate::float_bytes")]
    pub loss: f32,
    /// Mean bytes of text a token, by which nats a token become bits per byte; 0 where it is not known.
    #[serde(with = "crate::float_bytes")]
    pub bytes_per_token: f32,
}

/// One parameter's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tensor<'a> {
    /// Zeros, as many as make `bytes` start on a multiple of [`ALIGNMENT`].
    #[serde(borrow)]
    pub padding: &'a [u8],
    /// Little-endian. A vector, and a matrix of an f32 model: f32 values. A matrix of an integer model: the weights of
    /// all layers as `docs/model-format.md` says, each layer's rows padded to a multiple of 4; then a u16 a padded
    /// row, at most 32,767; then an f32 a layer. Row `r` of layer `l` has the scale `u16[l][r] * f32[l]`.
    pub bytes: &'a [u8],
}

/// The whole message. The CRC-32 of its bytes follows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct File<'a> {
    /// Magic, version and features.
    pub header: Header,
    /// The shape and the choices.
    pub config: Config,
    /// The format of the matrices.
    pub precision: Precision,
    /// How ids become text.
    #[serde(borrow)]
    pub vocabulary: Vocabulary<'a>,
    /// Where the model comes from.
    #[serde(borrow)]
    pub provenance: Provenance<'a>,
    /// In the order of [`Parameter::ALL`]; empty for parameters that the model does not have.
    #[serde(borrow)]
    pub tensors: [Tensor<'a>; PARAMETERS],
}

/// A checked view of a model file.
#[derive(Debug, Clone)]
pub struct Model<'a> {
    config: Config,
    precision: Precision,
    tokenizer: Tokenizer<'a>,
    provenance: Provenance<'a>,
    tensors: [&'a [u8]; PARAMETERS],
    file_bytes: usize,
}

impl<'a> Model<'a> {
    /// Reads a model in place. `file` must start on a multiple of [`ALIGNMENT`] and may go on after the model, as a
    /// flash region does.
    ///
    /// # Errors
    /// Whatever is wrong with the file: not a model, another version, damaged, a shape that makes no sense.
    pub fn load(file: &'a [u8]) -> Result<Model<'a>, Error> {
        let (header, _) = postcard::take_from_bytes::<Header>(file).map_err(|_| Error::NotAModel)?;
        header.check()?;
        if !file.as_ptr().addr().is_multiple_of(ALIGNMENT) {
            return Err(Error::Misaligned { alignment: ALIGNMENT });
        }
        let (contents, rest) =
            postcard::take_from_bytes_crc32::<File<'a>>(file, CRC.digest()).map_err(damage)?;
        contents.config.check()?;
        check_tensors(&contents)?;
        let tokenizer = Tokenizer::new(contents.vocabulary, contents.config.vocab)?;
        Ok(Model {
            precision: contents.precision,
            tokenizer,
            provenance: contents.provenance,
            tensors: contents.tensors.map(|tensor| tensor.bytes),
            config: contents.config,
            file_bytes: file.len() - rest.len(),
        })
    }

    /// The model's shape and choices.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The format of its matrices.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// How its ids become text.
    pub fn tokenizer(&self) -> &Tokenizer<'a> {
        &self.tokenizer
    }

    /// Where it comes from.
    pub fn provenance(&self) -> &Provenance<'a> {
        &self.provenance
    }

    /// The size of its file, checksum included: the flash it takes.
    pub fn file_bytes(&self) -> usize {
        self.file_bytes
    }

    /// A parameter's bytes, as [`Tensor::bytes`] says.
    pub fn bytes(&self, parameter: Parameter) -> &'a [u8] {
        self.tensors[parameter as usize]
    }

    /// A matrix of `layer`; 0 for one outside the layers.
    pub fn matrix(&self, parameter: Parameter, layer: usize) -> Matrix<'a> {
        Matrix::view(self.bytes(parameter), self.precision, parameter.shape(&self.config), layer)
    }

    /// A vector of `layer`; 0 for one outside the layers. Empty where the model has none.
    pub fn vector(&self, parameter: Parameter, layer: usize) -> &'a [f32] {
        let columns = parameter.shape(&self.config).columns;
        part(cast::floats(self.bytes(parameter)), layer * columns, columns)
    }

    /// The weights of one layer, by name.
    pub(crate) fn block(&self, layer: usize) -> Block<'_, 'a> {
        Block { model: self, layer }
    }

    /// `[vocab, width]`: a row for each token.
    pub(crate) fn embedding(&self) -> Matrix<'a> {
        self.matrix(Parameter::Embedding, 0)
    }

    /// `[context, width]`: a row for each position, where positions are learned.
    pub(crate) fn positions(&self) -> Matrix<'a> {
        self.matrix(Parameter::Positions, 0)
    }

    /// The norm before the logits.
    pub(crate) fn final_norm(&self) -> NormWeights<'a> {
        self.norm(Parameter::FinalNormGain, Parameter::FinalNormBias, 0)
    }

    /// `[vocab, width]`: what the logits are computed with.
    pub(crate) fn lm_head(&self) -> Matrix<'a> {
        self.matrix(if self.config.tied { Parameter::Embedding } else { Parameter::LmHead }, 0)
    }

    fn norm(&self, gain: Parameter, bias: Parameter, layer: usize) -> NormWeights<'a> {
        NormWeights {
            kind: self.config.norm,
            epsilon: self.config.norm_epsilon,
            gain: self.vector(gain, layer),
            bias: self.vector(bias, layer),
        }
    }

    fn linear(&self, matrix: Parameter, bias: Parameter, layer: usize) -> Linear<'a> {
        Linear { matrix: self.matrix(matrix, layer), bias: self.vector(bias, layer) }
    }
}

/// One layer, which looks a weight up when it is asked for it.
pub(crate) struct Block<'x, 'a> {
    model: &'x Model<'a>,
    layer: usize,
}

impl<'a> Block<'_, 'a> {
    /// The norm before attention.
    pub(crate) fn attention_norm(&self) -> NormWeights<'a> {
        self.model.norm(Parameter::AttentionNormGain, Parameter::AttentionNormBias, self.layer)
    }

    /// To the queries, keys and values.
    pub(crate) fn qkv(&self) -> Linear<'a> {
        self.model.linear(Parameter::Qkv, Parameter::QkvBias, self.layer)
    }

    /// From the heads' outputs back to the residual stream.
    pub(crate) fn output(&self) -> Linear<'a> {
        self.model.linear(Parameter::Output, Parameter::OutputBias, self.layer)
    }

    /// The norm before the MLP.
    pub(crate) fn mlp_norm(&self) -> NormWeights<'a> {
        self.model.norm(Parameter::MlpNormGain, Parameter::MlpNormBias, self.layer)
    }

    /// To the MLP's hidden units.
    pub(crate) fn up(&self) -> Linear<'a> {
        self.model.linear(Parameter::Up, Parameter::UpBias, self.layer)
    }

    /// From the hidden units back to the residual stream.
    pub(crate) fn down(&self) -> Linear<'a> {
        self.model.linear(Parameter::Down, Parameter::DownBias, self.layer)
    }
}

/// `matrix * x + bias`; the bias is empty where the model has none.
#[derive(Clone, Copy)]
pub(crate) struct Linear<'a> {
    pub(crate) matrix: Matrix<'a>,
    pub(crate) bias: &'a [f32],
}

/// A norm's weights; empty where the model has none.
#[derive(Clone, Copy)]
pub(crate) struct NormWeights<'a> {
    pub(crate) kind: Norm,
    /// Added to the mean square under the root.
    pub(crate) epsilon: f32,
    pub(crate) gain: &'a [f32],
    pub(crate) bias: &'a [f32],
}

fn damage(error: postcard::Error) -> Error {
    Error::Damaged(match error {
        postcard::Error::DeserializeBadCrc => "its checksum does not fit its contents",
        postcard::Error::DeserializeUnexpectedEnd => "it ends early",
        _ => "its contents cannot be read",
    })
}

fn check_tensors(file: &File<'_>) -> Result<(), Error> {
    for (parameter, tensor) in Parameter::ALL.into_iter().zip(&file.tensors) {
        if tensor.bytes.len() as u64 != parameter.bytes(&file.config, file.precision) {
            return Err(Error::Damaged("a tensor's length does not fit the shape"));
        }
        if !tensor.bytes.is_empty() && !tensor.bytes.as_ptr().addr().is_multiple_of(ALIGNMENT) {
            return Err(Error::Damaged("a tensor does not start on its boundary"));
        }
    }
    Ok(())
}
