//! The gradients of all parameters, which the backward pass leaves.

use pipsqueak::internal::Parameter;
use pipsqueak::internal::math::Float;

use super::linear::LinearGradient;
pub use super::linear::Mode;
use super::norm::NormGradient;
use crate::training::parameters::Parameters;

/// Where the backward pass leaves the gradients of the parameters.
#[derive(Debug)]
pub struct Gradients<'a, F> {
    /// The gradient of each weight.
    pub into: &'a mut Parameters<F>,
    /// Whether gradients replace the values that are there.
    pub mode: Mode,
}

impl<F: Float> Gradients<'_, F> {
    /// With [`Mode::Write`], zeroes the parameters that are not `written` by a matrix product: gradients add to these.
    pub(super) fn clear(&mut self, written: impl Fn(Parameter) -> bool) {
        if self.mode == Mode::Write {
            let added = self.into.walk_mut().filter(|(parameter, _)| !written(*parameter));
            added.for_each(|(_, gradient)| gradient.fill(F::ZERO));
        }
    }

    /// The gradient of one layer's `matrix` and its bias.
    pub(super) fn linear(&mut self, matrix: Parameter, layer: usize) -> LinearGradient<'_, F> {
        let (weight, bias) = self.into.layer_and_bias_mut(matrix, layer);
        LinearGradient { weight, bias, mode: self.mode }
    }

    /// The gradient of one layer's `gain` and its bias.
    pub(super) fn norm(&mut self, gain: Parameter, layer: usize) -> NormGradient<'_, F> {
        let (gain, bias) = self.into.layer_and_bias_mut(gain, layer);
        NormGradient { gain, bias }
    }
}
