//! The kernels that this machine runs against the portable ones, which define every result: all lengths, extremes, rows
//! that do not fill a group, and memory that starts anywhere in a word. Runs on boards and on the PC.

use core::fmt;

use pipsqueak::internal::SplitMix64;
use pipsqueak::internal::kernels::{self, portable, prepared_len};
use pipsqueak::internal::numbers::{
    ACTIVATION_STEPS, ActivationTable, Alignment, Quantizer, ScoreScale, scale_row,
};
use pipsqueak::internal::packing::{Format, Packed, ROWS};
use rand_core::Rng;

/// Beyond what a kernel sums at once in int8, so that rows in several blocks are checked too.
const COLUMNS_MAX: usize = 1100;
const ROWS_MAX: usize = 12;
const POSITIONS_MAX: usize = 24;
const HEAD_MAX: usize = 64;

/// A kernel, what it was given, and where its result is another than the portable one's.
#[derive(Debug)]
pub(crate) struct Difference {
    kernel: &'static str,
    lengths: [usize; 3],
    place: usize,
    found: i32,
    expected: i32,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Difference { kernel, lengths: [a, b, c], place, found, expected } = self;
        write!(f, "{kernel} of {a}, {b}, {c} gives {found} at {place}, not {expected}")
    }
}

/// Room for the largest of all checks.
pub(crate) struct Room {
    words: [u32; ROWS_MAX * COLUMNS_MAX / 4 + ROWS_MAX],
    scales: [u16; ROWS_MAX],
    x: [i8; COLUMNS_MAX + 16],
    prepared: [[i32; prepared_len(COLUMNS_MAX)]; 2],
    values: [i32; COLUMNS_MAX],
    out: [[i32; COLUMNS_MAX]; 2],
    past: Words<{ POSITIONS_MAX * (HEAD_MAX + 8) + 8 }>,
    scores: [[[i32; 2]; POSITIONS_MAX]; 2],
}

#[repr(C, align(4))]
struct Words<const BYTES: usize>([i8; BYTES]);

impl Room {
    /// All zero.
    pub(crate) const NEW: Room = Room {
        words: [0; ROWS_MAX * COLUMNS_MAX / 4 + ROWS_MAX],
        scales: [0; ROWS_MAX],
        x: [0; COLUMNS_MAX + 16],
        prepared: [[0; prepared_len(COLUMNS_MAX)]; 2],
        values: [0; COLUMNS_MAX],
        out: [[0; COLUMNS_MAX]; 2],
        past: Words([0; POSITIONS_MAX * (HEAD_MAX + 8) + 8]),
        scores: [[[0; 2]; POSITIONS_MAX]; 2],
    };
}

/// Checks every kernel; returns how many results were compared.
pub(crate) fn check(room: &mut Room) -> Result<u32, Difference> {
    let random = &mut SplitMix64::new(3);
    let mut count = 0;
    for format in Format::ALL {
        for columns in (1..=100).chain([127, 128, 172, 255, 256, 257, 511, 512, 513, 1025, COLUMNS_MAX]) {
            for (rows, extremes) in [(1, false), (7, true), (8, false)] {
                count += products(room, format, rows, columns, extremes, random)?;
            }
        }
    }
    for length in (0..=70).chain([171, 172, COLUMNS_MAX]) {
        for bits in [1, 2, 9, 15, 16, 17, 24, 31, 32] {
            count += vectors(room, length, bits, random)?;
        }
    }
    for head in [1, 2, 3, 4, 5, 8, 12, 16, HEAD_MAX] {
        for positions in 1..=POSITIONS_MAX {
            for (padding, start) in [(0, 0), (4, 0), (0, 1), (3, 2), (8, 4)] {
                count += attention::<1>(room, head, positions, padding, start, random)?;
                count += attention::<2>(room, head, positions, padding, start, random)?;
            }
        }
    }
    Ok(count)
}

/// Fails at the first place where the two differ; `lengths` are for the reader.
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

