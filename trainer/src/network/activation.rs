//! The MLP's non-linearity over rows: plain, `out = act(x)`; gated, `out = act(gate) up`, with `gate` the first half of a
//! row and `up` the second.

use pipsqueak::math::{self, Float};
use pipsqueak::ops::activation::{GELU_CUBIC, GELU_SCALE, gelu, relu, silu};
use pipsqueak::{Activation, Config, Mlp};

use crate::vector::vectorised;

vectorised! {
    /// `out` `[rows, hidden]` from `x` `[rows, hidden]`, or `[rows, 2, hidden]` where gated.
    pub fn activate<F>(out: &mut [F], x: &[F], config: &Config) {
        match config.activation {
            Activation::Relu => apply(out, x, config, relu),
            Activation::Gelu => apply(out, x, config, gelu),
            Activation::Silu => apply(out, x, config, silu),
        }
    }
}

#[inline(always)]
fn apply<F: Float>(out: &mut [F], x: &[F], config: &Config, function: impl Fn(F) -> F) {
    let hidden = config.hidden;
    match config.mlp {
        Mlp::Plain => out.iter_mut().zip(x).for_each(|(out, &x)| *out = function(x)),
        Mlp::Gated => {
            for (out, x) in out.chunks_exact_mut(hidden).zip(x.chunks_exact(2 * hidden)) {
                let (gate, up) = x.split_at(hidden);
                for ((out, &gate), &up) in out.iter_mut().zip(gate).zip(up) {
                    *out = function(gate) * up;
                }
            }
        }
    }
}

vectorised! {
    /// Writes `dx`: plain, `dx = dout act'(x)`; gated, `dgate = dout up act'(gate)` and `dup = dout act(gate)`.
    pub fn backward_activate<F>(dx: &mut [F], dout: &[F], x: &[F], config: &Config) {
        match config.activation {
            Activation::Relu => backward_apply(dx, dout, x, config, relu_and_slope),
            Activation::Gelu => backward_apply(dx, dout, x, config, gelu_and_slope),
            Activation::Silu => backward_apply(dx, dout, x, config, silu_and_slope),
        }
    }
}

#[inline(always)]
fn backward_apply<F: Float>(
    dx: &mut [F],
    dout: &[F],
    x: &[F],
    config: &Config,
    value_and_slope: impl Fn(F) -> (F, F),
) {
    let hidden = config.hidden;
    if matches!(config.mlp, Mlp::Plain) {
        return dx
            .iter_mut()
            .zip(dout)
            .zip(x)
            .for_each(|((dx, &dout), &x)| *dx = dout * value_and_slope(x).1);
    }
    let rows = dx.chunks_exact_mut(2 * hidden).zip(dout.chunks_exact(hidden)).zip(x.chunks_exact(2 * hidden));
    for ((dx, dout), x) in rows {
        let (gate, up) = x.split_at(hidden);
        let (dgate, dup) = dx.split_at_mut(hidden);
        for ((((dgate, dup), &dout), &gate), &up) in dgate.iter_mut().zip(dup).zip(dout).zip(gate).zip(up) {
            let (value, slope) = value_and_slope(gate);
            *dgate = dout * up * slope;
            *dup = dout * value;
        }
    }
}

#[inline(always)]
fn relu_and_slope<F: Float>(x: F) -> (F, F) {
    (relu(x), if x > F::ZERO { F::ONE } else { F::ZERO })
}

/// With `t = tanh(u)`, `u = s (x + c x³)`: `gelu' = (1 + t)/2 + x/2 (1 - t²) s (1 + 3 c x²)`.
#[inline(always)]
fn gelu_and_slope<F: Float>(x: F) -> (F, F) {
    let (half, scale, cubic) = (F::of(0.5), F::of(GELU_SCALE), F::of(GELU_CUBIC));
    let tanh = math::tanh(scale * (x + cubic * x * x * x));
    let dinner = scale * (F::ONE + F::of(3.0) * cubic * x * x);
    let slope = half * (F::ONE + tanh) + half * x * (F::ONE - tanh * tanh) * dinner;
    (half * x * (F::ONE + tanh), slope)
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
    use crate::presets::GPT;

    #[test]
    fn gradients_are_those_of_differences() {
        const HIDDEN: usize = 5;
        for activation in [Activation::Relu, Activation::Gelu, Activation::Silu] {
            for (mlp, length) in [(Mlp::Plain, 2 * HIDDEN), (Mlp::Gated, 4 * HIDDEN)] {
                let config = Config { hidden: HIDDEN, activation, mlp, ..GPT };
                let (x, dout) = (values(length, 1), values(2 * HIDDEN, 2));
                let loss = |x: &[f64]| {
                    let mut out = [0.0; 2 * HIDDEN];
                    activate(&mut out, x, &config);
                    weighted(&out, &dout)
                };
                let mut dx = vec![0.0; length];
                backward_activate(&mut dx, &dout, &x, &config);
                check(&format!("{activation:?} {mlp:?}"), &dx, &x, loss);
            }
        }
    }
}
