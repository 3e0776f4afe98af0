//! The step in integers, for int8, int4 and ternary models.
//!
//! Vectors are i32 with one f32 scale each. What enters a matrix is int8 with one scale; what leaves it counts that
//! scale and the matrix's unit. Everything a value takes is 32-bit integer arithmetic, so that a chip without an FPU does
//! in software f32 only what a whole vector takes once.

use crate::config::{Config, Position, Precision};
use crate::decoder::Forward;
use crate::integer::activation::activate;
use crate::integer::attention::{HEADS_AT_ONCE, Past, Scratch, attention};
use crate::integer::norm::{Scaled, norm};
use crate::integer::quantize::{quantize_bf16, quantize_prepared, quantized_len, shift_to_fit};
use crate::integer::{rotary, sinusoid};
use crate::kernels::{self, prepared_len};
use crate::math::word_padded;
use crate::matrix::Matrix;
use crate::memory::{Buffers, LANES_MAX, block_width, lane_words, quantized_columns, rotations_len};
use crate::model::Model;
use crate::numbers::{Alignment, add_f32, bits, power_of_two, to_f32};
use crate::parameter::Parameter;

/// The vectors of a step, and the cache.
pub(crate) struct IntegerStep<'m> {
    /// The selected lane.
    lane: Lane<'m>,
    /// The lanes from 1 on, of which the first `others_len` have memory; in the place of the selected one is lane 0.
    others: [Lane<'m>; LANES_MAX - 1],
    others_len: usize,
    selected: usize,
    /// What is about to be quantised, `[width]`.
    values: &'m mut [i32],
    /// Room for an int8 vector, `[max(width, hidden)]`, padded.
    quantized: &'m mut [i8],
    cache: Cache<'m>,
    /// `[vocab]`.
    logits: &'m mut [f32],
}

/// The vectors of one position on its way through the layers.
#[derive(Default)]
struct Lane<'m> {
    /// `[width]`.
    residual: Residual<'m>,
    /// Query, key and value, or the MLP's hidden units, or what joins the residual stream.
    block: Block<'m>,
    /// Rotary angles' cosines and sines at this position, `[head]`.
    rotations: &'m mut [i32],
    input: Input<'m>,
}

/// A vector that counts `scale`.
#[derive(Default)]
struct Block<'m> {
    /// `[max(qkv_width, up_width)]`.
    values: &'m mut [i32],
    scale: f32,
}

/// What a matrix reads: an int8 vector that counts `scale`, in its form for the kernel.
#[derive(Default)]
struct Input<'m> {
    /// `[max(width, hidden)]`, padded.
    prepared: &'m mut [i32],
    scale: f32,
}

/// The stream that every block adds to; its numbers stay below 2^30.
#[derive(Default)]
struct Residual<'m> {
    values: &'m mut [i32],
    scale: f32,
    /// The [`kernels::or_of_magnitudes`] of the values.
    magnitudes: u32,
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
    /// Takes words, then bytes, then halves of words, as [`memory`](crate::memory) says.
    pub(crate) fn lay_out(config: &Config, buffers: &mut Buffers<'m>) -> Self {
        let more = buffers.len().saturating_sub(config.memory_bytes(Precision::Int8));
        let others_len = (more / (4 * lane_words(config))).min(LANES_MAX - 1);
        let positions = config.layers * config.context;
        let stride = word_padded(config.kv_width());
        let lane = Lane::lay_out(config, buffers);
        let mut others = [(); LANES_MAX - 1].map(|()| Lane::default());
        others[..others_len].iter_mut().for_each(|lane| *lane = Lane::lay_out(config, buffers));
        let values = buffers.take(config.width);
        let scores = buffers.take(HEADS_AT_ONCE * config.context);
        let scales = buffers.take(config.context);
        let logits = buffers.take(config.vocab);
        let quantized = buffers.take(quantized_len(quantized_columns(config)));
        let (keys, cached_values) = (buffers.take(positions * stride), buffers.take(positions * stride));
        let (key_scales, value_scales) = (buffers.take(positions), buffers.take(positions));
        let cache = Cache { keys, values: cached_values, key_scales, value_scales, stride, scores, scales };
        IntegerStep { lane, others, others_len, selected: 0, values, quantized, cache, logits }
    }
}

