//! The transformer's step: a token in, logits out.
//!
//! embedding (+ position) → each layer: norm → attention → norm → MLP → final norm → head.

use crate::Error;
use crate::config::{Config, Precision};
use crate::float::FloatStep;
use crate::integer::IntegerStep;
use crate::kernels::{Work, vectorised};
use crate::memory::Buffers;
use crate::model::Model;
use crate::parameter::Parameter;

/// A model and the memory it runs in.
pub struct Decoder<'a, 'm> {
    model: Model<'a>,
    numbers: Numbers<'m>,
}

/// The model's kind of numbers.
#[allow(clippy::large_enum_variant)] // there is one of it, and no heap to put a part of it on
enum Numbers<'m> {
    Float(FloatStep<'m>),
    Integer(IntegerStep<'m>),
}

impl<'a, 'm> Decoder<'a, 'm> {
    /// Lays out `buffers` for `model`; returns room for the tokens in the cache, `[context]`.
    ///
    /// # Errors
    /// [`Error::MemoryTooSmall`].
    pub fn new(model: Model<'a>, mut buffers: Buffers<'m>) -> Result<(Self, &'m mut [u16]), Error> {
        let config = model.config();
        buffers.check(config.memory_bytes(model.precision()))?;
        let numbers = match model.precision() {
            Precision::F32 => Numbers::Float(FloatStep::lay_out(config, &mut buffers)),
            Precision::Int8 | Precision::Int4 | Precision::Ternary => {
                Numbers::Integer(IntegerStep::lay_out(config, &mut buffers))
            }
        };
        let window = buffers.take(config.context);
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
        self.forward_each(&[token], position, |_| ())
    }

    /// As [`forward`](Self::forward) for each of `tokens`, the first at `position`; `each` sees their logits in turn.
    ///
    /// As many at a time as the memory has lanes for go through each layer one behind the other.
    ///
    /// # Errors
    /// As [`forward`](Self::forward), before any is read.
    pub fn forward_each(
        &mut self,
        tokens: &[u16],
        position: usize,
        mut each: impl FnMut(&mut [f32]),
    ) -> Result<(), Error> {
        self.run(tokens, position, Some(&mut each))
    }

    /// As [`forward`](Self::forward) for each of `tokens`, without logits, and without what only they need: for all of
    /// a prompt but its last token.
    ///
    /// # Errors
    /// As [`forward_each`](Self::forward_each).
    pub fn prefill(&mut self, tokens: &[u16], position: usize) -> Result<(), Error> {
        self.run(tokens, position, None)
    }

    fn run(&mut self, tokens: &[u16], position: usize, mut each: Option<Each<'_>>) -> Result<(), Error> {
        let Config { vocab, context, .. } = *self.model.config();
        tokens.iter().try_for_each(|&token| in_range("token", token.into(), vocab))?;
        if let Some(more) = tokens.len().checked_sub(1) {
            in_range("position", position.saturating_add(more), context)?;
        }
        let (model, lanes) = (&self.model, self.lanes());
        for (i, tokens) in tokens.chunks(lanes).enumerate() {
            let position = position + i * lanes;
            let each = each.as_mut().map(|each| &mut **each as Each<'_>);
            match &mut self.numbers {
                Numbers::Float(step) => vectorised(Pass { model, step, tokens, position, each }),
                Numbers::Integer(step) => vectorised(Pass { model, step, tokens, position, each }),
            }
        }
        Ok(())
    }

    fn lanes(&self) -> usize {
        match &self.numbers {
            Numbers::Float(step) => step.lanes(),
            Numbers::Integer(step) => step.lanes(),
        }
    }
}

/// Is given logits.
type Each<'x> = &'x mut dyn FnMut(&mut [f32]);

/// Tokens at successive positions, each in a lane of its own, from their embeddings to their logits.
struct Pass<'x, 'a, S> {
    model: &'x Model<'a>,
    step: &'x mut S,
    tokens: &'x [u16],
    position: usize,
    /// Without it, only keys and values are wanted.
    each: Option<Each<'x>>,
}

impl<S: Forward> Work for Pass<'_, '_, S> {
    #[inline(always)]
    fn run(self) {
        use Parameter::{
            AttentionNormBias, AttentionNormGain, Down, DownBias, Embedding, FinalNormBias, FinalNormGain,
            LmHead, MlpNormBias, MlpNormGain, Output, OutputBias, Qkv, QkvBias, Up, UpBias,
        };
        let Pass { model, step, tokens, position, each } = self;
        let config = model.config();
        for (lane, &token) in tokens.iter().enumerate() {
            step.select(lane);
            step.embed(model, token.into(), position + lane);
        }
        for layer in 0..config.layers {
            for lane in 0..tokens.len() {
                step.select(lane);
                step.norm(model, AttentionNormGain, AttentionNormBias, layer);
                step.project(model, Qkv, QkvBias, layer);
                step.store_kv(model, layer, position + lane);
            }
            if each.is_none() && layer + 1 == config.layers {
                return;
            }
            for lane in 0..tokens.len() {
                step.select(lane);
                step.attend(model, layer, position + lane);
                step.add_to_residual(model, Output, OutputBias, layer);
            }
            for lane in 0..tokens.len() {
                step.select(lane);
                step.norm(model, MlpNormGain, MlpNormBias, layer);
                step.project(model, Up, UpBias, layer);
            }
            for lane in 0..tokens.len() {
                step.select(lane);
                step.activate(model);
                step.add_to_residual(model, Down, DownBias, layer);
            }
        }
        let Some(each) = each else { return };
        for lane in 0..tokens.len() {
            step.select(lane);
            step.norm(model, FinalNormGain, FinalNormBias, 0);
            step.logits_from(model, if config.tied { Embedding } else { LmHead });
            each(step.logits());
        }
    }
}

/// The operations between a token and its logits, on vectors that the implementation keeps.
pub(crate) trait Forward {
    /// Positions that it has vectors for: so many can go through a layer one behind the other.
    fn lanes(&self) -> usize {
        1
    }
    /// The vectors are those of lane `lane` from now on.
    fn select(&mut self, _lane: usize) {}
    /// The residual stream begins as the token's embedding, and learns its position.
    fn embed(&mut self, model: &Model<'_>, token: usize, position: usize);
    /// The input becomes the norm of the residual stream.
    fn norm(&mut self, model: &Model<'_>, gain: Parameter, bias: Parameter, layer: usize);
    /// The block becomes `matrix * input + bias`.
    fn project(&mut self, model: &Model<'_>, matrix: Parameter, bias: Parameter, layer: usize);
    /// Takes keys and values from the block into the cache, and rotations them and the queries by their position.
    fn store_kv(&mut self, model: &Model<'_>, layer: usize, position: usize);
    /// From the queries in the block and the cache to what the heads found: the new input.
    fn attend(&mut self, model: &Model<'_>, layer: usize, position: usize);
    /// From the MLP's hidden units in the block to the new input.
    fn activate(&mut self, model: &Model<'_>);
    /// `matrix * input + bias` joins the residual stream, or replaces it.
    fn add_to_residual(&mut self, model: &Model<'_>, matrix: Parameter, bias: Parameter, layer: usize);
    /// The logits become `matrix * input`.
    fn logits_from(&mut self, model: &Model<'_>, matrix: Parameter);
    /// `[vocab]`.
    fn logits(&mut self) -> &mut [f32];
}

fn in_range(name: &'static str, value: usize, limit: usize) -> Result<(), Error> {
    if value < limit { Ok(()) } else { Err(Error::OutOfRange { name, value, limit }) }
}
