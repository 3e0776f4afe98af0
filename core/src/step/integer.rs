//! The step in integers, for int8, int4 and ternary models.
//!
//! Vectors are i32 with one f32 scale each. What enters a matrix is int8 with one scale; what leaves it counts that
//! scale and the matrix's unit. Everything a value takes is 32-bit integer arithmetic, so that a chip without an FPU does
//! in software f32 only what a whole vector takes once.

use super::Step;
use crate::config::{Config, Position};
use crate::kernels::{self, Joining, prepared_len};
use crate::math::word_padded;
use crate::matrix::Matrix;
use crate::memory::{Buffers, block_width, quantized_columns, take, turns_len};
use crate::model::Model;
use crate::ops::fixed::{add_f32, bits, cut_to, power_of_two};
use crate::ops::integer_activation::activate;
use crate::ops::integer_attention::{HEADS_AT_ONCE, Past, Scratch, attention};
use crate::ops::integer_norm::{Scaled, norm};
use crate::ops::quantize::{quantize_bf16, quantize_prepared, quantized_len};
use crate::ops::rotary::{TURN_BITS, integer_rotate, integer_turns};
use crate::ops::sinusoid;
use crate::parameter::Parameter;

/// The vectors of a step, and the cache.
pub(crate) struct IntegerStep<'m> {
    /// `[width]`.
    residual: Residual<'m>,
    /// What is about to be quantised, `[width]`.
    values: &'m mut [i32],
    /// Query, key and value, or the MLP's hidden units, or what joins the residual stream.
    block: Block<'m>,
    /// Rotary angles' cosines and sines at this position, `[head]`.
    turns: &'m mut [i32],
    input: Input<'m>,
    cache: Cache<'m>,
    /// `[vocab]`.
    logits: &'m mut [f32],
}

/// A vector that counts `scale`.
struct Block<'m> {
    /// `[max(qkv_width, up_width)]`.
    values: &'m mut [i32],
    scale: f32,
}

/// What a matrix reads: an int8 vector that counts `scale`, and its form for the kernel.
struct Input<'m> {
    /// `[max(width, hidden)]`, padded.
    quantized: &'m mut [i8],
    prepared: &'m mut [i32],
    scale: f32,
}

/// The stream that every block adds to; its numbers stay below 2^30.
struct Residual<'m> {
    values: &'m mut [i32],
    scale: f32,
}

/// Keys and values of all layers, `[layers, context, stride]`, with a bfloat16 scale a position.
struct Cache<'m> {
    keys: &'m mut [i8],
    values: &'m mut [i8],
    key_scales: &'m mut [u16],
    value_scales: &'m mut [u16],
    stride: usize,
    /// `[context, HEADS_AT_ONCE]`.
    scores: &'m mut [i32],
    /// `[context]`.
    scales: &'m mut [i32],
}

impl<'m> IntegerStep<'m> {
    pub(crate) fn lay_out(config: &Config, buffers: Buffers<'m>) -> Self {
        let Buffers { mut floats, mut words, mut halves, mut bytes } = buffers;
        let columns = quantized_columns(config);
        let positions = config.layers * config.context;
        let stride = word_padded(config.kv_width());
        IntegerStep {
            residual: Residual { values: take(&mut words, config.width), scale: 0.0 },
            values: take(&mut words, config.width),
            block: Block { values: take(&mut words, block_width(config)), scale: 0.0 },
            turns: take(&mut words, turns_len(config)),
            input: Input {
                quantized: take(&mut bytes, quantized_len(columns)),
                prepared: take(&mut words, prepared_len(columns)),
                scale: 0.0,
            },
            cache: Cache {
                keys: take(&mut bytes, positions * stride),
                values: take(&mut bytes, positions * stride),
                key_scales: take(&mut halves, positions),
                value_scales: take(&mut halves, positions),
                stride,
                scores: take(&mut words, HEADS_AT_ONCE * config.context),
                scales: take(&mut words, config.context),
            },
            logits: take(&mut floats, config.vocab),
        }
    }
}

