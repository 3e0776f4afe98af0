//! Rotary positions: channels `2i, 2i + 1` of every head turn by the angle `position * base^(-2i / head)`
//! (Su et al. 2021; channel pairs interleaved, as in Llama's own code).

use crate::math::{Float, ROUNDER};

/// Writes the cosine and sine of every pair's angle at `position`, interleaved, to `turns` `[head]`.
pub fn turns<F: Float>(turns: &mut [F], position: usize, base: F) {
    let head = turns.len() as f64;
    let (pairs, _) = turns.as_chunks_mut::<2>();
    for (i, pair) in pairs.iter_mut().enumerate() {
        *pair = turn(position, i, head, base);
    }
}

/// The cosine and sine of pair `i`'s angle.
fn turn<F: Float>(position: usize, i: usize, head: f64, base: F) -> [F; 2] {
    let angle = F::of(position as f64) * F::pow(base, F::of(-2.0 * i as f64 / head));
    [F::cos(angle), F::sin(angle)]
}

/// Turns every head of `vector` `[heads, head]` by `turns` `[head]`.
#[inline(always)]
pub fn rotate<F: Float>(vector: &mut [F], turns: &[F]) {
    let (turns, _) = turns.as_chunks::<2>();
    for head in vector.chunks_exact_mut(2 * turns.len()) {
        let (pairs, _) = head.as_chunks_mut::<2>();
        for (pair, &[cos, sin]) in pairs.iter_mut().zip(turns) {
            *pair = [pair[0] * cos - pair[1] * sin, pair[0] * sin + pair[1] * cos];
        }
    }
}

/// Bits behind the binary point of [`integer_turns`].
pub const TURN_BITS: u32 = 14;

/// As [`turns`], rounded to integers that count `2^-14`.
#[cfg_attr(x86_vectors, inline(always))]
pub fn integer_turns(out: &mut [i32], position: usize, base: f32) {
    let head = out.len() as f64;
    let (pairs, _) = out.as_chunks_mut::<2>();
    for (i, pair) in pairs.iter_mut().enumerate() {
        *pair = turn(position, i, head, base)
            .map(|x| (x * (1 << TURN_BITS) as f32 + ROUNDER).to_bits() as i32)
            .map(|bits| bits - ROUNDER.to_bits() as i32);
    }
}

/// Turns every head of `vector` `[heads, head]`, below 2^15 in size, by `turns` `[head]`; the result counts
/// `2^-14` of what the vector's numbers count, and stays below 2^30.
#[cfg_attr(x86_vectors, inline(always))]
pub fn integer_rotate(vector: &mut [i32], turns: &[i32]) {
    let (turns, _) = turns.as_chunks::<2>();
    for head in vector.chunks_exact_mut((2 * turns.len()).max(1)) {
        let (pairs, _) = head.as_chunks_mut::<2>();
        for (pair, &[cos, sin]) in pairs.iter_mut().zip(turns) {
            *pair = [pair[0] * cos - pair[1] * sin, pair[0] * sin + pair[1] * cos];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::dot;

    #[test]
    fn a_product_depends_on_the_distance_alone() {
        let product = |p: usize, q: usize| {
            let (mut query, mut key, mut angles) =
                ([0.3, -1.2, 0.7, 2.0], [1.0, 0.4, -0.6, 0.9], [0.0f64; 4]);
            turns(&mut angles, p, 10_000.0);
            rotate(&mut query, &angles);
            turns(&mut angles, q, 10_000.0);
            rotate(&mut key, &angles);
            dot(&query, &key)
        };
        assert!((product(3, 5) - product(103, 105)).abs() < 1e-12);
        assert!((product(3, 5) - product(3, 6)).abs() > 1e-3);
    }

    #[test]
    fn integers_turn_alike() {
        let (mut angles, mut integers) = ([0.0f64; 8], [0; 8]);
        for position in [0, 1, 7, 255] {
            turns(&mut angles, position, 10_000.0);
            integer_turns(&mut integers, position, 10_000.0);
            for (exact, integer) in angles.iter().zip(integers) {
                assert!((exact * 16_384.0 - f64::from(integer)).abs() < 1.0, "{position}: {exact} {integer}");
            }
        }
        let mut vector = [32_767, -32_767, 0, 100, 32_767, 32_767, -5, 7];
        integer_rotate(&mut vector, &[16_384, 0, 0, 16_384]);
        assert_eq!(vector[..4], [32_767 << 14, -32_767 << 14, -100 << 14, 0]);
    }
}
