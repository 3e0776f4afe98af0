//! The kernels in AVX2: 32 bytes at a time.
//!
//! **Product.** `vpmaddubsw` multiplies unsigned bytes by signed ones and adds pairs, saturating at 16 bits. It never
//! does: `2 * 127 * 127 < 2^15`, where int8 gives the sign of `x` to the weight; int4's nibbles are at most 15, and
//! ternary fields at most 3.

use core::arch::x86_64::*;

use super::EXP2_WORDS;
use super::layout::{Operands, offset, plane_len, planes};
use crate::kernels::{Work, portable};
use crate::numbers::{ACTIVATION_STEPS, ActivationTable, FRACTION_BITS, ScoreScale};
use crate::packing::{Format, INT4_SIGNS, Packed, ROWS};

/// Rows that are multiplied at once: four groups.
const ROWS_AT_ONCE: usize = 4 * ROWS;
/// Steps of a register for which sums of int4 or ternary products fit 16 bits: `4 * 4 * 15 * 127 < 2^15`.
const BLOCK: usize = 4;

/// Does `work`, compiled for these instructions.
#[target_feature(enable = "avx2")]
pub(super) fn run(work: impl Work) {
    work.run();
}

/// See [`portable::activate`].
#[target_feature(enable = "avx2")]
pub(super) fn activate(x: &mut [i32], curve: ActivationTable<'_>) {
    let (eights, rest) = x.as_chunks_mut::<8>();
    for x in eights {
        // SAFETY: eight numbers are read and written.
        unsafe {
            let bent = bend_eight(_mm256_loadu_si256(x.as_ptr().cast()), curve);
            _mm256_storeu_si256(x.as_mut_ptr().cast(), bent);
        }
    }
    portable::activate(rest, curve);
}

/// See [`portable::gate`].
#[target_feature(enable = "avx2")]
pub(super) fn gate(x: &mut [i32], up: &[i32], up_cut: u32, curve: ActivationTable<'_>) {
    let shift = _mm_cvtsi32_si128(up_cut as i32);
    let ((eights, rest), (up_eights, _)) = (x.as_chunks_mut::<8>(), up.as_chunks::<8>());
    let whole = 8 * eights.len();
    for (x, up) in eights.iter_mut().zip(up_eights) {
        // SAFETY: eight numbers are read of each, and written.
        unsafe {
            let bent = bend_eight(_mm256_loadu_si256(x.as_ptr().cast()), curve);
            let up = _mm256_sra_epi32(_mm256_loadu_si256(up.as_ptr().cast()), shift);
            _mm256_storeu_si256(x.as_mut_ptr().cast(), _mm256_mullo_epi32(bent, up));
        }
    }
    portable::gate(rest, up.get(whole..).unwrap_or_default(), up_cut, curve);
}

/// See [`ActivationTable::activate`].
#[inline]
#[target_feature(enable = "avx2")]
fn bend_eight(x: __m256i, curve: ActivationTable<'_>) -> __m256i {
    let (zero, one) = (_mm256_setzero_si256(), _mm256_set1_epi32(1));
    let x = _mm256_sra_epi32(x, _mm_cvtsi32_si128(curve.shift as i32));
    let middle = _mm256_set1_epi32((ACTIVATION_STEPS as i32 / 2) << 16);
    let steps = _mm256_add_epi32(_mm256_mullo_epi32(x, _mm256_set1_epi32(curve.steps)), middle);
    let step = _mm256_max_epi32(_mm256_srai_epi32::<16>(steps), zero);
    let step = _mm256_min_epi32(step, _mm256_set1_epi32(ACTIVATION_STEPS as i32 - 1));
    // Two entries at a time, so that the last one is not read beyond.
    // SAFETY: a step is one of the table's, and its half one of its words.
    let two =
        unsafe { _mm256_i32gather_epi32::<4>(curve.table.as_ptr().cast(), _mm256_srli_epi32::<1>(step)) };
    let odd = _mm256_slli_epi32::<4>(_mm256_and_si256(step, one));
    let entry = _mm256_and_si256(_mm256_srlv_epi32(two, odd), _mm256_set1_epi32(0xffff));
    _mm256_srai_epi32::<15>(_mm256_mullo_epi32(x, entry))
}

