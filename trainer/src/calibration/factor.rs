//! The factors of a symmetric, positive definite matrix: `H = U D Uᵀ`, with ones on the diagonal of the upper triangular `U`.
//!
//! This is Cholesky's factorisation from the last column to the first. It is what rounding with feedback needs in the place of
//! an inverse: for an error `e`, `e H eᵀ = Σ_k D[k] (e U)[k]²`, and `(e U)[k]` holds no error behind column `k` (Chee et al. 2023,
//! "QuIP", where this is shown to be the method of Frantar et al. 2022, "GPTQ").

use super::LANES;
use crate::vector::vectorised;

/// The factors of a matrix `[columns, columns]`.
#[derive(Debug, Clone)]
pub struct Factor {
    /// Row `k` of `Uᵀ` is column `k` of `U`, `[columns, columns]`; zero above the diagonal.
    transposed: Vec<f32>,
    /// `D`, `[columns]`.
    diagonal: Vec<f32>,
}

impl Factor {
    /// Of the symmetric `matrix` `[columns, columns]`; `None` if it is not positive definite.
    pub fn of(matrix: &[f32], columns: usize) -> Option<Factor> {
        // From the last to the first, so that the usual factorisation gives an upper triangle.
        let mut lower: Vec<f64> = matrix.iter().rev().map(|&x| f64::from(x)).collect();
        for row in 0..columns {
            let (above, rest) = lower.split_at_mut(row * columns);
            cholesky_row(&mut rest[..=row], above, columns);
            if !(rest[row] > 0.0 && rest[row].is_finite()) {
                return None;
            }
        }
        let last = columns - 1;
        let at = |row: usize, column: usize| lower[row * columns + column];
        let diagonal = (0..columns).map(|k| (at(last - k, last - k).powi(2)) as f32).collect();
        let mut transposed = vec![0.0; columns * columns];
        for (k, row) in transposed.chunks_exact_mut(columns).enumerate() {
            let scale = at(last - k, last - k);
            row[..=k].iter_mut().enumerate().for_each(|(i, u)| *u = (at(last - i, last - k) / scale) as f32);
        }
        Some(Factor { transposed, diagonal })
    }

    /// The length of a row.
    pub fn columns(&self) -> usize {
        self.diagonal.len()
    }

    /// `D`.
    pub fn diagonal(&self) -> &[f32] {
        &self.diagonal
    }

    /// The first `k` values of column `k` of `U`: all of it above the diagonal.
    pub fn above(&self, k: usize) -> &[f32] {
        &self.transposed[k * self.columns()..][..k]
    }

    /// Replaces each of some rows `r` by `x` with `x H = r`.
    pub fn solve(&self, rows: &mut [[f32; LANES]]) {
        solve(rows, self);
    }
}

vectorised! {
    /// Makes a row of the matrix, up to its diagonal, that of its lower Cholesky factor, whose rows `above` are done.
    #[allow(clippy::needless_range_loop)] // each value needs those before it
    fn cholesky_row(row: &mut [f64], above: &[f64], columns: usize) {
        let last = row.len() - 1;
        for i in 0..last {
            let factor = &above[i * columns..][..=i];
            row[i] = (row[i] - dot(&row[..i], &factor[..i])) / factor[i];
        }
        row[last] = (row[last] - dot(&row[..last], &row[..last])).sqrt();
    }
}

#[inline(always)]
fn dot(a: &[f64], b: &[f64]) -> f64 {
    const WIDTH: usize = 32;
    let (a, a_rest) = a.as_chunks::<WIDTH>();
    let (b, b_rest) = b.as_chunks::<WIDTH>();
    let mut sums = [0.0; WIDTH];
    for (a, b) in a.iter().zip(b) {
        (0..WIDTH).for_each(|i| sums[i] += a[i] * b[i]);
    }
    sums.iter().sum::<f64>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f64>()
}

