//! How integer weights lie in a model file, so that one load feeds a kernel with four rows.
//!
//! A word holds the next 4, 8 or 16 weights of one row; the words of [`ROWS`] rows alternate:
//! `[rows / 4, words of a row, 4]`. Rows beyond the matrix's own, and columns beyond a row's, are zero. The bits of a
//! word are the [`Precision`]'s:
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

/// What makes all nibbles of an int4 word `weight + 8`, by exclusive or.
pub const INT4_SIGNS: u32 = 0x8000_8000;

/// Words of a row of `columns` weights; 0 in f32, which is not packed.
pub const fn words_of_row(precision: Precision, columns: usize) -> usize {
    match weights_of_word(precision) {
        0 => 0,
        weights => columns.div_ceil(weights),
    }
}

/// Weights that a word holds; 0 in f32.
pub const fn weights_of_word(precision: Precision) -> usize {
    match precision {
        Precision::F32 => 0,
        Precision::Int8 => 4,
        Precision::Int4 => 8,
        Precision::Ternary => 16,
    }
}

/// The largest size of a weight.
pub const fn largest(precision: Precision) -> i32 {
    match precision {
        Precision::F32 => 0,
        Precision::Int8 => 127,
        Precision::Int4 => 7,
        Precision::Ternary => 1,
    }
}

/// The place of word `word` of row `row` among a matrix's words.
pub const fn place(words_of_row: usize, row: usize, word: usize) -> usize {
    (row / ROWS * words_of_row + word) * ROWS + row % ROWS
}

/// Packs the weights of one word; missing ones are zero.
pub fn pack(precision: Precision, weights: &[i8]) -> u32 {
    let weight = |i: usize| weights.get(i).map_or(0, |&weight| i32::from(weight));
    let fields = |bits: usize, offset: i32| {
        (0..32 / bits).fold(0, |word, i| word | ((weight(i) + offset) as u32) << (bits * i))
    };
    match precision {
        Precision::F32 => 0,
        Precision::Int8 => {
            let half = |i: usize| (256 * weight(i + 1) + weight(i)) as u32 & 0xffff;
            half(0) | half(2) << 16
        }
        Precision::Int4 => fields(4, 8) ^ INT4_SIGNS,
        Precision::Ternary => fields(2, 1),
    }
}

/// Weight `i` of a packed word: what [`pack`] put there.
#[inline(always)]
pub const fn unpack(precision: Precision, word: u32, i: usize) -> i32 {
    match precision {
        Precision::F32 => 0,
        Precision::Int8 => {
            let half = (word >> (16 * (i / 2))) as i16 as i32;
            let even = half as i8 as i32;
            if i.is_multiple_of(2) { even } else { (half - even) >> 8 }
        }
        Precision::Int4 => ((word ^ INT4_SIGNS) >> (4 * i) & 15) as i32 - 8,
        Precision::Ternary => (word >> (2 * i) & 3) as i32 - 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_weight_returns() {
        for precision in [Precision::Int8, Precision::Int4, Precision::Ternary] {
            let size = largest(precision);
            for a in -size..=size {
                for b in -size..=size {
                    let weights: [i8; 16] = core::array::from_fn(|i| if i % 3 == 0 { a } else { b } as i8);
                    let weights = &weights[..weights_of_word(precision)];
                    let word = pack(precision, weights);
                    for (i, &weight) in weights.iter().enumerate() {
                        assert_eq!(
                            unpack(precision, word, i),
                            i32::from(weight),
                            "{precision:?} {a} {b} {i}"
                        );
                    }
                }
            }
        }
    }
}
