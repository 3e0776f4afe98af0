//! How integer weights lie in a model file, so that one load feeds a kernel with four rows.
//!
//! A word holds the next 4, 8 or 16 weights of one row; the words of [`ROWS`] rows alternate:
//! `[rows / 4, words of a row, 4]`. Rows beyond the matrix's own, and columns beyond a row's, are zero. The bits of a
//! word are the [`Format`]'s:
//!
//! - **int8**: two halves of 16 bits, each the signed number `256 * odd + even` of two weights in -127..=127. A DSP
//!   instruction then multiplies a half whole, and the product of its lower byte corrects what was too much.
//! - **int4**: eight nibbles, weights in -7..=7, the first in the lowest bits: `weight + 8`, but the fourth and the eighth
//!   are `weight` in two's complement ([`INT4_SIGNS`]). Each half of 16 bits is then one signed number, which a DSP
//!   multiplies whole.
//! - **ternary**: sixteen fields of two bits `weight + 1`, weights in -1..=1, the first in the lowest bits.

use crate::config::Precision;

/// Rows whose words alternate.
pub const ROWS: usize = 4;

/// Turns all nibbles of an int4 word into `weight + 8`, by exclusive or.
pub const INT4_SIGNS: u32 = 0x8000_8000;

/// The weights that one word holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// 4 weights of 8 bits.
    Int8,
    /// 8 weights of 4 bits.
    Int4,
    /// 16 weights of 2 bits.
    Ternary,
}

impl Precision {
    /// The format of the matrices' weights; none in f32, which is not packed.
    #[doc(hidden)]
    pub const fn format(self) -> Option<Format> {
        match self {
            Precision::F32 => None,
            Precision::Int8 => Some(Format::Int8),
            Precision::Int4 => Some(Format::Int4),
            Precision::Ternary => Some(Format::Ternary),
        }
    }
}

impl Format {
    /// Every format.
    pub const ALL: [Format; 3] = [Format::Int8, Format::Int4, Format::Ternary];

    /// Weights that a word holds.
    pub const fn weights_of_word(self) -> usize {
        match self {
            Format::Int8 => 4,
            Format::Int4 => 8,
            Format::Ternary => 16,
        }
    }

    /// Words of a row of `columns` weights.
    pub const fn words_of_row(self, columns: usize) -> usize {
        columns.div_ceil(self.weights_of_word())
    }

    /// The largest magnitude of a weight.
    pub const fn largest(self) -> i32 {
        match self {
            Format::Int8 => 127,
            Format::Int4 => 7,
            Format::Ternary => 1,
        }
    }

    /// The [shift](Packed::sum_shift) for short rows: `512 * 127 * 127 < 2^23`, and `512 * 7 * 127 < 2^19`. Kernels in
    /// assembly get it for nothing: their sums already are larger by as many bits.
    pub const fn sum_shift(self) -> u32 {
        match self {
            Format::Int8 | Format::Ternary => 8,
            Format::Int4 => 12,
        }
    }

    /// Packs the weights of one word; missing ones are zero.
    pub fn pack(self, weights: &[i8]) -> u32 {
        let weight = |i: usize| weights.get(i).map_or(0, |&weight| i32::from(weight));
        let fields = |bits: usize, offset: i32| {
            (0..32 / bits).fold(0, |word, i| word | ((weight(i) + offset) as u32) << (bits * i))
        };
        match self {
            Format::Int8 => {
                let half = |i: usize| (256 * weight(i + 1) + weight(i)) as u32 & 0xffff;
                half(0) | half(2) << 16
            }
            Format::Int4 => fields(4, 8) ^ INT4_SIGNS,
            Format::Ternary => fields(2, 1),
        }
    }

    /// Weight `i` of a packed word: what [`pack`](Format::pack) put there.
    #[inline(always)]
    pub const fn unpack(self, word: u32, i: usize) -> i32 {
        match self {
            Format::Int8 => {
                let half = (word >> (16 * (i / 2))) as i16 as i32;
                let even = half as i8 as i32;
                if i.is_multiple_of(2) { even } else { (half - even) >> 8 }
            }
            Format::Int4 => ((word ^ INT4_SIGNS) >> (4 * i) & 15) as i32 - 8,
            Format::Ternary => (word >> (2 * i) & 3) as i32 - 1,
        }
    }
}

/// A packed matrix, as it lies in flash.
#[derive(Debug, Clone, Copy)]
pub struct Packed<'a> {
    /// The format of each word.
    pub format: Format,
    /// `[rows / 4, words_of_row, 4]`.
    pub words: &'a [u32],
    /// `[rows]`, padded as the words are; at most 32,767 each.
    pub scales: &'a [u16],
    /// Words that a row takes.
    pub words_of_row: usize,
}

impl Packed<'_> {
    /// Bits by which a row's sum is shifted left before it is multiplied by the row's scale and shifted right by 16, so
    /// that rows of small weights keep their precision. No sum of that many products reaches 2^31 by this shift.
    ///
    /// Equal to [`Format::sum_shift`] for up to 512 columns of int8 and int4, one bit less for each time that they double,
    /// and the same for any number of ternary weights, whose sums stay below `65,535 * 127 < 2^23`.
    pub const fn sum_shift(&self) -> u32 {
        let block = match self.format {
            Format::Int8 => 128,
            Format::Int4 => 64,
            Format::Ternary => return self.format.sum_shift(),
        };
        if self.words_of_row <= block {
            return self.format.sum_shift();
        }
        self.format.sum_shift() - self.words_of_row.div_ceil(block).next_power_of_two().trailing_zeros()
    }
}

/// The place of word `word` of row `row` among a matrix's words.
pub const fn place(words_of_row: usize, row: usize, word: usize) -> usize {
    (row / ROWS * words_of_row + word) * ROWS + row % ROWS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_weight_returns() {
        for format in Format::ALL {
            let size = format.largest();
            for a in -size..=size {
                for b in -size..=size {
                    let weights: [i8; 16] = core::array::from_fn(|i| if i % 3 == 0 { a } else { b } as i8);
                    let weights = &weights[..format.weights_of_word()];
                    let word = format.pack(weights);
                    for (i, &weight) in weights.iter().enumerate() {
                        assert_eq!(format.unpack(word, i), i32::from(weight), "{format:?} {a} {b} {i}");
                    }
                }
            }
        }
    }
}
