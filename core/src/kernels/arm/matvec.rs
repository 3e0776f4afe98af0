//! What the products in assembly share: rows in groups of four, their scales, and rows too long for 32 bits.

use crate::numbers::scale_row;
use crate::packing::{Format, Packed, ROWS};

/// A chip's kernel for one format: multiplies whole groups of rows.
#[derive(Clone, Copy)]
pub(super) struct Kernel {
    /// Reads what the fields of a [`Product`] say, of at least one group and one word a row.
    pub(super) product: unsafe extern "C" fn(&mut Product),
    /// Words of the prepared vector for so many words of a row.
    pub(super) factors: fn(usize) -> usize,
}

/// A product as the assembly reads it, which counts groups down and moves the pointers on. Writes
/// `(start + shifted sum) * scale >> 16` for each row.
#[repr(C)]
pub(super) struct Product {
    weights: *const u32,
    factors: *const i32,
    words: usize,
    start: i32,
    groups: usize,
    scales: *const u16,
    out: *mut i32,
}

/// See [`portable::matvec`](crate::kernels::portable::matvec). `prepared` begins with what the weights' offset adds to a sum.
pub(super) fn matvec(out: &mut [i32], matrix: Packed<'_>, prepared: &[i32], kernel: Kernel) {
    let words = matrix.words_of_row;
    let Some((&offset, factors)) = prepared.split_first() else { return };
    let groups = out.len().div_ceil(ROWS);
    let covered = matrix.words.len() >= groups * ROWS * words
        && matrix.scales.len() >= groups * ROWS
        && factors.len() >= (kernel.factors)(words);
    if words == 0 || !covered {
        return;
    }
    if matrix.sum_shift() < matrix.format.sum_shift() {
        return long_rows(out, matrix, offset, factors, kernel);
    }
    let mut product = Product {
        weights: matrix.words.as_ptr(),
        factors: factors.as_ptr(),
        words,
        start: offset.wrapping_shl(matrix.format.sum_shift()).wrapping_neg(),
        groups: out.len() / ROWS,
        scales: matrix.scales.as_ptr(),
        out: out.as_mut_ptr(),
    };
    let whole = product.groups * ROWS;
    if whole > 0 {
        // SAFETY: as just checked, there are `words` words and a scale for each row of `groups` groups of four, `out` has
        // room for the whole ones, and the factors are as many as a row takes.
        unsafe { (kernel.product)(&mut product) };
    }
    if whole < out.len() {
        let mut last = [0; ROWS];
        (product.groups, product.out) = (1, last.as_mut_ptr());
        // SAFETY: as above, for the last group; `last` has room for it.
        unsafe { (kernel.product)(&mut product) };
        out[whole..].iter_mut().zip(last).for_each(|(out, last)| *out = last);
    }
}

/// Rows whose sums would not fit as the kernels count them: block by block.
#[inline(never)]
fn long_rows(out: &mut [i32], matrix: Packed<'_>, offset: i32, factors: &[i32], kernel: Kernel) {
    let sum_shift = matrix.sum_shift();
    // Words of which sums fit, the weights' offset included.
    let block = match matrix.format {
        Format::Int8 => 128,
        Format::Int4 => 64,
        Format::Ternary => 512,
    };
    // A kernel's sums, shifted right by 16, become those of the weights themselves.
    let scales = [1 << (16 - matrix.format.sum_shift()); ROWS];
    let groups = matrix.words.chunks_exact(matrix.words_of_row * ROWS);
    for ((out, row_scales), group) in out.chunks_mut(ROWS).zip(matrix.scales.chunks(ROWS)).zip(groups) {
        let mut sums = [-offset; ROWS];
        let blocks = group.chunks(ROWS * block).zip(factors.chunks((kernel.factors)(block)));
        for (words, factors) in blocks {
            let mut part = [0; ROWS];
            let mut product = Product {
                weights: words.as_ptr(),
                factors: factors.as_ptr(),
                words: words.len() / ROWS,
                start: 0,
                groups: 1,
                scales: scales.as_ptr(),
                out: part.as_mut_ptr(),
            };
            // SAFETY: a block has words of four rows and at least as many factors as they take; the scales are four,
            // and `part` has room for four.
            unsafe { (kernel.product)(&mut product) };
            sums.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
        }
        for ((out, sum), &scale) in out.iter_mut().zip(sums).zip(row_scales) {
            *out = scale_row(sum, sum_shift, scale);
        }
    }
}