/// Brings an int8 vector into the form of [`layout`](super::layout).
#[target_feature(enable = "avx2")]
pub(super) fn prepare(format: Format, prepared: &mut [i32], x: &[i8]) {
    let Some((first, factors)) = prepared.split_first_mut() else { return };
    let planes = planes(format);
    let length = plane_len(planes, x.len().div_ceil(4 * planes));
    let Some(factors) = factors.get_mut(..planes * length) else { return };
    let mut sum = 0;
    for (i, x) in x.chunks(16).enumerate() {
        let x = load_padded(x);
        sum += add_bytes(x);
        let out = &mut factors[16 / planes * i..];
        match format {
            Format::Int8 => put_words::<4>(x, out),
            Format::Int4 => {
                let evens = _mm_setr_epi8(0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15);
                let x = _mm_shuffle_epi8(x, evens);
                put_words::<2>(x, out);
                put_words::<2>(_mm_unpackhi_epi64(x, x), &mut out[length..]);
            }
            Format::Ternary => {
                let fours = _mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
                let x = _mm_shuffle_epi8(x, fours);
                put_words::<1>(x, out);
                put_words::<1>(_mm_srli_si128::<4>(x), &mut out[length..]);
                put_words::<1>(_mm_srli_si128::<8>(x), &mut out[2 * length..]);
                put_words::<1>(_mm_srli_si128::<12>(x), &mut out[3 * length..]);
            }
        }
    }
    *first = offset(format) * sum;
}

/// Up to 16 bytes, and zeros.
#[inline]
#[target_feature(enable = "avx2")]
fn load_padded(x: &[i8]) -> __m128i {
    let mut padded = [0; 16];
    let whole = x.try_into().unwrap_or_else(|_| {
        padded[..x.len()].copy_from_slice(x);
        &padded
    });
    load_16(whole)
}

/// The sum of the bytes.
#[inline]
#[target_feature(enable = "avx2")]
fn add_bytes(x: __m128i) -> i32 {
    let sums = _mm_sad_epu8(_mm_xor_si128(x, _mm_set1_epi8(-128)), _mm_setzero_si128());
    _mm_cvtsi128_si32(_mm_add_epi64(sums, _mm_unpackhi_epi64(sums, sums))) - 16 * 128
}

/// The first words of `x`, each four times.
#[target_feature(enable = "avx2")]
fn put_words<const WORDS: usize>(x: __m128i, out: &mut [i32]) {
    let words = [
        _mm_shuffle_epi32::<0>(x),
        _mm_shuffle_epi32::<0b0101_0101>(x),
        _mm_shuffle_epi32::<0b1010_1010>(x),
        _mm_shuffle_epi32::<0b1111_1111>(x),
    ];
    for (out, word) in out.as_chunks_mut::<4>().0.iter_mut().zip(words).take(WORDS) {
        // SAFETY: there is room for four words.
        unsafe { _mm_storeu_si128(out.as_mut_ptr().cast(), word) };
    }
}

/// See [`portable::matvec`].
#[target_feature(enable = "avx2")]
pub(super) fn matvec(out: &mut [i32], matrix: Packed<'_>, prepared: &[i32]) {
    match matrix.format {
        Format::Int8 => rows::<1>(out, matrix, prepared),
        Format::Int4 => rows::<2>(out, matrix, prepared),
        Format::Ternary => rows::<4>(out, matrix, prepared),
    }
}

