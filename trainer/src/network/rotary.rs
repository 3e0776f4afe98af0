//! Rotary positions over the query and key rows of `[length, width + 2 kv_width]`; the backward pass rotations back.

use pipsqueak::Config;
use pipsqueak::internal::float::rotary::{rotate, rotations};
use pipsqueak::internal::math::Float;

use crate::vector::vectorised;

/// The rotations of every position, `[context, head]`: cosine and sine of each pair of channels.
pub fn turns_table<F: Float>(config: &Config) -> Vec<F> {
    let head = config.head_size();
    let mut table = vec![F::ZERO; config.context * head];
    for (position, row) in table.chunks_exact_mut(head).enumerate() {
        rotations(row, position, F::of(f64::from(config.rotary_base)));
    }
    table
}

/// The rotations the other way: every sine's sign changed.
pub fn turned_back<F: Float>(table: &[F]) -> Vec<F> {
    table.iter().enumerate().map(|(i, &turn)| if i % 2 == 1 { -turn } else { turn }).collect()
}

vectorised! {
    /// Turns the queries and keys of one sequence, `[length, qkv_width]`.
    pub fn rotate_all<F>(qkv: &mut [F], table: &[F], config: &Config) {
        let turned = config.width + config.kv_width();
        for (row, rotations) in qkv.chunks_exact_mut(config.qkv_width()).zip(table.chunks_exact(config.head_size())) {
            rotate(&mut row[..turned], rotations);
        }
    }
}