impl<'m> Lane<'m> {
    /// Takes [`lane_words`].
    fn lay_out(config: &Config, buffers: &mut Buffers<'m>) -> Self {
        Lane {
            residual: Residual { values: buffers.take(config.width), scale: 0.0, magnitudes: 0 },
            block: Block { values: buffers.take(block_width(config)), scale: 0.0 },
            rotations: buffers.take(rotations_len(config)),
            input: Input { prepared: buffers.take(prepared_len(quantized_columns(config))), scale: 0.0 },
        }
    }
}

impl Forward for IntegerStep<'_> {
    fn lanes(&self) -> usize {
        1 + self.others_len
    }

    #[inline(always)]
    fn select(&mut self, lane: usize) {
        if lane != self.selected {
            self.swap(self.selected);
            self.swap(lane);
            self.selected = lane;
        }
    }

    #[cfg_attr(x86_vectors, inline(always))]
    fn embed(&mut self, model: &Model<'_>, token: usize, position: usize) {
        let config = model.config();
        let scale = model.matrix(Parameter::Embedding, 0).integer_row(token, self.values);
        self.lane.residual.replace(self.values, scale);
        match config.position {
            Position::None => {}
            Position::Learned => {
                let scale = model.matrix(Parameter::Positions, 0).integer_row(position, self.values);
                self.lane.residual.add(self.values, scale);
            }
            Position::Sinusoidal => {
                let scale = sinusoid::sinusoid(self.values, position);
                self.lane.residual.add(self.values, scale);
            }
            Position::Rotary => rotary::rotations(self.lane.rotations, position, config.rotary_base),
        }
    }

    #[cfg_attr(x86_vectors, inline(always))]
    fn norm(&mut self, model: &Model<'_>, gain: Parameter, bias: Parameter, layer: usize) {
        let config = model.config();
        let (gain, bias) = (model.vector(gain, layer), model.vector(bias, layer));
        let Residual { ref values, scale, magnitudes } = self.lane.residual;
        let residual = Scaled { values, scale, magnitudes };
        let scale = norm(self.values, residual, config.norm, gain, bias, config.norm_epsilon);
        self.lane.input.fill(model, self.quantized, self.values, scale);
    }

    #[cfg_attr(x86_vectors, inline(always))]
    fn project(&mut self, model: &Model<'_>, matrix: Parameter, bias: Parameter, layer: usize) {
        let rows = matrix.shape(model.config()).rows;
        self.lane.block.product(
            model.matrix(matrix, layer),
            rows,
            &self.lane.input,
            model.vector(bias, layer),
        );
    }

    #[cfg_attr(x86_vectors, inline(always))]
    fn store_kv(&mut self, model: &Model<'_>, layer: usize, position: usize) {
        let config = model.config();
        let qkv = &mut self.lane.block.values[..config.qkv_width()];
        let scale = self.lane.block.scale * power_of_two(shift_to_fit(qkv, 15) as i32);
        let (query, key_value) = qkv.split_at_mut(config.width);
        let (key, value) = key_value.split_at_mut(config.kv_width());
        self.lane.block.scale = scale;
        if config.position == Position::Rotary {
            rotary::rotate(query, self.lane.rotations);
            rotary::rotate(key, self.lane.rotations);
            self.lane.block.scale *= power_of_two(-(rotary::ROTATION_BITS as i32));
        }
        self.cache.store(layer * config.context + position, (key, self.lane.block.scale), (value, scale));
    }

    #[cfg_attr(x86_vectors, inline(always))]
    fn attend(&mut self, model: &Model<'_>, layer: usize, position: usize) {
        let config = model.config();
        let (query, first) = (&self.lane.block.values[..config.width], layer * config.context);
        let query = (query, self.lane.block.scale);
        let scale = self.cache.attend(self.values, query, config, first, position, self.quantized);
        self.lane.input.fill(model, self.quantized, self.values, scale);
    }

    #[cfg_attr(x86_vectors, inline(always))]
    fn activate(&mut self, model: &Model<'_>) {
        let config = model.config();
        let block = &mut self.lane.block.values[..config.up_width()];
        let scale = activate(block, self.lane.block.scale, config.activation, config.mlp);
        self.lane.input.fill(model, self.quantized, &block[..config.hidden], scale);
    }

    #[cfg_attr(x86_vectors, inline(always))]
    fn add_to_residual(&mut self, model: &Model<'_>, matrix: Parameter, bias: Parameter, layer: usize) {
        let width = model.config().width;
        self.lane.block.product(
            model.matrix(matrix, layer),
            width,
            &self.lane.input,
            model.vector(bias, layer),
        );
        if !model.config().residual {
            self.lane.residual.scale = 0.0;
        }
        self.lane.residual.add(&self.lane.block.values[..width], self.lane.block.scale);
    }

    #[cfg_attr(x86_vectors, inline(always))]
    fn logits_from(&mut self, model: &Model<'_>, matrix: Parameter) {
        // The block may be shorter than the vocabulary: a part after the other.
        let matrix = model.matrix(matrix, 0);
        let part_rows = self.lane.block.values.len() / 4 * 4;
        for (i, logits) in self.logits.chunks_mut(part_rows.max(4)).enumerate() {
            let part = matrix.rows_from(i * part_rows);
            self.lane.block.product(part, logits.len(), &self.lane.input, &[]);
            to_f32(logits, self.lane.block.values, self.lane.block.scale);
        }
    }

    fn logits(&mut self) -> &mut [f32] {
        self.logits
    }
}