#[target_feature(enable = "avx2")]
fn rows<const PLANES: usize>(out: &mut [i32], matrix: Packed<'_>, prepared: &[i32]) {
    let Some(operands) = Operands::<PLANES>::new(out.len(), matrix, prepared) else { return };
    let (chunks, rest) = out.as_chunks_mut::<ROWS_AT_ONCE>();
    let whole = chunks.len() * ROWS_AT_ONCE;
    // SAFETY: there are so many rows.
    unsafe {
        for (i, out) in chunks.iter_mut().enumerate() {
            let row = i * ROWS_AT_ONCE;
            let [low, high] = sums::<4, PLANES>(row, &operands);
            scale(&mut out[..8], low, &operands, row);
            scale(&mut out[8..], high, &operands, row + 8);
        }
        for (i, out) in rest.chunks_mut(ROWS).enumerate() {
            let row = whole + i * ROWS;
            scale(out, sums::<1, PLANES>(row, &operands)[0], &operands, row);
        }
    }
}

/// The sums of rows from `row` on: those of four groups, or of one.
///
/// # Safety
/// There must be so many rows.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn sums<const GROUPS: usize, const PLANES: usize>(
    row: usize,
    operands: &Operands<'_, PLANES>,
) -> [__m256i; 2] {
    let zero = _mm256_setzero_si256();
    let (words, length) = (operands.groups_from(row), operands.length);
    let mut sums = [zero; GROUPS];
    let whole = length / 8 * 8;
    // SAFETY: a step reads eight words, the last one four, of groups and planes that have `length` of them.
    unsafe {
        if PLANES == 1 {
            for i in (0..whole).step_by(8) {
                add_pairs(&mut sums, step::<GROUPS, PLANES, false>(words, operands, i));
            }
        } else {
            for block in (0..whole).step_by(8 * BLOCK) {
                let mut products = [zero; GROUPS];
                for i in (block..whole.min(block + 8 * BLOCK)).step_by(8) {
                    let more = step::<GROUPS, PLANES, false>(words, operands, i);
                    for (products, more) in products.iter_mut().zip(more) {
                        *products = _mm256_add_epi16(*products, more);
                    }
                }
                add_pairs(&mut sums, products);
            }
        }
        if whole < length {
            add_pairs(&mut sums, step::<GROUPS, PLANES, true>(words, operands, whole));
        }
    }
    let mut four = [zero; 4];
    four[..GROUPS].copy_from_slice(&sums);
    let [a, b, c, d] = four;
    let offset = _mm256_set1_epi32(if PLANES == 1 { 0 } else { operands.offset });
    [_mm256_sub_epi32(add_halves(a, b), offset), _mm256_sub_epi32(add_halves(c, d), offset)]
}

/// Adds pairs of 16 bits to sums of 32.
#[inline]
#[target_feature(enable = "avx2")]
fn add_pairs<const GROUPS: usize>(sums: &mut [__m256i; GROUPS], products: [__m256i; GROUPS]) {
    for (sum, products) in sums.iter_mut().zip(products) {
        *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(products, _mm256_set1_epi16(1)));
    }
}

/// The sum of the halves of `a`, then of `b`.
#[inline]
#[target_feature(enable = "avx2")]
fn add_halves(a: __m256i, b: __m256i) -> __m256i {
    let low = _mm256_permute2x128_si256::<0x20>(a, b);
    _mm256_add_epi32(low, _mm256_permute2x128_si256::<0x31>(a, b))
}

/// Sums of products in 16 bits of each group's words from `i` on: eight, or the `LAST` four.
///
/// # Safety
/// Groups from `words` on, and planes, must have so many.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn step<const GROUPS: usize, const PLANES: usize, const LAST: bool>(
    words: *const u32,
    operands: &Operands<'_, PLANES>,
    i: usize,
) -> [__m256i; GROUPS] {
    let mut x = [_mm256_setzero_si256(); PLANES];
    let mut products = [_mm256_setzero_si256(); GROUPS];
    // SAFETY: as the caller says.
    unsafe {
        for (x, plane) in x.iter_mut().zip(operands.planes) {
            *x = load_words::<LAST>(plane.as_ptr().add(i).cast());
        }
        for (group, products) in products.iter_mut().enumerate() {
            *products = multiply(load_words::<LAST>(words.add(group * operands.length + i).cast()), x);
        }
    }
    products
}

