//! The transformer: tokens in, logits out.
//!
//! embedding (+ position) → each layer: norm → attention → norm → MLP → final norm → logits.
//!
//! [`Forward`] is that on one screen, written once for [`float`](crate::float) and [`integer`](crate::integer). The work is
//! cut into slices, so that a caller with a watchdog or a radio to serve can run other code between any two of them:
//! half a layer each, then the logits in parts of about as many rows as half a layer's largest matrix has.

use crate::Error;
use crate::bigram::bigram_row;
use crate::config::Config;
use crate::float::FloatStep;
use crate::integer::IntegerStep;
use crate::known::{self, may_be_float, may_be_integer};
use crate::matrix::Matrix;
use crate::memory::{Buffers, history_len};
use crate::model::{Block, Linear, Model, NormWeights};
use crate::observer::{Observer, Place, Unobserved, Values, Vector};
use crate::packing::ROWS;
use crate::slices::{copy, from, part_mut};

/// A model and the memory it runs in.
pub struct Decoder<'a, 'm> {
    model: Model<'a>,
    numbers: Numbers<'m>,
    pass: Pass,
    /// The tokens that have been read, by their positions, `[context]`; empty where no table needs them.
    history: &'m mut [u16],
}

/// The model's arithmetic. Whoever looks which it is asks [`known`](crate::known) first, so that a program for one model has the
/// code of one.
#[allow(clippy::large_enum_variant)] // there is one of it, and no heap to put a part of it on
enum Numbers<'m> {
    Float(FloatStep<'m>),
    Integer(IntegerStep<'m>),
}

/// The slice that [`Decoder::advance`] has just done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slice {
    /// Half a layer, or a part of some logits.
    Part,
    /// The last part of the logits of one token: [`Decoder::logits`] are complete until the next slice.
    Logits,
}

impl<'a, 'm> Decoder<'a, 'm> {
    /// Lays out `buffers` for `model`; returns room for the tokens in the cache, `[context]`.
    ///
    /// # Errors
    /// [`Error::MemoryTooSmall`].
    pub fn new(model: Model<'a>, buffers: Buffers<'m>) -> Result<(Self, &'m mut [u16]), Error> {
        buffers.check(model.config().memory_bytes(model.precision()))?;
        Ok(Self::lay_out(model, buffers))
    }

    /// As [`new`](Self::new), of buffers that are long enough.
    #[inline(always)]
    pub(crate) fn lay_out(model: Model<'a>, mut buffers: Buffers<'m>) -> (Self, &'m mut [u16]) {
        let config = model.config();
        let numbers = match model.precision().format() {
            None => Numbers::Float(FloatStep::lay_out(config, &mut buffers)),
            Some(format) => Numbers::Integer(IntegerStep::lay_out(config, format, &mut buffers)),
        };
        let window = buffers.take(config.context);
        let history = buffers.take(history_len(config));
        (Decoder { model, numbers, pass: Pass::IDLE, history }, window)
    }

