//! Activations rounded as the core's integer arithmetic rounds them: to int8, with one scale for each vector.
//!
//! For a vector `x`: `scale = max |x| / 127`, `x = scale round(x / scale)`. Gradients pass as if nothing had been rounded
//! (the straight-through estimator, Bengio et al. 2013), so there is no backward pass. The core's norms, activation
//! functions and softmax in fixed point are closer to f32 by two orders of magnitude; training leaves them out.

use pipsqueak::Config;
use pipsqueak::internal::math::{self, Float};
use pipsqueak::internal::numbers::INT8_MAX;

use crate::vector::vectorised;

/// Whether a pass rounds activations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rounding {
    /// Activations stay as they are: for f32 models, and before quantisation-aware training begins.
    None,
    /// To int8, as an integer model of any weight format does.
    Int8,
}

impl Rounding {
    /// Rounds each row of `x` `[rows, columns]`, which a matrix is about to read.
    pub fn round_rows<F: Float>(self, x: &mut [F], columns: usize) {
        match self {
            Rounding::None => {}
            Rounding::Int8 => round_rows(x, columns),
        }
    }

    /// Rounds `qkv` `[rows, qkv_width]` as attention reads it: each head's query with a scale of its own; the keys of a position
    /// with one, and its values, where they are not a part of the keys, with another, both rounded up to bfloat16 as the cache
    /// holds them.
    pub fn round_qkv<F: Float>(self, qkv: &mut [F], config: &Config) {
        match self {
            Rounding::None => {}
            Rounding::Int8 => round_qkv(qkv, config),
        }
    }
}

vectorised! {
    fn round_rows<F>(x: &mut [F], columns: usize) {
        round_each(x, columns);
    }
}

vectorised! {
    fn round_qkv<F>(qkv: &mut [F], config: &Config) {
        for row in qkv.chunks_exact_mut(config.qkv_width()) {
            let (query, key_value) = row.split_at_mut(config.query_width());
            round_each(query, config.head_size());
            for cached in key_value.chunks_exact_mut(config.kv_width()) {
                let scale = round_up_bf16(scale(cached));
                round(cached, scale);
            }
        }
    }
}

#[inline(always)]
fn round_each<F: Float>(x: &mut [F], columns: usize) {
    for row in x.chunks_exact_mut(columns) {
        let scale = scale(row);
        round(row, scale);
    }
}

#[inline(always)]
fn scale<F: Float>(x: &[F]) -> F {
    let largest = x.iter().fold(F::ZERO, |largest, &x| math::max(x, math::max(-x, largest)));
    largest / F::of(f64::from(INT8_MAX))
}

#[inline(always)]
fn round<F: Float>(x: &mut [F], scale: F) {
    if scale > F::ZERO {
        let inverse = F::ONE / scale;
        x.iter_mut().for_each(|x| *x = math::nearest(*x * inverse) * scale);
    }
}

/// The next bfloat16 from `x` on, for an `x` that is not negative: the upper half of its f32.
#[inline(always)]
fn round_up_bf16<F: Float>(x: F) -> F {
    let bits = (x.to_f64() as f32).to_bits() + 0xffff;
    F::of(f64::from(f32::from_bits(bits & 0xffff_0000)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::differences::values;
    use crate::sizing::presets::STORIES_260K;
    use pipsqueak::internal::integer::quantize::{quantize, quantize_bf16};
    use pipsqueak::internal::numbers::mantissa_bf16;

    const UNIT: f64 = 1.0 / (1 << 20) as f64;

    fn integers(x: &[f64]) -> Vec<i32> {
        x.iter().map(|x| (x / UNIT).round() as i32).collect()
    }

    #[test]
    fn rows_are_those_of_the_core() {
        let x = values(64, 1);
        let mut q = [0; 64];
        let factor = f64::from(quantize(&mut q, &integers(&x))) * UNIT;
        let mut rounded = x.clone();
        round_rows(&mut rounded, 64);
        // The core may round the other way where a value lies within 0.004 scales of the middle.
        let same = rounded.iter().zip(q).filter(|(x, q)| (*x - f64::from(*q) * factor).abs() < 0.01 * factor);
        assert!(same.count() >= 63, "{rounded:?} {q:?}");
        assert!(rounded.iter().zip(&x).any(|(a, b)| (a - b).abs() > 0.3 * factor));
    }

    #[test]
    fn keys_are_those_of_the_cache() {
        let config = STORIES_260K;
        let mut x = values(config.qkv_width(), 2);
        let key = config.width..config.width + config.kv_width();
        let mut q = vec![0; config.kv_width()];
        let bits = quantize_bf16(&mut q, &integers(&x[key.clone()]), UNIT as f32);
        let scale = f64::from(f32::from_bits(u32::from(bits) << 16));
        assert!(mantissa_bf16(bits) >= 128);
        round_qkv(&mut x, &config);
        let same = x[key].iter().zip(&q).filter(|(x, q)| (*x - f64::from(**q) * scale).abs() < 1e-6 * scale);
        assert!(same.count() >= q.len() - 1, "{q:?}");
    }

    #[test]
    fn nothing_stays_nothing_and_rounding_twice_changes_nothing() {
        let mut zeros = [0f32; 4];
        round_rows(&mut zeros, 4);
        assert_eq!(zeros, [0.0; 4]);
        let mut once: Vec<f32> = values(100, 3).iter().map(|&x| x as f32).collect();
        round_rows(&mut once, 25);
        let mut twice = once.clone();
        round_rows(&mut twice, 25);
        assert!(once.iter().zip(&twice).all(|(a, b)| (a - b).abs() <= 1e-6 * a.abs()), "{once:?} {twice:?}");
    }
}
