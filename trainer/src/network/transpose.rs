//! Matrices turned about: `out[column][row] = matrix[row][column]`.
//!
//! A forward pass multiplies by transposed weights, and the GEMM library takes several times as long to pack such a matrix
//! as one whose rows it can read: so all are transposed once a step, for every pass.

use pipsqueak::math::Float;

use crate::parallel;
use crate::parameters::Parameters;
use crate::vector::vectorised;

/// Side of a tile: a cache line.
const TILE: usize = 16;

/// Fills `out` with every matrix of every layer of `parameters`, transposed in its place; vectors are left out.
pub fn transpose_all(out: &mut Parameters<f32>, parameters: &Parameters<f32>, threads: usize) {
    let matrices = out.walk_mut().zip(parameters.walk()).filter(|((parameter, _), _)| parameter.is_matrix());
    let layers = matrices.flat_map(|((_, out), (_, shape, values))| {
        let length = (shape.rows * shape.columns).max(1);
        let layers = out.chunks_exact_mut(length).zip(values.chunks_exact(length));
        layers.map(move |(out, values)| (out, values, shape.columns))
    });
    let layers: Vec<_> = layers.collect();
    parallel::for_each(threads, layers.into_iter(), |(out, values, columns)| transpose(out, values, columns));
}

vectorised! {
    /// `out` `[columns, rows]` from `matrix` `[rows, columns]`.
    pub fn transpose<F>(out: &mut [F], matrix: &[F], columns: usize) {
        let rows = matrix.len() / columns;
        for (first, strip) in matrix.chunks(TILE * columns).enumerate() {
            let out = &mut out[first * TILE..];
            if strip.len() == TILE * columns {
                transpose_strip(out, strip, rows, columns);
            } else {
                for (row, values) in strip.chunks_exact(columns).enumerate() {
                    out[row..].iter_mut().step_by(rows).zip(values).for_each(|(out, &value)| *out = value);
                }
            }
        }
    }
}

/// [`TILE`] rows; `rows` is how far apart the rows of `out` are.
#[inline(always)]
fn transpose_strip<F: Float>(out: &mut [F], strip: &[F], rows: usize, columns: usize) {
    let pieces: [&[F]; TILE] = core::array::from_fn(|row| &strip[row * columns..][..columns]);
    for column in 0..columns {
        let line: &mut [F; TILE] = out[column * rows..].first_chunk_mut().expect("a whole tile");
        *line = core::array::from_fn(|row| pieces[row][column]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::differences::values;
    use crate::presets::STORIES_260K;
    use pipsqueak::Parameter;

    #[test]
    fn rows_become_columns() {
        for (rows, columns) in [(1, 1), (16, 16), (37, 5), (5, 37), (48, 20)] {
            let matrix = values(rows * columns, 1);
            let mut out = vec![0.0; matrix.len()];
            transpose(&mut out, &matrix, columns);
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
