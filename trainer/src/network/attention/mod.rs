//! Causal attention over one sequence. **The only operation that looks at another position.**
//!
//! For each head, with `q`, `k`, `v` `[length, head]` out of `qkv`: `p = softmax(q kᵀ / sqrt(head))` over the positions
//! up to one's own, `out = p v`. Consecutive groups of `heads / kv_heads` query heads share a key and value head. With latent
//! attention, the values of the one head are the first channels of its keys.
//!
//! The work is cut into tiles: [`BLOCK`] queries with the keys up to the last of them, so that little of the upper triangle
//! is computed. Probabilities are not kept: the backward pass recomputes them from each query's maximum and sum (Dao et al.
//! 2022), so memory grows with the length, not with its square. The core's own attention takes one query at a time, which is
//! too slow here; `tests/decoder.rs` holds the two to the same logits.
//!
//! A sum within one vector register is slow, so tiles are laid out to need few. Forward, the queries of all heads of a group
//! lie side by side, `[keys, columns]`: maxima, sums and `p v` run over many queries at once. Backward, keys lie side by
//! side, `[queries, keys]`, and a head's keys and values are transposed once for all its tiles: only `ds k` sums within
//! registers.

use core::ops::Range;

mod backward;
mod forward;

use pipsqueak::Config;
use pipsqueak::internal::math::{self, Float};

pub use backward::{Saved, backward_attention};
pub use forward::attention;

/// Queries of one head in a tile.
pub const BLOCK: usize = 32;
/// Columns that the softmax's loops take at a time: as many f32 as the widest vector register holds.
const VECTOR: usize = 16;

/// Where the heads lie in a row of `qkv` `[length, qkv_width]`: queries, then keys, then values, where these are not a part of the
/// keys.
#[derive(Debug, Clone, Copy)]
pub struct Heads {
    heads: usize,
    kv_heads: usize,
    /// Channels of a query and of a key.
    head: usize,
    /// Channels of a value, and of a head's result.
    value: usize,
    /// Whether a value is the first channels of its key.
    in_keys: bool,
}

impl Heads {
    /// The heads of a model.
    pub fn new(config: &Config) -> Heads {
        Heads {
            heads: config.heads,
            kv_heads: config.kv_heads,
            head: config.head_size(),
            value: config.value_size(),
            in_keys: config.latent > 0,
        }
    }

    fn group(&self) -> usize {
        self.heads / self.kv_heads
    }

    /// Of all heads' queries.
    fn query_width(&self) -> usize {
        self.heads * self.head
    }

    /// Of all heads' results.
    fn width(&self) -> usize {
        self.heads * self.value
    }

    fn qkv_width(&self) -> usize {
        self.query_width() + self.kv_heads * (self.head + if self.in_keys { 0 } else { self.value })
    }

    /// `1 / sqrt(head)`, which scores are multiplied by.
    fn scale<F: Float>(&self) -> F {
        F::ONE / math::sqrt(F::of(self.head as f64))
    }

    /// First channel of a key head's keys.
    fn key_start(&self, kv_head: usize) -> usize {
        self.query_width() + kv_head * self.head
    }

    /// First channel of its values.
    fn value_start(&self, kv_head: usize) -> usize {
        let first = if self.in_keys { 0 } else { self.kv_heads };
        self.key_start(first) + kv_head * self.value
    }
}

/// The queries of each tile, in order.
fn blocks(length: usize) -> impl Iterator<Item = Range<usize>> {
    (0..length).step_by(BLOCK).map(move |start| start..(start + BLOCK).min(length))
}

/// Values of scratch that both passes get along with, for sequences of this `length`.
pub fn scratch_len(config: &Config, length: usize) -> usize {
    scratch_of(Heads::new(config), length)
}

fn scratch_of(heads: Heads, length: usize) -> usize {
    let Heads { head, value, .. } = heads;
    let forward = (length + head + value) * heads.group() * BLOCK;
    let backward = 2 * (head + value) * length + 2 * BLOCK * length + head * BLOCK;
    forward.max(backward)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::differences::{check, values, weighted};

    /// Narrower than a vector, and as wide as one.
    const NARROW: Heads = Heads { heads: 4, kv_heads: 2, head: 6, value: 6, in_keys: false };
    const WIDE: Heads = Heads { heads: 2, kv_heads: 1, head: VECTOR, value: VECTOR, in_keys: false };
    /// Values that are the first channels of the keys.
    const LATENT: Heads = Heads { heads: 3, kv_heads: 1, head: 7, value: 5, in_keys: true };
    const WIDE_LATENT: Heads = Heads { heads: 2, head: VECTOR + 2, ..LATENT };
    const LENGTH: usize = 37; // more than one tile

    fn scratch(heads: Heads) -> Vec<f64> {
        vec![f64::NAN; scratch_of(heads, LENGTH)]
    }

    fn forward(qkv: &[f64], heads: Heads) -> (Vec<f64>, Vec<f64>) {
        let mut out = vec![0.0; LENGTH * heads.width()];
        let mut statistics = vec![0.0; LENGTH * heads.heads * 2];
        attention(&mut out, &mut statistics, qkv, heads, &mut scratch(heads));
        (out, statistics)
    }

    #[test]
    fn gradients_are_those_of_differences() {
        for heads in [NARROW, WIDE, LATENT, WIDE_LATENT] {
            let qkv = values(LENGTH * heads.qkv_width(), 1);
            let dout = values(LENGTH * heads.width(), 2);
            let (out, statistics) = forward(&qkv, heads);
            let mut dqkv = qkv.clone();
            let saved = Saved { dout: &dout, out: &out, statistics: &statistics };
            backward_attention(&mut dqkv, saved, heads, &mut scratch(heads));
            check("attention", &dqkv, &qkv, |qkv| weighted(&forward(qkv, heads).0, &dout));
        }
    }

    #[test]
    fn nothing_of_the_future_is_seen() {
        let mut qkv = values(LENGTH * NARROW.qkv_width(), 1);
        let before = forward(&qkv, NARROW).0;
        qkv[(LENGTH - 1) * NARROW.qkv_width()..].fill(9.0);
        let after = forward(&qkv, NARROW).0;
        let seen = (LENGTH - 1) * NARROW.width();
        assert_eq!(before[..seen], after[..seen]);
        assert_ne!(before[seen..], after[seen..]);
    }
}
