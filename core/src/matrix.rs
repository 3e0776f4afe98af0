//! A matrix of weights where it lies in flash, and its product with a vector: where nearly all the time goes.

use crate::config::Precision;
use crate::kernels::{self, cast};
use crate::known;
use crate::numbers::power_of_two;
use crate::packing::{Packed, ROWS, place};
use crate::parameter::Shape;
use crate::slices::{copy, first, from, part, split};

/// A view of `[rows, columns]` weights in one of the formats of a model file.
#[derive(Debug, Clone, Copy)]
pub enum Matrix<'a> {
    /// Rows of f32.
    F32 {
        /// Outputs.
        rows: usize,
        /// Inputs.
        columns: usize,
        /// `[rows, columns]`.
        weights: &'a [f32],
    },
    /// Integer rows. A weight is `q * scale[row] * unit`.
    Integer {
        /// Outputs.
        rows: usize,
        /// Weights and scales; rows are padded to a multiple of 4.
        packed: Packed<'a>,
        /// The value of a scale of 1.
        unit: f32,
    },
}

impl<'a> Matrix<'a> {
    /// Layer `layer` of the matrices of this `shape` that `bytes` holds; see [`Tensor`](crate::file::Tensor).
    pub(crate) fn view(bytes: &'a [u8], precision: Precision, shape: Shape, layer: usize) -> Self {
        let Shape { layers, rows, columns } = shape;
        let Some(format) = precision.format() else {
            let weights = part(cast::floats(bytes), layer * rows * columns, rows * columns);
            return Matrix::F32 { rows, columns, weights };
        };
        let (padded_rows, words_of_row) = (rows.next_multiple_of(ROWS), format.words_of_row(columns));
        let layer_words = padded_rows * words_of_row;
        let (words, rest) = split(bytes, 4 * layers * layer_words);
        let (scales, units) = split(rest, 2 * layers * padded_rows);
        let packed = Packed {
            format,
            words: part(cast::words(words), layer * layer_words, layer_words),
            scales: part(cast::halves(scales), layer * padded_rows, padded_rows),
            words_of_row,
        };
        let unit = cast::floats(units).get(layer).copied().unwrap_or_default();
        Matrix::Integer { rows, packed, unit }
    }

    /// Outputs.
    pub fn rows(&self) -> usize {
        match *self {
            Matrix::F32 { rows, .. } | Matrix::Integer { rows, .. } => rows,
        }
    }

    /// The rows from `row` on, a multiple of 4.
    pub fn rows_from(&self, row: usize) -> Self {
        let rows = self.rows().saturating_sub(row);
        match *self {
            Matrix::F32 { columns, weights, .. } => {
                Matrix::F32 { rows, columns, weights: from(weights, row * columns) }
            }
            Matrix::Integer { packed, unit, .. } => {
                let words = from(packed.words, row * packed.words_of_row);
                let scales = from(packed.scales, row);
                Matrix::Integer { rows, packed: Packed { words, scales, ..packed }, unit }
            }
        }
    }

    /// Copies row `row` of an f32 matrix to `out` `[columns]`.
    pub fn row(&self, row: usize, out: &mut [f32]) {
        if let Matrix::F32 { columns, weights, .. } = *self {
            copy(out, part(weights, row * columns, columns));
        }
    }

    /// Copies row `row` of an integer matrix to `out` `[columns]`; returns what its numbers, below 2^22, count.
    pub fn integer_row(&self, row: usize, out: &mut [i32]) -> f32 {
        let Some((packed, unit)) = self.integer() else { return 0.0 };
        let scale = i32::from(packed.scales.get(row).copied().unwrap_or_default());
        for (i, out) in out.chunks_mut(packed.format.weights_of_word()).enumerate() {
            let word = packed.words.get(place(packed.words_of_row, row, i)).copied().unwrap_or_default();
            for (i, out) in out.iter_mut().enumerate() {
                *out = packed.format.unpack(word, i) * scale;
            }
        }
        unit
    }

    /// `out = self x` of an f32 matrix: `x` `[columns]`, `out` `[rows]`.
    pub fn matvec_f32(&self, out: &mut [f32], x: &[f32]) {
        if let Matrix::F32 { columns, weights, .. } = *self {
            kernels::matvec_f32(out, weights, first(x, columns));
        }
    }

    /// `out = self x` of an integer matrix: `out` has as many rows as are wanted, `x` is
    /// [prepared](kernels::prepare). Returns what the numbers in `out`, below 2^30, count of those in `x`.
    // Once in the program; the kernels' choice by format is inlined here, where a program for one model knows it.
    #[inline(never)]
    pub fn matvec(&self, out: &mut [i32], x: &[i32]) -> f32 {
        let Some((packed, unit)) = self.integer() else { return 0.0 };
        kernels::matvec(out, packed, x);
        unit * power_of_two(16 - packed.sum_shift() as i32)
    }

    /// The weights and the value of a scale of 1; none of an f32 matrix.
    #[inline(always)]
    fn integer(&self) -> Option<(Packed<'a>, f32)> {
        let Matrix::Integer { packed, unit, .. } = *self else { return None };
        let format = known::format(packed.format);
        let words_of_row = packed.words_of_row.min(known::longest_row(format));
        Some((Packed { format, words_of_row, ..packed }, unit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packing::Format;

    #[test]
    fn both_formats_multiply_alike() {
        let words = [[2i8, -3], [1, 127], [0, 0], [0, 0]].map(|row| Format::Int8.pack(&row));
        let scales = [16_384, 32_767, 0, 0];
        let packed = Packed { format: Format::Int8, words: &words, scales: &scales, words_of_row: 1 };
        let integer = Matrix::Integer { rows: 2, packed, unit: 2.0 };
        let mut prepared = [0; 20];
        kernels::prepare(Format::Int8, &mut prepared, &[127, 1, 0, 0]);
        let mut out = [0; 2];
        let scale = integer.matvec(&mut out, &prepared);
        for (out, exact) in out.iter().zip([251.0 * 32_768.0, 254.0 * 65_534.0]) {
            assert!((*out as f32 * scale / exact - 1.0).abs() < 1e-4, "{out} {exact}");
        }
        let mut row = [0; 2];
        assert_eq!(integer.integer_row(1, &mut row), 2.0);
        assert_eq!(row, [32_767, 127 * 32_767]);
    }
}
