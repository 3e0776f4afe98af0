//! The backward pass: tiles with keys side by side.

use core::ops::Range;

use pipsqueak::internal::math::{self, Float};

use super::{BLOCK, Heads, VECTOR, blocks};
use crate::network::matmul::{View, ViewMut, multiply, multiply_add};
use crate::network::transpose::transpose;
use crate::vector::vectorised;

/// What the backward pass reads, beside `qkv`.
#[derive(Debug, Clone, Copy)]
pub struct Saved<'a, F> {
    /// `[length, width]`.
    pub dout: &'a [F],
    /// `[length, width]`.
    pub out: &'a [F],
    /// `[heads, length, 2]` values, tile by tile.
    pub statistics: &'a [F],
}

/// The keys and values of one head, `[head, length]` each, and their gradients.
struct Transposed<'a, F> {
    length: usize,
    key: &'a mut [F],
    value: &'a mut [F],
    dkey: &'a mut [F],
    dvalue: &'a mut [F],
}

/// Some queries of one head, and the keys up to the last of them.
struct Tile<'a, F> {
    heads: Heads,
    head: usize,
    queries: Range<usize>,
    /// Maximum and inverse sum of each query's scores.
    statistics: [&'a [F]; 2],
}

/// Puts the gradient in place of `qkv` `[length, width + 2 kv_width]`.
///
/// With `dp = dout vᵀ` and `ds = p (dp - dout · out)`: `dv = pᵀ dout`, `dq = ds k / sqrt(head)`,
/// `dk = dsᵀ q / sqrt(head)`, `dv` and `dk` summed over the heads of a group.
pub fn backward_attention<F: Float>(qkv: &mut [F], saved: Saved<'_, F>, heads: Heads, scratch: &mut [F]) {
    let (group, stride) = (heads.group(), heads.qkv_width());
    let length = qkv.len() / stride;
    let (turned, scores) = scratch.split_at_mut(4 * heads.head * length);
    let mut turned = Transposed::new(turned, length);
    let mut rest = saved.statistics;
    for kv_head in 0..heads.kv_heads {
        turned.read(qkv, heads, kv_head);
        for queries in blocks(length) {
            let (statistics, after) = rest.split_at(2 * group * queries.len());
            rest = after;
            let (maxima, inverse_sums) = statistics.split_at(group * queries.len());
            let statistics = maxima.chunks(queries.len()).zip(inverse_sums.chunks(queries.len()));
            for (head, (maxima, inverse_sums)) in (kv_head * group..).zip(statistics) {
                let statistics = [maxima, inverse_sums];
                let tile = Tile { heads, head, queries: queries.clone(), statistics };
                tile.backward(qkv, &mut turned, saved, scores);
            }
        }
        turned.write(qkv, heads, kv_head);
    }
}

