//! The step in integers, for int8, int4 and ternary models.
//!
//! Vectors are i32 with one f32 scale each. What enters a matrix is int8 with one scale; what leaves it is in units of
//! that scale times the matrix's. Everything a value takes is 32-bit integer arithmetic, so that a chip without an FPU
//! does in software f32 only what a whole vector takes once.

use core::slice::from_ref;

use crate::config::{Config, Position, Precision};
use crate::decoder::{Forward, rows_of_slice};
use crate::integer::activation::activate;
use crate::integer::attention::{HEADS_AT_ONCE, Past, Scratch, attention};
use crate::integer::norm::{Scaled, norm};
use crate::integer::quantize::{quantize, quantize_bf16, quantize_prepared, quantized_len, shift_to_fit};
use crate::integer::{rotary, sinusoid};
use crate::kernels::{self, prepared_len};
use crate::known;
use crate::math::word_padded;
use crate::matrix::Matrix;
use crate::memory::{
    Buffers, LANES_MAX, block_width, caches, lane_words, quantized_columns, rotations_len, values_len,
};
use crate::model::{Block, Linear, Model, NormWeights};
use crate::numbers::{Alignment, bits, power_of_two};
use crate::observer::{Observer, Values, Vector, View};
use crate::packing::Format;
use crate::router::{route, route_two};
use crate::slices::{copy, first, first_mut, part, part_mut, split_mut};

/// The vectors of a step, and the cache.
pub(crate) struct IntegerStep<'m> {
    /// Of the matrices' weights.
    format: Format,
    /// Of each token that can be in the batch; the first `batch_len` have memory.
    batch: [Vectors<'m>; LANES_MAX],
    batch_len: usize,
    /// Tokens in the batch.
    tokens: usize,
    /// Where the first of them stands.
    position: usize,
    /// The vector that is quantised next, `[max(width, attended_width)]`; or the input of two experts, prepared.
    values: &'m mut [i32],
    /// Room for an int8 vector, `[max(width, hidden, attended_width)]`, padded.
    quantized: &'m mut [i8],
    cache: Cache<'m>,
    /// `[vocab]`.
    logits: &'m mut [f32],
}

/// The vectors of one token on its way through the layers.
#[derive(Default)]
struct Vectors<'m> {
    /// `[width]`.
    residual: Residual<'m>,
    /// Query, key and value, or the MLP's hidden units, or what joins the residual stream.
    hidden: Hidden<'m>,
    /// Rotary angles' cosines and sines at this position, `[rotary_size]`.
    rotations: &'m mut [i32],
    input: Input<'m>,
}

/// A vector in units of `scale`.
#[derive(Default)]
struct Hidden<'m> {
    /// `[max(qkv_width, up_width)]`.
    values: &'m mut [i32],
    scale: f32,
}

/// A matrix's input: an int8 vector in units of `scale`, laid out for the kernel.
#[derive(Default)]
struct Input<'m> {
    /// `[max(width, hidden, attended_width)]`, padded.
    prepared: &'m mut [i32],
    scale: f32,
}

/// The stream that each half of a layer adds to; its numbers stay below 2^30.
#[derive(Default)]
struct Residual<'m> {
    values: &'m mut [i32],
    scale: f32,
    /// The [`kernels::or_of_magnitudes`] of the values.
    magnitudes: u32,
}

