//! Rotary positions over the query and key rows of `[length, width + 2 kv_width]`. A rotation's transpose is the rotation
//! by the opposite angle, so the backward pass rotates the gradient back.

use pipsqueak::internal::float::rotary::{rotate, rotations};
use pipsqueak::internal::math::Float;
use pipsqueak::{Config, Position};

use crate::vector::vectorised;

/// The rotations of every position; without effect where positions are not rotary.
#[derive(Debug, Clone)]
pub struct Rotations<F> {
    /// `[context, head]`: cosine and sine for each pair of channels; empty where positions are not rotary.
    forward: Vec<F>,
    /// The same with every sine's sign changed.
    backward: Vec<F>,
}

impl<F: Float> Rotations<F> {
    /// The rotations of a model.
    pub fn new(config: &Config) -> Rotations<F> {
        let (head, base) = (config.head_size(), F::of(f64::from(config.rotary_base)));
        let positions = if config.position == Position::Rotary { config.context } else { 0 };
        let mut forward = vec![F::ZERO; positions * head];
        for (position, row) in forward.chunks_exact_mut(head).enumerate() {
            rotations(row, position, base);
        }
        let mut backward = forward.clone();
        backward.iter_mut().skip(1).step_by(2).for_each(|sine| *sine = -*sine);
        Rotations { forward, backward }
    }

    /// Rotates the queries and keys of one sequence, `[length, qkv_width]`.
    pub fn rotate(&self, qkv: &mut [F], config: &Config) {
        rotate_rows(qkv, &self.forward, config);
    }

    /// Rotates their gradient back, to that of the unrotated ones.
    pub fn rotate_back(&self, dqkv: &mut [F], config: &Config) {
        rotate_rows(dqkv, &self.backward, config);
    }
}

vectorised! {
    fn rotate_rows<F>(qkv: &mut [F], rotations: &[F], config: &Config) {
        let (head, rotated) = (config.head_size(), config.width + config.kv_width());
        for (row, rotations) in qkv.chunks_exact_mut(config.qkv_width()).zip(rotations.chunks_exact(head)) {
            rotate(&mut row[..rotated], rotations);
        }
    }
}
