//! The backward pass: tiles with keys side by side.
//!
//! Forward, for one query with scores `s` against its keys: `s = q kᵀ / sqrt(head)`, `p = softmax(s)`, `o = p v`. Read
//! upwards, with `do` the gradient of `o`:
//! 1. from `o = p v`: `dv += pᵀ do` and `dp = do vᵀ`;
//! 2. from the softmax, whose slopes are `∂p[j] / ∂s[i] = p[j] ([i = j] - p[i])`: `ds = p (dp - Σ p dp)`;
//! 3. the sum over keys is one over channels: `Σ p dp = Σ p[j] (do · v[j]) = do · Σ p[j] v[j] = do · o`, so a query needs no
//!    look at all its keys before the first of its tile's products;
//! 4. from `s = q kᵀ / sqrt(head)`: `dq = ds k / sqrt(head)` and `dk += dsᵀ q / sqrt(head)`.

use core::ops::Range;

use pipsqueak::internal::math::{self, Float};

use super::{BLOCK, Heads, VECTOR, blocks};
use crate::network::matmul::{View, ViewMut, multiply, multiply_add};
use crate::network::transpose::transpose;
use crate::vector::vectorised;

/// The inputs of the backward pass, beside `qkv`.
#[derive(Debug, Clone, Copy)]
pub struct Saved<'a, F> {
    /// `[length, width]`.
    pub dout: &'a [F],
    /// `[length, width]`.
    pub out: &'a [F],
    /// `[heads, length, 2]` values, tile by tile.
    pub statistics: &'a [F],
}

/// The keys `[head, length]` and values `[value, length]` of one head, and their gradients.
struct Transposed<'a, F> {
    length: usize,
    key: &'a mut [F],
    value: &'a mut [F],
    dkey: &'a mut [F],
    dvalue: &'a mut [F],
}

/// Each query's maximum score, and the inverse of the sum of its exponentials.
#[derive(Clone, Copy)]
struct Statistics<'a, F> {
    maxima: &'a [F],
    inverse_sums: &'a [F],
}

/// Some queries of one head, and the keys up to the last of them.
struct Tile<'a, F> {
    heads: Heads,
    head: usize,
    queries: Range<usize>,
    statistics: Statistics<'a, F>,
}

/// A tile's part of the scratch.
struct Scratch<'a, F> {
    /// `[queries, keys]`: scores, then probabilities.
    p: &'a mut [F],
    /// `[queries, keys]`: gradient of the probabilities, then of the scores.
    ds: &'a mut [F],
    /// `[queries, head]`, or `[head, queries]`.
    dq: &'a mut [F],
}

/// Puts the gradient in place of `qkv` `[length, qkv_width]`; keys and values get the sum of their group's, and keys that values are
/// a part of the sum of both.
pub fn backward_attention<F: Float>(qkv: &mut [F], saved: Saved<'_, F>, heads: Heads, scratch: &mut [F]) {
    let (group, stride) = (heads.group(), heads.qkv_width());
    let length = qkv.len() / stride;
    let (transposed, scratch) = scratch.split_at_mut(2 * (heads.head + heads.value) * length);
    let mut transposed = Transposed::new(transposed, heads, length);
    let mut rest = saved.statistics;
    for kv_head in 0..heads.kv_heads {
        transposed.read(qkv, heads, kv_head);
        for queries in blocks(length) {
            let (statistics, after) = rest.split_at(2 * group * queries.len());
            rest = after;
            let (maxima, inverse_sums) = statistics.split_at(group * queries.len());
            let statistics = maxima.chunks(queries.len()).zip(inverse_sums.chunks(queries.len()));
            for (head, (maxima, inverse_sums)) in (kv_head * group..).zip(statistics) {
                let statistics = Statistics { maxima, inverse_sums };
                let tile = Tile { heads, head, queries: queries.clone(), statistics };
                tile.backward(qkv, &mut transposed, saved, scratch);
            }
        }
        transposed.write(qkv, heads, kv_head);
    }
}