/// Keys and values of all layers, `[depth, context, stride]`, with a bfloat16 scale a position. Where the first channels of the
/// keys are the values, there are no others.
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
    pub(crate) fn lay_out(config: &Config, format: Format, buffers: &mut Buffers<'m>) -> Self {
        let more_bytes = buffers.len().saturating_sub(config.memory_bytes(Precision::Int8));
        let more_tokens = more_bytes.checked_div(4 * lane_words(config)).unwrap_or_default();
        let batch_len = (1 + more_tokens).min(LANES_MAX);
        let positions = config.depth() * config.context;
        let stride = word_padded(config.kv_width());
        let mut batch = [(); LANES_MAX].map(|()| Vectors::default());
        first_mut(&mut batch, batch_len).iter_mut().for_each(|v| *v = Vectors::lay_out(config, buffers));
        let values = buffers.take(values_len(config));
        let scores = buffers.take(HEADS_AT_ONCE * config.context);
        let scales = buffers.take(config.context);
        let logits = buffers.take(config.vocab);
        let quantized = buffers.take(quantized_len(quantized_columns(config)));
        let of_values = (caches(config) - 1) * positions;
        let (keys, cached_values) = (buffers.take(positions * stride), buffers.take(of_values * stride));
        let (key_scales, value_scales) = (buffers.take(positions), buffers.take(of_values));
        let cache = Cache { keys, values: cached_values, key_scales, value_scales, stride, scores, scales };
        IntegerStep { format, batch, batch_len, tokens: 0, position: 0, values, quantized, cache, logits }
    }

    /// The bytes of the cached keys.
    #[cfg(feature = "self-test")]
    pub(crate) fn lend_cache(&mut self) -> &mut [u8] {
        kernels::cast::bytes_mut(self.cache.keys)
    }
}

impl<'m> Vectors<'m> {
    /// Takes [`lane_words`].
    fn lay_out(config: &Config, buffers: &mut Buffers<'m>) -> Self {
        Vectors {
            residual: Residual { values: buffers.take(config.width), scale: 0.0, magnitudes: 0 },
            hidden: Hidden { values: buffers.take(block_width(config)), scale: 0.0 },
            rotations: buffers.take(rotations_len(config)),
            input: Input { prepared: buffers.take(prepared_len(quantized_columns(config))), scale: 0.0 },
        }
    }
}

