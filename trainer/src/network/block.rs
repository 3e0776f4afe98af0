//! One layer: norm, attention, norm, MLP, each pair added to the residual stream; and the same read upwards.

use pipsqueak::Config;
use pipsqueak::internal::Parameter;
use pipsqueak::internal::math::Float;

use super::activation::{activate, backward_activate};
use super::activations::{Activations, Layer};
use super::attention::{Heads, Saved, attention, backward_attention};
use super::dropout::{Dropout, Place};
use super::experts::Experts;
use super::gradients::Gradients;
use super::linear::Linear;
use super::norm::Norm;
use super::rotary::Rotations;
use super::rounding::Rounding;
use super::weights::Weights;

/// The weights of one layer, at one depth: with loops, several depths have the same.
pub(super) struct Block<'a, F> {
    config: &'a Config,
    rotations: &'a Rotations<F>,
    rounding: Rounding,
    dropout: Dropout,
    /// Whose weights these are.
    layer: usize,
    /// Layers before this one, those of all loops counted.
    depth: usize,
    attention_norm: Norm<'a, F>,
    qkv: Linear<'a, F>,
    output: Linear<'a, F>,
    mlp_norm: Norm<'a, F>,
    up: Linear<'a, F>,
    down: Linear<'a, F>,
    /// In place of `up` and `down`, where there are several.
    experts: Option<Experts<'a, F>>,
}

