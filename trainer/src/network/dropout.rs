//! Dropout: each activation is set to zero with a certain probability while the model learns, so that no unit comes to rely on
//! a single other one (Srivastava et al. 2014).
//!
//! With probability `p` of being dropped: `out = 0`, else `out = x / (1 - p)`, so that the mean stays `x` and nothing has to be
//! scaled when the model is used. The gradient goes through the same mask: `dx = dout / (1 - p)`, or 0.
//!
//! Masks are not stored. The backward pass draws the same random numbers again, from the same seed.

use pipsqueak::internal::math::Float;

use crate::random::SplitMix64;
use crate::vector::vectorised;

/// Values that one draw of 64 bits decides about, with 16 bits each.
const VALUES_A_DRAW: usize = 4;

/// The activations that a pass drops.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dropout {
    /// Probability that a value is dropped, in units of 2^-16.
    dropped: u16,
    seed: u64,
}

/// Where in a model activations are dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The embeddings, before the first layer.
    Embedding,
    /// The input of attention's output matrix, in the layer at this depth.
    Attended(usize),
    /// The input of the MLP's last matrix, in the layer at this depth.
    Active(usize),
}

impl Place {
    const fn number(self) -> u64 {
        match self {
            Place::Embedding => 0,
            Place::Attended(layer) => 2 * layer as u64 + 1,
            Place::Active(layer) => 2 * layer as u64 + 2,
        }
    }
}

impl Dropout {
    /// Drops nothing.
    pub const NONE: Dropout = Dropout { dropped: 0, seed: 0 };

    /// Drops each value with this `probability`, below 1. Other `seeds` drop others.
    pub fn new(probability: f64, seeds: [u64; 4]) -> Dropout {
        let seed = seeds.iter().fold(0, |seed, &next| SplitMix64::new(seed ^ next).bits());
        Dropout { dropped: (probability * 65_536.0).round() as u16, seed }
    }

    /// Whether it drops nothing.
    pub fn is_none(self) -> bool {
        self.dropped == 0
    }

    /// Drops some of `x`, and scales the others up; the same ones each time for a `place`.
    pub fn drop<F: Float>(self, x: &mut [F], place: Place) {
        if !self.is_none() {
            let random = SplitMix64::new(self.seed ^ SplitMix64::new(place.number()).bits());
            drop_some(x, random, self.dropped);
        }
    }
}

vectorised! {
    fn drop_some<F>(x: &mut [F], random: SplitMix64, dropped: u16) {
        let mut random = random;
        let scale = F::of(65_536.0 / (65_536.0 - f64::from(dropped)));
        for values in x.chunks_mut(VALUES_A_DRAW) {
            let bits = random.bits();
            for (i, value) in values.iter_mut().enumerate() {
                let keeps = (bits >> (16 * i)) as u16 >= dropped;
                *value = if keeps { *value * scale } else { F::ZERO };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dropped(probability: f64, seeds: [u64; 4], place: Place) -> Vec<f64> {
        let mut x = vec![1.0; 40_001];
        Dropout::new(probability, seeds).drop(&mut x, place);
        x
    }

    #[test]
    fn as_many_are_dropped_as_asked_for_and_the_mean_stays() {
        for probability in [0.05, 0.2, 0.9] {
            let x = dropped(probability, [1, 2, 3, 4], Place::Active(0));
            let zeros = x.iter().filter(|&&x| x == 0.0).count() as f64 / x.len() as f64;
            let mean = x.iter().sum::<f64>() / x.len() as f64;
            assert!((zeros - probability).abs() < 0.01, "{zeros}");
            assert!((mean - 1.0).abs() < 0.05, "{mean}");
        }
        assert!(dropped(0.0, [1, 2, 3, 4], Place::Active(0)).iter().all(|&x| x == 1.0));
    }

    #[test]
    fn a_place_drops_the_same_values_again_and_another_place_others() {
        let of = |seeds, place| dropped(0.3, seeds, place);
        let first = of([1, 2, 3, 4], Place::Attended(1));
        assert_eq!(first, of([1, 2, 3, 4], Place::Attended(1)));
        let others = [
            of([1, 2, 3, 4], Place::Active(1)),
            of([1, 2, 3, 4], Place::Attended(0)),
            of([1, 2, 3, 4], Place::Embedding),
            of([2, 1, 3, 4], Place::Attended(1)),
            of([1, 2, 3, 5], Place::Attended(1)),
        ];
        // Independent masks agree on 0.7² + 0.3² = 0.58 of the values.
        for other in others {
            let same = first.iter().zip(&other).filter(|(a, b)| a == b).count() as f64 / 40_001.0;
            assert!((same - 0.58).abs() < 0.02, "{same}");
        }
    }
}