impl Forward for IntegerStep<'_> {
    fn embed(&mut self, model: &Model<'_>, tokens: &[u16], position: usize) -> usize {
        (self.tokens, self.position) = (tokens.len().min(self.batch_len), position);
        for (i, (v, &token)) in self.batch.iter_mut().zip(first(tokens, self.batch_len)).enumerate() {
            v.embed(model, token, position + i, cut(self.values, model.config().width));
        }
        self.tokens
    }

    fn norm(&mut self, weights: NormWeights<'_>) {
        let NormWeights { kind, epsilon, gain, bias } = weights;
        let kind = known::norm(kind);
        for v in first_mut(&mut self.batch, self.tokens) {
            let Residual { ref values, scale, magnitudes } = v.residual;
            let residual = Scaled { values, scale, magnitudes };
            let values = cut(self.values, residual.values.len());
            let scale = norm(values, residual, kind, gain, bias, epsilon);
            v.input.fill(self.format, self.quantized, values, scale);
        }
    }

    fn project(&mut self, linear: Linear<'_>) {
        for v in first_mut(&mut self.batch, self.tokens) {
            v.hidden.product(linear, &v.input);
        }
    }

    fn store_kv(&mut self, config: &Config, layer: usize) {
        let row = layer * config.context + self.position;
        for (i, v) in first_mut(&mut self.batch, self.tokens).iter_mut().enumerate() {
            let qkv = first_mut(v.hidden.values, config.qkv_width());
            let scale = v.hidden.scale * power_of_two(shift_to_fit(qkv, 15) as i32);
            let (query, key_value) = split_mut(qkv, config.query_width());
            let (key, value) = split_mut(key_value, config.kv_width());
            v.hidden.scale = scale;
            if known::may_have_latent() && config.latent > 0 {
                if known::position(config.position) == Position::Rotary {
                    rotary::rotate_last(query, v.rotations, config.head_size());
                    rotary::rotate_last(key, v.rotations, config.head_size());
                    v.hidden.scale *= power_of_two(-(rotary::ROTATION_BITS as i32));
                }
                self.cache.store_keys(row + i, (key, v.hidden.scale));
                continue;
            }
            if known::position(config.position) == Position::Rotary {
                rotary::rotate(query, v.rotations);
                rotary::rotate(key, v.rotations);
                v.hidden.scale *= power_of_two(-(rotary::ROTATION_BITS as i32));
            }
            self.cache.store(row + i, (key, v.hidden.scale), (value, scale));
        }
    }

    fn attend(&mut self, config: &Config, layer: usize, observer: &mut impl Observer) {
        let start = layer * config.context;
        for (i, v) in first_mut(&mut self.batch, self.tokens).iter_mut().enumerate() {
            let query = (first(v.hidden.values, config.query_width()), v.hidden.scale);
            let view = &mut View { observer: &mut *observer, position: self.position + i, layer };
            let values = cut(self.values, config.attended_width());
            let scale = self.cache.attend(values, query, config, start, self.quantized, view);
            v.input.fill(self.format, self.quantized, values, scale);
        }
    }

    fn activate(&mut self, config: &Config) {
        for v in first_mut(&mut self.batch, self.tokens) {
            v.activate(config, self.format, self.quantized);
        }
    }

    fn add_rows(&mut self, matrix: Matrix<'_>, row: impl Fn(usize) -> Option<usize>) {
        for (i, v) in first_mut(&mut self.batch, self.tokens).iter_mut().enumerate() {
            if let Some(row) = row(self.position + i) {
                let values = cut(self.values, v.residual.values.len());
                let scale = matrix.integer_row(row, values);
                v.residual.add(values, scale);
            }
        }
    }

    fn experts(
        &mut self,
        config: &Config,
        block: &Block<'_, '_>,
        layer: usize,
        observer: &mut impl Observer,
    ) {
        for (i, v) in first_mut(&mut self.batch, self.tokens).iter_mut().enumerate() {
            let mut view = View { observer: &mut *observer, position: self.position + i, layer };
            v.hidden.product(block.router(), &v.input);
            let (scores, scale) = (first(v.hidden.values, config.experts), v.hidden.scale);
            view.show(Vector::Router, || Values::words(scores, scale));
            let difference = |a: i32, b: i32| a.wrapping_sub(b) as f32 * scale;
            if known::may_have_two_active() && config.active_experts > 1 {
                let [one, two] = route_two(scores, difference);
                let input_scale = v.input.scale;
                copy(self.values, v.input.prepared);
                v.expert(config, block, one, self.format, self.quantized, &mut view);
                v.join(config);
                copy(v.input.prepared, self.values);
                v.input.scale = input_scale;
                v.expert(config, block, two, self.format, self.quantized, &mut view);
                v.residual.add(first(v.hidden.values, config.width), v.hidden.scale);
            } else {
                let one = route(scores, difference);
                v.expert(config, block, one, self.format, self.quantized, &mut view);
                v.join(config);
            }
        }
    }

    fn add_to_residual(&mut self, config: &Config, linear: Linear<'_>) {
        for v in first_mut(&mut self.batch, self.tokens) {
            v.hidden.product(linear, &v.input);
            v.join(config);
        }
    }

    fn position(&self) -> usize {
        self.position
    }

    fn vector(&mut self, config: &Config, vector: Vector) -> Values<'_> {
        let [v, ..] = &mut self.batch;
        match vector {
            Vector::Embedding | Vector::AttentionResidual | Vector::MlpResidual => {
                Values::words(v.residual.values, v.residual.scale)
            }
            Vector::AttentionInput | Vector::MlpInput | Vector::Final => {
                requantized(self.quantized, first(self.values, config.width), v.input.scale)
            }
            Vector::Heads => {
                requantized(self.quantized, first(self.values, config.attended_width()), v.input.scale)
            }
            Vector::Units => v.hidden.shown(config.up_width()),
            Vector::Activated => v.activated(config, self.quantized),
            Vector::AttentionOutput | Vector::MlpOutput => v.hidden.shown(config.width),
            Vector::Logits => Values::floats(self.logits),
            _ => Values::floats(&[]),
        }
    }

    fn logits_from(&mut self, head: Matrix<'_>, token: usize, row: usize) -> usize {
        let Some(v) = self.batch.get_mut(token) else { return head.rows() };
        let rows = rows_of_slice(v.hidden.values.len()).min(head.rows().saturating_sub(row));
        let values = first_mut(v.hidden.values, rows);
        let scale = head.rows_from(row).matvec(values, v.input.prepared) * v.input.scale;
        kernels::to_f32(part_mut(self.logits, row, rows), values, scale);
        row + rows
    }

    fn logits(&mut self) -> &mut [f32] {
        self.logits
    }
}