impl<'a, F: Float> Block<'a, F> {
    pub(super) fn new(
        config: &'a Config,
        rotations: &'a Rotations<F>,
        weights: Weights<'a, F>,
        depth: usize,
    ) -> Block<'a, F> {
        Block::at(config, rotations, weights, depth, depth % config.layers)
    }

    /// With the weights of `layer`.
    pub(super) fn at(
        config: &'a Config,
        rotations: &'a Rotations<F>,
        weights: Weights<'a, F>,
        depth: usize,
        layer: usize,
    ) -> Block<'a, F> {
        use Parameter::*;
        Block {
            config,
            rotations,
            rounding: weights.rounding,
            dropout: weights.dropout,
            layer,
            depth,
            attention_norm: weights.norm(config, AttentionNormGain, layer),
            qkv: weights.linear(Qkv, layer),
            output: weights.linear(Output, layer),
            mlp_norm: weights.norm(config, MlpNormGain, layer),
            up: weights.linear(Up, layer),
            down: weights.linear(Down, layer),
            experts: (config.experts > 1).then(|| Experts::new(config, weights, layer)),
        }
    }

    /// From the layer's input to that of the next.
    pub(super) fn forward(&self, activations: &mut Activations<F>) {
        self.inputs_of(Parameter::Down, activations);
        let Activations { layers, output, .. } = activations;
        let (a, next) = layers[self.depth..].split_first_mut().expect("a layer of the model");
        let out = next.first_mut().map_or(output, |next| &mut next.input);
        match &self.experts {
            Some(experts) => {
                if self.config.residual {
                    out.copy_from_slice(&a.middle)
                } else {
                    out.fill(F::ZERO)
                }
                experts.forward_down(out, a);
            }
            None => self.add_to_residual(out, &a.middle, &self.down, &a.active),
        }
    }

    /// Computes as much of the layer as one of its matrices reads; returns what it reads, and the residual stream there.
    pub(super) fn inputs_of<'b>(
        &self,
        matrix: Parameter,
        activations: &'b mut Activations<F>,
    ) -> (&'b [F], &'b [F]) {
        let Config { width, hidden, .. } = *self.config;
        let Activations { layers, rounded, scratch, length, .. } = activations;
        let a = &mut layers[self.depth];

        self.attention_norm.forward(&mut a.attention_normed, &mut a.attention_norm, &a.input);
        self.rounding.round_rows(&mut a.attention_normed, width);
        if matrix == Parameter::Qkv {
            return (&a.attention_normed, &a.input);
        }
        self.qkv.forward(&mut a.qkv, &a.attention_normed);
        self.attend(a, scratch, *length);
        if matrix == Parameter::Output {
            return (self.output_reads(rounded, &a.attended), &a.input);
        }
        let attended = self.output_reads(rounded, &a.attended);
        self.add_to_residual(&mut a.middle, &a.input, &self.output, attended);

        self.mlp_norm.forward(&mut a.mlp_normed, &mut a.mlp_norm, &a.middle);
        self.rounding.round_rows(&mut a.mlp_normed, width);
        if matrix == Parameter::Up {
            return (&a.mlp_normed, &a.middle);
        }
        match &self.experts {
            Some(experts) => experts.forward_up(a),
            None => self.up.forward(&mut a.up, &a.mlp_normed),
        }
        activate(&mut a.active, &mut a.up, self.config);
        self.rounding.round_rows(&mut a.active, hidden);
        self.dropout.drop(&mut a.active, Place::Active(self.depth));
        (&a.active, &a.middle)
    }

    /// From the gradient of the layer's result, in `dstream`, to that of its input. Uses the layer's activations up: the
    /// gradient of what a matrix reads takes its place. `scale` is that of the losses.
    pub(super) fn backward(
        &self,
        gradients: &mut Gradients<'_, F>,
        activations: &mut Activations<F>,
        scale: F,
    ) {
        use Parameter::*;
        let Activations { layers, dstream, dattended, rounded, scratch, length, .. } = activations;
        let (layer, a) = (self.layer, &mut layers[self.depth]);

        match &self.experts {
            Some(experts) => experts.backward_down(gradients, a, dstream, scale),
            None => self.down.backward(&mut a.active, gradients.linear(Down, layer), dstream),
        }
        self.dropout.drop(&mut a.active, Place::Active(self.depth));
        backward_activate(&mut a.up, &a.active, self.config);
        match &self.experts {
            Some(experts) => experts.backward_up(gradients, a),
            None => self.up.backward(&mut a.mlp_normed, gradients.linear(Up, layer), &a.up),
        }
        self.backward_add_to_residual(dstream);
        let dnorm = gradients.norm(MlpNormGain, layer);
        self.mlp_norm.backward(dstream, dnorm, &mut a.mlp_normed, &a.middle, &a.mlp_norm);

        let attended = self.output_reads(rounded, &a.attended);
        self.output.backward_weight(gradients.linear(Output, layer), dstream, attended);
        self.output.backward_input(dattended, dstream);
        self.dropout.drop(dattended, Place::Attended(self.depth));
        self.backward_attend(a, dattended, scratch, *length);
        self.qkv.backward(&mut a.attention_normed, gradients.linear(Qkv, layer), &a.qkv);
        self.backward_add_to_residual(dstream);
        let dnorm = gradients.norm(AttentionNormGain, layer);
        self.attention_norm.backward(dstream, dnorm, &mut a.attention_normed, &a.input, &a.attention_norm);
    }

    /// The heads' results as attention's output matrix reads them: in `copy` where rounding or dropout changes them, since the
    /// backward pass needs them unchanged.
    fn output_reads<'b>(&self, copy: &'b mut [F], attended: &'b [F]) -> &'b [F] {
        if self.rounding == Rounding::None && self.dropout.is_none() {
            return attended;
        }
        copy.copy_from_slice(attended);
        self.rounding.round_rows(copy, self.config.attended_width());
        self.dropout.drop(copy, Place::Attended(self.depth));
        copy
    }

    /// Attention, sequence by sequence.
    fn attend(&self, a: &mut Layer<F>, scratch: &mut [F], length: usize) {
        let outs = a.attended.chunks_exact_mut(length * self.config.attended_width());
        let qkvs = a.qkv.chunks_exact_mut(length * self.config.qkv_width());
        let statistics = a.softmax.chunks_exact_mut(length * 2 * self.config.heads);
        for ((out, qkv), statistics) in outs.zip(qkvs).zip(statistics) {
            self.rotations.rotate(qkv, self.config);
            self.rounding.round_qkv(qkv, self.config);
            attention(out, statistics, qkv, Heads::new(self.config), scratch);
        }
    }

    /// Puts the gradient in place of `qkv`.
    fn backward_attend(&self, a: &mut Layer<F>, dout: &[F], scratch: &mut [F], length: usize) {
        let width = length * self.config.attended_width();
        let statistics = a.softmax.chunks_exact(length * 2 * self.config.heads);
        let outs = dout.chunks_exact(width).zip(a.attended.chunks_exact(width));
        let qkvs = a.qkv.chunks_exact_mut(length * self.config.qkv_width());
        for ((statistics, (dout, out)), qkv) in statistics.zip(outs).zip(qkvs) {
            backward_attention(qkv, Saved { dout, out, statistics }, Heads::new(self.config), scratch);
            self.rotations.rotate_back(qkv, self.config);
        }
    }

    /// `out = stream + linear(x)`; without residuals `out = linear(x)`.
    fn add_to_residual(&self, out: &mut [F], stream: &[F], linear: &Linear<'_, F>, x: &[F]) {
        if self.config.residual {
            out.copy_from_slice(stream);
            linear.forward_onto(out, x);
        } else {
            linear.forward(out, x);
        }
    }

    /// The stream's gradient is that of both summands, so it stays; without residuals only the linear map had it.
    fn backward_add_to_residual(&self, dstream: &mut [F]) {
        if !self.config.residual {
            dstream.fill(F::ZERO);
        }
    }
}
