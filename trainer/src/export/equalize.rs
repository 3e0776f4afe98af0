//! Moves scale between parameters so that int8 loses less, while the model computes the same function (Nagel et al. 2019,
//! "Data-Free Quantization Through Weight Equalization and Bias Correction").
//!
//! An int8 vector has one scale, set by its largest channel. All channels are then rounded by the same step, and the next
//! matrix multiplies a channel's error by its column. A channel that is small before rounding and meets a large column is
//! therefore hurt most. Let `a` be the size of what makes the channel, and `b` that of the column that reads it. Dividing the
//! first by `s` and multiplying the second by `s` changes no result, since the factors cancel in the product; with
//! `s = sqrt(a / b)`, both become `a / s = b s = sqrt(a b)`. So no channel is small where its column is large.
//!
//! Three places of attention have such pairs: a norm's gain and the columns that read it, values and the output's columns,
//! keys and queries, which are multiplied with each other. With latent attention, the last are but the channels for positions,
//! since the latent is key and value at once.

use pipsqueak::Config;
use pipsqueak::internal::Parameter;

/// Parameters in the order of [`Parameter::ALL`], each `[layers, rows, columns]`, or empty where the model has none.
pub type Values = Vec<Vec<f32>>;

/// Equalises attention in every layer: the inputs of its first matrix, then values, then keys.
pub fn equalize(config: &Config, values: &mut Values) {
    for layer in 0..config.layers {
        let mut attention = Attention { config, values: &mut *values, layer };
        attention.gains();
        attention.values();
        attention.keys();
    }
}

struct Attention<'a> {
    config: &'a Config,
    values: &'a mut Values,
    layer: usize,
}

impl Attention<'_> {
    /// The layer's part of a parameter, `[rows, columns]`; empty where the model has none.
    fn part(&mut self, parameter: Parameter) -> &mut [f32] {
        let shape = parameter.shape(self.config);
        let length = shape.rows * shape.columns;
        self.values[parameter as usize]
            .get_mut(self.layer * length..(self.layer + 1) * length)
            .unwrap_or_default()
    }

    /// A gain and the columns that read its channel. A normed channel has size 1 before its gain, so the gain is its size, and
    /// the columns' sizes are left out: `s = sqrt(gain / 1)`.
    fn gains(&mut self) {
        for channel in 0..self.config.width {
            let gain = self.part(Parameter::AttentionNormGain).get(channel).map_or(1.0, |gain| gain.abs());
            let scale = root_of_ratio(gain, 1.0);
            for vector in [Parameter::AttentionNormGain, Parameter::AttentionNormBias] {
                self.part(vector).iter_mut().skip(channel).take(1).for_each(|x| *x /= scale);
            }
            self.scale_column(Parameter::Qkv, channel, scale);
        }
    }

    /// A channel of the values, and the columns of the output that read it: one for each head of the group.
    fn values(&mut self) {
        if self.config.latent > 0 {
            return;
        }
        let (width, head, group) = (self.config.width, self.config.head_size(), self.config.group());
        for channel in 0..self.config.kv_width() {
            let columns = (0..group).map(|i| (channel / head * group + i) * head + channel % head);
            let size =
                columns.clone().map(|column| self.column_square(Parameter::Output, column)).sum::<f32>();
            let row = width + self.config.kv_width() + channel;
            let scale = root_of_ratio(self.row_square(row).sqrt(), size.sqrt());
            self.divide_row(row, scale);
            columns.for_each(|column| self.scale_column(Parameter::Output, column, scale));
        }
    }

    /// A pair of channels of the keys, and of the queries that multiply it. A rotary position mixes the two channels of a pair,
    /// so both get the same factor.
    fn keys(&mut self) {
        let latent = self.config.latent;
        let (queries, head, group) =
            (self.config.query_width(), self.config.head_size(), self.config.group());
        let is_first = |channel: usize| channel >= latent && (channel % head - latent).is_multiple_of(2);
        for channel in (0..self.config.kv_width()).filter(|&channel| is_first(channel)) {
            let pair = if channel % head + 1 < head { 2 } else { 1 };
            let keys = queries + channel..queries + channel + pair;
            let first = |i: usize| (channel / head * group + i) * head + channel % head;
            let queries = (0..group).flat_map(|i| first(i)..first(i) + pair);
            let key = keys.clone().map(|row| self.row_square(row)).sum::<f32>();
            let query = queries.clone().map(|row| self.row_square(row)).sum::<f32>();
            let scale = root_of_ratio(key.sqrt(), query.sqrt());
            keys.for_each(|row| self.divide_row(row, scale));
            queries.for_each(|row| self.divide_row(row, 1.0 / scale));
        }
    }

    /// `Σ (weight gain)²` over a row of queries, keys or values: the square of the channel's size.
    fn row_square(&mut self, row: usize) -> f32 {
        let width = self.config.width;
        let gains = self.part(Parameter::AttentionNormGain).to_vec();
        let row = &self.part(Parameter::Qkv)[row * width..(row + 1) * width];
        let gain = |i: usize| gains.get(i).copied().unwrap_or(1.0);
        row.iter().enumerate().map(|(i, weight)| (weight * gain(i)).powi(2)).sum()
    }

    /// `Σ weight²` over a column.
    fn column_square(&mut self, matrix: Parameter, column: usize) -> f32 {
        let columns = matrix.shape(self.config).columns;
        self.part(matrix).iter().skip(column).step_by(columns).map(|weight| weight * weight).sum()
    }

    fn scale_column(&mut self, matrix: Parameter, column: usize, scale: f32) {
        let columns = matrix.shape(self.config).columns;
        self.part(matrix).iter_mut().skip(column).step_by(columns).for_each(|weight| *weight *= scale);
    }

    /// Divides a row of queries, keys or values, and its bias.
    fn divide_row(&mut self, row: usize, scale: f32) {
        let width = self.config.width;
        self.part(Parameter::Qkv)[row * width..(row + 1) * width]
            .iter_mut()
            .for_each(|weight| *weight /= scale);
        self.part(Parameter::QkvBias).iter_mut().skip(row).take(1).for_each(|bias| *bias /= scale);
    }
}

/// `sqrt(a / b)`; 1 where either is zero.
fn root_of_ratio(a: f32, b: f32) -> f32 {
    let root = a.sqrt() / b.sqrt();
    if root.is_normal() { root } else { 1.0 }
}
