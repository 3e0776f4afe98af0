//! The transformer's step: a token in, logits out.
//!
//! embedding (+ position) → each layer: norm → attention → norm → MLP → final norm → head.

use crate::Error;
use crate::config::{Config, Precision};
use crate::kernels::{Work, vectorised};
use crate::memory::{Buffers, MemorySize, take};
use crate::model::Model;
use crate::parameter::Parameter;
use crate::step::{FloatStep, IntegerStep, Step};

/// A model and the memory it runs in.
pub struct Decoder<'a, 'm> {
    model: Model<'a>,
    numbers: Numbers<'m>,
}

/// The model's kind of numbers.
enum Numbers<'m> {
    Float(FloatStep<'m>),
    Integer(IntegerStep<'m>),
}

impl<'a, 'm> Decoder<'a, 'm> {
    /// Lays out `buffers` for `model`; returns what is left of their halves, at least `[context]`.
    ///
    /// # Errors
    /// [`Error::MemoryTooSmall`].
    pub fn new(model: Model<'a>, mut buffers: Buffers<'m>) -> Result<(Self, &'m mut [u16]), Error> {
        let config = model.config();
        buffers.check(&MemorySize::of(config, model.precision()))?;
        let window = take(&mut buffers.halves, config.context);
        let numbers = match model.precision() {
            Precision::F32 => Numbers::Float(FloatStep::lay_out(config, buffers)),
            Precision::Int8 | Precision::Int4 | Precision::Ternary => {
                Numbers::Integer(IntegerStep::lay_out(config, buffers))
            }
        };
        Ok((Decoder { model, numbers }, window))
    }

    /// The model.
    pub fn model(&self) -> &Model<'a> {
        &self.model
    }

    /// The logits `[vocab]` of the last step; the caller may change them.
    pub fn logits(&mut self) -> &mut [f32] {
        match &mut self.numbers {
            Numbers::Float(step) => step.logits(),
            Numbers::Integer(step) => step.logits(),
        }
    }

    /// Reads `token` at `position` and computes the logits of the next. Positions count up from 0; going back to an
    /// earlier one forgets those after it.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for a token or a position that the model does not have.
    pub fn forward(&mut self, token: u16, position: usize) -> Result<(), Error> {
        self.read(token, position)?;
        self.head();
        Ok(())
    }

    /// As [`forward`](Self::forward), without the logits: for all of a prompt but its last token.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn read(&mut self, token: u16, position: usize) -> Result<(), Error> {
        let Config { vocab, context, .. } = *self.model.config();
        in_range("token", token.into(), vocab)?;
        in_range("position", position, context)?;
        match &mut self.numbers {
            Numbers::Float(step) => {
                vectorised(Read { model: &self.model, step, token: token.into(), position })
            }
            Numbers::Integer(step) => {
                vectorised(Read { model: &self.model, step, token: token.into(), position })
            }
        }
        Ok(())
    }

    /// Computes the logits after the last token read.
    pub(crate) fn head(&mut self) {
        match &mut self.numbers {
            Numbers::Float(step) => vectorised(Head { model: &self.model, step }),
            Numbers::Integer(step) => vectorised(Head { model: &self.model, step }),
        }
    }
}

/// A token, from its embedding to the residual stream before the head.
struct Read<'x, 'a, S> {
    model: &'x Model<'a>,
    step: &'x mut S,
    token: usize,
    position: usize,
}

impl<S: Step> Work for Read<'_, '_, S> {
    #[inline(always)]
    fn run(self) {
        use Parameter::{
            AttentionNormBias, AttentionNormGain, Down, DownBias, MlpNormBias, MlpNormGain, Output,
            OutputBias, Qkv, QkvBias, Up, UpBias,
        };
        let Read { model, step, token, position } = self;
        step.embed(model, token, position);
        for layer in 0..model.config().layers {
            step.norm(model, AttentionNormGain, AttentionNormBias, layer);
            step.project(model, Qkv, QkvBias, layer);
            step.attend(model, layer, position);
            step.join(model, Output, OutputBias, layer);

            step.norm(model, MlpNormGain, MlpNormBias, layer);
            step.project(model, Up, UpBias, layer);
            step.activate(model);
            step.join(model, Down, DownBias, layer);
        }
    }
}

/// From the residual stream to the logits.
struct Head<'x, 'a, S> {
    model: &'x Model<'a>,
    step: &'x mut S,
}

impl<S: Step> Work for Head<'_, '_, S> {
    #[inline(always)]
    fn run(self) {
        let Head { model, step } = self;
        step.norm(model, Parameter::FinalNormGain, Parameter::FinalNormBias, 0);
        step.head(model, if model.config().tied { Parameter::Embedding } else { Parameter::Head });
    }
}

fn in_range(what: &'static str, value: usize, limit: usize) -> Result<(), Error> {
    if value < limit { Ok(()) } else { Err(Error::OutOfRange { what, value, limit }) }
}
