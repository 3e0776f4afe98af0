//! The kernels in AVX2: 32 bytes at a time.
//!
//! **Product.** `vpmaddubsw` multiplies unsigned bytes by signed ones and adds pairs, saturating at 16 bits. It never
//! does: `2 * 127 * 127 < 2^15`, where int8 gives the sign of `x` to the weight; int4's nibbles are at most 15, and
//! ternary fields at most 3.

use core::arch::x86_64::*;

use super::layout::{Operands, offset, plane_len, planes};
use crate::packing::{Format, INT4_SIGNS, Packed, ROWS};

/// Rows that are multiplied at once: four groups.
const ROWS_AT_ONCE: usize = 4 * ROWS;
/// Steps of a register for which sums of int4 or ternary products fit 16 bits: `4 * 4 * 15 * 127 < 2^15`.
const BLOCK: usize = 4;

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
    // SAFETY: `Operands::new` has checked that the matrix has `out.len()` rows, rounded up to a group of four.
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
/// The matrix must have `4 * GROUPS` rows from `row` on.
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
        let mut i = 0;
        while i < whole {
            let mut products = step::<GROUPS, PLANES, false>(words, operands, i);
            i += 8;
            let end = if PLANES == 1 { i } else { whole.min(i + 8 * (BLOCK - 1)) };
            while i < end {
                let more = step::<GROUPS, PLANES, false>(words, operands, i);
                for (products, more) in products.iter_mut().zip(more) {
                    *products = _mm256_add_epi16(*products, more);
                }
                i += 8;
            }
            add_pairs(&mut sums, products);
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
/// `GROUPS` groups from `words` on, and each plane, must have eight words from `i` on; four where `LAST`.
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
/// `words` must point to eight readable words; to four where `FOUR`.
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
/// Where `out` has eight values, the matrix must have eight rows from `row` on.
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
pub(super) fn store(out: &mut [i32], eight: __m256i) {
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
