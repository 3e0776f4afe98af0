//! Causal attention over one sequence. **The only operation that looks at another position.**
//!
//! For each head, with `q`, `k`, `v` `[length, head]` out of `qkv`: `p = softmax(q kᵀ / sqrt(head))` over the positions
//! up to one's own, `out = p v`. Consecutive groups of `heads / kv_heads` query heads share a key and value head.
//!
//! It goes by tiles: [`BLOCK`] queries of each head of a group, with the keys up to the block's end, so that little of
//! the upper triangle is computed. A tile's scores lie with queries side by side, `[keys, columns]`: maxima and sums then
//! run over many queries at once. Probabilities are not kept: the backward pass makes them again from each query's
//! maximum and sum (Dao et al. 2022), so memory grows with the length, not with its square.

use core::ops::Range;

use pipsqueak::Config;
use pipsqueak::math::{self, Float};

use super::matmul::{View, ViewMut, multiply, multiply_add};
use crate::vector::vectorised;

/// Queries of one head in a tile.
pub const BLOCK: usize = 32;

/// Where the heads lie in a row of `[length, width + 2 kv_width]`.
#[derive(Debug, Clone, Copy)]
pub struct Heads {
    heads: usize,
    kv_heads: usize,
    head: usize,
}

impl Heads {
    /// Those of a model.
    pub fn new(config: &Config) -> Heads {
        Heads { heads: config.heads, kv_heads: config.kv_heads, head: config.head() }
    }

    fn group(&self) -> usize {
        self.heads / self.kv_heads
    }

    fn width(&self) -> usize {
        self.heads * self.head
    }

    fn qkv_width(&self) -> usize {
        self.width() + 2 * self.kv_heads * self.head
    }

    fn scale<F: Float>(&self) -> F {
        F::ONE / math::sqrt(F::of(self.head as f64))
    }

    /// The tiles of each key head in turn.
    fn tiles(self, length: usize) -> impl Iterator<Item = Tile> {
        let blocks = move |kv_head| (0..length).step_by(BLOCK).map(move |start| (kv_head, start));
        (0..self.kv_heads).flat_map(blocks).map(move |(kv_head, start)| Tile {
            heads: self,
            kv_head,
            queries: start..(start + BLOCK).min(length),
        })
    }
}

/// Length of the scratch that either pass needs for sequences of this `length`.
pub const fn scratch_len(config: &Config, length: usize) -> usize {
    let columns = config.group() * BLOCK;
    (2 * length + 3 * config.head() + 1) * columns
}

/// Some queries of each head that shares a key head, and the keys up to the last of them.
#[derive(Debug, Clone)]
struct Tile {
    heads: Heads,
    kv_head: usize,
    queries: Range<usize>,
}