/// Eight words, or four and zeros.
///
/// # Safety
/// So many must be readable.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn load_words<const FOUR: bool>(words: *const __m256i) -> __m256i {
    // SAFETY: as the caller says.
    unsafe {
        if FOUR { _mm256_zextsi128_si256(_mm_loadu_si128(words.cast())) } else { _mm256_loadu_si256(words) }
    }
}

/// Sums of products of pairs of bytes, in 16 bits, over all planes.
#[inline]
#[target_feature(enable = "avx2")]
fn multiply<const PLANES: usize>(words: __m256i, x: [__m256i; PLANES]) -> __m256i {
    if PLANES == 1 {
        // A half of a word is 256 odd + even: 128 more, and the even byte carries nothing into the odd one.
        let even = _mm256_set1_epi16(0x80);
        let weights = _mm256_xor_si256(_mm256_add_epi16(words, even), even);
        return _mm256_maddubs_epi16(_mm256_abs_epi8(x[0]), _mm256_sign_epi8(weights, x[0]));
    }
    let bits = 8 / PLANES as i32;
    let mask = _mm256_set1_epi8(((1 << bits) - 1) as i8);
    let words = if PLANES == 2 {
        _mm256_xor_si256(words, _mm256_set1_epi32(INT4_SIGNS.cast_signed()))
    } else {
        words
    };
    let mut sum = _mm256_setzero_si256();
    for (k, x) in x.into_iter().enumerate() {
        let field = _mm256_and_si256(_mm256_srl_epi16(words, _mm_cvtsi32_si128(bits * k as i32)), mask);
        sum = _mm256_add_epi16(sum, _mm256_maddubs_epi16(field, x));
    }
    sum
}

/// `out = (sums * 2^sum_shift) * scales / 2^16` of eight rows from `row` on, or of the first of them: products of 64 bits of
/// the even and of the odd rows.
///
/// # Safety
/// Where `out` has eight, there must be so many rows.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn scale<const PLANES: usize>(
    out: &mut [i32],
    sums: __m256i,
    operands: &Operands<'_, PLANES>,
    row: usize,
) {
    let sums = _mm256_sll_epi32(sums, _mm_cvtsi32_si128(operands.sum_shift as i32));
    let scales = operands.scales[row..].as_ptr();
    // SAFETY: rows come in fours.
    let scales = unsafe {
        if out.len() == 8 { _mm_loadu_si128(scales.cast()) } else { _mm_loadl_epi64(scales.cast()) }
    };
    let scales = _mm256_cvtepu16_epi32(scales);
    let even = _mm256_mul_epi32(sums, scales);
    let odd = _mm256_mul_epi32(_mm256_srli_epi64::<32>(sums), _mm256_srli_epi64::<32>(scales));
    let (even, odd) = (_mm256_srli_epi64::<16>(even), _mm256_slli_epi64::<16>(odd));
    store(out, _mm256_blend_epi32::<0b1010_1010>(even, odd));
}

