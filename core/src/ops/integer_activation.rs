//! The MLP's [activation functions](super::activation) on integers: `x S(x)`, where `S` rises from 0 to 1.
//!
//! `S` is the logistic function for SiLU, and for GELU that of `2 sqrt(2/π) (x + 0.044715 x³)`: the same as GELU's tanh
//! form. It comes from a table of 512 steps over 0 <= x < 16, with linear interpolation and `S(-x) = 1 - S(x)`; its
//! error is at most 2e-5 for SiLU and 6e-5 for GELU, and a half of `2^-15` of rounding. Beyond 16, `S` stays what it is.

use super::activation::{GELU_CUBIC, GELU_SCALE};
use super::fixed::{Multiplier, largest, power_of_two, surplus};
use crate::config::{Activation, Mlp};
use crate::math;

const STEPS: usize = 512;
/// Bits of a table's index behind the binary point: 512 steps over 16.
const STEP_BITS: u32 = 5;
/// Bits of an argument behind the binary point: 16 takes 15 bits.
const ARGUMENT_BITS: u32 = 11;
const FRACTION_BITS: u32 = ARGUMENT_BITS - STEP_BITS;

/// `round(2^15 S(i / 32))`.
type Table = [u16; STEPS + 1];
static SILU: Table = table(1.0, 0.0);
static GELU: Table = table(2.0 * GELU_SCALE, GELU_CUBIC);

const fn table(scale: f64, cubic: f64) -> Table {
    let mut table = [0; STEPS + 1];
    let mut i = 0;
    while i <= STEPS {
        let x = i as f64 / (1 << STEP_BITS) as f64;
        let logistic = 1.0 / (1.0 + exp_of_minus(scale * (x + cubic * x * x * x)));
        table[i] = (32_768.0 * logistic + 0.5) as u16;
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

/// `2^15 S(x)` of an argument with [`ARGUMENT_BITS`], at most 2^15 in size.
#[inline(always)]
fn step(table: &Table, x: i32) -> i32 {
    let size = math::min_u32(x.unsigned_abs(), (STEPS as u32 - 1) << FRACTION_BITS | 63);
    let i = (size >> FRACTION_BITS) as usize;
    let (low, high) = (i32::from(table[i & (STEPS - 1)]), i32::from(table[(i & (STEPS - 1)) + 1]));
    let fraction = (size & ((1 << FRACTION_BITS) - 1)) as i32;
    let upper = low + (((high - low) * fraction + 32) >> FRACTION_BITS);
    if x < 0 { 32_768 - upper } else { upper }
}

/// Applies the MLP's non-linearity in place, to numbers that count `scale`; returns what the first `hidden` numbers
/// then count. As for [`activate`](super::activation::activate): plain over `[hidden]`, gated over `[2, hidden]`.
pub fn activate(x: &mut [i32], scale: f32, activation: Activation, mlp: Mlp) -> f32 {
    match mlp {
        Mlp::Plain => function(x, scale, activation),
        Mlp::Gated => {
            let (gate, up) = x.split_at_mut(x.len() / 2);
            let gate_scale = function(gate, scale, activation);
            let cut = surplus(largest(up), 15);
            gate.iter_mut().zip(up).for_each(|(gate, up)| *gate *= *up >> cut);
            gate_scale * scale * power_of_two(cut as i32)
        }
    }
}

/// Leaves numbers of at most 15 bits; returns what they count.
fn function(x: &mut [i32], scale: f32, activation: Activation) -> f32 {
    let cut = surplus(largest(x), 15);
    let scale = scale * power_of_two(cut as i32);
    match activation {
        Activation::Relu => x.iter_mut().for_each(|x| *x = if *x < 0 { 0 } else { *x >> cut }),
        Activation::Silu => apply(x, cut, scale, &SILU),
        Activation::Gelu => apply(x, cut, scale, &GELU),
    }
    scale
}

fn apply(x: &mut [i32], cut: u32, scale: f32, table: &Table) {
    let argument = Multiplier::new(scale * (1 << ARGUMENT_BITS) as f32);
    for x in x {
        let value = *x >> cut;
        *x = (value * step(table, argument.apply(value))) >> 15;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::activation;

    #[test]
    fn close_to_f32() {
        for (name, kind, limit) in [("silu", Activation::Silu, 4e-4), ("gelu", Activation::Gelu, 6e-4)] {
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