impl Step for IntegerStep<'_> {
    fn embed(&mut self, model: &Model<'_>, token: usize, position: usize) {
        let config = model.config();
        let scale = model.matrix(Parameter::Embedding, 0).integer_row(token, self.values);
        self.residual.replace(self.values, scale);
        match config.position {
            Position::None => {}
            Position::Learned => {
                let scale = model.matrix(Parameter::Positions, 0).integer_row(position, self.values);
                self.residual.add(self.values, scale);
            }
            Position::Sinusoidal => {
                let scale = sinusoid::integer_sinusoid(self.values, position);
                self.residual.add(self.values, scale);
            }
            Position::Rotary => integer_turns(self.turns, position, config.rotary_base),
        }
    }

    fn norm(&mut self, model: &Model<'_>, gain: Parameter, bias: Parameter, layer: usize) {
        let config = model.config();
        let (gain, bias) = (model.vector(gain, layer), model.vector(bias, layer));
        let residual = Scaled { values: self.residual.values, scale: self.residual.scale };
        let scale = norm(self.values, residual, config.norm, gain, bias, config.norm_epsilon);
        self.input.fill(model, self.values, scale);
    }

    fn project(&mut self, model: &Model<'_>, matrix: Parameter, bias: Parameter, layer: usize) {
        let rows = matrix.shape(model.config()).rows;
        self.block.product(model.matrix(matrix, layer), rows, &self.input, model.vector(bias, layer));
    }

    fn attend(&mut self, model: &Model<'_>, layer: usize, position: usize) {
        let config = model.config();
        let qkv = &mut self.block.values[..config.qkv_width()];
        let scale = self.block.scale * power_of_two(cut_to(qkv, 15) as i32);
        let (query, key_value) = qkv.split_at_mut(config.width);
        let (key, value) = key_value.split_at_mut(config.kv_width());
        let mut turned_scale = scale;
        if config.position == Position::Rotary {
            integer_rotate(query, self.turns);
            integer_rotate(key, self.turns);
            turned_scale *= power_of_two(-(TURN_BITS as i32));
        }
        let first = layer * config.context;
        self.cache.store(first + position, (key, turned_scale), (value, scale));
        let out_scale =
            self.cache.attend(self.values, (query, turned_scale), config, first, position, &mut self.input);
        self.input.fill(model, self.values, out_scale);
    }

    fn activate(&mut self, model: &Model<'_>) {
        let config = model.config();
        let block = &mut self.block.values[..config.up_width()];
        let scale = activate(block, self.block.scale, config.activation, config.mlp);
        self.input.fill(model, &block[..config.hidden], scale);
    }

    fn join(&mut self, model: &Model<'_>, matrix: Parameter, bias: Parameter, layer: usize) {
        let width = model.config().width;
        self.block.product(model.matrix(matrix, layer), width, &self.input, model.vector(bias, layer));
        if !model.config().residual {
            self.residual.scale = 0.0;
        }
        self.residual.add(&self.block.values[..width], self.block.scale);
    }

    fn head(&mut self, model: &Model<'_>, matrix: Parameter) {
        // The block may be shorter than the vocabulary: a part after the other.
        let matrix = model.matrix(matrix, 0);
        let part_rows = self.block.values.len() / 4 * 4;
        for (i, logits) in self.logits.chunks_mut(part_rows.max(4)).enumerate() {
            let part = matrix.rows_from(i * part_rows);
            self.block.product(part, logits.len(), &self.input, &[]);
            for (logit, &value) in logits.iter_mut().zip(&*self.block.values) {
                *logit = value as f32 * self.block.scale;
            }
        }
    }

    fn logits(&mut self) -> &mut [f32] {
        self.logits
    }
}

impl Input<'_> {
    /// Takes the vector that counts `scale`.
    fn fill(&mut self, model: &Model<'_>, values: &[i32], scale: f32) {
        let length = quantized_len(values.len()).min(self.quantized.len());
        let quantized = &mut self.quantized[..length];
        self.scale = quantize_prepared(model.precision(), self.prepared, quantized, values) * scale;
    }
}

impl Block<'_> {
    /// `matrix * input + bias`, the first `rows`.
    fn product(&mut self, matrix: Matrix<'_>, rows: usize, input: &Input<'_>, bias: &[f32]) {
        let values = &mut self.values[..rows];
        self.scale = matrix.matvec(values, input.prepared) * input.scale;
        add_f32(values, bias, self.scale);
    }
}

impl Residual<'_> {
    /// Adds a vector that counts `scale`, and that is below 2^30; with a scale of 0 before, becomes it.
    fn add(&mut self, values: &[i32], scale: f32) {
        if self.scale <= 0.0 {
            return self.replace(values, scale);
        }
        let (joining, scale) =
            Joining::of(bits(kernels::spread(values)), scale, bits(kernels::spread(self.values)), self.scale);
        kernels::join(self.values, values, joining);
        self.scale = scale;
    }

    /// Takes the numbers, with bits behind the point to round the next sums in.
    fn replace(&mut self, values: &[i32], scale: f32) {
        let up = 28u32.saturating_sub(bits(kernels::spread(values)));
        self.values.iter_mut().zip(values).for_each(|(sum, value)| *sum = value << up);
        self.scale = scale * power_of_two(-(up as i32));
    }
}

impl Cache<'_> {
    fn store(&mut self, row: usize, key: (&[i32], f32), value: (&[i32], f32)) {
        let place = row * self.stride..(row + 1) * self.stride;
        self.key_scales[row] = quantize_bf16(&mut self.keys[place.clone()], key.0, key.1);
        self.value_scales[row] = quantize_bf16(&mut self.values[place], value.0, value.1);
    }

    /// Attention over positions `first..=first + position`.
    fn attend(
        &mut self,
        out: &mut [i32],
        query: (&[i32], f32),
        config: &Config,
        first: usize,
        position: usize,
        input: &mut Input<'_>,
    ) -> f32 {
        let rows = first..first + position + 1;
        let place = rows.start * self.stride..rows.end * self.stride;
        let past = Past {
            keys: &self.keys[place.clone()],
            values: &self.values[place],
            stride: self.stride,
            key_scales: &self.key_scales[rows.clone()],
            value_scales: &self.value_scales[rows],
        };
        let mut scratch = Scratch {
            queries: input.quantized,
            scores: &mut *self.scores,
            scales: &mut self.scales[..=position],
        };
        let group = config.heads / config.kv_heads;
        attention(out, query.0, query.1, past, config.head(), group, &mut scratch)
    }
}