/// The int8 vector that [`Input::fill`] made of `values`, to look at: the matrix reads it laid out for its kernel.
fn requantized<'v>(room: &'v mut [i8], values: &[i32], scale: f32) -> Values<'v> {
    quantize(room, values);
    Values::bytes(first(room, values.len()), scale)
}

/// The first `length` of values that are as many where nothing else that they have room for is longer.
#[inline(always)]
fn cut(values: &mut [i32], length: usize) -> &mut [i32] {
    let may_be_longer = known::may_have_latent() || known::may_have_two_active();
    if may_be_longer { first_mut(values, length) } else { values }
}

impl Vectors<'_> {
    /// The token's embedding and position become the residual stream; `values` is scratch.
    fn embed(&mut self, model: &Model<'_>, token: u16, position: usize, values: &mut [i32]) {
        let scale = model.embedding().integer_row(token.into(), values);
        self.residual.replace(values, scale);
        match known::position(model.config().position) {
            Position::None => {}
            Position::Learned => {
                let scale = model.positions().integer_row(position, values);
                self.residual.add(values, scale);
            }
            Position::Sinusoidal => {
                let scale = sinusoid::sinusoid(values, position);
                self.residual.add(values, scale);
            }
            Position::Rotary => rotary::rotations(self.rotations, position, model.config().rotary_base),
        }
    }
}

impl Vectors<'_> {
    /// The activation function of `hidden`, to `input`; `room` is scratch.
    #[inline(always)]
    fn activate(&mut self, config: &Config, format: Format, room: &mut [i8]) {
        let hidden = first_mut(self.hidden.values, config.up_width());
        let scale = activate(hidden, self.hidden.scale, config.activation, config.mlp);
        self.input.fill(format, room, first(hidden, config.hidden), scale);
    }

    /// The input that [`activate`](Self::activate) has made; `room` is scratch.
    fn activated<'v>(&self, config: &Config, room: &'v mut [i8]) -> Values<'v> {
        requantized(room, first(self.hidden.values, config.hidden), self.input.scale)
    }

    /// `hidden = p expert(input)`, of an expert and its `p`; `room` is scratch.
    #[inline(always)]
    #[allow(clippy::too_many_arguments)] // a struct of these would be made for this call alone
    fn expert(
        &mut self,
        config: &Config,
        block: &Block<'_, '_>,
        (expert, probability): (usize, f32),
        format: Format,
        room: &mut [i8],
        view: &mut View<'_, impl Observer>,
    ) {
        view.show(Vector::Expert { index: expert }, || Values::floats(from_ref(&probability)));
        self.hidden.product(block.up(expert), &self.input);
        view.show(Vector::Units, || self.hidden.shown(config.up_width()));
        self.activate(config, format, room);
        view.show(Vector::Activated, || self.activated(config, room));
        self.hidden.product(block.down(expert), &self.input);
        self.hidden.scale *= probability;
        view.show(Vector::MlpOutput, || self.hidden.shown(config.width));
    }

    /// `residual += hidden`; in a model without residuals, `=`.
    #[inline(always)]
    fn join(&mut self, config: &Config) {
        if known::may_lack_residuals() && !config.residual {
            self.residual.scale = 0.0;
        }
        self.residual.add(first(self.hidden.values, config.width), self.hidden.scale);
    }
}

