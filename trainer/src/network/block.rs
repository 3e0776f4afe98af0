//! One layer: norm, attention, norm, MLP, each pair joined to the residual stream; and the same read upwards.

use pipsqueak::Config;
use pipsqueak::internal::Parameter;
use pipsqueak::internal::math::Float;

use super::activation::{activate, backward_activate};
use super::activations::{Activations, Layer};
use super::attention::{Heads, Saved, attention, backward_attention};
use super::linear::Linear;
use super::norm::Norm;
use super::rotary::rotate_all;
use super::rounding::{round_qkv, round_rows};
use crate::training::parameters::Parameters;

/// The weights of one layer.
pub(super) struct Block<'a, F> {
    /// Whether what enters a matrix or attention is rounded.
    rounds: bool,
    config: &'a Config,
    rotations: &'a [F],
    turns_back: &'a [F],
    attention_norm: Norm<'a, F>,
    qkv: Linear<'a, F>,
    output: Linear<'a, F>,
    mlp_norm: Norm<'a, F>,
    up: Linear<'a, F>,
    down: Linear<'a, F>,
}

impl<'a, F: Float> Block<'a, F> {
    /// `rotations` are the rotary tables there and back, both empty where positions are not rotary.
    pub(super) fn new(
        config: &'a Config,
        parameters: &'a Parameters<F>,
        layer: usize,
        [rotations, turns_back]: [&'a [F]; 2],
    ) -> Block<'a, F> {
        use Parameter::*;
        let norm =
            |gain, bias| Norm::new(config, parameters.layer(gain, layer), parameters.layer(bias, layer));
        let linear = |weight, bias, inputs| Linear {
            weight: parameters.layer(weight, layer),
            transposed: &[],
            bias: parameters.layer(bias, layer),
            inputs,
            fresh: false,
        };
        Block {
            rounds: false,
            config,
            rotations,
            turns_back,
            attention_norm: norm(AttentionNormGain, AttentionNormBias),
            qkv: linear(Qkv, QkvBias, config.width),
            output: linear(Output, OutputBias, config.width),
            mlp_norm: norm(MlpNormGain, MlpNormBias),
            up: linear(Up, UpBias, config.width),
            down: linear(Down, DownBias, config.hidden),
        }
    }

    /// The block with its matrices transposed beforehand.
    pub(super) fn with(self, transposed: &'a Parameters<F>, layer: usize) -> Self {
        let with = |linear, weight| Linear { transposed: transposed.layer(weight, layer), ..linear };
        Block {
            qkv: with(self.qkv, Parameter::Qkv),
            output: with(self.output, Parameter::Output),
            up: with(self.up, Parameter::Up),
            down: with(self.down, Parameter::Down),
            ..self
        }
    }

    /// The block with gradients of matrices that are written, not added to.
    pub(super) fn fresh(self) -> Self {
        let fresh = |linear| Linear { fresh: true, ..linear };
        Block {
            qkv: fresh(self.qkv),
            output: fresh(self.output),
            up: fresh(self.up),
            down: fresh(self.down),
            ..self
        }
    }

    /// The block with its activations rounded.
    pub(super) fn rounding(self) -> Self {
        Block { rounds: true, ..self }
    }

    /// From the layer's input to that of the next.
    pub(super) fn forward(&self, activations: &mut Activations<F>, layer: usize) {
        let Activations { layers, output, attended, scratch, length, .. } = activations;
        let (a, next) = layers[layer..].split_first_mut().expect("a layer of the model");
        let out = next.first_mut().map_or(output, |next| &mut next.input);

        self.attention_norm.forward(&mut a.attention_normed, &mut a.attention_norm, &a.input);
        self.round(&mut a.attention_normed);
        self.qkv.forward(&mut a.qkv, &a.attention_normed);
        self.attend(a, scratch, *length);
        self.join(&mut a.middle, &a.input, &self.output, self.rounded(attended, &a.attended));

        self.mlp_norm.forward(&mut a.mlp_normed, &mut a.mlp_norm, &a.middle);
        self.round(&mut a.mlp_normed);
        self.up.forward(&mut a.up, &a.mlp_normed);
        activate(&mut a.active, &mut a.up, self.config);
        self.round_hidden(&mut a.active);
        self.join(out, &a.middle, &self.down, &a.active);
    }

