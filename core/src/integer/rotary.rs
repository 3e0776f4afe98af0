//! [Rotary positions](crate::float::rotary) in integers: `(x, y)` becomes `(x cos a - y sin a, x sin a + y cos a)`, with
//! `a = position * base^(-2i / head)`.
//!
//! Cosines and sines are integers in units of `2^-14`, rounded to the nearest, so that 1 is one of them. A value has at most 15
//! bits and a sign; as `|cos| + |sin| <= sqrt(2)`, a result is below `2^15 * sqrt(2) * 2^14 < 2^30`. It counts `2^-14` of what
//! the values counted.

use crate::float::rotary::rotation;
use crate::known;
use crate::math::ROUNDER;
use crate::slices::{rows_mut, split_mut};

/// Fractional bits of [`rotations`].
pub const ROTATION_BITS: u32 = 14;

/// As [`float::rotary::rotations`](crate::float::rotary::rotations), rounded to integers that count `2^-14`.
pub fn rotations(out: &mut [i32], position: usize, base: f32) {
    let head = out.len();
    let (pairs, _) = out.as_chunks_mut::<2>();
    for (i, pair) in pairs.iter_mut().enumerate() {
        let frequency = known::frequency(i, head, base);
        *pair = rotation(position, frequency)
            .map(|x| (x * (1 << ROTATION_BITS) as f32 + ROUNDER).to_bits() as i32)
            .map(|bits| bits - ROUNDER.to_bits() as i32);
    }
}

/// Turns every head of `vector` `[heads, head]`, below 2^15 in size, by `rotations` `[head]`; the result counts
/// `2^-14` of what the vector's numbers count, and stays below 2^30.
pub fn rotate(vector: &mut [i32], rotations: &[i32]) {
    let (rotations, _) = rotations.as_chunks::<2>();
    for head in rows_mut(vector, 2 * rotations.len()) {
        let (pairs, _) = head.as_chunks_mut::<2>();
        for (pair, &[cos, sin]) in pairs.iter_mut().zip(rotations) {
            *pair = [pair[0] * cos - pair[1] * sin, pair[0] * sin + pair[1] * cos];
        }
    }
}

/// As [`rotate`], of the last channels of every head of `vector` `[heads, head]`; the others only are in its units then.
pub fn rotate_last(vector: &mut [i32], rotations: &[i32], head: usize) {
    for head in rows_mut(vector, head) {
        let others = head.len().saturating_sub(rotations.len());
        let (others, last) = split_mut(head, others);
        others.iter_mut().for_each(|value| *value <<= ROTATION_BITS);
        rotate(last, rotations);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::float::rotary as float;

    #[test]
    fn integers_turn_alike() {
        let (mut angles, mut integers) = ([0.0f64; 8], [0; 8]);
        for position in [0, 1, 7, 255] {
            float::rotations(&mut angles, position, 10_000.0);
            rotations(&mut integers, position, 10_000.0);
            for (exact, integer) in angles.iter().zip(integers) {
                assert!((exact * 16_384.0 - f64::from(integer)).abs() < 1.0, "{position}: {exact} {integer}");
            }
        }
        let mut vector = [32_767, -32_767, 0, 100, 32_767, 32_767, -5, 7];
        rotate(&mut vector, &[16_384, 0, 0, 16_384]);
        assert_eq!(vector[..4], [32_767 << 14, -32_767 << 14, -100 << 14, 0]);
    }

    #[test]
    fn the_last_channels_turn_and_the_others_are_in_their_units() {
        let mut vector = [1, 2, 3, -4, 5, 6];
        rotate_last(&mut vector, &[0, 1 << ROTATION_BITS], 3);
        assert_eq!(vector, [1, -3, 2, -4, -6, 5].map(|value| value << ROTATION_BITS));
    }
}
