//! The form of a vector that the vector kernels multiply by.
//!
//! A register holds the words of four rows, one word after the other: `[words, 4 rows]`. Each byte of a word holds
//! `planes` weights (1 in int8, 2 in int4, 4 in ternary), the first in its lowest bits: byte `i` of word `j` has those of
//! columns `4 planes j + planes i + plane`. So a vector becomes, behind what the weights' offset adds to a sum, a plane
//! after the other: `[planes, words, 4]`, where a word has the four int8 of its plane, four times over.

use crate::packing::{Format, Packed, ROWS};

/// Weights that share a byte.
pub(super) const fn planes(format: Format) -> usize {
    format.weights_of_word() / 4
}

/// Words of a plane for a row of `words_of_row`: as many as [`prepare`](super::prepare) wrote for a vector that is
/// padded to 16 columns.
pub(super) const fn plane_len(planes: usize, words_of_row: usize) -> usize {
    (words_of_row * 4 * planes).next_multiple_of(16) / planes
}

/// The offset that makes weights unsigned: added in the word of a format, and by the kernel in int8.
pub(super) const fn offset(format: Format) -> i32 {
    match format {
        Format::Int8 => 128,
        Format::Int4 => 8,
        Format::Ternary => 1,
    }
}

/// A product's operands, of checked lengths.
pub(super) struct Operands<'a, const PLANES: usize> {
    /// Whole groups of four rows, `length` words each.
    pub(super) words: &'a [u32],
    /// `[rows]`, padded as the words are.
    pub(super) scales: &'a [u16],
    pub(super) length: usize,
    pub(super) sum_shift: u32,
    /// The amount to subtract from every sum.
    pub(super) offset: i32,
    /// Each at least as long as a group.
    pub(super) planes: [&'a [i32]; PLANES],
}

impl<'a, const PLANES: usize> Operands<'a, PLANES> {
    /// `None` if the matrix has no words or fewer than `rows` rows, or if the vector is shorter than a row.
    pub(super) fn new(rows: usize, matrix: Packed<'a>, prepared: &'a [i32]) -> Option<Self> {
        let (groups, length) = (rows.div_ceil(ROWS), ROWS * matrix.words_of_row);
        let (&offset, factors) = prepared.split_first()?;
        let plane_len = plane_len(PLANES, matrix.words_of_row);
        let mut planes = [&[][..]; PLANES];
        for (k, plane) in planes.iter_mut().enumerate() {
            *plane = factors.get(k * plane_len..(k + 1) * plane_len)?;
        }
        let words = matrix.words.get(..groups * length).filter(|_| length > 0)?;
        let scales = matrix.scales.get(..groups * ROWS)?;
        Some(Operands { words, scales, length, sum_shift: matrix.sum_shift(), offset, planes })
    }

    /// The groups from `row` on, a multiple of 4.
    pub(super) fn groups_from(&self, row: usize) -> *const u32 {
        self.words[row / ROWS * self.length..].as_ptr()
    }
}
