//! Compares this machine's kernels with the portable ones, which define every result: all lengths, extremes, rows that do
//! not fill a group, and memory that starts anywhere in a word. Runs on boards and on the PC, in memory that is lent.

use core::fmt;

use rand_core::Rng;

use super::{cast, portable, prepared_len};
use crate::kernels;
use crate::numbers::{
    ActivationTable, Alignment, Quantizer, STORED_STEPS, ScoreScale, max_u32, min_u32, scale_row,
};
use crate::packing::{Format, Packed, ROWS};
use crate::random::SplitMix64;
use crate::slices::{copy, first, first_mut, part_mut, split_mut};

/// More columns than a kernel sums up at once in int8, so that rows in several blocks are checked too.
const COLUMNS_MAX: usize = 1100;
/// The longest vector where there is little memory.
const COLUMNS_MIN: usize = 32;
const ROWS_MAX: usize = 8;
const POSITIONS_MAX: usize = 24;
const HEAD_MAX: usize = 64;
/// Of a cache's rows, beyond their head.
const PADDING_MAX: usize = 8;

/// The least memory that a [`Room`] can be made of.
const BYTES_MIN: usize = bytes(COLUMNS_MIN);

/// Memory for all checks.
pub const BYTES: usize = bytes(COLUMNS_MAX);

/// A kernel, the lengths that it was given, and the first result that is not the portable kernel's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Difference {
    pub(crate) kernel: &'static str,
    pub(crate) lengths: [usize; 3],
    pub(crate) place: usize,
    pub(crate) found: i32,
    pub(crate) expected: i32,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Difference { kernel, lengths: [a, b, c], place, found, expected } = self;
        write!(f, "{kernel} of {a}, {b}, {c} gives {found} at {place}, not {expected}")
    }
}

