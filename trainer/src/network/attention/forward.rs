//! The forward pass: tiles with queries side by side.

use core::ops::Range;

use pipsqueak::internal::math::{self, Float};

use super::{Heads, VECTOR, blocks};
use crate::network::matmul::{View, ViewMut, multiply};
use crate::network::transpose::transpose;
use crate::vector::vectorised;

/// Some queries of each head that shares a key head, and the keys up to the last of them.
#[derive(Debug, Clone)]
struct Tile {
    heads: Heads,
    kv_head: usize,
    queries: Range<usize>,
}

/// Writes `out` `[length, width]`, the heads' results, from `qkv` `[length, qkv_width]`, and each tile's maxima and inverse sums,
/// `[2, columns]`, to `statistics`.
pub fn attention<F: Float>(out: &mut [F], statistics: &mut [F], qkv: &[F], heads: Heads, scratch: &mut [F]) {
    let length = qkv.len() / heads.qkv_width();
    let mut rest = statistics;
    let tile = |kv_head, queries| Tile { heads, kv_head, queries };
    let tiles =
        (0..heads.kv_heads).flat_map(|kv_head| blocks(length).map(move |queries| tile(kv_head, queries)));
    for tile in tiles {
        let columns = tile.columns();
        let (statistics, after) = rest.split_at_mut(2 * columns);
        rest = after;
        let (scores, vectors) = scratch.split_at_mut(tile.queries.end * columns);
        let (query, result) =
            vectors[..(heads.head + heads.value) * columns].split_at_mut(heads.head * columns);
        tile.gather(query, qkv, heads.qkv_width());
        tile.score(scores, tile.keys(qkv, heads.key_start(tile.kv_head), heads.head), query);
        let (maxima, sums) = statistics.split_at_mut(columns);
        exponentials(scores, &tile, maxima, sums);
        tile.mix(result, tile.keys(qkv, heads.value_start(tile.kv_head), heads.value), scores);
        divide(result, sums);
        tile.scatter(out, result, heads.width());
    }
}

impl Tile {
    /// Queries of all heads of the group.
    fn columns(&self) -> usize {
        self.heads.group() * self.queries.len()
    }

    /// The keys, or values, `[keys, channels]`, which start at `offset` in `qkv`.
    fn keys<'a, F>(&self, qkv: &'a [F], offset: usize, channels: usize) -> View<'a, F> {
        View::new(&qkv[offset..], self.queries.end, channels, self.heads.qkv_width())
    }

    /// For each head of the group, of `head` channels: its first column, and where its first query lies in rows of `stride`.
    fn heads(&self, head: usize, stride: usize) -> impl Iterator<Item = (usize, usize)> {
        let (group, queries) = (self.heads.group(), self.queries.clone());
        let first = queries.start * stride + self.kv_head * group * head;
        (0..group).map(move |h| (h * queries.len(), first + h * head))
    }

    /// Copies the tile's queries from rows of `stride` into columns: `to` is `[head, columns]`.
    fn gather<F: Float>(&self, to: &mut [F], x: &[F], stride: usize) {
        let (head, columns, queries) = (self.heads.head, self.columns(), self.queries.len());
        for (column, start) in self.heads(head, stride) {
            let to = ViewMut::new(&mut to[column..], head, queries, columns);
            transpose(to, View::new(&x[start..], queries, head, stride));
        }
    }

    /// Copies `from` `[value, columns]` back into rows of `stride`.
    fn scatter<F: Float>(&self, x: &mut [F], from: &[F], stride: usize) {
        let (value, columns, queries) = (self.heads.value, self.columns(), self.queries.len());
        for (column, start) in self.heads(value, stride) {
            let x = ViewMut::new(&mut x[start..], queries, value, stride);
            transpose(x, View::new(&from[column..], value, queries, columns));
        }
    }

    /// `out = keys query / sqrt(head)`, `[keys, columns]`, of `keys` `[keys, head]` and `query` `[head, columns]`.
    fn score<F: Float>(&self, out: &mut [F], keys: View<'_, F>, query: &[F]) {
        let columns = self.columns();
        let query = View::new(query, self.heads.head, columns, columns);
        multiply(ViewMut::new(out, self.queries.end, columns, columns), keys, query, self.heads.scale());
    }

    /// `out = xᵀ y`, `[value, columns]`, of `x` `[keys, value]` and `y` `[keys, columns]`.
    fn mix<F: Float>(&self, out: &mut [F], x: View<'_, F>, y: &[F]) {
        let (keys, columns) = (self.queries.end, self.columns());
        let out = ViewMut::new(out, self.heads.value, columns, columns);
        multiply(out, x.transposed(), View::new(y, keys, columns, columns), F::ONE);
    }

    /// Sets the scores of keys that come after their query to `value`.
    fn hide<F: Float>(&self, scores: &mut [F], value: F) {
        let (queries, columns) = (self.queries.len(), self.columns());
        let diagonal = &mut scores[self.queries.start * columns..];
        for (key, row) in diagonal.chunks_exact_mut(columns).enumerate() {
            row.chunks_exact_mut(queries).for_each(|of_head| of_head[..key].fill(value));
        }
    }
}

