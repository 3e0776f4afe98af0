//! Statistics of a matrix's inputs over a text.

use super::LANES;
use super::factor::Factor;
use crate::network::matmul::{View, ViewMut, multiply, multiply_add};
use crate::training::parallel;

/// A matrix's inputs over a text, in the model with rounded weights; and the results that it should have.
pub struct Inputs {
    /// `x`, `[tokens, columns]`.
    pub rounded: Vec<f32>,
    /// The exact model's inputs, less `x`.
    pub difference: Vec<f32>,
    /// The exact model's residual stream, less that of the other, `[tokens, rows]`, where the result joins one; or empty.
    pub stream: Vec<f32>,
}

/// `aᵀ b / tokens`, of `a` `[tokens, a_columns]` and `b` `[tokens, b_columns]`.
pub fn products(a: &[f32], b: &[f32], tokens: usize) -> Vec<f32> {
    const ROWS: usize = 64;
    let (rows, columns) = (a.len() / tokens, b.len() / tokens);
    let mut out = vec![0.0; rows * columns];
    let parts = out.chunks_mut(ROWS * columns).enumerate();
    parallel::for_each(parallel::available(), parts, |(i, out)| {
        let part_rows = out.len() / columns;
        let part = View::new(&a[i * ROWS..], tokens, part_rows, rows);
        let out = ViewMut::new(out, part_rows, columns, columns);
        multiply(out, part.transposed(), View::new(b, tokens, columns, columns), 1.0 / tokens as f32);
    });
    out
}

/// Adds `damping` times the mean of the diagonal of `h` `[columns, columns]` to that diagonal, so that it has factors also where
/// the text says nothing.
pub fn damp(h: &mut [f32], columns: usize, damping: f32) {
    let diagonal = || (0..columns).map(|i| i * (columns + 1));
    let mean = diagonal().map(|at| h[at]).sum::<f32>() / columns as f32;
    let added = if mean > 0.0 { mean * damping } else { 1.0 };
    diagonal().for_each(|at| h[at] += added);
}

/// Changes `weights` `[rows, columns]` so that their products with the rounded model's inputs are closest to what the exact model
/// has there. For an input `x`, that is `t = w (x + difference) + stream`, and `w` becomes the `v` with the least mean square of
/// `v x - t`, plus the damping times `|v - w|²`: `v = w + r H⁻¹`, where `r` is the mean of `(t - w x) xᵀ`.
pub fn compensate(weights: &mut [f32], inputs: &Inputs, factor: &Factor) {
    let columns = factor.columns();
    let tokens = inputs.rounded.len() / columns;
    let crossed = products(&inputs.difference, &inputs.rounded, tokens);
    let mut missing = match inputs.stream.as_slice() {
        [] => vec![0.0; weights.len()],
        stream => products(stream, &inputs.rounded, tokens),
    };
    let parts = weights.chunks_mut(LANES * columns).zip(missing.chunks_mut(LANES * columns));
    parallel::for_each(parallel::available(), parts, |(weights, missing)| {
        let rows = weights.len() / columns;
        let view = View::new(weights, rows, columns, columns);
        let crossed = View::new(&crossed, columns, columns, columns);
        multiply_add(ViewMut::new(missing, rows, columns, columns), view, crossed, 1.0);
        let value = |lane: usize, k: usize| missing.get(lane * columns + k).copied().unwrap_or_default();
        let mut lanes: Vec<[f32; LANES]> =
            (0..columns).map(|k| core::array::from_fn(|lane| value(lane, k))).collect();
        factor.solve(&mut lanes);
        for (lane, row) in weights.chunks_exact_mut(columns).enumerate() {
            row.iter_mut().zip(&lanes).for_each(|(w, lanes)| *w += lanes[lane]);
        }
    });
}