/// A tile's part of the scratch.
struct Scratch<'a, F> {
    /// `[keys, columns]`, both.
    scores: [&'a mut [F]; 2],
    /// `[head, columns]`, all.
    vectors: [&'a mut [F]; 3],
    /// `[columns]`.
    means: &'a mut [F],
}

impl Tile {
    /// Queries of all heads of the group.
    fn columns(&self) -> usize {
        self.heads.group() * self.queries.len()
    }

    fn scratch<'a, F>(&self, scratch: &'a mut [F]) -> Scratch<'a, F> {
        let columns = self.columns();
        let (scores, rest) = scratch.split_at_mut(2 * self.queries.end * columns);
        let (vectors, rest) = rest.split_at_mut(3 * self.heads.head * columns);
        let (first, second) = scores.split_at_mut(scores.len() / 2);
        let (query, more) = vectors.split_at_mut(self.heads.head * columns);
        let (dout, result) = more.split_at_mut(more.len() / 2);
        Scratch { scores: [first, second], vectors: [query, dout, result], means: &mut rest[..columns] }
    }

    /// First channels of the key and of the value.
    fn key_and_value(&self) -> [usize; 2] {
        let key = self.heads.width() + self.kv_head * self.heads.head;
        [key, key + self.heads.kv_heads * self.heads.head]
    }

    /// The keys, or values, `[keys, head]`, whose channels start at `offset` in `qkv`.
    fn keys<'a, F>(&self, qkv: &'a [F], offset: usize) -> View<'a, F> {
        View::new(&qkv[offset..], self.queries.end, self.heads.head, self.heads.qkv_width())
    }

    fn keys_mut<'a, F>(&self, qkv: &'a mut [F], offset: usize) -> ViewMut<'a, F> {
        ViewMut::new(&mut qkv[offset..], self.queries.end, self.heads.head, self.heads.qkv_width())
    }

    /// Where each column's channels start in rows of `stride`.
    fn starts(&self, stride: usize) -> impl Iterator<Item = usize> {
        let Heads { head, .. } = self.heads;
        let first = self.kv_head * self.heads.group();
        let queries = self.queries.clone();
        (first..first + self.heads.group())
            .flat_map(move |h| queries.clone().map(move |q| q * stride + h * head))
    }

    /// Brings the tile's queries, out of rows of `stride`, side by side: `to` is `[head, columns]`.
    fn gather<F: Float>(&self, to: &mut [F], x: &[F], stride: usize, scale: F) {
        let columns = self.columns();
        for (column, start) in self.starts(stride).enumerate() {
            let channels = &x[start..start + self.heads.head];
            to[column..].iter_mut().step_by(columns).zip(channels).for_each(|(to, &x)| *to = scale * x);
        }
    }

    /// Brings `from` `[head, columns]` back to rows of `stride`, each column times its factor.
    fn scatter<F: Float>(&self, x: &mut [F], from: &[F], stride: usize, factor: impl Fn(usize) -> F) {
        let columns = self.columns();
        for (column, start) in self.starts(stride).enumerate() {
            let (factor, channels) = (factor(column), &mut x[start..start + self.heads.head]);
            channels
                .iter_mut()
                .zip(from[column..].iter().step_by(columns))
                .for_each(|(x, &y)| *x = factor * y);
        }
    }

    /// `out = x y`, `[keys, columns]`, of `x` `[keys, head]` and `y` `[head, columns]`.
    fn score<F: Float>(&self, out: &mut [F], x: View<'_, F>, y: &[F]) {
        let (keys, columns) = (self.queries.end, self.columns());
        multiply(
            ViewMut::new(out, keys, columns, columns),
            x,
            View::new(y, self.heads.head, columns, columns),
            F::ONE,
        );
    }

    /// `out = xᵀ y`, `[head, columns]`, of `x` `[keys, head]` and `y` `[keys, columns]`.
    fn mix<F: Float>(&self, out: &mut [F], x: View<'_, F>, y: &[F]) {
        let (keys, columns) = (self.queries.end, self.columns());
        let out = ViewMut::new(out, self.heads.head, columns, columns);
        multiply(out, x.transposed(), View::new(y, keys, columns, columns), F::ONE);
    }

    /// `dx += dscores yᵀ`, `[keys, head]`, of `dscores` `[keys, columns]` and `y` `[head, columns]`.
    fn spread<F: Float>(&self, dx: ViewMut<'_, F>, dscores: &[F], y: &[F]) {
        let (keys, columns) = (self.queries.end, self.columns());
        let y = View::new(y, self.heads.head, columns, columns);
        multiply_add(dx, View::new(dscores, keys, columns, columns), y.transposed(), F::ONE);
    }

    /// Sets to `value` the scores of keys that come after their query.
    fn hide<F: Float>(&self, scores: &mut [F], value: F) {
        let (queries, columns) = (self.queries.len(), self.columns());
        let diagonal = &mut scores[self.queries.start * columns..];
        for (key, row) in diagonal.chunks_exact_mut(columns).enumerate() {
            row.chunks_exact_mut(queries).for_each(|of_head| of_head[..key].fill(value));
        }
    }
}