impl Input<'_> {
    /// Quantises `values`, in units of `scale`; `room` is scratch.
    fn fill(&mut self, format: Format, room: &mut [i8], values: &[i32], scale: f32) {
        let quantized = first_mut(room, quantized_len(values.len()));
        self.scale = quantize_prepared(known::format(format), self.prepared, quantized, values) * scale;
    }
}

impl Hidden<'_> {
    /// The first `len`, to look at.
    fn shown(&self, len: usize) -> Values<'_> {
        Values::words(first(self.values, len), self.scale)
    }

    /// `matrix * input + bias`.
    fn product(&mut self, linear: Linear<'_>, input: &Input<'_>) {
        let values = first_mut(self.values, linear.matrix.rows());
        self.scale = linear.matrix.matvec(values, input.prepared) * input.scale;
        if known::may_have_bias() {
            kernels::add_f32(values, linear.bias, self.scale);
        }
    }
}

impl Residual<'_> {
    /// Adds a vector in units of `scale`, below 2^30; with a scale of 0 before, becomes it.
    fn add(&mut self, values: &[i32], scale: f32) {
        if self.scale <= 0.0 {
            return self.replace(values, scale);
        }
        let (alignment, scale) =
            Alignment::of(bits(kernels::or_of_magnitudes(values)), scale, bits(self.magnitudes), self.scale);
        kernels::add_aligned(self.values, values, alignment);
        (self.scale, self.magnitudes) = (scale, kernels::or_of_magnitudes(self.values));
    }

    /// Becomes the vector, with fractional bits to round the next sums in.
    fn replace(&mut self, values: &[i32], scale: f32) {
        let up = 28u32.saturating_sub(bits(kernels::or_of_magnitudes(values)));
        self.values.iter_mut().zip(values).for_each(|(sum, value)| *sum = value << up);
        (self.scale, self.magnitudes) =
            (scale * power_of_two(-(up as i32)), kernels::or_of_magnitudes(self.values));
    }
}

impl Cache<'_> {
    /// Quantises a key and a value, each with its scale, to `row` of all layers' positions.
    fn store(&mut self, row: usize, key: (&[i32], f32), value: (&[i32], f32)) {
        let start = row * self.stride;
        if let (Some(key_scale), Some(value_scale)) =
            (self.key_scales.get_mut(row), self.value_scales.get_mut(row))
        {
            *key_scale = quantize_bf16(part_mut(self.keys, start, self.stride), key.0, key.1);
            *value_scale = quantize_bf16(part_mut(self.values, start, self.stride), value.0, value.1);
        }
    }

    /// As [`store`](Self::store), where the first channels of the keys are the values.
    fn store_keys(&mut self, row: usize, key: (&[i32], f32)) {
        if let Some(scale) = self.key_scales.get_mut(row) {
            *scale = quantize_bf16(part_mut(self.keys, row * self.stride, self.stride), key.0, key.1);
        }
    }

    /// Attention over the positions up to the viewed one, from row `start` on; `queries` is scratch.
    fn attend(
        &mut self,
        out: &mut [i32],
        query: (&[i32], f32),
        config: &Config,
        start: usize,
        queries: &mut [i8],
        view: &mut View<'_, impl Observer>,
    ) -> f32 {
        let positions = view.position + 1;
        let (first_byte, bytes) = (start * self.stride, positions * self.stride);
        let is_latent = known::may_have_latent() && config.latent > 0;
        let values = if is_latent { &*self.keys } else { &*self.values };
        let value_scales = if is_latent { &*self.key_scales } else { &*self.value_scales };
        let past = Past {
            keys: part(self.keys, first_byte, bytes),
            values: part(values, first_byte, bytes),
            stride: self.stride,
            key_scales: part(self.key_scales, start, positions),
            value_scales: part(value_scales, start, positions),
        };
        let scales = first_mut(self.scales, positions);
        let mut scratch = Scratch { queries, scores: &mut *self.scores, scales };
        attention(out, query.0, query.1, past, config.head_size(), config.group(), &mut scratch, view)
    }
}
