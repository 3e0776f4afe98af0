//! The parts that all products in assembly share: rows in groups of four, their scales, and rows whose sums exceed 32 bits.

use crate::numbers::scale_row;
use crate::packing::{Format, Packed, ROWS};
use crate::slices::{copy, rows};

/// A chip's kernel for one format.
#[derive(Clone, Copy)]
pub(super) struct Kernel {
    /// Reads and writes as [`Product`] says, for at least one group and one word a row.
    pub(super) product: unsafe extern "C" fn(&mut Product),
    /// Words of the prepared vector, without its offset, for a row of this many words.
    pub(super) factors: fn(usize) -> usize,
}

/// A product as the assembly reads it: for each row of `groups` groups of four,
/// `out = (start + 2^sum_shift * sum) * scale >> 16`, with the format's [`sum_shift`](Format::sum_shift). The assembly
/// counts `groups` down and moves the pointers on.
#[repr(C)]
pub(super) struct Product {
    /// `[groups, words, 4]`.
    weights: *const u32,
    /// `[Kernel::factors(words)]`.
    factors: *const i32,
    words: usize,
    start: i32,
    groups: usize,
    /// `[groups, 4]`.
    scales: *const u16,
    /// `[groups, 4]`.
    out: *mut i32,
}

/// See [`portable::matvec`](crate::kernels::portable::matvec). `prepared` begins with the amount that the weights' offset
/// adds to a sum.
#[inline(always)]
pub(super) fn matvec(out: &mut [i32], matrix: Packed<'_>, prepared: &[i32], kernel: Kernel) {
    let words = matrix.words_of_row;
    let Some((&offset, factors)) = prepared.split_first() else { return };
    let rows = out.len().next_multiple_of(ROWS);
    let covered = matrix.words.len() >= rows * words
        && matrix.scales.len() >= rows
        && factors.len() >= (kernel.factors)(words);
    if words == 0 || !covered {
        return;
    }
    let sum_shift = matrix.format.sum_shift();
    if matrix.sum_shift() < sum_shift {
        return long_rows(out, matrix, offset, factors, kernel);
    }
    let (whole, rest) = out.as_chunks_mut::<ROWS>();
    let mut product = Product {
        weights: matrix.words.as_ptr(),
        factors: factors.as_ptr(),
        words,
        start: offset.wrapping_shl(sum_shift).wrapping_neg(),
        groups: whole.len(),
        scales: matrix.scales.as_ptr(),
        out: whole.as_mut_ptr().cast(),
    };
    if !whole.is_empty() {
        // SAFETY: as just checked, there are `words` words and a scale for each of `rows` rows, and the factors of a row;
        // `out` has room for the whole groups, of which there is at least one.
        unsafe { (kernel.product)(&mut product) };
    }
    if !rest.is_empty() {
        let mut last = [0; ROWS];
        (product.groups, product.out) = (1, last.as_mut_ptr());
        // SAFETY: as above, for the last group, at which the pointers have arrived; `last` has room for its rows.
        unsafe { (kernel.product)(&mut product) };
        copy(rest, &last);
    }
}

/// Rows whose sums would not fit 32 bits once they are shifted as the kernels do: block by block.
#[inline(never)]
fn long_rows(out: &mut [i32], matrix: Packed<'_>, offset: i32, factors: &[i32], kernel: Kernel) {
    // Words of which the shifted sums fit, the weights' offset included.
    let block = match matrix.format {
        Format::Int8 => 128,
        Format::Int4 => 64,
        Format::Ternary => 512,
    };
    // Undoes the kernel's shift: its result is the sum itself.
    let scales = [1 << (16 - matrix.format.sum_shift()); ROWS];
    let groups = rows(matrix.words, matrix.words_of_row * ROWS);
    for ((out, row_scales), group) in out.chunks_mut(ROWS).zip(matrix.scales.chunks(ROWS)).zip(groups) {
        let mut sums = [-offset; ROWS];
        let blocks = group.chunks(ROWS * block).zip(factors.chunks((kernel.factors)(block).max(1)));
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
            // SAFETY: the caller has checked that all words of a row have their factors, so a block's words have theirs;
            // there are four scales, and room for four results.
            unsafe { (kernel.product)(&mut product) };
            sums.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
        }
        for ((out, sum), &scale) in out.iter_mut().zip(sums).zip(row_scales) {
            *out = scale_row(sum, matrix.sum_shift(), scale);
        }
    }
}
