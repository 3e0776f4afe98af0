//! The head: the last norm, then the logits; and the same read upwards.

use pipsqueak::Config;
use pipsqueak::internal::Parameter;
use pipsqueak::internal::math::Float;

use super::activations::Activations;
use super::gradients::Gradients;
use super::linear::Linear;
use super::norm::Norm;
use super::rounding::Rounding;
use super::weights::Weights;

/// The matrix that makes logits: the embedding's where the two are tied.
pub(super) const fn head_matrix(config: &Config) -> Parameter {
    if config.tied { Parameter::Embedding } else { Parameter::LmHead }
}

/// The weights of the head.
pub(super) struct Head<'a, F> {
    config: &'a Config,
    rounding: Rounding,
    norm: Norm<'a, F>,
    linear: Linear<'a, F>,
}

impl<'a, F: Float> Head<'a, F> {
    pub(super) fn new(config: &'a Config, weights: Weights<'a, F>) -> Head<'a, F> {
        Head {
            config,
            rounding: weights.rounding,
            norm: weights.norm(config, Parameter::FinalNormGain, 0),
            linear: weights.linear(head_matrix(config), 0),
        }
    }

    /// From the last layer's result to the logits.
    pub(super) fn forward(&self, activations: &mut Activations<F>) {
        self.norm(activations);
        self.linear.forward(&mut activations.logits, &activations.final_normed);
    }

    /// From the last layer's result to what the head's matrix reads.
    pub(super) fn norm(&self, activations: &mut Activations<F>) {
        let Activations { output, final_normed, final_norm, .. } = activations;
        self.norm.forward(final_normed, final_norm, output);
        self.rounding.round_rows(final_normed, self.config.width);
    }

    /// From the gradient of the logits, which the loss has put in their place, to that of the last layer's result, which
    /// begins `dstream`.
    pub(super) fn backward(&self, gradients: &mut Gradients<'_, F>, activations: &mut Activations<F>) {
        let Activations { logits: dlogits, final_normed, dstream, output, final_norm, .. } = activations;
        self.linear.backward(final_normed, gradients.linear(head_matrix(self.config), 0), dlogits);
        dstream.fill(F::ZERO);
        let dnorm = gradients.norm(Parameter::FinalNormGain, 0);
        self.norm.backward(dstream, dnorm, final_normed, output, final_norm);
    }
}