/// Writes `out` `[length, width]`, and each tile's maxima and inverse sums, `[2, columns]`, to `statistics`.
pub fn attention<F: Float>(out: &mut [F], statistics: &mut [F], qkv: &[F], heads: Heads, scratch: &mut [F]) {
    let length = qkv.len() / heads.qkv_width();
    let mut rest = statistics;
    for tile in heads.tiles(length) {
        let (statistics, after) = rest.split_at_mut(2 * tile.columns());
        rest = after;
        let Scratch { scores: [scores, _], vectors: [query, _, result], .. } = tile.scratch(scratch);
        let [key, value] = tile.key_and_value();
        tile.gather(query, qkv, heads.qkv_width(), heads.scale());
        tile.score(scores, tile.keys(qkv, key), query);
        let (maxima, sums) = statistics.split_at_mut(tile.columns());
        exponentials(scores, &tile, maxima, sums);
        tile.mix(result, tile.keys(qkv, value), scores);
        sums.iter_mut().for_each(|sum| *sum = F::ONE / *sum);
        tile.scatter(out, result, heads.width(), |column| sums[column]);
    }
}

/// Writes the queries' part of `dqkv`, adds to that of the keys and values.
///
/// With `dp = dout vᵀ` and `ds = p (dp - dout · out)`: `dv += pᵀ dout`, `dq = ds k / sqrt(head)`,
/// `dk += dsᵀ q / sqrt(head)`.
pub fn backward_attention<F: Float>(dqkv: &mut [F], saved: Saved<'_, F>, heads: Heads, scratch: &mut [F]) {
    let Saved { dout, out, statistics, qkv } = saved;
    let (width, qkv_width) = (heads.width(), heads.qkv_width());
    let mut rest = statistics;
    for tile in heads.tiles(qkv.len() / qkv_width) {
        let (statistics, after) = rest.split_at(2 * tile.columns());
        rest = after;
        let Scratch { scores: [p, ds], vectors: [query, douts, result], means } = tile.scratch(scratch);
        let [key, value] = tile.key_and_value();
        tile.gather(result, out, width, F::ONE);
        tile.gather(douts, dout, width, F::ONE);
        column_dots(means, result, douts);

        tile.gather(query, qkv, qkv_width, heads.scale());
        tile.score(p, tile.keys(qkv, key), query);
        probabilities(p, &tile, statistics);
        tile.spread(tile.keys_mut(dqkv, value), p, douts);
        tile.score(ds, tile.keys(qkv, value), douts);
        backward_softmax(ds, p, means);
        tile.spread(tile.keys_mut(dqkv, key), ds, query);
        let dquery = result;
        tile.mix(dquery, tile.keys(qkv, key), ds);
        tile.scatter(dqkv, dquery, qkv_width, |_| heads.scale());
    }
}

/// What the backward pass reads.
#[derive(Debug, Clone, Copy)]
pub struct Saved<'a, F> {
    /// `[length, width]`.
    pub dout: &'a [F],
    /// `[length, width]`.
    pub out: &'a [F],
    /// `[heads, length, 2]` values, tile by tile.
    pub statistics: &'a [F],
    /// `[length, width + 2 kv_width]`.
    pub qkv: &'a [F],
}

/// `scores = e^(scores - maximum)`, 0 for keys after the query; leaves each column's maximum and sum.
fn exponentials<F: Float>(scores: &mut [F], tile: &Tile, maxima: &mut [F], sums: &mut [F]) {
    tile.hide(scores, F::NEG_INFINITY);
    raise(scores, maxima, sums);
    tile.hide(scores, F::ZERO);
}