    /// From the gradient of the layer's result, in `dstream`, to that of its input. Uses the layer's activations up: the
    /// gradient of what a matrix reads takes its place.
    pub(super) fn backward(
        &self,
        gradients: &mut Parameters<F>,
        activations: &mut Activations<F>,
        layer: usize,
    ) {
        use Parameter::*;
        let Activations { layers, dstream, dattended, attended, scratch, length, .. } = activations;
        let a = &mut layers[layer];

        self.down.backward(&mut a.active, gradients.layer_pair_mut(Down, DownBias, layer), dstream);
        backward_activate(&mut a.up, &a.active, self.config);
        self.up.backward(&mut a.mlp_normed, gradients.layer_pair_mut(Up, UpBias, layer), &a.up);
        self.backward_join(dstream);
        let dnorm = gradients.layer_pair_mut(MlpNormGain, MlpNormBias, layer);
        self.mlp_norm.backward(dstream, dnorm, &mut a.mlp_normed, &a.middle, &a.mlp_norm);

        let doutput = gradients.layer_pair_mut(Output, OutputBias, layer);
        self.output.backward_weight(doutput, dstream, self.rounded(attended, &a.attended));
        self.output.backward_input(dattended, dstream);
        self.backward_attend(a, dattended, scratch, *length);
        self.qkv.backward(&mut a.attention_normed, gradients.layer_pair_mut(Qkv, QkvBias, layer), &a.qkv);
        self.backward_join(dstream);
        let dnorm = gradients.layer_pair_mut(AttentionNormGain, AttentionNormBias, layer);
        self.attention_norm.backward(dstream, dnorm, &mut a.attention_normed, &a.input, &a.attention_norm);
    }

    /// Rounds what a matrix reads, where anything is.
    fn round(&self, x: &mut [F]) {
        if self.rounds {
            round_rows(x, self.config.width);
        }
    }

    /// As [`Block::round`], of hidden units.
    fn round_hidden(&self, x: &mut [F]) {
        if self.rounds {
            round_rows(x, self.config.hidden);
        }
    }

    /// The heads' results as the matrix reads them; the softmax's backward pass needs them as they were.
    fn rounded<'b>(&self, copy: &'b mut [F], attended: &'b [F]) -> &'b [F] {
        if !self.rounds {
            return attended;
        }
        copy.copy_from_slice(attended);
        self.round(copy);
        copy
    }

    /// Attention, sequence by sequence.
    fn attend(&self, a: &mut Layer<F>, scratch: &mut [F], length: usize) {
        let outs = a.attended.chunks_exact_mut(length * self.config.width);
        let qkvs = a.qkv.chunks_exact_mut(length * self.config.qkv_width());
        let statistics = a.softmax.chunks_exact_mut(length * 2 * self.config.heads);
        for ((out, qkv), statistics) in outs.zip(qkvs).zip(statistics) {
            rotate_all(qkv, self.rotations, self.config);
            if self.rounds {
                round_qkv(qkv, self.config);
            }
            attention(out, statistics, qkv, Heads::new(self.config), scratch);
        }
    }

    /// Puts the gradient in place of `qkv`.
    fn backward_attend(&self, a: &mut Layer<F>, dout: &[F], scratch: &mut [F], length: usize) {
        let width = length * self.config.width;
        let statistics = a.softmax.chunks_exact(length * 2 * self.config.heads);
        let outs = dout.chunks_exact(width).zip(a.attended.chunks_exact(width));
        let qkvs = a.qkv.chunks_exact_mut(length * self.config.qkv_width());
        for ((statistics, (dout, out)), qkv) in statistics.zip(outs).zip(qkvs) {
            backward_attention(qkv, Saved { dout, out, statistics }, Heads::new(self.config), scratch);
            rotate_all(qkv, self.turns_back, self.config);
        }
    }

    /// `out = stream + linear(x)`; without residuals `out = linear(x)`.
    fn join(&self, out: &mut [F], stream: &[F], linear: &Linear<'_, F>, x: &[F]) {
        if self.config.residual {
            out.copy_from_slice(stream);
            linear.forward_onto(out, x);
        } else {
            linear.forward(out, x);
        }
    }

    /// Past a join, the stream's gradient goes on; without residuals it ends here.
    fn backward_join(&self, dstream: &mut [F]) {
        if !self.config.residual {
            dstream.fill(F::ZERO);
        }
    }
}