impl<'a, F: Float> Transposed<'a, F> {
    fn new(buffer: &'a mut [F], heads: Heads, length: usize) -> Transposed<'a, F> {
        let (keys, values) = buffer.split_at_mut(2 * heads.head * length);
        let (key, dkey) = keys.split_at_mut(heads.head * length);
        let (value, dvalue) = values.split_at_mut(heads.value * length);
        Transposed { length, key, value, dkey, dvalue }
    }

    /// Takes a key head's keys and values; zeroes their gradients.
    fn read(&mut self, qkv: &[F], heads: Heads, kv_head: usize) {
        let read = |to: &mut [F], start: usize, channels: usize| {
            let to = ViewMut::new(to, channels, self.length, self.length);
            transpose(to, View::new(&qkv[start..], self.length, channels, heads.qkv_width()));
        };
        read(self.key, heads.key_start(kv_head), heads.head);
        read(self.value, heads.value_start(kv_head), heads.value);
        self.dkey.fill(F::ZERO);
        self.dvalue.fill(F::ZERO);
    }

    /// Puts the gradients in place of the head's keys and values.
    fn write(&mut self, qkv: &mut [F], heads: Heads, kv_head: usize) {
        let mut write = |from: &[F], start: usize, channels: usize| {
            let to = ViewMut::new(&mut qkv[start..], self.length, channels, heads.qkv_width());
            transpose(to, View::new(from, channels, self.length, self.length));
        };
        if heads.in_keys {
            math::add(self.dkey, self.dvalue);
        } else {
            write(self.dvalue, heads.value_start(kv_head), heads.value);
        }
        write(self.dkey, heads.key_start(kv_head), heads.head);
    }
}

impl<F: Float> Tile<'_, F> {
    /// Puts the queries' gradient in place of them, and adds to those of the keys and values.
    fn backward(
        &self,
        qkv: &mut [F],
        transposed: &mut Transposed<'_, F>,
        saved: Saved<'_, F>,
        scratch: &mut [F],
    ) {
        let (heads, keys, queries) = (self.heads, self.queries.end, self.queries.len());
        let (head, value, stride) = (heads.head, heads.value, heads.qkv_width());
        let Scratch { p, ds, dq } = self.scratch(scratch);
        let of_keys = |values, channels| View::new(values, channels, keys, transposed.length);
        let q = View::new(&qkv[self.query_start()..], queries, head, stride);
        let dout = View::new(&saved.dout[self.out_start()..], queries, value, heads.width());
        multiply(ViewMut::new(p, queries, keys, keys), q, of_keys(transposed.key, head), heads.scale());
        multiply(ViewMut::new(ds, queries, keys, keys), dout, of_keys(transposed.value, value), F::ONE);
        let Statistics { maxima, inverse_sums } = self.statistics;
        backward_softmax(p, ds, maxima, inverse_sums, &self.means(saved)[..queries], self.queries.start);

        let [p, ds] = [p, ds].map(|scores| View::new(scores, queries, keys, keys));
        let of_keys = |values, channels| ViewMut::new(values, channels, keys, transposed.length);
        multiply_add(of_keys(transposed.dvalue, value), dout.transposed(), p, F::ONE);
        multiply_add(of_keys(transposed.dkey, head), q.transposed(), ds, heads.scale());

        if head < VECTOR {
            // The library makes a result narrower than a vector much faster the other way about.
            let key = View::new(transposed.key, head, keys, transposed.length);
            multiply(ViewMut::new(dq, head, queries, queries), key, ds.transposed(), heads.scale());
            let to = ViewMut::new(&mut qkv[self.query_start()..], queries, head, stride);
            transpose(to, View::new(dq, head, queries, queries));
        } else {
            let key = heads.key_start(self.head / heads.group());
            let key = View::new(&qkv[key..], keys, head, stride);
            multiply(ViewMut::new(dq, queries, head, head), ds, key, heads.scale());
            let to = qkv[self.query_start()..].chunks_mut(stride);
            to.zip(dq.chunks_exact(head)).for_each(|(to, dq)| to[..head].copy_from_slice(dq));
        }
    }

    fn scratch<'b>(&self, scratch: &'b mut [F]) -> Scratch<'b, F> {
        let length = self.queries.len() * self.queries.end;
        let (p, rest) = scratch.split_at_mut(length);
        let (ds, rest) = rest.split_at_mut(length);
        Scratch { p, ds, dq: &mut rest[..self.heads.head * self.queries.len()] }
    }

    /// Where the first query lies in `qkv`.
    fn query_start(&self) -> usize {
        self.queries.start * self.heads.qkv_width() + self.head * self.heads.head
    }

    /// Where the first query's result lies in `out`.
    fn out_start(&self) -> usize {
        self.queries.start * self.heads.width() + self.head * self.heads.value
    }

    /// `do · o` of each query, which is the mean of `dp` weighted by `p`.
    fn means(&self, saved: Saved<'_, F>) -> [F; BLOCK] {
        let (width, value) = (self.heads.width(), self.heads.value);
        let [dout, out] = [saved.dout, saved.out].map(|x| x[self.out_start()..].chunks(width));
        let mut means = [F::ZERO; BLOCK];
        for ((mean, dout), out) in means[..self.queries.len()].iter_mut().zip(dout).zip(out) {
            *mean = math::dot(&dout[..value], &out[..value]);
        }
        means
    }
}

vectorised! {
    /// From scores in `p` and `dp` in `ds`, `[queries, keys]` both: `p = e^(p - maximum) / sum`, `ds = p (ds - mean)`, and
    /// both 0 for keys after their query; `before` is how many keys come before the first query.
    fn backward_softmax<F>(
        p: &mut [F],
        ds: &mut [F],
        maxima: &[F],
        inverse_sums: &[F],
        means: &[F],
        before: usize
    ) {
        let keys = p.len() / means.len();
        let rows = p.chunks_exact_mut(keys).zip(ds.chunks_exact_mut(keys)).zip(means).zip(before + 1..);
        for ((((p, ds), &mean), seen), (&maximum, &inverse_sum)) in rows.zip(maxima.iter().zip(inverse_sums)) {
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
