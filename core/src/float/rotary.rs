//! Rotary positions: channels `2i, 2i + 1` of every head turn by the angle `position * base^(-2i / head)`
//! (Su et al. 2021; channel pairs interleaved, as in Llama's own code).

use crate::math::Float;
use crate::slices::{rows_mut, split_mut};

/// Writes the cosine and sine of every pair's angle at `position`, interleaved, to `rotations` `[head]`.
pub fn rotations<F: Float>(rotations: &mut [F], position: usize, base: F) {
    let head = rotations.len();
    let (pairs, _) = rotations.as_chunks_mut::<2>();
    for (i, pair) in pairs.iter_mut().enumerate() {
        let frequency = F::pow(base, -F::from_count(2 * i) / F::from_count(head));
        *pair = rotation(position, frequency);
    }
}

/// The cosine and sine of the angle `position * frequency`.
pub(crate) fn rotation<F: Float>(position: usize, frequency: F) -> [F; 2] {
    let [sin, cos] = F::sin_cos(F::from_count(position) * frequency);
    [cos, sin]
}

/// Turns every head of `vector` `[heads, head]` by `rotations` `[head]`.
#[inline(always)]
pub fn rotate<F: Float>(vector: &mut [F], rotations: &[F]) {
    let (rotations, _) = rotations.as_chunks::<2>();
    for head in rows_mut(vector, 2 * rotations.len()) {
        let (pairs, _) = head.as_chunks_mut::<2>();
        for (pair, &[cos, sin]) in pairs.iter_mut().zip(rotations) {
            *pair = [pair[0] * cos - pair[1] * sin, pair[0] * sin + pair[1] * cos];
        }
    }
}

/// As [`rotate`], of the last channels of every head of `vector` `[heads, head]`; the others stay.
#[inline(always)]
pub fn rotate_last<F: Float>(vector: &mut [F], rotations: &[F], head: usize) {
    for head in rows_mut(vector, head) {
        let others = head.len().saturating_sub(rotations.len());
        rotate(split_mut(head, others).1, rotations);
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
            rotations(&mut angles, p, 10_000.0);
            rotate(&mut query, &angles);
            rotations(&mut angles, q, 10_000.0);
            rotate(&mut key, &angles);
            dot(&query, &key)
        };
        assert!((product(3, 5) - product(103, 105)).abs() < 1e-12);
        assert!((product(3, 5) - product(3, 6)).abs() > 1e-3);
    }

    #[test]
    fn the_last_channels_turn_and_the_others_stay() {
        let mut vector = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        rotate_last(&mut vector, &[0.0, 1.0], 3);
        assert_eq!(vector, [1.0, -3.0, 2.0, 4.0, -6.0, 5.0]);
    }
}
