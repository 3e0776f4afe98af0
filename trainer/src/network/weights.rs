//! The weights that a pass reads, and how it changes the activations that they multiply.

use pipsqueak::Config;
use pipsqueak::internal::Parameter;
use pipsqueak::internal::math::Float;

use super::dropout::Dropout;
use super::linear::Linear;
use super::norm::Norm;
use super::rounding::Rounding;
use crate::training::parameters::Parameters;

/// The weights of a pass, and how it changes activations.
#[derive(Debug, Clone, Copy)]
pub struct Weights<'a, F> {
    /// The weights themselves.
    pub values: &'a Parameters<F>,
    /// The same with every matrix transposed, which makes the forward pass faster; see [`super::transpose`].
    pub transposed: Option<&'a Parameters<F>>,
    /// How activations are rounded before a matrix or attention reads them.
    pub rounding: Rounding,
    /// Which activations are dropped.
    pub dropout: Dropout,
}

impl<'a, F: Float> Weights<'a, F> {
    /// These weights with activations as they are, and no transposed copy.
    pub fn exact(values: &'a Parameters<F>) -> Weights<'a, F> {
        Weights { values, transposed: None, rounding: Rounding::None, dropout: Dropout::NONE }
    }

    /// The linear map of one layer's `matrix`, with its bias.
    pub(super) fn linear(&self, matrix: Parameter, layer: usize) -> Linear<'a, F> {
        Linear {
            weight: self.values.layer(matrix, layer),
            transposed: self.transposed.map_or(&[], |transposed| transposed.layer(matrix, layer)),
            bias: self.values.layer_bias(matrix, layer),
            inputs: self.values.shape(matrix).columns,
        }
    }

    /// The norm of one layer with this `gain`, and its bias.
    pub(super) fn norm(&self, config: &Config, gain: Parameter, layer: usize) -> Norm<'a, F> {
        Norm::new(config, self.values.layer(gain, layer), self.values.layer_bias(gain, layer))
    }
}
