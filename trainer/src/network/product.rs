//! Matrix products that are the same bits on every machine: `out[r][c] += scale a[r][k] · b[k][c]`, `k` ascending, each term rounded
//! twice, by the multiplication and by the addition.
//!
//! No sum is split and none is fused, so neither the width of the vectors nor the size of the blocks shows in a result. Rows of
//! `a` and columns of `b` are copied into panels first, in the order in which a tile of the result reads them; what a panel lacks
//! to its full width is zero, and is left out of the result.

use pipsqueak::internal::math::Float;

use super::matmul::{View, ViewMut};
use crate::vector::vectorised;

/// Rows of a tile of the result.
const ROWS: usize = 4;
/// Columns of a tile. A larger one does not stay in the registers of a browser's vectors, and the compiler leaves it in memory for
/// wider ones too.
const COLUMNS: usize = 8;
/// Terms that a panel holds: a panel of each matrix fits the first cache.
const TERMS: usize = 256;

vectorised! {
    /// `out = scale a b`, or with `add` `out += scale a b`.
    pub(super) fn product<F>(out: ViewMut<'_, F>, a: View<'_, F>, b: View<'_, F>, scale: F, add: bool) {
        let ViewMut { values: out, rows, columns, stride } = out;
        let terms = a.columns;
        let mut right = Vec::with_capacity(TERMS.min(terms) * columns.div_ceil(COLUMNS));
        let mut left = Vec::with_capacity(TERMS.min(terms));
        for first in (0..terms).step_by(TERMS) {
            let range = first..terms.min(first + TERMS);
            right.clear();
            for column in (0..columns).step_by(COLUMNS) {
                pack::<F, COLUMNS>(&mut right, b, column, range.clone(), F::ONE);
            }
            for row in (0..rows).step_by(ROWS) {
                left.clear();
                pack::<F, ROWS>(&mut left, a.transposed(), row, range.clone(), scale);
                for (panel, right) in right.chunks_exact(range.len()).enumerate() {
                    let corner = row * stride + panel * COLUMNS;
                    let (rows, columns) = (ROWS.min(rows - row), COLUMNS.min(columns - panel * COLUMNS));
                    let out = ViewMut::new(&mut out[corner..], rows, columns, stride);
                    tile(out, &left, right, add || first > 0);
                }
            }
        }
    }
}

/// Appends `scale` times the columns of `x` from `column` on, row by row, of the rows in `range`; zeros where there are no columns.
#[inline(always)]
fn pack<F: Float, const WIDTH: usize>(
    panel: &mut Vec<[F; WIDTH]>,
    x: View<'_, F>,
    column: usize,
    range: core::ops::Range<usize>,
    scale: F,
) {
    let there = WIDTH.min(x.columns - column);
    let at = |row: usize| row * x.row_stride + column * x.column_stride;
    if there == WIDTH && x.column_stride == 1 {
        panel.extend(range.map(|row| {
            let values: &[F; WIDTH] = x.values[at(row)..].first_chunk().expect("a row of the view");
            values.map(|value| scale * value)
        }));
    } else if there == WIDTH && x.row_stride == 1 {
        let first = at(range.start);
        let columns: [&[F]; WIDTH] =
            core::array::from_fn(|i| &x.values[first + i * x.column_stride..][..range.len()]);
        panel.extend((0..range.len()).map(|row| columns.map(|column| scale * column[row])));
    } else {
        panel.extend(range.map(|row| {
            let values = &x.values[at(row)..];
            core::array::from_fn(|i| if i < there { scale * values[i * x.column_stride] } else { F::ZERO })
        }));
    }
}

type Sums<F> = [[F; COLUMNS]; ROWS];

/// Of up to [`ROWS`] by [`COLUMNS`] of the result, the products of two panels, onto what was there with `add`.
///
/// Whole tiles are copied as arrays: a browser takes longer to copy a slice of a few numbers than to compute them.
#[inline(always)]
fn tile<F: Float>(out: ViewMut<'_, F>, left: &[[F; ROWS]], right: &[[F; COLUMNS]], add: bool) {
    let ViewMut { values, rows, columns, stride } = out;
    if rows == ROWS && columns == COLUMNS {
        let zero = [[F::ZERO; COLUMNS]; ROWS];
        let there = |row: usize| *values[row * stride..].first_chunk().expect("a row of the tile");
        let before = if add { core::array::from_fn(there) } else { zero };
        let sums = add_products(before, left, right);
        for (row, sums) in sums.iter().enumerate() {
            *values[row * stride..].first_chunk_mut().expect("a row of the tile") = *sums;
        }
        return;
    }
    let mut sums = [[F::ZERO; COLUMNS]; ROWS];
    if add {
        for (row, sums) in sums[..rows].iter_mut().enumerate() {
            sums[..columns].copy_from_slice(&values[row * stride..][..columns]);
        }
    }
    let sums = add_products(sums, left, right);
    for (row, sums) in sums[..rows].iter().enumerate() {
        values[row * stride..][..columns].copy_from_slice(&sums[..columns]);
    }
}

/// The sums stay in registers: they come and go by value.
#[inline(always)]
fn add_products<F: Float>(mut sums: Sums<F>, left: &[[F; ROWS]], right: &[[F; COLUMNS]]) -> Sums<F> {
    for (left, right) in left.iter().zip(right) {
        for (sums, &left) in sums.iter_mut().zip(left) {
            for (sum, &right) in sums.iter_mut().zip(right) {
                *sum += left * right;
            }
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::differences::values;

    /// One sum after another, as the formula says.
    fn plain(out: &mut [f32], stride: usize, a: View<'_, f32>, b: View<'_, f32>, scale: f32, add: bool) {
        for row in 0..a.rows {
            for column in 0..b.columns {
                let out = &mut out[row * stride + column];
                *out = if add { *out } else { 0.0 };
                for k in 0..a.columns {
                    let left = scale * a.values[row * a.row_stride + k * a.column_stride];
                    *out += left * b.values[k * b.row_stride + column * b.column_stride];
                }
            }
        }
    }

    #[test]
    fn every_bit_is_that_of_the_plain_sums() {
        let numbers = |count: usize, seed| values(count, seed).iter().map(|&x| x as f32).collect::<Vec<_>>();
        let sides = [(1, 1, 1), (ROWS, COLUMNS, 7), (13, 37, 300), (32, 16, 513), (5, 100, 2 * TERMS)];
        for (rows, columns, terms) in sides {
            let stride = columns + 3;
            let (a, b) = (numbers(rows * terms, 1), numbers(terms * columns, 2));
            for turned in 0..4 {
                let a = match turned & 1 {
                    0 => View::new(&a, rows, terms, terms),
                    _ => View::new(&a, terms, rows, rows).transposed(),
                };
                let b = match turned & 2 {
                    0 => View::new(&b, terms, columns, columns),
                    _ => View::new(&b, columns, terms, terms).transposed(),
                };
                for add in [false, true] {
                    let mut is = numbers(rows * stride, 3);
                    let mut expected = is.clone();
                    product(ViewMut::new(&mut is, rows, columns, stride), a, b, 0.37, add);
                    plain(&mut expected, stride, a, b, 0.37, add);
                    let bits = |x: &[f32]| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
                    assert_eq!(bits(&is), bits(&expected), "[{rows}, {terms}, {columns}] {turned} {add}");
                }
            }
        }
    }
}