fn products(
    room: &mut Room,
    format: Format,
    rows: usize,
    columns: usize,
    extremes: bool,
    random: &mut SplitMix64,
) -> Result<u32, Difference> {
    let (size, weights_of_word) = (format.largest(), format.weights_of_word());
    let words_of_row = format.words_of_row(columns);
    let padded_rows = rows.next_multiple_of(ROWS);
    let words = &mut room.words[..padded_rows * words_of_row];
    for word in words.iter_mut() {
        let mut weights = [0; 16];
        weights.iter_mut().for_each(|weight| *weight = number(random, size, extremes));
        *word = format.pack(&weights[..weights_of_word]);
    }
    let scales = &mut room.scales[..padded_rows];
    scales.iter_mut().for_each(|scale| *scale = (random.next_u32() & 0x7fff) as u16);
    let x = &mut room.x[..columns.next_multiple_of(16)];
    x.fill(0);
    x[..columns].iter_mut().for_each(|x| *x = number(random, 127, extremes));
    let matrix = Packed { format, words, scales, words_of_row };
    let prepared = &mut room.prepared[0];
    kernels::prepare(format, prepared, x);
    let [out, expected] = &mut room.out;
    kernels::matvec(&mut out[..rows], matrix, prepared);
    for (row, expected) in expected[..rows].iter_mut().enumerate() {
        *expected = scale_row(portable::row_sum(matrix, row, &x[..columns]), matrix.sum_shift(), scales[row]);
    }
    let kernel = match format {
        Format::Int8 => "int8 product",
        Format::Int4 => "int4 product",
        Format::Ternary => "ternary product",
    };
    compare(kernel, [rows, columns, 0], &out[..rows], &expected[..rows])
}

/// What is done to each value of a vector: here, of numbers of up to `bits` bits, sign included.
fn vectors(room: &mut Room, length: usize, bits: u32, random: &mut SplitMix64) -> Result<u32, Difference> {
    let v = &mut room.values[..length];
    v.iter_mut().for_each(|v| *v = (random.next_u32() as i32) >> (32 - bits));
    let lengths = [length, bits as usize, 0];
    let found = [kernels::largest(v), kernels::or_of_magnitudes(v)].map(|size| size as i32);
    let expected = [portable::largest(v), portable::or_of_magnitudes(v)].map(|size| size as i32);
    let mut count = compare("the largest", lengths, &found, &expected)?;

    let step = Quantizer::to_fit(portable::largest(v));
    for format in Format::ALL {
        let q = &mut room.x[..length.next_multiple_of(16)];
        let [found, expected] = &mut room.prepared;
        found.fill(0);
        expected.fill(0);
        portable::quantize_to(q, v, step);
        kernels::prepare(format, expected, q);
        kernels::quantize(format, found, q, v, step);
        count += compare("quantize", lengths, found, expected)?;
    }

    // Wherever in a word the bytes begin.
    let q = &mut room.x[..length.next_multiple_of(16)];
    portable::quantize_to(q, v, step);
    let bytes = &mut room.past.0[length % 4..][..q.len()];
    kernels::quantize_to(bytes, v, step);
    let [found, expected] = &mut room.prepared;
    found.iter_mut().zip(&*bytes).for_each(|(found, &byte)| *found = byte.into());
    expected.iter_mut().zip(&*q).for_each(|(expected, &byte)| *expected = byte.into());
    count += compare("quantize to bytes", lengths, &found[..q.len()], &expected[..q.len()])?;

    let alignment = Alignment {
        down: random.next_u32() % 4,
        shift: (random.next_u32() % 9) as i32 - 2,
        mantissa: 32_767,
    };
    v.iter_mut().for_each(|v| *v >>= 3);
    let [found, expected] = &mut room.out;
    for (a, b) in found.iter_mut().zip(expected.iter_mut()) {
        *a = (random.next_u32() as i32) >> 3;
        *b = *a;
    }
    kernels::add_aligned(&mut found[..length], v, alignment);
    portable::add_aligned(&mut expected[..length], v, alignment);
    count += compare("join", lengths, found, expected)?;

    let mut table = [0; ACTIVATION_STEPS];
    table.iter_mut().enumerate().for_each(|(i, entry)| *entry = 32 * i as u16 + 7);
    let steps = (random.next_u32() % 64_001) as i32 >> (random.next_u32() % 8);
    let curve = ActivationTable { table: &table, steps, shift: bits.saturating_sub(19) };
    let [found, expected] = &mut room.out;
    found[..length].copy_from_slice(v);
    expected[..length].copy_from_slice(v);
    kernels::activate(&mut found[..length], curve);
    portable::activate(&mut expected[..length], curve);
    count += compare("bend", lengths, &found[..length], &expected[..length])?;
    found[..length].reverse();
    expected[..length].reverse();
    kernels::gate(&mut found[..length], v, curve.shift, curve);
    portable::gate(&mut expected[..length], v, curve.shift, curve);
    count += compare("gate", lengths, &found[..length], &expected[..length])?;

    let mut gains = [0.0; 70];
    let length = length.min(gains.len());
    let gains = &mut gains[..length];
    // Of either sign, from 2^-48 to below 16, and nothing.
    gains.iter_mut().for_each(|gain| {
        *gain = f32::from_bits((random.next_u32() % (51 << 23) + (80 << 23)) | (random.next_u32() << 31))
    });
    if let Some(first) = gains.first_mut() {
        *first = 0.0;
    }
    found[..length].copy_from_slice(&v[..length]);
    expected[..length].copy_from_slice(&v[..length]);
    let cut = bits.saturating_sub(19);
    let squares = kernels::gain(&mut found[..length], cut, gains, 130);
    let expected_squares = portable::gain(&mut expected[..length], cut, gains, 130);
    let halves = |x: u64| [x as i32, (x >> 32) as i32];
    count += compare("the squares", lengths, &halves(squares), &halves(expected_squares))?;
    Ok(count + compare("gain", lengths, &found[..length], &expected[..length])?)
}

