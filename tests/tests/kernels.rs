//! The kernel that this machine runs against sums taken weight by weight: every length, extremes, rows that do not fill a
//! group, and a layout that starts anywhere in a word's alignment.

use pipsqueak::kernels::{self, Packed, portable, prepared_len, scale_row};
use pipsqueak::packing::{ROWS, largest, pack, weights_of_word, words_of_row};
use pipsqueak::{Precision, SplitMix64};
use rand_core::Rng;

/// Noise, or only the two extremes.
fn number(random: &mut SplitMix64, size: i32, extremes: bool) -> i8 {
    let bits = random.next_u32();
    let noise = (bits % (2 * size as u32 + 1)) as i32 - size;
    (if !extremes {
        noise
    } else if bits & 1 == 0 {
        size
    } else {
        -size
    }) as i8
}

fn check(precision: Precision, rows: usize, columns: usize, extremes: bool, random: &mut SplitMix64) {
    let (size, weights_of_word) = (largest(precision), weights_of_word(precision));
    let words_of_row = words_of_row(precision, columns);
    let count = rows.next_multiple_of(ROWS) * words_of_row;
    let mut word = || {
        let weights: Vec<i8> = (0..weights_of_word).map(|_| number(random, size, extremes)).collect();
        pack(precision, &weights)
    };
    let words: Vec<u32> = (0..count).map(|_| word()).collect();
    let scales: Vec<u16> =
        (0..rows.next_multiple_of(ROWS)).map(|_| (random.next_u32() & 0x7fff) as u16).collect();
    let matrix = Packed { precision, words: &words, scales: &scales, words_of_row };
    let mut x: Vec<i8> = (0..columns).map(|_| number(random, 127, extremes)).collect();
    x.resize(columns.next_multiple_of(16), 0);
    let mut prepared = vec![0; prepared_len(columns)];
    kernels::prepare(precision, &mut prepared, &x);
    let mut out = vec![0; rows];
    kernels::matvec(&mut out, matrix, &prepared);
    for (row, &out) in out.iter().enumerate() {
        let sum = portable::row_sum(matrix, row, &x[..columns]);
        let expected = scale_row(sum, matrix.lift(), scales[row]);
        assert_eq!(out, expected, "{precision:?}, {rows} x {columns}, row {row}");
    }
}

#[test]
fn every_length() {
    let random = &mut SplitMix64::new(3);
    for precision in [Precision::Int8, Precision::Int4, Precision::Ternary] {
        for columns in (1..=300).chain([511, 512, 513, 1025]) {
            for (rows, extremes) in [(1, false), (7, true), (8, false)] {
                check(precision, rows, columns, extremes, random);
            }
        }
    }
}
