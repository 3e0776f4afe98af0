//! The MLP's activation functions, and the gate that multiplies one half of the hidden units by the other.

use crate::config::{Activation, Mlp};
use crate::math::{self, Float};
use crate::slices::split_mut;

/// `sqrt(2 / π)`, of GELU's tanh approximation (Hendrycks and Gimpel 2016).
pub const GELU_SCALE: f64 = 0.797_884_560_802_865_4;
/// The cubic coefficient of GELU's tanh approximation.
pub const GELU_CUBIC: f64 = 0.044_715;

/// `max(0, x)`.
#[inline(always)]
pub fn relu<F: Float>(x: F) -> F {
    math::max(x, F::ZERO)
}

/// `x/2 (1 + tanh(sqrt(2/π) (x + 0.044715 x³)))`.
#[inline(always)]
pub fn gelu<F: Float>(x: F) -> F {
    let inner = F::of(GELU_SCALE) * (x + F::of(GELU_CUBIC) * x * x * x);
    F::of(0.5) * x * (F::ONE + math::tanh(inner))
}

/// `x / (1 + e^-x)`.
#[inline(always)]
pub fn silu<F: Float>(x: F) -> F {
    x * math::sigmoid(x)
}

/// Applies the MLP's non-linearity in place; the result is the first `hidden` values of `x`.
///
/// Plain: `x[i] = act(x[i])` over `[hidden]`. Gated: `x[i] = act(x[i]) * x[hidden + i]` over `[2, hidden]`.
#[inline(always)]
pub fn activate<F: Float>(x: &mut [F], activation: Activation, mlp: Mlp) {
    match activation {
        Activation::Relu => apply(x, mlp, relu),
        Activation::Gelu => apply(x, mlp, gelu),
        Activation::Silu => apply(x, mlp, silu),
    }
}

#[inline(always)]
fn apply<F: Float>(x: &mut [F], mlp: Mlp, function: impl Fn(F) -> F) {
    match mlp {
        Mlp::Plain => x.iter_mut().for_each(|x| *x = function(*x)),
        Mlp::Gated => {
            let (gate, up) = split_mut(x, x.len() / 2);
            gate.iter_mut().zip(up).for_each(|(gate, up)| *gate = function(*gate) * *up);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        assert_eq!(relu(-2.0f32), 0.0);
        assert!((gelu(1.0f64) - 0.841_191_990_6).abs() < 1e-9); // torch.nn.GELU("tanh")
        assert!((silu(1.0f64) - 0.731_058_578_6).abs() < 1e-9); // torch.nn.SiLU()
        let mut x = [1.0f32, -1.0, 3.0, 5.0];
        activate(&mut x, Activation::Relu, Mlp::Gated);
        assert_eq!(x[..2], [3.0, 0.0]);
    }
}
