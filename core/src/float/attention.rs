//! Attention in f32. **The only operation that looks at another position.**
//!
//! For each head, with query `q` and the keys `k[t]` and values `v[t]` of positions `t = 0..=now`:
//! `p = softmax(q · k[t] / sqrt(head))`, `out = Σ p[t] v[t]` (Vaswani et al. 2017). Consecutive groups of
//! `heads / kv_heads` query heads share a key and value head (Ainslie et al. 2023).

use super::softmax::softmax;
use crate::observer::{Observer, Values, Vector, View};
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
pub(crate) fn attention<O: Observer>(
    out: &mut [f32],
    query: &[f32],
    past: Past<'_>,
    head: usize,
    group: usize,
    scores: &mut [f32],
    view: &mut View<'_, O>,
) {
    if O::WATCHES {
        let now = (scores.len() - 1) * past.kv_width;
        let (keys, values) = (rows(from(past.keys, now), head), rows(from(past.values, now), head));
        for (head, (key, value)) in keys.zip(values).enumerate() {
            view.show(Vector::Key { head }, || Values::floats(key));
            view.show(Vector::Value { head }, || Values::floats(value));
        }
    }
    let heads = rows_mut(out, head).zip(rows(query, head));
    for (h, (out, query)) in heads.enumerate() {
        let offset = h / group.max(1) * head;
        view.show(Vector::Query { head: h }, || Values::floats(query));
        one_head(out, query, past, offset, scores, |scores| {
            view.show(Vector::Scores { head: h }, || Values::floats(scores));
        });
        view.show(Vector::Weights { head: h }, || Values::floats(scores));
    }
}

/// `seen` is called with the scores before their softmax, which takes their place.
fn one_head(
    out: &mut [f32],
    query: &[f32],
    past: Past<'_>,
    offset: usize,
    scores: &mut [f32],
    seen: impl FnOnce(&[f32]),
) {
    let inverse_root = 1.0 / math::sqrt(query.len() as f32);
    let (keys, values) = (from(past.keys, offset), from(past.values, offset));
    kernels::scores_f32(scores, query, keys, past.kv_width, inverse_root);
    seen(scores);
    softmax(scores);
    kernels::accumulate_f32(out, scores, values, past.kv_width);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observer::Unobserved;

    #[test]
    fn a_query_finds_its_key() {
        let past = Past { keys: &[50.0, 0.0, 0.0, 50.0], values: &[1.0, 2.0, 3.0, 4.0], kv_width: 2 };
        let (mut out, mut scores) = ([0.0; 4], [0.0; 2]);
        let view = &mut View { observer: &mut Unobserved, position: 1, layer: 0 };
        attention(&mut out, &[0.0, 9.0, 9.0, 0.0], past, 2, 2, &mut scores, view);
        assert_eq!(out, [3.0, 4.0, 1.0, 2.0]); // two heads share one key head
    }
}
