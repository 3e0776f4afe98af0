//! The MLP's activation function over rows: plain, `out = act(x)`; gated, `out = act(gate) up`, with `gate` the first half
//! of a row and `up` the second.
//!
//! GELU and SiLU are written a second time here because value and slope share their most expensive part, a tanh or a
//! sigmoid.

use pipsqueak::internal::float::activation::{GELU_CUBIC, GELU_SCALE, relu};
use pipsqueak::internal::math::{self, Float};
use pipsqueak::{Activation, Config, Mlp};

use crate::vector::vectorised;

vectorised! {
    /// `out` `[rows, hidden]` from `x` `[rows, hidden]`, or `[rows, 2, hidden]` where gated. Replaces `x` by its slopes,
    /// which the backward pass multiplies by: plain, `act'(x)`; gated, `up act'(gate)` and `act(gate)`.
    pub fn activate<F>(out: &mut [F], x: &mut [F], config: &Config) {
        match config.activation {
            Activation::Relu => apply(out, x, config, relu_and_slope),
            Activation::Gelu => apply(out, x, config, gelu_and_slope),
            Activation::Silu => apply(out, x, config, silu_and_slope),
        }
    }
}

#[inline(always)]
fn apply<F: Float>(out: &mut [F], x: &mut [F], config: &Config, value_and_slope: impl Fn(F) -> (F, F)) {
    let hidden = config.hidden;
    let each = |out: &mut [F], x: &mut [F]| {
        out.iter_mut().zip(x).for_each(|(out, x)| (*out, *x) = value_and_slope(*x));
    };
    if matches!(config.mlp, Mlp::Plain) {
        return each(out, x);
    }
    for (out, x) in out.chunks_exact_mut(hidden).zip(x.chunks_exact_mut(2 * hidden)) {
        let (gate, up) = x.split_at_mut(hidden);
        each(out, gate);
        multiply_by(gate, up);
        out.iter_mut().zip(up).for_each(|(out, up)| (*out, *up) = (*out * *up, *out));
    }
}

vectorised! {
    /// Turns the slopes that [`activate`] has left into the gradient of its `x`: times `dout` `[rows, hidden]`.
    pub fn backward_activate<F>(slopes: &mut [F], dout: &[F], config: &Config) {
        match config.mlp {
            Mlp::Plain => multiply_by(slopes, dout),
            Mlp::Gated => {
                let rows = slopes.chunks_exact_mut(2 * config.hidden).zip(dout.chunks_exact(config.hidden));
                rows.for_each(|(row, dout)| {
                    let (gate, up) = row.split_at_mut(config.hidden);
                    multiply_by(gate, dout);
                    multiply_by(up, dout);
                });
            }
        }
    }
}

#[inline(always)]
fn multiply_by<F: Float>(x: &mut [F], factors: &[F]) {
    x.iter_mut().zip(factors).for_each(|(x, &factor)| *x *= factor);
}

#[inline(always)]
fn relu_and_slope<F: Float>(x: F) -> (F, F) {
    (relu(x), if x > F::ZERO { F::ONE } else { F::ZERO })
}

/// With `t = tanh(u)` and `u = s (x + c x³)`: `gelu = x/2 (1 + t)`, so by the product rule
/// `gelu' = (1 + t)/2 + x/2 (1 - t²) u'` with `u' = s (1 + 3 c x²)`. Since `1 - t² = (1 + t)(1 - t)`, the second term is
/// `gelu (1 - t) u'`.
#[inline(always)]
fn gelu_and_slope<F: Float>(x: F) -> (F, F) {
    let (half, scale) = (F::of(0.5), F::of(GELU_SCALE));
    let cubic = F::of(GELU_CUBIC) * x * x;
    let tanh = math::tanh(scale * (x + cubic * x));
    let value = half * x * (F::ONE + tanh);
    let dinner = scale + F::of(3.0 * GELU_SCALE) * cubic;
    (value, half * (F::ONE + tanh) + value * (F::ONE - tanh) * dinner)
}

/// With `s = sigmoid(x)`: `silu' = s (1 + x (1 - s))`.
#[inline(always)]
fn silu_and_slope<F: Float>(x: F) -> (F, F) {
    let sigmoid = math::sigmoid(x);
    (x * sigmoid, sigmoid * (F::ONE + x * (F::ONE - sigmoid)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::differences::{check, values, weighted};
    use crate::sizing::presets::GPT;

    #[test]
    fn gradients_are_those_of_differences() {
        const HIDDEN: usize = 5;
        for activation in [Activation::Relu, Activation::Gelu, Activation::Silu] {
            for (mlp, length) in [(Mlp::Plain, 2 * HIDDEN), (Mlp::Gated, 4 * HIDDEN)] {
                let config = Config { hidden: HIDDEN, activation, mlp, ..GPT };
                let (x, dout) = (values(length, 1), values(2 * HIDDEN, 2));
                let loss = |x: &[f64]| {
                    let mut out = [0.0; 2 * HIDDEN];
                    activate(&mut out, &mut x.to_vec(), &config);
                    weighted(&out, &dout)
                };
                let mut dx = x.clone();
                activate(&mut [0.0; 2 * HIDDEN], &mut dx, &config);
                backward_activate(&mut dx, &dout, &config);
                check(&format!("{activation:?} {mlp:?}"), &dx, &x, loss);
            }
        }
    }
}