/// `scores = e^(scores - maximum)`, 0 for keys after the query; leaves each column's maximum and sum.
fn exponentials<F: Float>(scores: &mut [F], tile: &Tile, maxima: &mut [F], sums: &mut [F]) {
    tile.hide(scores, F::NEG_INFINITY);
    raise(scores, maxima, sums);
    tile.hide(scores, F::ZERO);
}

vectorised! {
    /// Finds each column's maximum, and its sum of `scores = e^(scores - maximum)`. Hidden scores are minus infinity, and
    /// add less than a rounding.
    fn raise<F>(scores: &mut [F], maxima: &mut [F], sums: &mut [F]) {
        let columns = maxima.len();
        let whole = columns - columns % VECTOR;
        for first in (0..whole).step_by(VECTOR) {
            let raised = raise_columns::<F, VECTOR>(scores, columns, first);
            maxima[first..][..VECTOR].copy_from_slice(&raised.maxima);
            sums[first..][..VECTOR].copy_from_slice(&raised.sums);
        }
        for column in whole..columns {
            let raised = raise_columns::<F, 1>(scores, columns, column);
            ([maxima[column]], [sums[column]]) = (raised.maxima, raised.sums);
        }
    }
}

/// The maxima and sums of `N` columns.
struct Raised<F, const N: usize> {
    maxima: [F; N],
    sums: [F; N],
}

/// [`raise`] for `N` columns, from the `first` on.
#[inline(always)]
fn raise_columns<F: Float, const N: usize>(scores: &mut [F], columns: usize, first: usize) -> Raised<F, N> {
    let mut maxima = [F::NEG_INFINITY; N];
    for row in scores.chunks_exact(columns) {
        let scores: &[F; N] = row[first..].first_chunk().expect("columns of the tile");
        for lane in 0..N {
            maxima[lane] = math::max(scores[lane], maxima[lane]);
        }
    }
    let mut sums = [F::ZERO; N];
    for row in scores.chunks_exact_mut(columns) {
        let scores: &mut [F; N] = row[first..].first_chunk_mut().expect("columns of the tile");
        for lane in 0..N {
            scores[lane] = math::exp(scores[lane] - maxima[lane]);
            sums[lane] += scores[lane];
        }
    }
    Raised { maxima, sums }
}

vectorised! {
    /// Divides each column of `x` `[rows, columns]` by its sum, and leaves `1 / sum` in `sums`.
    fn divide<F>(x: &mut [F], sums: &mut [F]) {
        sums.iter_mut().for_each(|sum| *sum = F::ONE / *sum);
        for row in x.chunks_exact_mut(sums.len()) {
            row.iter_mut().zip(&*sums).for_each(|(x, &inverse_sum)| *x *= inverse_sum);
        }
    }
}