/// The memory that the checks work in. The more there is, the longer the vectors, the heads and the pasts.
struct Room<'m> {
    /// The longest vector.
    columns: usize,
    words: &'m mut [u32],
    scales: &'m mut [u16],
    x: &'m mut [i8],
    prepared: [&'m mut [i32]; 2],
    values: &'m mut [i32],
    out: [&'m mut [i32]; 2],
    past: &'m mut [i8],
    scores: [&'m mut [i32]; 2],
}

impl<'m> Room<'m> {
    /// Lays out `memory`; nothing if there is less than [`BYTES_MIN`] of it.
    fn new(memory: &'m mut [u8]) -> Option<Self> {
        let columns = (COLUMNS_MIN..=COLUMNS_MAX).rev().find(|&columns| bytes(columns) <= memory.len())?;
        let rest = &mut cast::from_a_word_on(memory);
        Some(Room {
            columns,
            words: cast::take(rest, words_len(columns)),
            prepared: [(); 2].map(|()| cast::take(rest, prepared_len(columns))),
            values: cast::take(rest, columns),
            out: [(); 2].map(|()| cast::take(rest, out_len(columns))),
            scores: [(); 2].map(|()| cast::take(rest, 2 * positions_max(columns))),
            past: cast::take(rest, past_len(columns)),
            x: cast::take(rest, x_len(columns)),
            scales: cast::take(rest, ROWS_MAX),
        })
    }
}

/// The largest head, in a room for vectors of up to `columns`.
const fn head_max(columns: usize) -> usize {
    min_u32(columns as u32 / 2, HEAD_MAX as u32) as usize
}

/// The most positions.
const fn positions_max(columns: usize) -> usize {
    min_u32(columns as u32 / 4, POSITIONS_MAX as u32) as usize
}

/// Keys or values of the longest past, from a place within a word on; also a quantised vector.
const fn past_len(columns: usize) -> usize {
    positions_max(columns) * (head_max(columns) + PADDING_MAX) + 8
}

const fn words_len(columns: usize) -> usize {
    ROWS_MAX * Format::Int8.words_of_row(columns)
}

/// A vector, or two heads.
const fn out_len(columns: usize) -> usize {
    max_u32(columns as u32, 2 * head_max(columns) as u32) as usize
}

/// A padded vector, or two heads.
const fn x_len(columns: usize) -> usize {
    out_len(columns).next_multiple_of(16)
}

/// Size of the room for vectors of up to `columns` values, whatever the alignment of its memory.
const fn bytes(columns: usize) -> usize {
    let words = words_len(columns) + 2 * prepared_len(columns) + columns + 2 * out_len(columns);
    let words = words + 4 * positions_max(columns);
    3 + 4 * words + past_len(columns) + x_len(columns) + 2 * ROWS_MAX
}

/// Checks every kernel, in `memory`, with vectors as long as there is room for, or on 1.3 KB of the stack if there is less.
/// Returns the number of results compared.
///
/// # Errors
/// The first difference.
pub fn check(memory: &mut [u8]) -> Result<u32, Difference> {
    match Room::new(memory) {
        Some(room) => check_in(room),
        None => check_on_the_stack(),
    }
}

// Not inlined: the stack is taken only where it is needed.
#[inline(never)]
fn check_on_the_stack() -> Result<u32, Difference> {
    Room::new(&mut [0; BYTES_MIN]).map_or(Ok(0), check_in)
}

fn check_in(mut room: Room<'_>) -> Result<u32, Difference> {
    let (room, random) = (&mut room, &mut SplitMix64::new(3));
    let longest = room.columns;
    let fits = |columns: &usize| *columns <= longest;
    let mut count = 0;
    for format in Format::ALL {
        let lengths = (1..=100).chain([127, 128, 172, 255, 256, 257, 511, 512, 513, 1025, COLUMNS_MAX]);
        for columns in lengths.filter(fits) {
            for (rows, extremes) in [(1, false), (7, true), (8, false)] {
                count += products(room, format, rows, columns, extremes, random)?;
            }
        }
    }
    for length in (0..=70).chain([171, 172, COLUMNS_MAX]).filter(fits) {
        for bits in [1, 2, 9, 15, 16, 17, 24, 31, 32] {
            count += vectors(room, length, bits, random)?;
        }
    }
    let heads = [1, 2, 3, 4, 5, 8, 12, 16, HEAD_MAX];
    for head in heads.into_iter().filter(|&head| head <= head_max(longest)) {
        for positions in 1..=positions_max(longest) {
            for (padding, start) in [(0, 0), (4, 0), (0, 1), (3, 2), (PADDING_MAX, 4)] {
                count += attention::<1>(room, head, positions, padding, start, random)?;
                count += attention::<2>(room, head, positions, padding, start, random)?;
            }
        }
    }
    Ok(count)
}

/// Fails at the first place where the two differ; `lengths` tell the reader which check that is.
fn compare(
    kernel: &'static str,
    lengths: [usize; 3],
    found: &[i32],
    expected: &[i32],
) -> Result<u32, Difference> {
    let mut pairs = found.iter().zip(expected).enumerate();
    match pairs.find(|(_, (found, expected))| found != expected) {
        Some((place, (&found, &expected))) => Err(Difference { kernel, lengths, place, found, expected }),
        None => Ok(found.len() as u32),
    }
}

/// Noise, or only the two extremes.
fn number(random: &mut SplitMix64, size: i32, extremes: bool) -> i8 {
    let bits = random.next_u32();
    let noise = (bits % (2 * size as u32 + 1)) as i32 - size;
    let extreme = if bits & 1 == 0 { size } else { -size };
    (if extremes { extreme } else { noise }) as i8
}

/// Products of `rows` rows, against sums taken weight by weight.
fn products(
    room: &mut Room<'_>,
    format: Format,
    rows: usize,
    columns: usize,
    extremes: bool,
    random: &mut SplitMix64,
) -> Result<u32, Difference> {
    let words_of_row = format.words_of_row(columns);
    let words = first_mut(room.words, rows.next_multiple_of(ROWS) * words_of_row);
    for word in words.iter_mut() {
        let weights: [i8; 16] = core::array::from_fn(|_| number(random, format.largest(), extremes));
        *word = format.pack(&weights);
    }
    room.scales.iter_mut().for_each(|scale| *scale = (random.next_u32() & 0x7fff) as u16);
    let x = first_mut(room.x, columns.next_multiple_of(16));
    let (used, padding) = split_mut(x, columns);
    used.iter_mut().for_each(|x| *x = number(random, 127, extremes));
    padding.fill(0);

    let matrix = Packed { format, words, scales: room.scales, words_of_row };
    let [prepared, _] = &mut room.prepared;
    kernels::prepare(format, prepared, x);
    let [out, expected] = room.out.each_mut().map(|out| first_mut(out, rows));
    kernels::matvec(out, matrix, prepared);
    for (row, (expected, &scale)) in expected.iter_mut().zip(matrix.scales).enumerate() {
        *expected = scale_row(portable::row_sum(matrix, row, first(x, columns)), matrix.sum_shift(), scale);
    }
    let kernel = match format {
        Format::Int8 => "int8 product",
        Format::Int4 => "int4 product",
        Format::Ternary => "ternary product",
    };
    compare(kernel, [rows, columns, 0], out, expected)
}

/// The kernels on each value of a vector, for numbers of up to `bits` bits, sign included.
fn vectors(
    room: &mut Room<'_>,
    length: usize,
    bits: u32,
    random: &mut SplitMix64,
) -> Result<u32, Difference> {
    let v = first_mut(room.values, length);
    v.iter_mut().for_each(|v| *v = (random.next_u32() as i32) >> (32 - bits));
    let lengths = [length, bits as usize, 0];
    let found = [kernels::largest(v), kernels::or_of_magnitudes(v)].map(u32::cast_signed);
    let expected = [portable::largest(v), portable::or_of_magnitudes(v)].map(u32::cast_signed);
    let mut count = compare("the largest", lengths, &found, &expected)?;
    count += quantised(room, length, lengths)?;
    count += added(room, length, lengths, random)?;
    count += activated(room, length, lengths, random)?;
    Ok(count + gained(room, length, lengths, random)?)
}

/// The vector as int8, in every prepared form and as bytes that begin anywhere in a word.
fn quantised(room: &mut Room<'_>, length: usize, lengths: [usize; 3]) -> Result<u32, Difference> {
    let v = first(room.values, length);
    let q = first_mut(room.x, length.next_multiple_of(16));
    let quantizer = Quantizer::to_fit(portable::largest(v));
    let [found, expected] = &mut room.prepared;
    let mut count = 0;
    for format in Format::ALL {
        found.fill(0);
        expected.fill(0);
        portable::quantize_to(q, v, quantizer);
        kernels::prepare(format, expected, q);
        kernels::quantize(format, found, q, v, quantizer);
        count += compare("quantize", lengths, found, expected)?;
    }
    portable::quantize_to(q, v, quantizer);
    let bytes = part_mut(room.past, length % 4, q.len());
    kernels::quantize_to(bytes, v, quantizer);
    let [found, expected] = [found, expected].map(|out| first_mut(out, q.len()));
    found.iter_mut().zip(&*bytes).for_each(|(found, &byte)| *found = byte.into());
    expected.iter_mut().zip(&*q).for_each(|(expected, &byte)| *expected = byte.into());
    Ok(count + compare("quantize_to", lengths, found, expected)?)
}

/// The vector added to sums. Leaves it three bits shorter, as the next checks need it.
fn added(
    room: &mut Room<'_>,
    length: usize,
    lengths: [usize; 3],
    random: &mut SplitMix64,
) -> Result<u32, Difference> {
    let alignment = Alignment {
        down: random.next_u32() % 4,
        shift: (random.next_u32() % 9) as i32 - 2,
        mantissa: 32_767,
    };
    let v = first_mut(room.values, length);
    v.iter_mut().for_each(|v| *v >>= 3);
    let [found, expected] = room.out.each_mut().map(|out| first_mut(out, length));
    found.iter_mut().for_each(|sum| *sum = (random.next_u32() as i32) >> 3);
    copy(expected, found);
    kernels::add_aligned(found, v, alignment);
    portable::add_aligned(expected, v, alignment);
    compare("add_aligned", lengths, found, expected)
}

/// Any table will do, as long as no two entries are the same.
static TABLE: [u16; STORED_STEPS] = {
    let (mut table, mut i) = ([0; STORED_STEPS], 0);
    while i < STORED_STEPS {
        table[i] = 32 * i as u16 + 7;
        i += 1;
    }
    table
};

/// The vector activated, then gated by itself.
fn activated(
    room: &mut Room<'_>,
    length: usize,
    lengths: [usize; 3],
    random: &mut SplitMix64,
) -> Result<u32, Difference> {
    let steps = (random.next_u32() % 64_001) as i32 >> (random.next_u32() % 8);
    let table = ActivationTable { table: &TABLE, steps, shift: shift(lengths) };
    let v = first(room.values, length);
    let [found, expected] = room.out.each_mut().map(|out| first_mut(out, length));
    copy(found, v);
    copy(expected, v);
    kernels::activate(found, table);
    portable::activate(expected, table);
    let count = compare("activate", lengths, found, expected)?;
    found.reverse();
    expected.reverse();
    kernels::gate(found, v, table.shift, table);
    portable::gate(expected, v, table.shift, table);
    Ok(count + compare("gate", lengths, found, expected)?)
}

/// Bits to shift right by so that 15 bits and a sign are left of numbers of `bits` bits that have lost three.
fn shift([_, bits, _]: [usize; 3]) -> u32 {
    (bits as u32).saturating_sub(19)
}

/// Up to 70 of the vector's values times gains of either sign, from 2^-48 to below 16, and one that is nothing.
fn gained(
    room: &mut Room<'_>,
    length: usize,
    lengths: [usize; 3],
    random: &mut SplitMix64,
) -> Result<u32, Difference> {
    let mut gains = [0.0; 70];
    let gains = first_mut(&mut gains, length);
    for gain in gains.iter_mut().skip(1) {
        *gain = f32::from_bits((random.next_u32() % (51 << 23) + (80 << 23)) | (random.next_u32() << 31));
    }
    let v = first(room.values, gains.len());
    let [found, expected] = room.out.each_mut().map(|out| first_mut(out, v.len()));
    copy(found, v);
    copy(expected, v);
    let squares = kernels::gain(found, shift(lengths), gains, 130);
    let expected_squares = portable::gain(expected, shift(lengths), gains, 130);
    let halves = |x: u64| [x as i32, (x >> 32) as i32];
    let count = compare("gain's squares", lengths, &halves(squares), &halves(expected_squares))?;
    Ok(count + compare("gain", lengths, found, expected)?)
}

/// The kernels of attention for `N` heads, over rows `head + padding` bytes apart that begin `start` bytes into a word.
fn attention<const N: usize>(
    room: &mut Room<'_>,
    head: usize,
    positions: usize,
    padding: usize,
    start: usize,
    random: &mut SplitMix64,
) -> Result<u32, Difference> {
    let stride = head + padding;
    let lengths = [positions, head, stride];
    let past = part_mut(room.past, start, (positions - 1) * stride + head);
    past.iter_mut().for_each(|x| *x = number(random, 127, false));
    let queries = first_mut(room.x, N * head);
    queries.iter_mut().for_each(|x| *x = number(random, 127, positions.is_multiple_of(3)));
    // As many bits as attention gives the scales of keys for this head.
    let key_bits = 17 - head.next_power_of_two().trailing_zeros();
    let (mut scales, scale) =
        ([0; POSITIONS_MAX], |bits: u32| bits & ((1 << key_bits) - 1) | bits & 0xffff_0000);
    scales.iter_mut().for_each(|s| *s = scale(random.next_u32()).cast_signed());
    let scales = first(&scales, positions);
    let mantissas = core::array::from_fn(|_| (random.next_u32() & 0xfff) as i32 >> (random.next_u32() % 9));
    let score_scale = ScoreScale { mantissas, shift: 1 + random.next_u32() % 20 };

    let [found, expected] = room.scores.each_mut().map(|s| first_mut(s.as_chunks_mut::<N>().0, positions));
    let largest = kernels::scores(found, queries, past, stride, scales, score_scale);
    let expected_largest = portable::scores(expected, queries, past, stride, scales, score_scale);
    let mut count = compare("the largest score", lengths, &largest, &expected_largest)?;
    count += compare("scores", lengths, found.as_flattened(), expected.as_flattened())?;

    let headroom = if positions.is_multiple_of(5) { 1 } else { 0 };
    let totals = kernels::weights(found, scales, largest, headroom).map(u32::cast_signed);
    let expected_totals = portable::weights(expected, scales, largest, headroom).map(u32::cast_signed);
    count += compare("totals", lengths, &totals, &expected_totals)?;
    let [found, expected] = [found, expected].map(|weights| first(weights, positions.div_ceil(2)));
    count += compare("weights", lengths, found.as_flattened(), expected.as_flattened())?;

    let [sums, expected_sums] = room.out.each_mut().map(|out| first_mut(out, N * head));
    kernels::accumulate(sums, found, past, stride, positions);
    portable::accumulate(expected_sums, found, past, stride, positions);
    Ok(count + compare("accumulate", lengths, sums, expected_sums)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;
    use std::vec;

    #[test]
    fn more_memory_means_longer_vectors() {
        let columns = |bytes: usize| Room::new(&mut vec![0; bytes]).map(|room| room.columns);
        assert_eq!(BYTES_MIN, 1307, "the documentation says 1.3 KB");
        assert_eq!(columns(BYTES_MIN - 1), None);
        assert_eq!(columns(BYTES_MIN), Some(COLUMNS_MIN));
        assert!(columns(8192).is_some_and(|columns| columns > 128));
        assert_eq!(columns(BYTES), Some(COLUMNS_MAX));
        assert_eq!(columns(2 * BYTES), Some(COLUMNS_MAX));
    }

    #[test]
    fn a_result_that_differs_is_named() {
        let lengths = [3, 16, 0];
        assert_eq!(compare("gate", lengths, &[1, -2, 3], &[1, -2, 3]), Ok(3));
        let difference = compare("gate", lengths, &[1, -2, 3], &[1, 2, 4]).unwrap_err();
        assert_eq!(difference.to_string(), "gate of 3, 16, 0 gives -2 at 1, not 2");
    }

    #[test]
    fn whatever_the_memory_kernels_are_checked() {
        for (bytes, least) in [(0, 60_000), (BYTES_MIN, 60_000), (8192, 500_000), (BYTES, 1_000_000)] {
            // Wherever the memory begins.
            for start in 0..4 {
                let count = check(&mut vec![0; bytes + start][start..]);
                assert!(count.is_ok_and(|count| count > least), "{bytes} bytes: {count:?}");
            }
        }
    }
}
