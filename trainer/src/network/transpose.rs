//! Matrices turned about: `out[column][row] = matrix[row][column]`.
//!
//! A forward pass multiplies by transposed weights, and the GEMM library takes several times as long to pack such a matrix
//! as one whose rows it can read: so all are transposed once a step, for every pass.

use pipsqueak::internal::math::Float;

use super::matmul::{View, ViewMut};
use crate::training::parallel;
use crate::training::parameters::Parameters;
use crate::vector::vectorised;

/// Values of a cache line: rows are read in strips of so many.
const LINE: usize = 16;
/// Side of the squares that are turned in registers.
const SIDE: usize = 4;

/// Fills `out` with every matrix of every layer of `parameters`, transposed in its place; vectors are left out.
pub fn transpose_all(out: &mut Parameters<f32>, parameters: &Parameters<f32>, threads: usize) {
    let matrices = out.walk_mut().zip(parameters.walk()).filter(|((parameter, _), _)| parameter.is_matrix());
    let layers = matrices.flat_map(|((_, out), (_, shape, values))| {
        let length = (shape.rows * shape.columns).max(1);
        let layers = out.chunks_exact_mut(length).zip(values.chunks_exact(length));
        layers.map(move |(out, values)| {
            let (rows, columns) = (shape.rows, shape.columns);
            (ViewMut::new(out, columns, rows, rows), View::new(values, rows, columns, columns))
        })
    });
    let layers: Vec<_> = layers.collect();
    parallel::for_each(threads, layers.into_iter(), |(out, values)| transpose(out, values));
}

vectorised! {
    /// `out` `[columns, rows]` from `x` `[rows, columns]`, the values of whose rows lie side by side.
    pub fn transpose<F>(out: ViewMut<'_, F>, x: View<'_, F>) {
        let (rows, columns) = (x.rows, x.columns);
        assert!((out.rows, out.columns, x.column_stride) == (columns, rows, 1), "shapes do not go together");
        let strides = [out.stride, x.row_stride];
        let [whole_rows, whole_columns] = [rows, columns].map(|side| side - side % SIDE);
        for strip in (0..whole_rows).step_by(LINE) {
            for column in (0..whole_columns).step_by(SIDE) {
                for row in (strip..whole_rows.min(strip + LINE)).step_by(SIDE) {
                    transpose_square(out.values, x.values, [row, column], strides);
                }
            }
        }
        for row in 0..rows {
            let first = if row < whole_rows { whole_columns } else { 0 };
            for column in first..columns {
                out.values[column * out.stride + row] = x.values[row * x.row_stride + column];
            }
        }
    }
}

/// A square of [`SIDE`] that is at `[row, column]` in `x`; the `strides` are how far apart rows of `out` and `x` are.
#[inline(always)]
fn transpose_square<F: Float>(out: &mut [F], x: &[F], [row, column]: [usize; 2], strides: [usize; 2]) {
    let part = |i: usize| *x[(row + i) * strides[1] + column..].first_chunk().expect("a whole square");
    let rows: [[F; SIDE]; SIDE] = core::array::from_fn(part);
    let columns: [[F; SIDE]; SIDE] = core::array::from_fn(|i| rows.map(|row| row[i]));
    for (i, values) in columns.into_iter().enumerate() {
        *out[(column + i) * strides[0] + row..].first_chunk_mut().expect("a whole square") = values;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::differences::values;
    use crate::sizing::presets::STORIES_260K;
    use pipsqueak::internal::Parameter;

    #[test]
    fn rows_become_columns() {
        for (rows, columns) in [(1, 1), (16, 16), (37, 5), (5, 37), (48, 20)] {
            let matrix = values(rows * columns, 1);
            let mut out = vec![0.0; matrix.len()];
            let view = View::new(&matrix, rows, columns, columns);
            transpose(ViewMut::new(&mut out, columns, rows, rows), view);
            let expected = |i: usize| matrix[i % rows * columns + i / rows];
            assert!(out.iter().enumerate().all(|(i, &value)| value == expected(i)), "[{rows}, {columns}]");
        }
    }

    #[test]
    fn every_layer_of_every_matrix_is_transposed() {
        let parameters = Parameters::<f32>::init(&STORIES_260K, 1);
        let mut out = Parameters::zeros(&STORIES_260K);
        transpose_all(&mut out, &parameters, 2);
        for (parameter, shape, _) in parameters.walk().filter(|(parameter, _, _)| parameter.is_matrix()) {
            for layer in 0..shape.layers {
                let (was, is) = (parameters.layer(parameter, layer), out.layer(parameter, layer));
                assert_eq!(was[3 * shape.columns + 5], is[5 * shape.rows + 3], "{}", parameter.name());
            }
        }
        assert!(out.get(Parameter::FinalNormGain).iter().all(|&gain| gain == 0.0));
    }
}