impl<'a, F: Float> Transposed<'a, F> {
    fn new(buffer: &'a mut [F], length: usize) -> Transposed<'a, F> {
        let mut parts = buffer.chunks_exact_mut(buffer.len() / 4);
        let mut part = || parts.next().expect("four parts");
        Transposed { length, key: part(), value: part(), dkey: part(), dvalue: part() }
    }

    /// A key head's keys and values; their gradients become zero.
    fn read(&mut self, qkv: &[F], heads: Heads, kv_head: usize) {
        let [key, value] = heads.key_and_value(kv_head);
        for (turned, start) in [(&mut *self.key, key), (&mut *self.value, value)] {
            let turned = ViewMut::new(turned, heads.head, self.length, self.length);
            transpose(turned, View::new(&qkv[start..], self.length, heads.head, heads.qkv_width()));
        }
        self.dkey.fill(F::ZERO);
        self.dvalue.fill(F::ZERO);
    }

    /// Puts the gradients in place of the head's keys and values.
    fn write(&self, qkv: &mut [F], heads: Heads, kv_head: usize) {
        let [key, value] = heads.key_and_value(kv_head);
        for (turned, start) in [(&*self.dkey, key), (&*self.dvalue, value)] {
            let dx = ViewMut::new(&mut qkv[start..], self.length, heads.head, heads.qkv_width());
            transpose(dx, View::new(turned, heads.head, self.length, self.length));
        }
    }
}

impl<F: Float> Tile<'_, F> {
    /// Puts the queries' gradient in place of them, and adds to those of the keys and values.
    fn backward(&self, qkv: &mut [F], turned: &mut Transposed<'_, F>, saved: Saved<'_, F>, scores: &mut [F]) {
        let (heads, keys, queries) = (self.heads, self.queries.end, self.queries.len());
        let (head, stride) = (heads.head, heads.qkv_width());
        let [p, ds, rest] = self.scores(scores);
        let of_keys = |values| View::new(values, head, keys, turned.length);
        let q = View::new(&qkv[self.start(stride)..], queries, head, stride);
        let dout = View::new(&saved.dout[self.start(heads.width())..], queries, head, heads.width());
        multiply(ViewMut::new(p, queries, keys, keys), q, of_keys(turned.key), heads.scale());
        multiply(ViewMut::new(ds, queries, keys, keys), dout, of_keys(turned.value), F::ONE);
        backward_softmax(p, ds, self.statistics, &self.means(saved)[..queries], self.queries.start);

        let [p, ds] = [p, ds].map(|scores| View::new(scores, queries, keys, keys));
        let of_keys = |values| ViewMut::new(values, head, keys, turned.length);
        multiply_add(of_keys(turned.dvalue), dout.transposed(), p, F::ONE);
        multiply_add(of_keys(turned.dkey), q.transposed(), ds, heads.scale());

        let dq = &mut rest[..head * queries];
        if head < VECTOR {
            // The library makes a result narrower than a vector much faster the other way about.
            let key = View::new(turned.key, head, keys, turned.length);
            multiply(ViewMut::new(dq, head, queries, queries), key, ds.transposed(), heads.scale());
            let to = ViewMut::new(&mut qkv[self.start(stride)..], queries, head, stride);
            transpose(to, View::new(dq, head, queries, queries));
        } else {
            let [key, _] = heads.key_and_value(self.head / heads.group());
            let key = View::new(&qkv[key..], keys, head, stride);
            multiply(ViewMut::new(dq, queries, head, head), ds, key, heads.scale());
            let to = qkv[self.start(stride)..].chunks_mut(stride);
            to.zip(dq.chunks_exact(head)).for_each(|(to, dq)| to[..head].copy_from_slice(dq));
        }
    }

    /// Two of `[queries, keys]`, and what is left.
    fn scores<'b>(&self, scratch: &'b mut [F]) -> [&'b mut [F]; 3] {
        let length = self.queries.len() * self.queries.end;
        let (scores, rest) = scratch.split_at_mut(2 * length);
        let (first, second) = scores.split_at_mut(length);
        [first, second, rest]
    }

    /// Where the first query lies in rows of `stride`.
    fn start(&self, stride: usize) -> usize {
        self.queries.start * stride + self.head * self.heads.head
    }

    /// `dout · out` of each query.
    fn means(&self, saved: Saved<'_, F>) -> [F; BLOCK] {
        let (width, head) = (self.heads.width(), self.heads.head);
        let [dout, out] = [saved.dout, saved.out].map(|x| x[self.start(width)..].chunks(width));
        let mut means = [F::ZERO; BLOCK];
        for ((mean, dout), out) in means[..self.queries.len()].iter_mut().zip(dout).zip(out) {
            *mean = math::dot(&dout[..head], &out[..head]);
        }
        means
    }
}

vectorised! {
    /// From scores in `p` and `dp` in `ds`, `[queries, keys]` both: `p = e^(p - maximum) / sum`, `ds = p (ds - mean)`, and
    /// both 0 for keys after their query; `before` is how many keys come before the first query.
    fn backward_softmax<F>(p: &mut [F], ds: &mut [F], statistics: [&[F]; 2], means: &[F], before: usize) {
        let keys = p.len() / means.len();
        let rows = p.chunks_exact_mut(keys).zip(ds.chunks_exact_mut(keys)).zip(means).zip(before + 1..);
        for ((((p, ds), &mean), seen), (&maximum, &inverse_sum)) in rows.zip(statistics[0].iter().zip(statistics[1])) {
            let whole = seen.next_multiple_of(VECTOR).min(keys);
            for (p, ds) in p[..whole].iter_mut().zip(&mut ds[..whole]) {
                *p = math::exp(*p - maximum) * inverse_sum;
                *ds = *p * (*ds - mean);
            }
            p[seen..].fill(F::ZERO);
            ds[seen..].fill(F::ZERO);
        }
    }
}
