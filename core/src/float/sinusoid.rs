//! Sinusoidal positions: channel `2i` gets `sin(position / 10000^(2i / width))`, channel `2i + 1` the cosine
//! (Vaswani et al. 2017).

use crate::math::Float;

/// Adds the position's vector to `x` `[width]`.
pub fn add_sinusoid<F: Float>(x: &mut [F], position: usize) {
    let width = x.len();
    x.iter_mut().enumerate().for_each(|(i, x)| *x += channel(i, position, width));
}

/// Channel `i` of `width` at `position`.
pub(crate) fn channel<F: Float>(i: usize, position: usize, width: usize) -> F {
    let exponent = -F::from_count(i / 2 * 2) / F::from_count(width);
    let angle = F::from_count(position) * F::pow(F::of(10_000.0), exponent);
    F::sin_cos(angle)[i % 2]
}

#[cfg(test)]
mod tests {
    #[test]
    fn position_zero_is_zeros_and_ones() {
        let mut x = [0.0f32; 5];
        super::add_sinusoid(&mut x, 0);
        assert_eq!(x, [0.0, 1.0, 0.0, 1.0, 0.0]);
    }
}
