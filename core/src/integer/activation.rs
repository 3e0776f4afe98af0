//! The MLP's [activation functions](crate::float::activation) on integers: `x S(x)`, where `S` rises from 0 to 1.
//!
//! SiLU is `x / (1 + e^-x)`, so `S` is the logistic function. GELU is `x/2 (1 + tanh u)` with `u = sqrt(2/π) (x + 0.044715 x³)`,
//! and as `(1 + tanh u) / 2 = 1 / (1 + e^-2u)`, its `S` is the logistic function of `2u`. In integers, a value of 15 bits times
//! `S` in units of `2^-15` is one product and one shift.
//!
//! `S` is looked up in a table of 1024 steps over -8 <= x < 8, at the middle of the argument's step: off by at most
//! `S'(x) / 128`, 0.002 for SiLU and 0.0044 for GELU, and so `x S(x)` by less than 0.0018 and 0.0013. Beyond 8, `S` stays what
//! it is, within 0.0004 of 1.

use crate::config::{Activation, Mlp};
use crate::float::activation::{GELU_CUBIC, GELU_SCALE};
use crate::numbers::{
    ACTIVATION_STEP_BITS, ACTIVATION_STEPS as STEPS, ActivationTable, STORED_STEPS, excess_bits, power_of_two,
};
use crate::slices::split_mut;
use crate::{kernels, known};

/// `round(2^15 S((i - 511.5) / 64))`, those of the last `i`.
type Table = [u16; STORED_STEPS];
static SILU: Table = table(1.0, 0.0);
static GELU: Table = table(2.0 * GELU_SCALE, GELU_CUBIC);

const fn table(scale: f64, cubic: f64) -> Table {
    let mut table = [0; STORED_STEPS];
    let mut i = 0;
    while i < STEPS / 2 {
        let x = (i as f64 + 0.5) / (1 << ACTIVATION_STEP_BITS) as f64;
        let logistic = 1.0 / (1.0 + exp_of_minus(scale * (x + cubic * x * x * x)));
        let entry = (32_768.0 * logistic + 0.5) as u16;
        table[STORED_STEPS - STEPS / 2 + i] = entry;
        if STORED_STEPS == STEPS {
            table[STEPS / 2 - 1 - i] = 32_768 - entry;
        }
        i += 1;
    }
    table
}

/// `e^-x` for `x >= 0`: `(e^(-x / 1024))^1024`, by five terms of the series; computed while compiling.
const fn exp_of_minus(x: f64) -> f64 {
    let r = if x > 40.0 { -40.0 / 1024.0 } else { -x / 1024.0 };
    let mut power = 1.0 + r * (1.0 + r / 2.0 * (1.0 + r / 3.0 * (1.0 + r / 4.0 * (1.0 + r / 5.0))));
    let mut i = 0;
    while i < 10 {
        power *= power;
        i += 1;
    }
    power
}

/// Applies the MLP's non-linearity in place, to numbers that count `scale`; returns what the first `hidden` numbers
/// then count. As for [`activate`](crate::float::activation::activate): plain over `[hidden]`, gated over `[2, hidden]`.
pub fn activate(x: &mut [i32], scale: f32, activation: Activation, mlp: Mlp) -> f32 {
    let (activation, mlp) = (known::activation(activation), known::mlp(mlp));
    let hidden = if matches!(mlp, Mlp::Gated) { x.len() / 2 } else { x.len() };
    let (x, up) = split_mut(x, hidden);
    let (cut, up_cut) =
        (excess_bits(kernels::or_of_magnitudes(x), 15), excess_bits(kernels::or_of_magnitudes(up), 15));
    let x_scale = scale * power_of_two(cut as i32);
    let curve = |table| ActivationTable::new(table, x_scale, cut);
    match (activation, mlp) {
        (Activation::Relu, _) => x.iter_mut().for_each(|x| *x = (*x >> cut) & !(*x >> 31)),
        (Activation::Silu, Mlp::Plain) => kernels::activate(x, curve(&SILU)),
        (Activation::Gelu, Mlp::Plain) => kernels::activate(x, curve(&GELU)),
        (Activation::Silu, Mlp::Gated) => kernels::gate(x, up, up_cut, curve(&SILU)),
        (Activation::Gelu, Mlp::Gated) => kernels::gate(x, up, up_cut, curve(&GELU)),
    }
    if matches!(mlp, Mlp::Plain) {
        return x_scale;
    }
    if activation == Activation::Relu {
        x.iter_mut().zip(up).for_each(|(x, up)| *x *= *up >> up_cut);
    }
    x_scale * scale * power_of_two(up_cut as i32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::float::activation;

    #[test]
    fn close_to_f32() {
        for (name, kind, limit) in [("silu", Activation::Silu, 2.0e-3), ("gelu", Activation::Gelu, 4.5e-3)] {
            for size in [0.01f64, 1.0, 8.0, 40.0] {
                let unit = size / 32_767.0;
                for i in -1000..=1000 {
                    let x = i as f64 / 1000.0 * size;
                    let mut v = [(x / unit) as i32, 32_767];
                    let x = v[0] as f64 * unit;
                    let scale = activate(&mut v, unit as f32, kind, Mlp::Plain);
                    let exact =
                        if kind == Activation::Silu { activation::silu(x) } else { activation::gelu(x) };
                    let error = (f64::from(v[0]) * f64::from(scale) - exact).abs() / size;
                    assert!(error < limit, "{name}({x}): off by {error} of {size}");
                }
            }
        }
    }

    #[test]
    fn the_gate_multiplies() {
        let mut x = [100, -100, 3 << 20, 5 << 20];
        let scale = activate(&mut x, 0.5, Activation::Relu, Mlp::Gated);
        assert_eq!(x[1], 0);
        let product = x[0] as f32 * scale;
        assert!((product / (50.0 * (1.5 * 1_048_576.0)) - 1.0).abs() < 1e-3, "{product}");
    }

    #[test]
    fn extremes_are_harmless() {
        for scale in [0.0, 1e-30, 1e30, f32::INFINITY, f32::NAN] {
            for kind in [Activation::Relu, Activation::Gelu, Activation::Silu] {
                activate(&mut [i32::MIN, i32::MAX, 0, -1, i32::MIN, i32::MAX], scale, kind, Mlp::Gated);
            }
        }
    }
}