vectorised! {
    fn solve(rows: &mut [[f32; LANES]], factor: &Factor) {
        // z Uᵀ = r, from the last column to the first.
        for k in (0..rows.len()).rev() {
            let (before, z) = rows.split_at_mut(k);
            for (r, u) in before.iter_mut().zip(factor.above(k)) {
                (0..LANES).for_each(|lane| r[lane] -= u * z[0][lane]);
            }
        }
        // x U = z / D, from the first to the last.
        for k in 0..rows.len() {
            let (before, x) = rows.split_at_mut(k);
            let sum = weighted_sum(factor.above(k), before);
            let inverse = 1.0 / factor.diagonal[k];
            (0..LANES).for_each(|lane| x[0][lane] = x[0][lane] * inverse - sum[lane]);
        }
    }
}

/// `Σ weights[i] vectors[i]`.
#[inline(always)]
pub(super) fn weighted_sum(weights: &[f32], vectors: &[[f32; LANES]]) -> [f32; LANES] {
    // Four sums, since an addition takes as long as four.
    const SUMS: usize = 4;
    let mut sums = [[0f32; LANES]; SUMS];
    let (weights, weights_rest) = weights.as_chunks::<SUMS>();
    let (vectors, vectors_rest) = vectors.as_chunks::<SUMS>();
    for (weights, vectors) in weights.iter().zip(vectors) {
        for i in 0..SUMS {
            (0..LANES).for_each(|lane| sums[i][lane] += weights[i] * vectors[i][lane]);
        }
    }
    for (weight, vector) in weights_rest.iter().zip(vectors_rest) {
        (0..LANES).for_each(|lane| sums[0][lane] += weight * vector[lane]);
    }
    core::array::from_fn(|lane| sums.iter().map(|sum| sum[lane]).sum())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibration::statistics::{damp, products};
    use crate::network::differences::values;

    const COLUMNS: usize = 37;

    /// Of inputs that go together.
    fn matrix() -> Vec<f32> {
        let noise: Vec<f32> = values(100 * COLUMNS, 1).iter().map(|&x| x as f32).collect();
        let x: Vec<f32> = noise.windows(2).map(|pair| pair[0] + pair[1]).chain([0.5]).collect();
        let mut h = products(&x, &x, 100);
        damp(&mut h, COLUMNS, 0.01);
        h
    }

    #[test]
    fn the_factors_make_the_matrix() {
        let h = matrix();
        let factor = Factor::of(&h, COLUMNS).unwrap();
        let u = |row: usize, column: usize| match row.cmp(&column) {
            core::cmp::Ordering::Less => factor.above(column)[row],
            core::cmp::Ordering::Equal => 1.0,
            core::cmp::Ordering::Greater => 0.0,
        };
        for row in 0..COLUMNS {
            for column in 0..COLUMNS {
                let sum: f32 = (0..COLUMNS).map(|k| u(row, k) * factor.diagonal()[k] * u(column, k)).sum();
                let expected = h[row * COLUMNS + column];
                assert!((sum - expected).abs() < 1e-5, "[{row}, {column}]: {sum} {expected}");
            }
        }
    }

    #[test]
    fn a_solution_gives_the_right_side_back() {
        let h = matrix();
        let right: Vec<f32> = values(COLUMNS, 2).iter().map(|&x| x as f32).collect();
        let mut rows: Vec<[f32; LANES]> =
            right.iter().map(|&x| core::array::from_fn(|lane| x * lane as f32)).collect();
        Factor::of(&h, COLUMNS).unwrap().solve(&mut rows);
        for lane in 0..LANES {
            for (column, right) in right.iter().enumerate() {
                let products = rows.iter().enumerate().map(|(k, row)| row[lane] * h[k * COLUMNS + column]);
                let sum: f32 = products.sum();
                let expected = right * lane as f32;
                assert!((sum - expected).abs() < 1e-3, "lane {lane}, [{column}]: {sum} {expected}");
            }
        }
    }

    #[test]
    fn what_has_no_factors_is_refused() {
        assert!(Factor::of(&[1.0, 2.0, 2.0, 1.0], 2).is_none());
        assert!(Factor::of(&[f32::NAN], 1).is_none());
        assert!(Factor::of(&[f32::INFINITY], 1).is_none());
    }
}
