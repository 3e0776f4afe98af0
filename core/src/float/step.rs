//! The step in f32, for f32 models.

use crate::config::{Config, Norm, Position};
use crate::decoder::Forward;
use crate::float::activation::activate;
use crate::float::attention::{Past, attention};
use crate::float::norm::{layer_norm, rms_norm};
use crate::float::rotary::{rotate, rotations};
use crate::float::sinusoid::add_sinusoid;
use crate::math::add;
use crate::memory::{Buffers, block_width, quantized_columns, rotations_len};
use crate::model::Model;
use crate::parameter::Parameter;
use crate::slices::{copy, first, first_mut, part, part_mut, split_mut};

/// The vectors of a step, and the cache.
pub(crate) struct FloatStep<'m> {
    /// The residual stream, `[width]`.
    residual: &'m mut [f32],
    /// What a matrix reads, `[max(width, hidden)]`, of which the first `input_len` count.
    input: &'m mut [f32],
    input_len: usize,
    /// What a block adds to the residual stream, `[width]`.
    result: &'m mut [f32],
    /// Query, key and value, or the MLP's hidden units: `[max(qkv_width, up_width)]`.
    block: &'m mut [f32],
    /// Rotary angles' cosines and sines at this position, `[head]`.
    rotations: &'m mut [f32],
    /// `[vocab]`.
    logits: &'m mut [f32],
    /// `[layers, context, kv_heads * head]`.
    keys: &'m mut [f32],
    /// As `keys`.
    values: &'m mut [f32],
    /// `[context]`.
    scores: &'m mut [f32],
}

impl<'m> FloatStep<'m> {
    pub(crate) fn lay_out(config: &Config, buffers: &mut Buffers<'m>) -> Self {
        let cached = config.layers * config.context * config.kv_width();
        FloatStep {
            residual: buffers.take(config.width),
            input: buffers.take(quantized_columns(config)),
            input_len: config.width,
            result: buffers.take(config.width),
            block: buffers.take(block_width(config)),
            rotations: buffers.take(rotations_len(config)),
            logits: buffers.take(config.vocab),
            keys: buffers.take(cached),
            values: buffers.take(cached),
            scores: buffers.take(config.context),
        }
    }
}

impl Forward for FloatStep<'_> {
    #[cfg_attr(x86_vectors, inline(always))]
    fn embed(&mut self, model: &Model<'_>, token: usize, position: usize) {
        model.matrix(Parameter::Embedding, 0).row(token, self.residual);
        match model.config().position {
            Position::None => {}
            Position::Learned => {
                model.matrix(Parameter::Positions, 0).row(position, self.result);
                add(self.residual, self.result);
            }
            Position::Sinusoidal => add_sinusoid(self.residual, position),
            Position::Rotary => rotations(self.rotations, position, model.config().rotary_base),
        }
    }

    #[cfg_attr(x86_vectors, inline(always))]
    fn norm(&mut self, model: &Model<'_>, gain: Parameter, bias: Parameter, layer: usize) {
        let (config, residual) = (model.config(), &*self.residual);
        let (gain, bias) = (model.vector(gain, layer), model.vector(bias, layer));
        self.input_len = config.width;
        let input = first_mut(self.input, config.width);
        match config.norm {
            Norm::None => copy(input, residual),
            Norm::Layer => _ = layer_norm(input, residual, gain, bias, config.norm_epsilon),
            Norm::Rms => _ = rms_norm(input, residual, gain, config.norm_epsilon),
        }
    }

    #[cfg_attr(x86_vectors, inline(always))]
    fn project(&mut self, model: &Model<'_>, matrix: Parameter, bias: Parameter, layer: usize) {
        let block = first_mut(self.block, matrix.shape(model.config()).rows);
        model.matrix(matrix, layer).matvec_f32(block, first(self.input, self.input_len));
        add(block, model.vector(bias, layer));
    }

    #[cfg_attr(x86_vectors, inline(always))]
    fn store_kv(&mut self, model: &Model<'_>, layer: usize, position: usize) {
        let config = model.config();
        let kv_width = config.kv_width();
        let (query, key_value) = split_mut(first_mut(self.block, config.qkv_width()), config.width);
        let (key, value) = split_mut(key_value, kv_width);
        if config.position == Position::Rotary {
            rotate(query, self.rotations);
            rotate(key, self.rotations);
        }
        let now = (layer * config.context + position) * kv_width;
        copy(part_mut(self.keys, now, kv_width), key);
        copy(part_mut(self.values, now, kv_width), value);
    }

    #[cfg_attr(x86_vectors, inline(always))]
    fn attend(&mut self, model: &Model<'_>, layer: usize, position: usize) {
        let config = model.config();
        let kv_width = config.kv_width();
        let (start, seen) = (layer * config.context * kv_width, (position + 1) * kv_width);
        let (keys, values) = (part(self.keys, start, seen), part(self.values, start, seen));
        let past = Past { keys, values, kv_width };
        let (out, query) = (first_mut(self.input, config.width), first(self.block, config.width));
        let scores = first_mut(self.scores, position + 1);
        attention(out, query, past, config.head_size(), config.group(), scores);
    }

    #[cfg_attr(x86_vectors, inline(always))]
    fn activate(&mut self, model: &Model<'_>) {
        let config = model.config();
        let block = first_mut(self.block, config.up_width());
        activate(block, config.activation, config.mlp);
        self.input_len = config.hidden;
        copy(self.input, first(block, config.hidden));
    }

    #[cfg_attr(x86_vectors, inline(always))]
    fn add_to_residual(&mut self, model: &Model<'_>, matrix: Parameter, bias: Parameter, layer: usize) {
        model.matrix(matrix, layer).matvec_f32(self.result, first(self.input, self.input_len));
        add(self.result, model.vector(bias, layer));
        if model.config().residual {
            add(self.residual, self.result);
        } else {
            copy(self.residual, self.result);
        }
    }

    #[cfg_attr(x86_vectors, inline(always))]
    fn logits_from(&mut self, model: &Model<'_>, matrix: Parameter) {
        model.matrix(matrix, 0).matvec_f32(self.logits, first(self.input, self.input_len));
    }

    fn logits(&mut self) -> &mut [f32] {
        self.logits
    }
}
