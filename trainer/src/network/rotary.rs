//! Rotary positions over the query and key rows of `[length, qkv_width]`. A rotation's transpose is the rotation
//! by the opposite angle, so the backward pass rotates the gradient back.

use pipsqueak::Config;
use pipsqueak::internal::float::rotary::{rotate_last, rotations};
use pipsqueak::internal::math::Float;

use crate::vector::vectorised;

/// The rotations of every position; without effect where positions are not rotary.
#[derive(Debug, Clone)]
pub struct Rotations<F> {
    /// `[context, rotary_size]`: cosine and sine for each pair of channels; empty where positions are not rotary.
    forward: Vec<F>,
    /// The same with every sine's sign changed.
    backward: Vec<F>,
}

impl<F: Float> Rotations<F> {
    /// The rotations of a model.
    pub fn new(config: &Config) -> Rotations<F> {
        let (rotated, base) = (config.rotary_size(), F::of(f64::from(config.rotary_base)));
        let mut forward = vec![F::ZERO; config.context * rotated];
        for (position, row) in forward.chunks_exact_mut(rotated.max(1)).enumerate() {
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
        let queries_and_keys = config.query_width() + config.kv_width();
        let rotations = rotations.chunks_exact(config.rotary_size().max(1));
        for (row, rotations) in qkv.chunks_exact_mut(config.qkv_width()).zip(rotations) {
            rotate_last(&mut row[..queries_and_keys], rotations, config.head_size());
        }
    }
}
