//! The step in f32, for f32 models.

use core::slice::from_ref;

use crate::config::{Config, Norm, Position};
use crate::decoder::{Forward, rows_of_slice};
use crate::float::activation::activate;
use crate::float::attention::{Past, attention};
use crate::float::norm::{layer_norm, rms_norm};
use crate::float::rotary::{rotate, rotate_last, rotations};
use crate::float::sinusoid::add_sinusoid;
use crate::known;
use crate::math::add;
use crate::matrix::Matrix;
use crate::memory::{Buffers, block_width, caches, kept_len, quantized_columns, rotations_len};
use crate::model::{Block, Linear, Model, NormWeights};
use crate::observer::{Observer, Values, Vector, View};
use crate::router::{route, route_two};
use crate::slices::{copy, first, first_mut, part, part_mut, split_mut};

/// The vectors of a step, and the cache.
pub(crate) struct FloatStep<'m> {
    /// Where the token stands.
    position: usize,
    /// The residual stream, `[width]`.
    residual: &'m mut [f32],
    /// A matrix's input, `[max(width, hidden, attended_width)]`, of which the first `input_len` values are in use.
    input: &'m mut [f32],
    input_len: usize,
    /// Input of the second of two experts, `[width]`; empty where there is one.
    kept: &'m mut [f32],
    /// The output of half a layer, added to the residual stream, `[width]`.
    result: &'m mut [f32],
    /// Query, key and value, or the MLP's hidden units: `[max(qkv_width, up_width)]`.
    hidden: &'m mut [f32],
    /// Rotary angles' cosines and sines at this position, `[rotary_size]`.
    rotations: &'m mut [f32],
    /// `[vocab]`.
    logits: &'m mut [f32],
    /// `[depth, context, kv_heads * head]`.
    keys: &'m mut [f32],
    /// As `keys`; empty where the first channels of the keys are the values.
    values: &'m mut [f32],
    /// `[context]`.
    scores: &'m mut [f32],
}

impl<'m> FloatStep<'m> {
    pub(crate) fn lay_out(config: &Config, buffers: &mut Buffers<'m>) -> Self {
        let cached = config.depth() * config.context * config.kv_width();
        FloatStep {
            position: 0,
            residual: buffers.take(config.width),
            input: buffers.take(quantized_columns(config)),
            input_len: config.width,
            kept: buffers.take(kept_len(config)),
            result: buffers.take(config.width),
            hidden: buffers.take(block_width(config)),
            rotations: buffers.take(rotations_len(config)),
            logits: buffers.take(config.vocab),
            keys: buffers.take(cached),
            values: buffers.take(cached * (caches(config) - 1)),
            scores: buffers.take(config.context),
        }
    }
}