    /// The model.
    pub fn model(&self) -> &Model<'a> {
        &self.model
    }

    /// The logits `[vocab]` of the last token that they were computed for; the caller may change them.
    pub fn logits(&mut self) -> &mut [f32] {
        match &mut self.numbers {
            Numbers::Float(step) if may_be_float() => step.logits(),
            Numbers::Integer(step) if may_be_integer() => step.logits(),
            _ => &mut [],
        }
    }

    /// The cached keys' bytes, lent for something else: whatever was read before must be read again. None of an f32 model's.
    #[cfg(feature = "self-test")]
    pub fn lend_cache(&mut self) -> &mut [u8] {
        self.pass = Pass::IDLE;
        match &mut self.numbers {
            Numbers::Float(_) => &mut [],
            Numbers::Integer(step) => step.lend_cache(),
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

    /// As [`forward`](Self::forward) for each of `tokens`, the first at `position`; `each` is called with the logits
    /// after each token.
    ///
    /// Tokens pass through the layers in batches of as many as the memory has vectors for.
    ///
    /// # Errors
    /// As [`forward`](Self::forward), before any token is read.
    pub fn forward_each(
        &mut self,
        tokens: &[u16],
        position: usize,
        mut each: impl FnMut(&mut [f32]),
    ) -> Result<(), Error> {
        self.read(tokens, position, true, |decoder| each(decoder.logits()))
    }

    /// As [`forward`](Self::forward) for each of `tokens`, without logits and without what only they need: for all of
    /// a prompt but its last token.
    ///
    /// # Errors
    /// As [`forward_each`](Self::forward_each).
    pub fn prefill(&mut self, tokens: &[u16], position: usize) -> Result<(), Error> {
        self.read(tokens, position, false, |_| ())
    }

    /// Begins with the first of `tokens`, at `position`: looks up their embeddings, and leaves all else to
    /// [`advance`](Self::advance). Returns how many tokens those are: as many as pass through the layers in one batch.
    /// With `wants_logits`, each token's logits are computed; without, it is only read.
    ///
    /// Tokens begun earlier and not finished are abandoned: their positions must be read again.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] if the model does not have one of `tokens` or their positions; nothing is begun then.
    pub fn begin(&mut self, tokens: &[u16], position: usize, wants_logits: bool) -> Result<usize, Error> {
        self.check(tokens, position)?;
        Ok(self.embed(tokens, position, wants_logits))
    }

    /// Does the next slice of work on the tokens begun; `None` if there is none left.
    ///
    /// The same slices in the same order make the same bits, whatever happens between them.
    pub fn advance(&mut self) -> Option<Slice> {
        self.advance_observed(&mut Unobserved)
    }

    /// As [`advance`](Self::advance), with every vector shown to `observer`. Of several tokens begun at once, the first
    /// one's are shown.
    #[inline(always)]
    pub fn advance_observed(&mut self, observer: &mut impl Observer) -> Option<Slice> {
        let Decoder { model, numbers, pass, history } = self;
        match numbers {
            Numbers::Float(step) if may_be_float() => pass.advance(model, step, history, observer),
            Numbers::Integer(step) if may_be_integer() => pass.advance(model, step, history, observer),
            _ => None,
        }
    }

    /// Reads all of `tokens`, with a call of `each` after each token whose logits are wanted.
    fn read(
        &mut self,
        mut tokens: &[u16],
        mut position: usize,
        wants_logits: bool,
        mut each: impl FnMut(&mut Self),
    ) -> Result<(), Error> {
        self.check(tokens, position)?;
        while !tokens.is_empty() {
            let begun = self.embed(tokens, position, wants_logits);
            while let Some(slice) = self.advance() {
                if slice == Slice::Logits {
                    each(self);
                }
            }
            (tokens, position) = (from(tokens, begun), position + begun);
        }
        Ok(())
    }

    fn check(&self, tokens: &[u16], position: usize) -> Result<(), Error> {
        let Config { vocab, context, .. } = *self.model.config();
        tokens.iter().try_for_each(|&token| in_range("token", token.into(), vocab))?;
        match tokens.len().checked_sub(1) {
            Some(more) => in_range("position", position.saturating_add(more), context),
            None => Ok(()),
        }
    }

    fn embed(&mut self, tokens: &[u16], position: usize, wants_logits: bool) -> usize {
        if known::may_have_bigrams() || known::may_have_per_layer_embeddings() {
            copy(part_mut(self.history, position, tokens.len()), tokens);
        }
        let tokens = match &mut self.numbers {
            Numbers::Float(step) if may_be_float() => step.embed(&self.model, tokens, position),
            Numbers::Integer(step) if may_be_integer() => step.embed(&self.model, tokens, position),
            _ => 0,
        };
        let next = if tokens > 0 { Stage::Attention { layer: 0 } } else { Stage::Done };
        self.pass = Pass { next, tokens, wants_logits };
        tokens
    }
}

fn in_range(name: &'static str, value: usize, limit: usize) -> Result<(), Error> {
    if value < limit { Ok(()) } else { Err(Error::OutOfRange { name, value, limit }) }
}

/// How far a batch of tokens has come.
struct Pass {
    next: Stage,
    tokens: usize,
    wants_logits: bool,
}

/// The next slice of work.
#[derive(Clone, Copy)]
enum Stage {
    /// The attention half of a layer; those of all loops are counted through.
    Attention { layer: usize },
    /// The MLP half of a layer.
    Mlp { layer: usize },
    /// The logits of one token of the batch, from `row` on.
    Logits { token: usize, row: usize },
    /// Nothing is left to do.
    Done,
}

impl Pass {
    const IDLE: Pass = Pass { next: Stage::Done, tokens: 0, wants_logits: false };

    fn advance<O: Observer>(
        &mut self,
        model: &Model<'_>,
        step: &mut impl Forward,
        history: &[u16],
        observer: &mut O,
    ) -> Option<Slice> {
        let config = model.config();
        let (layers, vocab) = (config.depth(), config.vocab);
        self.next = match self.next {
            Stage::Attention { layer } => {
                let is_end = layer + 1 == layers && !self.wants_logits;
                if layer == 0 {
                    step.show(config, layer, Vector::Embedding, observer);
                }
                step.add_tables(model, layer, history);
                step.attention(model, layer, is_end, observer);
                if is_end { Stage::Done } else { Stage::Mlp { layer } }
            }
            Stage::Mlp { layer } => {
                step.mlp(model, layer, observer);
                if layer + 1 < layers {
                    Stage::Attention { layer: layer + 1 }
                } else {
                    step.norm(model.final_norm());
                    step.show(config, layer, Vector::Final, observer);
                    Stage::Logits { token: 0, row: 0 }
                }
            }
            Stage::Logits { token, row } => {
                let row = step.logits_from(model.lm_head(), token, row);
                if row >= vocab {
                    let token = token + 1;
                    self.next =
                        if token < self.tokens { Stage::Logits { token, row: 0 } } else { Stage::Done };
                    step.show(config, layers.saturating_sub(1), Vector::Logits, observer);
                    return Some(Slice::Logits);
                }
                Stage::Logits { token, row }
            }
            Stage::Done => return None,
        };
        Some(Slice::Part)
    }
}

/// The transformer's operations, each on all tokens of a batch, whose vectors the implementation keeps.
pub(crate) trait Forward {
    /// Adds what the model's tables hold for the tokens of the batch, which `history` has at their positions: before a layer.
    #[inline(always)]
    fn add_tables(&mut self, model: &Model<'_>, layer: usize, history: &[u16]) {
        let rows = model.config().bigrams;
        if known::may_have_bigrams() && rows > 0 && layer == 0 {
            self.add_rows(model.bigrams(), |position| {
                let previous = *history.get(position.checked_sub(1)?)?;
                Some(bigram_row(previous, *history.get(position)?, rows))
            });
        }
        if known::may_have_per_layer_embeddings() && model.config().per_layer_embeddings {
            let row = |position| history.get(position).copied().map(usize::from);
            self.add_rows(model.block(layer).embeddings(), row);
        }
    }

    /// The attention half of a layer; with `only_kv`, as much of it as later tokens look back at.
    fn attention(&mut self, model: &Model<'_>, layer: usize, only_kv: bool, observer: &mut impl Observer) {
        let (config, block) = (model.config(), model.block(layer));
        self.norm(block.attention_norm());
        self.show(config, layer, Vector::AttentionInput, observer);
        self.project(block.qkv());
        self.store_kv(config, layer);
        if !only_kv {
            self.attend(config, layer, observer);
            self.show(config, layer, Vector::Heads, observer);
            self.add_to_residual(config, block.output());
            self.show(config, layer, Vector::AttentionOutput, observer);
            self.show(config, layer, Vector::AttentionResidual, observer);
        }
    }

    /// The MLP half of a layer.
    fn mlp(&mut self, model: &Model<'_>, layer: usize, observer: &mut impl Observer) {
        let (config, block) = (model.config(), model.block(layer));
        self.norm(block.mlp_norm());
        self.show(config, layer, Vector::MlpInput, observer);
        if known::may_have_experts() && config.experts > 1 {
            self.experts(config, &block, layer, observer);
        } else {
            self.project(block.up(0));
            self.show(config, layer, Vector::Units, observer);
            self.activate(config);
            self.show(config, layer, Vector::Activated, observer);
            self.add_to_residual(config, block.down(0));
            self.show(config, layer, Vector::MlpOutput, observer);
        }
        self.show(config, layer, Vector::MlpResidual, observer);
    }

    /// Shows a vector that was just computed, of the first token of the batch.
    #[inline(always)]
    fn show<O: Observer>(&mut self, config: &Config, layer: usize, vector: Vector, observer: &mut O) {
        if O::WATCHES {
            observer.see(Place { position: self.position(), layer, vector }, self.vector(config, vector));
        }
    }

    /// Where the first token of the batch stands.
    fn position(&self) -> usize;
    /// A vector of the first token of the batch, until the next operation; those that [`attend`](Self::attend) and
    /// [`experts`](Self::experts) show themselves are empty.
    fn vector(&mut self, config: &Config, vector: Vector) -> Values<'_>;

    /// `residual += matrix[row(position)]`, where there is a row.
    fn add_rows(&mut self, matrix: Matrix<'_>, row: impl Fn(usize) -> Option<usize>);
    /// `residual += p expert(input)` with the expert that the router chooses for a token, and its probability `p`, or with the sum of
    /// two; in a model without residuals, `=`. Shows what each expert adds.
    fn experts(&mut self, config: &Config, block: &Block<'_, '_>, layer: usize, observer: &mut impl Observer);

    /// Each residual stream begins as a token's embedding, the first of which stands at `position`. Returns how many
    /// of `tokens` are in the batch.
    fn embed(&mut self, model: &Model<'_>, tokens: &[u16], position: usize) -> usize;
    /// `input = norm(residual)`.
    fn norm(&mut self, weights: NormWeights<'_>);
    /// `hidden = matrix * input + bias`.
    fn project(&mut self, linear: Linear<'_>);
    /// Takes the queries, keys and values in `hidden`, rotates queries and keys by their position where positions are
    /// rotary, and stores keys and values in the cache.
    fn store_kv(&mut self, config: &Config, layer: usize);
    /// Attends with the queries in `hidden` over the cached keys and values; writes the heads' outputs to `input`.
    fn attend(&mut self, config: &Config, layer: usize, observer: &mut impl Observer);
    /// `input = activation(hidden)`, gated or not.
    fn activate(&mut self, config: &Config);
    /// `residual += matrix * input + bias`; in a model without residuals, `=`.
    fn add_to_residual(&mut self, config: &Config, linear: Linear<'_>);
    /// `logits = head * input` of one token, from `row` on, a multiple of 4; returns the first row that is left. These
    /// are [`rows_of_slice`].
    fn logits_from(&mut self, head: Matrix<'_>, token: usize, row: usize) -> usize;
    /// `[vocab]`.
    fn logits(&mut self) -> &mut [f32];
}

/// Rows of the logits that one slice computes, with a buffer of this length for them: a multiple of 4, as packed rows
/// come in fours.
pub(crate) const fn rows_of_slice(hidden_len: usize) -> usize {
    if hidden_len < ROWS { ROWS } else { hidden_len / ROWS * ROWS }
}