/// As many as `out` has, up to eight.
#[inline]
#[target_feature(enable = "avx2")]
fn store(out: &mut [i32], eight: __m256i) {
    let mut room = [0; 8];
    match out.first_chunk_mut::<8>() {
        // SAFETY: there is room for eight.
        Some(out) => unsafe { _mm256_storeu_si256(out.as_mut_ptr().cast(), eight) },
        None => {
            // SAFETY: as above.
            unsafe { _mm256_storeu_si256(room.as_mut_ptr().cast(), eight) };
            out.iter_mut().zip(room).for_each(|(out, room)| *out = room);
        }
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn load_16(x: &[i8; 16]) -> __m128i {
    // SAFETY: the array has 16 bytes.
    unsafe { _mm_loadu_si128(x.as_ptr().cast()) }
}

/// Whether channels can be taken eight at a time from `positions` rows, for one or two heads.
fn in_eights<const N: usize>(rows: &[i8], head: usize, stride: usize, positions: usize) -> bool {
    (N == 1 || N == 2)
        && positions > 0
        && head > 0
        && head.is_multiple_of(8)
        && rows.len() >= (positions - 1) * stride + head
}

/// See [`portable::scores`]. Eight at a time, two of them in a register.
#[target_feature(enable = "avx2")]
pub(super) fn scores<const N: usize>(
    out: &mut [[i32; N]],
    queries: &[i8],
    keys: &[i8],
    stride: usize,
    scales: &[i32],
    factors: ScoreScale<N>,
) -> [i32; N] {
    let (head, positions) = (queries.len() / N, out.len());
    if !in_eights::<N>(keys, head, stride, positions) || scales.len() < positions {
        return portable::scores(out, queries, keys, stride, scales, factors);
    }
    let (mantissas, shift) = (by_heads(factors.mantissas), _mm_cvtsi32_si128(factors.shift as i32));
    let mut largest = _mm256_set1_epi32(i32::MIN);
    let (eights, rest) = out.as_flattened_mut().as_chunks_mut::<8>();
    let whole = 8 / N * eights.len();
    // SAFETY: `positions` rows have `head` channels, a multiple of 8, and so has each query; each position has a scale.
    unsafe {
        for (i, out) in eights.iter_mut().enumerate() {
            let position = 8 / N * i;
            let dots = eight_dots::<N>(position, usize::MAX, queries, keys.as_ptr(), stride);
            let scores = scale_scores::<N>(dots, scales.as_ptr().add(position), mantissas, shift);
            largest = _mm256_max_epi32(largest, scores);
            _mm256_storeu_si256(out.as_mut_ptr().cast(), scores);
        }
        if !rest.is_empty() {
            // What is beyond the last position is that again.
            let last = positions - 1;
            let mut padded = [scales[last]; 8];
            padded.iter_mut().zip(&scales[whole..positions]).for_each(|(padded, &scale)| *padded = scale);
            let dots = eight_dots::<N>(whole, last, queries, keys.as_ptr(), stride);
            let scores = scale_scores::<N>(dots, padded.as_ptr(), mantissas, shift);
            largest = _mm256_max_epi32(largest, scores);
            store(rest, scores);
        }
    }
    fold(largest, i32::max)
}

/// Eight products, by the scales of their keys and the factors.
///
/// # Safety
/// The scales of as many positions must be readable.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn scale_scores<const N: usize>(
    dots: __m256i,
    scales: *const i32,
    mantissas: __m256i,
    shift: __m128i,
) -> __m256i {
    // SAFETY: as the caller says.
    let keys = _mm256_and_si256(unsafe { eight_scales::<N>(scales) }, _mm256_set1_epi32(0xffff));
    let products = _mm256_srai_epi32::<12>(_mm256_mullo_epi32(dots, keys));
    _mm256_sra_epi32(_mm256_mullo_epi32(products, mantissas), shift)
}

/// The products from `position` on; beyond `last`, of that again.
///
/// # Safety
/// `head` channels must be readable at each of these positions.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn eight_dots<const N: usize>(
    position: usize,
    last: usize,
    queries: &[i8],
    keys: *const i8,
    stride: usize,
) -> __m256i {
    let head = queries.len() / N;
    let mut sums = [_mm256_setzero_si256(); 4];
    for channel in (0..head).step_by(8) {
        let queries = queries.as_ptr();
        // SAFETY: eight channels of each query, and of each key.
        unsafe {
            let query = two_eights(queries.add(channel), queries.add((N - 1) * head + channel));
            for (i, sum) in sums.iter_mut().enumerate() {
                let [a, b] = [2 * i, 2 * i + 1].map(|i| (position + i / N).min(last) * stride + channel);
                let key = two_eights(keys.add(a), keys.add(b));
                *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(key, query));
            }
        }
    }
    let [a, b, c, d] = sums;
    let sums = _mm256_hadd_epi32(_mm256_hadd_epi32(a, b), _mm256_hadd_epi32(c, d));
    _mm256_permutevar8x32_epi32(sums, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7))
}

/// Eight int8 from each, as 16 bits.
///
/// # Safety
/// Eight bytes must be readable at each.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn two_eights(a: *const i8, b: *const i8) -> __m256i {
    // SAFETY: as the caller says.
    let (a, b) = unsafe { (_mm_loadl_epi64(a.cast()), _mm_loadl_epi64(b.cast())) };
    _mm256_cvtepi8_epi16(_mm_unpacklo_epi64(a, b))
}

