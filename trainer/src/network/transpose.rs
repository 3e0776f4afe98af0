//! Transposed matrices: `out[column][row] = matrix[row][column]`.
//!
//! A forward pass multiplies by transposed weights. The GEMM library takes several times as long to pack such a matrix as
//! one whose rows it can read, so all are transposed once per step, for all its passes.

use pipsqueak::internal::Parameter;
use pipsqueak::internal::math::Float;

use super::matmul::{View, ViewMut};
use crate::training::parallel;
use crate::training::parameters::Parameters;
use crate::vector::vectorised;

/// Rows are read in strips of this many: their f32 fill a cache line of the result.
const LINE: usize = 16;
/// Side of the squares that are transposed in registers.
const SIDE: usize = 4;

/// Fills `out` with every matrix of every layer of `parameters`, transposed; vectors and tables of rows are left out.
pub fn transpose_all(out: &mut Parameters<f32>, parameters: &Parameters<f32>, threads: usize) {
    let layers: Vec<_> = out.layers_with(parameters).filter(|layer| is_transposed(layer.parameter)).collect();
    parallel::for_each(threads, layers.into_iter(), |layer| {
        let (rows, columns) = (layer.shape.rows, layer.shape.columns);
        let out = ViewMut::new(layer.out, columns, rows, rows);
        transpose(out, View::new(layer.values, rows, columns, columns));
    });
}

/// Whether a matrix product reads the parameter.
fn is_transposed(parameter: Parameter) -> bool {
    parameter.is_matrix() && !parameter.is_table()
}

vectorised! {
    /// `out` `[columns, rows]` from `x` `[rows, columns]`, whose rows are contiguous.
    pub fn transpose<F>(out: ViewMut<'_, F>, x: View<'_, F>) {
        let (rows, columns) = (x.rows, x.columns);
        assert!((out.rows, out.columns, x.column_stride) == (columns, rows, 1), "shapes do not go together");
        let ViewMut { values: out, stride, .. } = out;
        let [whole_rows, whole_columns] = [rows, columns].map(|side| side - side % SIDE);
        for strip in (0..whole_rows).step_by(LINE) {
            for column in (0..whole_columns).step_by(SIDE) {
                for row in (strip..whole_rows.min(strip + LINE)).step_by(SIDE) {
                    let square = read_square(&x.values[row * x.row_stride + column..], x.row_stride);
                    write_square(&mut out[column * stride + row..], stride, square);
                }
            }
        }
        for row in 0..rows {
            let first = if row < whole_rows { whole_columns } else { 0 };
            for column in first..columns {
                out[column * stride + row] = x.values[row * x.row_stride + column];
            }
        }
    }
}

type Square<F> = [[F; SIDE]; SIDE];

/// The square at the beginning of `x`, whose rows are `stride` values apart.
#[inline(always)]
fn read_square<F: Float>(x: &[F], stride: usize) -> Square<F> {
    core::array::from_fn(|row| *x[row * stride..].first_chunk().expect("a whole square"))
}

/// Writes the transposed square to the beginning of `out`, whose rows are `stride` values apart.
#[inline(always)]
fn write_square<F: Float>(out: &mut [F], stride: usize, square: Square<F>) {
    for column in 0..SIDE {
        let values = square.map(|row| row[column]);
        *out[column * stride..].first_chunk_mut().expect("a whole square") = values;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::differences::values;
    use crate::sizing::presets::STORIES_260K;

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