impl Forward for FloatStep<'_> {
    fn embed(&mut self, model: &Model<'_>, tokens: &[u16], position: usize) -> usize {
        let Some(&token) = tokens.first() else { return 0 };
        self.position = position;
        model.embedding().row(token.into(), self.residual);
        match model.config().position {
            Position::None => {}
            Position::Learned => {
                model.positions().row(position, self.result);
                add(self.residual, self.result);
            }
            Position::Sinusoidal => add_sinusoid(self.residual, position),
            Position::Rotary => rotations(self.rotations, position, model.config().rotary_base),
        }
        1
    }

    fn norm(&mut self, weights: NormWeights<'_>) {
        let NormWeights { kind, epsilon, gain, bias } = weights;
        self.input_len = self.residual.len();
        let (input, residual) = (first_mut(self.input, self.input_len), &*self.residual);
        match kind {
            Norm::None => copy(input, residual),
            Norm::Layer => _ = layer_norm(input, residual, gain, bias, epsilon),
            Norm::Rms => _ = rms_norm(input, residual, gain, epsilon),
        }
    }

    fn project(&mut self, linear: Linear<'_>) {
        let hidden = first_mut(self.hidden, linear.matrix.rows());
        linear.matrix.matvec_f32(hidden, first(self.input, self.input_len));
        add(hidden, linear.bias);
    }

    fn store_kv(&mut self, config: &Config, layer: usize) {
        let kv_width = config.kv_width();
        let (query, key_value) = split_mut(first_mut(self.hidden, config.qkv_width()), config.query_width());
        let (key, value) = split_mut(key_value, kv_width);
        if config.position == Position::Rotary {
            if known::may_have_latent() && config.latent > 0 {
                rotate_last(query, self.rotations, config.head_size());
                rotate_last(key, self.rotations, config.head_size());
            } else {
                rotate(query, self.rotations);
                rotate(key, self.rotations);
            }
        }
        let now = (layer * config.context + self.position) * kv_width;
        copy(part_mut(self.keys, now, kv_width), key);
        copy(part_mut(self.values, now, kv_width), value);
    }

    fn attend(&mut self, config: &Config, layer: usize, observer: &mut impl Observer) {
        let (kv_width, positions) = (config.kv_width(), self.position + 1);
        let (start, seen) = (layer * config.context * kv_width, positions * kv_width);
        let is_latent = known::may_have_latent() && config.latent > 0;
        let values = if is_latent { &*self.keys } else { &*self.values };
        let past = Past { keys: part(self.keys, start, seen), values: part(values, start, seen), kv_width };
        self.input_len = config.attended_width();
        let (out, query) = (first_mut(self.input, self.input_len), first(self.hidden, config.query_width()));
        let scores = first_mut(self.scores, positions);
        let mut view = View { observer, position: self.position, layer };
        attention(out, query, past, config.head_size(), config.group(), scores, &mut view);
    }

    fn activate(&mut self, config: &Config) {
        let hidden = first_mut(self.hidden, config.up_width());
        activate(hidden, config.activation, config.mlp);
        self.input_len = config.hidden;
        copy(self.input, first(hidden, config.hidden));
    }

    fn add_rows(&mut self, matrix: Matrix<'_>, row: impl Fn(usize) -> Option<usize>) {
        if let Some(row) = row(self.position) {
            matrix.row(row, self.result);
            add(self.residual, self.result);
        }
    }

    fn experts(
        &mut self,
        config: &Config,
        block: &Block<'_, '_>,
        layer: usize,
        observer: &mut impl Observer,
    ) {
        self.project(block.router());
        self.show(config, layer, Vector::Router, observer);
        let scores = first(self.hidden, config.experts);
        if known::may_have_two_active() && config.active_experts > 1 {
            let [one, two] = route_two(scores, |a, b| a - b);
            copy(self.kept, self.input);
            self.expert(config, block, one, layer, observer);
            self.join(config);
            self.input_len = config.width;
            copy(self.input, self.kept);
            self.expert(config, block, two, layer, observer);
            add(self.residual, self.result);
        } else {
            let one = route(scores, |a, b| a - b);
            self.expert(config, block, one, layer, observer);
            self.join(config);
        }
    }

    fn add_to_residual(&mut self, config: &Config, linear: Linear<'_>) {
        self.multiply(linear);
        self.join(config);
    }

    fn position(&self) -> usize {
        self.position
    }

    fn vector(&mut self, config: &Config, vector: Vector) -> Values<'_> {
        Values::floats(match vector {
            Vector::Embedding | Vector::AttentionResidual | Vector::MlpResidual => self.residual,
            Vector::AttentionInput | Vector::MlpInput | Vector::Final => first(self.input, config.width),
            Vector::Heads => first(self.input, config.attended_width()),
            Vector::Router => first(self.hidden, config.experts),
            Vector::Units => first(self.hidden, config.up_width()),
            Vector::Activated => first(self.input, config.hidden),
            Vector::AttentionOutput | Vector::MlpOutput => self.result,
            Vector::Logits => self.logits,
            _ => &[],
        })
    }

    fn logits_from(&mut self, head: Matrix<'_>, _token: usize, row: usize) -> usize {
        let rows = rows_of_slice(self.hidden.len()).min(head.rows().saturating_sub(row));
        let logits = part_mut(self.logits, row, rows);
        head.rows_from(row).matvec_f32(logits, first(self.input, self.input_len));
        row + rows
    }

    fn logits(&mut self) -> &mut [f32] {
        self.logits
    }
}

impl FloatStep<'_> {
    /// `result = matrix * input + bias`.
    fn multiply(&mut self, linear: Linear<'_>) {
        linear.matrix.matvec_f32(self.result, first(self.input, self.input_len));
        add(self.result, linear.bias);
    }

    /// `result = p expert(input)`, of an expert and its `p`.
    fn expert(
        &mut self,
        config: &Config,
        block: &Block<'_, '_>,
        (expert, probability): (usize, f32),
        layer: usize,
        observer: &mut impl Observer,
    ) {
        View { observer, position: self.position, layer }
            .show(Vector::Expert { index: expert }, || Values::floats(from_ref(&probability)));
        self.project(block.up(expert));
        self.show(config, layer, Vector::Units, observer);
        self.activate(config);
        self.show(config, layer, Vector::Activated, observer);
        self.multiply(block.down(expert));
        self.result.iter_mut().for_each(|x| *x *= probability);
        self.show(config, layer, Vector::MlpOutput, observer);
    }

    /// `residual += result`; in a model without residuals, `=`.
    fn join(&mut self, config: &Config) {
        if config.residual {
            add(self.residual, self.result);
        } else {
            copy(self.residual, self.result);
        }
    }
}