/// See [`portable::accumulate`]. Two positions at a time, whose values alternate as their weights do.
#[target_feature(enable = "avx2")]
pub(super) fn accumulate<const N: usize>(
    sums: &mut [i32],
    weights: &[[i32; N]],
    values: &[i8],
    stride: usize,
    positions: usize,
) {
    let head = sums.len() / N;
    if !in_eights::<N>(values, head, stride, positions) || weights.len() < positions.div_ceil(2) {
        return portable::accumulate(sums, weights, values, stride, positions);
    }
    for channel in (0..head).step_by(8) {
        let mut eights = [_mm256_setzero_si256(); N];
        // SAFETY: eight channels at each of `positions` positions.
        unsafe {
            let mut place = values.as_ptr().add(channel);
            for weights in &weights[..positions / 2] {
                let next = place.add(stride);
                add_pair(&mut eights, _mm_loadl_epi64(place.cast()), _mm_loadl_epi64(next.cast()), weights);
                place = next.wrapping_add(stride);
            }
            if !positions.is_multiple_of(2) {
                let last = _mm_loadl_epi64(place.cast());
                add_pair(&mut eights, last, _mm_setzero_si128(), &weights[positions / 2]);
            }
        }
        for (n, eights) in eights.into_iter().enumerate() {
            // SAFETY: eight channels of head `n`, a multiple of 8 of which there are `head`.
            unsafe { _mm256_storeu_si256(sums.as_mut_ptr().add(n * head + channel).cast(), eights) };
        }
    }
}

/// Eight channels of two positions, by each head's two weights.
#[inline]
#[target_feature(enable = "avx2")]
fn add_pair<const N: usize>(sums: &mut [__m256i; N], a: __m128i, b: __m128i, weights: &[i32; N]) {
    let pairs = _mm256_cvtepi8_epi16(_mm_unpacklo_epi8(a, b));
    for (sum, &weight) in sums.iter_mut().zip(weights) {
        *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(pairs, _mm256_set1_epi32(weight)));
    }
}

/// Eight scores' scales: of as many positions as they belong to.
///
/// # Safety
/// So many must be readable.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn eight_scales<const N: usize>(scales: *const i32) -> __m256i {
    // SAFETY: as the caller says.
    unsafe {
        if N == 1 {
            return _mm256_loadu_si256(scales.cast());
        }
        let scales = _mm256_castsi128_si256(_mm_loadu_si128(scales.cast()));
        _mm256_permutevar8x32_epi32(scales, _mm256_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3))
    }
}

/// Each head's number, as often as it fits.
#[inline]
#[target_feature(enable = "avx2")]
fn by_heads<const N: usize>(numbers: [i32; N]) -> __m256i {
    let [a, b] = [numbers[0], numbers[N - 1]];
    _mm256_setr_epi32(a, b, a, b, a, b, a, b)
}

/// Each head's numbers in one.
#[inline]
#[target_feature(enable = "avx2")]
fn fold<const N: usize>(eight: __m256i, join: impl Fn(i32, i32) -> i32) -> [i32; N] {
    let mut numbers = [0; 8];
    // SAFETY: eight numbers are written.
    unsafe { _mm256_storeu_si256(numbers.as_mut_ptr().cast(), eight) };
    core::array::from_fn(|n| numbers[n..].iter().copied().step_by(N).reduce(&join).unwrap_or_default())
}

