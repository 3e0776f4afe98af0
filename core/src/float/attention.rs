//! Attention in f32. **The only operation that looks at another position.**
//!
//! For each head, with query `q` and the keys `k[t]` and values `v[t]` of positions `t = 0..=now`:
//! `p = softmax(q · k[t] / sqrt(head))`, `out = Σ p[t] v[t]` (Vaswani et al. 2017). Consecutive groups of
//! `heads / kv_heads` query heads share a key and value head (Ainslie et al. 2023).

use super::softmax::softmax;
use crate::observer::{Observer, Values, Vector, View};
use crate::slices::{from, part, rows, rows_mut};
use crate::{kernels, known, math};

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

/// One position's attention: `query` is `[heads, head]`, `out` `[heads, value]`, with as many channels a head as values have;
/// `group` query heads share a key and value head; `scores` has a place for each position.
///
/// With latent attention, `values` are the keys, of which the first channels are what all heads share (DeepSeek-AI 2024).
pub(crate) fn attention<O: Observer>(
    out: &mut [f32],
    query: &[f32],
    past: Past<'_>,
    head: usize,
    group: usize,
    scores: &mut [f32],
    view: &mut View<'_, O>,
) {
    let value = value_size(out, query, head);
    if O::WATCHES {
        let kv_heads = query.len() / (head * group).max(1);
        show_now(past, [head, value], kv_heads, scores.len().saturating_sub(1), view);
    }
    let heads = rows_mut(out, value).zip(rows(query, head));
    for (h, (out, query)) in heads.enumerate() {
        // Where values are shorter than keys, there is one key head.
        let offset = h / group.max(1) * head;
        let (keys, values) = (from(past.keys, offset), from(past.values, offset));
        view.show(Vector::Query { head: h }, || Values::floats(query));
        one_head(out, query, Past { keys, values, ..past }, scores, |scores| {
            view.show(Vector::Scores { head: h }, || Values::floats(scores));
        });
        view.show(Vector::Weights { head: h }, || Values::floats(scores));
    }
}

/// Shows the keys and values at `position`, of the sizes `head` and `value`.
fn show_now(
    past: Past<'_>,
    [head, value]: [usize; 2],
    kv_heads: usize,
    position: usize,
    view: &mut View<'_, impl Observer>,
) {
    for kv_head in 0..kv_heads {
        let start = position * past.kv_width + kv_head * head;
        let (key, value) = (part(past.keys, start, head), part(past.values, start, value));
        view.show(Vector::Key { head: kv_head }, || Values::floats(key));
        view.show(Vector::Value { head: kv_head }, || Values::floats(value));
    }
}

/// Channels of a head's value, where `out` has as many heads as `query` has, of size `head`.
pub(crate) fn value_size<T>(out: &[T], query: &[T], head: usize) -> usize {
    if known::may_have_latent() { (out.len() * head).checked_div(query.len()).unwrap_or(head) } else { head }
}

/// `seen` is called with the scores before their softmax, which takes their place.
fn one_head(out: &mut [f32], query: &[f32], past: Past<'_>, scores: &mut [f32], seen: impl FnOnce(&[f32])) {
    let inverse_root = 1.0 / math::sqrt(query.len() as f32);
    kernels::scores_f32(scores, query, past.keys, past.kv_width, inverse_root);
    seen(scores);
    softmax(scores);
    kernels::accumulate_f32(out, scores, past.values, past.kv_width);
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

    #[test]
    fn values_may_be_the_first_channels_of_the_keys() {
        let rows = [9.0, 50.0, 0.0, 7.0, 0.0, 50.0];
        let past = Past { keys: &rows, values: &rows, kv_width: 3 };
        let (mut out, mut scores) = ([0.0; 2], [0.0; 2]);
        let view = &mut View { observer: &mut Unobserved, position: 1, layer: 0 };
        attention(&mut out, &[0.0, 0.0, 9.0, 0.0, 9.0, 0.0], past, 3, 2, &mut scores, view);
        assert_eq!(out, [7.0, 9.0]);
    }
}