impl IntegerStep<'_> {
    /// Lane 0 and another one change places.
    fn swap(&mut self, other: usize) {
        if let Some(other) = other.checked_sub(1).and_then(|other| self.others.get_mut(other)) {
            core::mem::swap(&mut self.lane, other);
        }
    }
}

impl Input<'_> {
    /// Takes the vector that counts `scale`.
    #[cfg_attr(x86_vectors, inline(always))]
    fn fill(&mut self, model: &Model<'_>, room: &mut [i8], values: &[i32], scale: f32) {
        let length = quantized_len(values.len()).min(room.len());
        let quantized = &mut room[..length];
        let Some(format) = model.precision().format() else { return };
        self.scale = quantize_prepared(format, self.prepared, quantized, values) * scale;
    }
}

impl Block<'_> {
    /// `matrix * input + bias`, the first `rows`.
    #[cfg_attr(x86_vectors, inline(always))]
    fn product(&mut self, matrix: Matrix<'_>, rows: usize, input: &Input<'_>, bias: &[f32]) {
        let values = &mut self.values[..rows];
        self.scale = matrix.matvec(values, input.prepared) * input.scale;
        add_f32(values, bias, self.scale);
    }
}

impl Residual<'_> {
    /// Adds a vector that counts `scale`, and that is below 2^30; with a scale of 0 before, becomes it.
    #[cfg_attr(x86_vectors, inline(always))]
    fn add(&mut self, values: &[i32], scale: f32) {
        if self.scale <= 0.0 {
            return self.replace(values, scale);
        }
        let (alignment, scale) =
            Alignment::of(bits(kernels::or_of_magnitudes(values)), scale, bits(self.magnitudes), self.scale);
        kernels::add_aligned(self.values, values, alignment);
        (self.scale, self.magnitudes) = (scale, kernels::or_of_magnitudes(self.values));
    }

    /// Takes the numbers, with bits behind the point to round the next sums in.
    #[cfg_attr(x86_vectors, inline(always))]
    fn replace(&mut self, values: &[i32], scale: f32) {
        let up = 28u32.saturating_sub(bits(kernels::or_of_magnitudes(values)));
        self.values.iter_mut().zip(values).for_each(|(sum, value)| *sum = value << up);
        (self.scale, self.magnitudes) =
            (scale * power_of_two(-(up as i32)), kernels::or_of_magnitudes(self.values));
    }
}

impl Cache<'_> {
    #[cfg_attr(x86_vectors, inline(always))]
    fn store(&mut self, row: usize, key: (&[i32], f32), value: (&[i32], f32)) {
        let place = row * self.stride..(row + 1) * self.stride;
        self.key_scales[row] = quantize_bf16(&mut self.keys[place.clone()], key.0, key.1);
        self.value_scales[row] = quantize_bf16(&mut self.values[place], value.0, value.1);
    }

    /// Attention over positions `first..=first + position`.
    #[cfg_attr(x86_vectors, inline(always))]
    fn attend(
        &mut self,
        out: &mut [i32],
        query: (&[i32], f32),
        config: &Config,
        first: usize,
        position: usize,
        queries: &mut [i8],
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
        let mut scratch =
            Scratch { queries, scores: &mut *self.scores, scales: &mut self.scales[..=position] };
        attention(out, query.0, query.1, past, config.head_size(), config.group(), &mut scratch)
    }
}
