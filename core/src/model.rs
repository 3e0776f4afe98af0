//! A checked view of a model file.

use crate::Error;
use crate::config::{Config, Norm, Precision};
use crate::file::{File, Golden, Provenance};
use crate::kernels::cast;
use crate::known;
use crate::matrix::Matrix;
use crate::parameter::Parameter;
use crate::slices::part;
use crate::tokenizer::Tokenizer;
#[cfg(not(one_model))]
use crate::{file::ALIGNMENT, reader};
#[cfg(one_model)]
use core::marker::PhantomData;

/// A checked view of a model file.
///
/// ```
/// # fn main() -> Result<(), pipsqueak::Error> {
/// # #[repr(align(16))] struct Aligned<T: ?Sized>(T);
/// # let bytes: &[u8] = &Aligned(*include_bytes!("../models/tiny.pip")).0;
/// let model = pipsqueak::Model::load(bytes)?; // they start on a multiple of 16
/// let shape = model.config();
/// println!("{} layers of width {}, {}", shape.layers, shape.width, model.precision().name());
/// println!("learned from {}, {} bytes", model.provenance().corpus, model.file_bytes());
/// assert_eq!(model.tokenizer().pieces(), 255);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Model<'a> {
    tokenizer: Tokenizer<'a>,
    #[cfg(not(one_model))]
    contents: (File<'a>, usize),
    #[cfg(one_model)]
    contents: PhantomData<File<'a>>,
}

impl<'a> Model<'a> {
    /// Reads a model in place. `file` must start on a multiple of [`ALIGNMENT`] and may go on after the model, as a
    /// flash region does.
    ///
    /// # Errors
    /// Whatever is wrong with the file: not a model, another version, damaged, a shape that makes no sense.
    #[cfg(not(one_model))]
    pub fn load(file: &'a [u8]) -> Result<Model<'a>, Error> {
        reader::check_header(file)?;
        if !file.as_ptr().addr().is_multiple_of(ALIGNMENT) {
            return Err(Error::Misaligned { alignment: ALIGNMENT });
        }
        let contents = reader::whole(file)?;
        let tokenizer = Tokenizer::new(contents.0.vocabulary, contents.0.config.vocab)?;
        Ok(Model { tokenizer, contents })
    }

    /// The one model that the program is built for, if `file` is where it lies.
    #[cfg(one_model)]
    pub fn load(file: &'a [u8]) -> Result<Model<'a>, Error> {
        let is_only = file.as_ptr() == known::FILE.0.as_ptr();
        if is_only {
            Ok(Model { tokenizer: Tokenizer::ONLY, contents: PhantomData })
        } else {
            Err(Error::AnotherModel)
        }
    }

    /// The file's contents, and its length in bytes.
    #[inline(always)]
    fn contents(&self) -> &(File<'a>, usize) {
        #[cfg(one_model)]
        return &known::CONTENTS;
        #[cfg(not(one_model))]
        &self.contents
    }

    /// The model's shape and choices.
    pub fn config(&self) -> &Config {
        &self.contents().0.config
    }

    /// The format of its matrices.
    pub fn precision(&self) -> Precision {
        self.contents().0.precision
    }

    /// How its ids become text.
    pub fn tokenizer(&self) -> &Tokenizer<'a> {
        &self.tokenizer
    }

    /// Where it comes from.
    pub fn provenance(&self) -> &Provenance<'a> {
        &self.contents().0.provenance
    }

    /// A short run on a machine that computes as it should: see [`Generator::self_test`](crate::Generator::self_test).
    #[doc(hidden)]
    pub fn golden(&self) -> &Golden<'a> {
        &self.contents().0.golden
    }

    /// The size of its file, checksum included: the flash it takes.
    pub fn file_bytes(&self) -> usize {
        self.contents().1
    }

    /// A parameter's bytes, as [`Tensor::bytes`](crate::file::Tensor::bytes) says.
    #[doc(hidden)]
    pub fn bytes(&self, parameter: Parameter) -> &'a [u8] {
        self.contents().0.tensors[parameter as usize].bytes
    }

    /// A matrix of `layer`; 0 for one outside the layers.
    #[doc(hidden)]
    #[cfg_attr(one_model, inline(always))]
    pub fn matrix(&self, parameter: Parameter, layer: usize) -> Matrix<'a> {
        Matrix::view(self.bytes(parameter), self.precision(), parameter.shape(self.config()), layer)
    }

    /// A vector of `layer`; 0 for one outside the layers. Empty where the model has none.
    #[doc(hidden)]
    #[cfg_attr(one_model, inline(always))]
    pub fn vector(&self, parameter: Parameter, layer: usize) -> &'a [f32] {
        let columns = parameter.shape(self.config()).columns;
        part(cast::floats(self.bytes(parameter)), layer * columns, columns)
    }

    /// The weights of the layer at this depth, by name.
    pub(crate) fn block(&self, depth: usize) -> Block<'_, 'a> {
        Block { model: self, layer: known::weights_of(depth, self.config()) }
    }

    /// `[vocab, width]`: a row for each token.
    pub(crate) fn embedding(&self) -> Matrix<'a> {
        self.matrix(Parameter::Embedding, 0)
    }

    /// `[context, width]`: a row for each position, where positions are learned.
    pub(crate) fn positions(&self) -> Matrix<'a> {
        self.matrix(Parameter::Positions, 0)
    }

    /// `[bigrams, width]`: a row for all pairs of tokens of one hash, where there are such.
    pub(crate) fn bigrams(&self) -> Matrix<'a> {
        self.matrix(Parameter::Bigrams, 0)
    }

    /// The norm before the logits.
    pub(crate) fn final_norm(&self) -> NormWeights<'a> {
        self.norm(Parameter::FinalNormGain, Parameter::FinalNormBias, 0)
    }

    /// `[vocab, width]`: what the logits are computed with.
    pub(crate) fn lm_head(&self) -> Matrix<'a> {
        self.matrix(if self.config().tied { Parameter::Embedding } else { Parameter::LmHead }, 0)
    }

    fn norm(&self, gain: Parameter, bias: Parameter, layer: usize) -> NormWeights<'a> {
        NormWeights {
            kind: self.config().norm,
            epsilon: self.config().norm_epsilon,
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
    /// `[vocab, width]`: what the layer adds for each token, where layers have such.
    pub(crate) fn embeddings(&self) -> Matrix<'a> {
        self.model.matrix(Parameter::PerLayerEmbeddings, self.layer)
    }

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

    /// The scores of the experts, where there are several.
    pub(crate) fn router(&self) -> Linear<'a> {
        Linear { matrix: self.model.matrix(Parameter::Router, self.layer), bias: &[] }
    }

    /// To the hidden units of an expert; 0 is the MLP that has no others.
    pub(crate) fn up(&self, expert: usize) -> Linear<'a> {
        self.model.linear(Parameter::Up, Parameter::UpBias, self.mlp(expert))
    }

    /// From the hidden units back to the residual stream.
    pub(crate) fn down(&self, expert: usize) -> Linear<'a> {
        self.model.linear(Parameter::Down, Parameter::DownBias, self.mlp(expert))
    }

    /// The place of an expert among those of all layers.
    #[inline(always)]
    fn mlp(&self, expert: usize) -> usize {
        if known::may_have_experts() { self.layer * self.model.config().experts + expert } else { self.layer }
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