vectorised! {
    /// Each column's maximum, `scores = e^(scores - maximum)`, and their sum; what is hidden adds less than a rounding.
    fn raise<F>(scores: &mut [F], maxima: &mut [F], sums: &mut [F]) {
        maxima.fill(F::NEG_INFINITY);
        sums.fill(F::ZERO);
        for row in scores.chunks_exact(maxima.len()) {
            maxima.iter_mut().zip(row).for_each(|(maximum, &score)| *maximum = math::max(score, *maximum));
        }
        for row in scores.chunks_exact_mut(maxima.len()) {
            for ((score, &maximum), sum) in row.iter_mut().zip(&*maxima).zip(&mut *sums) {
                *score = math::exp(*score - maximum);
                *sum += *score;
            }
        }
    }
}

/// The probabilities, from the `statistics` `[2, columns]`: maxima and inverse sums.
fn probabilities<F: Float>(scores: &mut [F], tile: &Tile, statistics: &[F]) {
    raise_and_divide(scores, statistics);
    tile.hide(scores, F::ZERO);
}

vectorised! {
    /// `scores = e^(scores - maximum) / sum` of each column.
    fn raise_and_divide<F>(scores: &mut [F], statistics: &[F]) {
        let (maxima, inverse_sums) = statistics.split_at(statistics.len() / 2);
        for row in scores.chunks_exact_mut(maxima.len()) {
            for ((score, &maximum), &inverse_sum) in row.iter_mut().zip(maxima).zip(inverse_sums) {
                *score = math::exp(*score - maximum) * inverse_sum;
            }
        }
    }
}

vectorised! {
    /// `ds = p (dp - mean)`, with `dp` in `ds`.
    fn backward_softmax<F>(ds: &mut [F], p: &[F], means: &[F]) {
        for (ds, p) in ds.chunks_exact_mut(means.len()).zip(p.chunks_exact(means.len())) {
            ds.iter_mut().zip(p).zip(means).for_each(|((ds, &p), &mean)| *ds = p * (*ds - mean));
        }
    }
}

vectorised! {
    /// The dot product of each column of `a` and `b`, `[head, columns]`.
    fn column_dots<F>(dots: &mut [F], a: &[F], b: &[F]) {
        dots.fill(F::ZERO);
        for (a, b) in a.chunks_exact(dots.len()).zip(b.chunks_exact(dots.len())) {
            dots.iter_mut().zip(a).zip(b).for_each(|((dot, &a), &b)| *dot += a * b);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::differences::{check, values, weighted};

    const HEADS: Heads = Heads { heads: 4, kv_heads: 2, head: 6 };
    const LENGTH: usize = 37; // more than one tile
    const SCRATCH: usize = (2 * LENGTH + 3 * 6 + 1) * 2 * BLOCK;

    fn forward(qkv: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let mut out = vec![0.0; LENGTH * HEADS.width()];
        let mut statistics = vec![0.0; LENGTH * HEADS.heads * 2];
        attention(&mut out, &mut statistics, qkv, HEADS, &mut vec![0.0; SCRATCH]);
        (out, statistics)
    }

    #[test]
    fn gradients_are_those_of_differences() {
        let qkv = values(LENGTH * HEADS.qkv_width(), 1);
        let dout = values(LENGTH * HEADS.width(), 2);
        let (out, statistics) = forward(&qkv);
        let mut dqkv = vec![0.0; qkv.len()];
        let saved = Saved { dout: &dout, out: &out, statistics: &statistics, qkv: &qkv };
        backward_attention(&mut dqkv, saved, HEADS, &mut vec![0.0; SCRATCH]);
        check("attention", &dqkv, &qkv, |qkv| weighted(&forward(qkv).0, &dout));
    }

    #[test]
    fn nothing_of_the_future_is_seen() {
        let mut qkv = values(LENGTH * HEADS.qkv_width(), 1);
        let before = forward(&qkv).0;
        qkv[(LENGTH - 1) * HEADS.qkv_width()..].fill(9.0);
        let after = forward(&qkv).0;
        let seen = (LENGTH - 1) * HEADS.width();
        assert_eq!(before[..seen], after[..seen]);
        assert_ne!(before[seen..], after[seen..]);
    }
}
