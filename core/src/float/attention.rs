//! Attention in f32. **The only operation that looks at another position.**
//!
//! For each head, with query `q` and the keys `k[t]` and values `v[t]` of positions `t = 0..=now`:
//! `p = softmax(q · k[t] / sqrt(head))`, `out = Σ p[t] v[t]` (Vaswani et al. 2017). Consecutive groups of
//! `heads / kv_heads` query heads share a key and value head (Ainslie et al. 2023).

use super::softmax::softmax;
use crate::slices::{from, rows, rows_mut};
use crate::{kernels, math};

/// Keys and values of one layer, each `[positions, kv_heads, head]`, up to and including the present position.
#[derive(Clone, Copy)]
pub struct Past<'a> {
    /// Keys.
    pub keys: &'a [f32],
    /// Values.
    pub values: &'a [f32],
    /// Length of one position: `kv_heads * head`.
    pub kv_width: usize,
}

/// One position's attention: `query` and `out` are `[heads, head]`; `group` query heads share a key and value head;
/// `scores` has a place for each position.
pub fn attention(
    out: &mut [f32],
    query: &[f32],
    past: Past<'_>,
    head: usize,
    group: usize,
    scores: &mut [f32],
) {
    let heads = rows_mut(out, head).zip(rows(query, head));
    for (h, (out, query)) in heads.enumerate() {
        let offset = h / group.max(1) * head;
        one_head(out, query, past, offset, scores);
    }
}

fn one_head(out: &mut [f32], query: &[f32], past: Past<'_>, offset: usize, scores: &mut [f32]) {
    let inverse_root = 1.0 / math::sqrt(query.len() as f32);
    let (keys, values) = (from(past.keys, offset), from(past.values, offset));
    kernels::scores_f32(scores, query, keys, past.kv_width, inverse_root);
    softmax(scores);
    kernels::accumulate_f32(out, scores, values, past.kv_width);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_finds_its_key() {
        let past = Past { keys: &[50.0, 0.0, 0.0, 50.0], values: &[1.0, 2.0, 3.0, 4.0], kv_width: 2 };
        let (mut out, mut scores) = ([0.0; 4], [0.0; 2]);
        attention(&mut out, &[0.0, 9.0, 9.0, 0.0], past, 2, 2, &mut scores);
        assert_eq!(out, [3.0, 4.0, 1.0, 2.0]); // two heads share one key head
    }
}