/// See [`portable::weights`].
#[target_feature(enable = "avx2")]
pub(super) fn weights<const N: usize>(
    scores: &mut [[i32; N]],
    scales: &[i32],
    largest: [i32; N],
    headroom: u32,
) -> [u32; N] {
    if N != 1 && N != 2 || scores.len() < scales.len() {
        return portable::weights(scores, scales, largest, headroom);
    }
    let (first, shift) = (by_heads(largest), _mm_cvtsi32_si128(16 + headroom as i32));
    let mut totals = _mm256_setzero_si256();
    let (whole, flat) = (scales.len() / (8 / N), scores.as_flattened_mut());
    // SAFETY: eight scores are read, and the scales of as many positions; half as many words are written, at or before
    // them, so that no score is lost that is yet to be read.
    unsafe {
        for i in 0..whole {
            let scores = _mm256_loadu_si256(flat.as_ptr().add(8 * i).cast());
            let powers = powers(_mm256_sub_epi32(first, scores));
            totals = _mm256_add_epi32(totals, powers);
            let pairs = weigh::<N>(powers, scales.as_ptr().add(8 / N * i), shift);
            _mm_storeu_si128(flat.as_mut_ptr().add(4 * i).cast(), pairs);
        }
        let done = 8 / N * whole;
        if done < scales.len() {
            // What is beyond the last position is so far away that it weighs nothing.
            let (mut far, mut padded, mut words) = ([0; 8], [0; 8], [0; 4]);
            _mm256_storeu_si256(
                far.as_mut_ptr().cast(),
                _mm256_sub_epi32(first, _mm256_set1_epi32(i32::MAX)),
            );
            far.iter_mut().zip(&flat[N * done..N * scales.len()]).for_each(|(far, &score)| *far = score);
            padded.iter_mut().zip(&scales[done..]).for_each(|(padded, &scale)| *padded = scale);
            let powers = powers(_mm256_sub_epi32(first, _mm256_loadu_si256(far.as_ptr().cast())));
            totals = _mm256_add_epi32(totals, powers);
            _mm_storeu_si128(words.as_mut_ptr().cast(), weigh::<N>(powers, padded.as_ptr(), shift));
            let rest = &mut flat[4 * whole..][..N * (scales.len() - done).div_ceil(2)];
            rest.iter_mut().zip(words).for_each(|(rest, word)| *rest = word);
        }
    }
    fold::<N>(totals, i32::wrapping_add).map(i32::cast_unsigned)
}

/// Weights of eight powers, two positions' in a word.
///
/// # Safety
/// The scales of as many positions must be readable.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn weigh<const N: usize>(powers: __m256i, scales: *const i32, shift: __m128i) -> __m128i {
    // SAFETY: as the caller says.
    let scales = _mm256_srli_epi32::<16>(unsafe { eight_scales::<N>(scales) });
    pairs::<N>(_mm256_srl_epi32(_mm256_mullo_epi32(powers, scales), shift))
}

/// `2^(15 - distance / 256)`.
#[inline]
#[target_feature(enable = "avx2")]
fn powers(distances: __m256i) -> __m256i {
    let places = _mm256_and_si256(distances, _mm256_set1_epi32(0xff));
    // SAFETY: a place is from 0 to 255, and so many are in the table.
    let powers = unsafe { _mm256_i32gather_epi32::<4>(EXP2_WORDS.as_ptr(), places) };
    _mm256_srlv_epi32(powers, _mm256_srli_epi32::<{ FRACTION_BITS as i32 }>(distances))
}

/// Weights of two positions in a word.
#[inline]
#[target_feature(enable = "avx2")]
fn pairs<const N: usize>(weights: __m256i) -> __m128i {
    // The lower halves of a lane's four words, in the order of the words they go to.
    let halves = if N == 1 {
        _mm256_setr_epi8(
            0, 1, 4, 5, 8, 9, 12, 13, -1, -1, -1, -1, -1, -1, -1, -1, 0, 1, 4, 5, 8, 9, 12, 13, -1, -1, -1,
            -1, -1, -1, -1, -1,
        )
    } else {
        _mm256_setr_epi8(
            0, 1, 8, 9, 4, 5, 12, 13, -1, -1, -1, -1, -1, -1, -1, -1, 0, 1, 8, 9, 4, 5, 12, 13, -1, -1, -1,
            -1, -1, -1, -1, -1,
        )
    };
    let pairs = _mm256_permute4x64_epi64::<0b1000>(_mm256_shuffle_epi8(weights, halves));
    _mm256_castsi256_si128(pairs)
}