fn attention<const N: usize>(
    room: &mut Room,
    head: usize,
    positions: usize,
    padding: usize,
    start: usize,
    random: &mut SplitMix64,
) -> Result<u32, Difference> {
    let stride = head + padding;
    let lengths = [positions, head, stride];
    let past = &mut room.past.0[start..start + (positions - 1) * stride + head];
    past.iter_mut().for_each(|x| *x = number(random, 127, false));
    let queries = &mut room.x[..N * head];
    queries.iter_mut().for_each(|x| *x = number(random, 127, positions.is_multiple_of(3)));
    let [found, expected] = &mut room.scores;
    let (found, expected) =
        (&mut found.as_flattened_mut()[..N * positions], &mut expected.as_flattened_mut()[..N * positions]);
    // As many bits as attention gives the scales of keys for this head.
    let key_bits = 17 - head.next_power_of_two().trailing_zeros();
    let scales = &mut room.values[..positions];
    let scale = |bits: u32| (bits & ((1 << key_bits) - 1) | bits & 0xffff_0000) as i32;
    scales.iter_mut().for_each(|s| *s = scale(random.next_u32()));
    let mantissas = core::array::from_fn(|_| (random.next_u32() & 0xfff) as i32 >> (random.next_u32() % 9));
    let factors = ScoreScale { mantissas, shift: 1 + random.next_u32() % 20 };
    let largest = kernels::scores::<N>(found.as_chunks_mut().0, queries, past, stride, scales, factors);
    let expected_largest =
        portable::scores::<N>(expected.as_chunks_mut().0, queries, past, stride, scales, factors);
    let mut count = compare("the largest score", lengths, &largest, &expected_largest)?;
    count += compare("scores", lengths, found, expected)?;

    let headroom = if positions.is_multiple_of(5) { 1 } else { 0 };
    let totals = kernels::weights::<N>(found.as_chunks_mut().0, scales, largest, headroom);
    let expected_totals = portable::weights::<N>(expected.as_chunks_mut().0, scales, largest, headroom);
    count += compare("totals", lengths, &totals.map(|t| t as i32), &expected_totals.map(|t| t as i32))?;
    let pairs = positions.div_ceil(2);
    count += compare("weights", lengths, &found[..N * pairs], &expected[..N * pairs])?;

    let weights = found.as_chunks::<N>().0;
    let [sums, expected_sums] = &mut room.out;
    let (sums, expected_sums) = (&mut sums[..N * head], &mut expected_sums[..N * head]);
    kernels::accumulate::<N>(sums, &weights[..pairs], past, stride, positions);
    portable::accumulate::<N>(expected_sums, &weights[..pairs], past, stride, positions);
    Ok(count + compare("accumulate", lengths, sums, expected_sums)?)
}
