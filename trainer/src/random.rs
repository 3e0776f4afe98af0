//! Random numbers that are not integers, from the core's generator: the same on every platform.

use core::f64::consts::TAU;

pub use pipsqueak::internal::SplitMix64;

/// Uniform in `(0, 1]`.
pub const fn uniform(random: &mut SplitMix64) -> f64 {
    const UNIT: f64 = 1.0 / (1u64 << 53) as f64;
    ((random.bits() >> 11) + 1) as f64 * UNIT
}

/// Normally distributed with mean 0 and variance 1: `sqrt(-2 ln u) cos(2π v)` (Box and Muller 1958).
pub fn normal(random: &mut SplitMix64) -> f64 {
    let radius = libm::sqrt(-2.0 * libm::log(uniform(random)));
    radius * libm::cos(TAU * uniform(random))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normal_has_mean_zero_and_variance_one() {
        let mut random = SplitMix64::new(7);
        let draws: Vec<f64> = (0..100_000).map(|_| normal(&mut random)).collect();
        let mean = draws.iter().sum::<f64>() / 1e5;
        let variance = draws.iter().map(|x| x * x).sum::<f64>() / 1e5;
        assert!(mean.abs() < 0.01 && (variance - 1.0).abs() < 0.02, "{mean} {variance}");
    }
}
