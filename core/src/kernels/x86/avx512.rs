//! The kernels in AVX-512 with VNNI: 64 bytes at a time.
//!
//! **Product.** `vpdpbusd` multiplies unsigned bytes by signed ones and adds four products to a sum of 32 bits. int8
//! weights become unsigned by adding 128 to both bytes of a half. Fields of int4 and ternary weights stay where they are
//! in their byte, `4^plane` or `16^plane` too large, and their sums are shifted.

use core::arch::x86_64::*;

use super::layout::Operands;
use crate::packing::{Format, INT4_SIGNS, Packed, ROWS};

/// Rows that are multiplied at once: four groups.
const ROWS_AT_ONCE: usize = 4 * ROWS;

/// See [`portable::matvec`](crate::kernels::portable::matvec).
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
pub(super) fn matvec(out: &mut [i32], matrix: Packed<'_>, prepared: &[i32]) {
    match matrix.format {
        Format::Int8 => rows::<1>(out, matrix, prepared),
        Format::Int4 => rows::<2>(out, matrix, prepared),
        Format::Ternary => rows::<4>(out, matrix, prepared),
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn rows<const PLANES: usize>(out: &mut [i32], matrix: Packed<'_>, prepared: &[i32]) {
    let Some(operands) = Operands::<PLANES>::new(out.len(), matrix, prepared) else { return };
    let (chunks, rest) = out.as_chunks_mut::<ROWS_AT_ONCE>();
    let whole = chunks.len() * ROWS_AT_ONCE;
    // SAFETY: `Operands::new` has checked that the matrix has `out.len()` rows, rounded up to a group of four.
    unsafe {
        for (i, out) in chunks.iter_mut().enumerate() {
            let row = i * ROWS_AT_ONCE;
            scale(out, sums::<4, PLANES>(row, &operands), &operands, row);
        }
        for (i, out) in rest.chunks_mut(ROWS).enumerate() {
            let row = whole + i * ROWS;
            scale(out, sums::<1, PLANES>(row, &operands), &operands, row);
        }
    }
}

/// The first `count` of sixteen.
#[inline]
fn mask(count: usize) -> __mmask16 {
    if count >= 16 { !0 } else { (1 << count) - 1 }
}

/// The sums of rows from `row` on: those of four groups, or of one.
///
/// # Safety
/// The matrix must have `4 * GROUPS` rows from `row` on.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn sums<const GROUPS: usize, const PLANES: usize>(
    row: usize,
    operands: &Operands<'_, PLANES>,
) -> __m512i {
    let (words, length) = (operands.groups_from(row), operands.length);
    let mut sums = [[_mm512_setzero_si512(); PLANES]; GROUPS];
    for sums in &mut sums {
        sums[0] = _mm512_maskz_set1_epi32(0b1111, -operands.offset);
    }
    let whole = length / 16 * 16;
    // SAFETY: a step reads as many words as the mask says of groups and planes that have `length` of them.
    unsafe {
        for i in 0..length / 16 {
            step(&mut sums, words, operands, 16 * i, !0);
        }
        if whole < length {
            step(&mut sums, words, operands, whole, mask(length - whole));
        }
    }
    let mut four = [_mm512_setzero_si512(); 4];
    for (four, sums) in four.iter_mut().zip(sums) {
        *four = join(sums);
    }
    add_quarters(four)
}

/// Adds the products of each group's words from `i` on, of those that are in `lanes`.
///
/// # Safety
/// `GROUPS` groups from `words` on, and each plane, must have a word from `i` on for each of the `lanes`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn step<const GROUPS: usize, const PLANES: usize>(
    sums: &mut [[__m512i; PLANES]; GROUPS],
    words: *const u32,
    operands: &Operands<'_, PLANES>,
    i: usize,
    lanes: __mmask16,
) {
    let mut x = [_mm512_setzero_si512(); PLANES];
    // SAFETY: as the caller says.
    unsafe {
        for (x, plane) in x.iter_mut().zip(operands.planes) {
            *x = _mm512_maskz_loadu_epi32(lanes, plane.as_ptr().add(i));
        }
        for (group, sums) in sums.iter_mut().enumerate() {
            let words = words.add(group * operands.length + i);
            let mut words = _mm512_maskz_loadu_epi32(lanes, words.cast());
            if PLANES == 2 {
                words = _mm512_xor_si512(words, _mm512_set1_epi32(INT4_SIGNS.cast_signed()));
            }
            for (k, (sum, x)) in sums.iter_mut().zip(x).enumerate() {
                *sum = _mm512_dpbusd_epi32(*sum, unsigned::<PLANES>(words, k), x);
            }
        }
    }
}

/// All planes' sums in the place of the first.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn join<const PLANES: usize>(planes: [__m512i; PLANES]) -> __m512i {
    let mut sum = planes[0];
    for (k, plane) in planes.into_iter().enumerate().skip(1) {
        let shift = _mm_cvtsi32_si128((8 / PLANES * k) as i32);
        sum = _mm512_add_epi32(sum, _mm512_sra_epi32(plane, shift));
    }
    sum
}

/// A plane's weights, unsigned, and still where they are in their byte.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn unsigned<const PLANES: usize>(words: __m512i, plane: usize) -> __m512i {
    if PLANES == 1 {
        // A half of a word is 256 odd + even: 128 more, and the even byte carries nothing into the odd one.
        return _mm512_add_epi16(words, _mm512_set1_epi16(0x8080u16.cast_signed()));
    }
    let bits = 8 / PLANES;
    let field = ((1 << bits) - 1) << (bits * plane);
    _mm512_and_si512(words, _mm512_set1_epi8(field as u8 as i8))
}

/// The sums of the quarters of each.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn add_quarters([a, b, c, d]: [__m512i; 4]) -> __m512i {
    let (ab, cd) = (add_halves(a, b), add_halves(c, d));
    let even = _mm512_shuffle_i32x4::<0b1000_1000>(ab, cd);
    _mm512_add_epi32(even, _mm512_shuffle_i32x4::<0b1101_1101>(ab, cd))
}

/// The sum of the halves of `a`, then of `b`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn add_halves(a: __m512i, b: __m512i) -> __m512i {
    let low = _mm512_shuffle_i32x4::<0b0100_0100>(a, b);
    _mm512_add_epi32(low, _mm512_shuffle_i32x4::<0b1110_1110>(a, b))
}

/// `out = (sums * 2^sum_shift) * scales / 2^16` of rows from `row` on, as many as `out` has: products of 64 bits of the even
/// and of the odd rows.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn scale<const PLANES: usize>(out: &mut [i32], sums: __m512i, operands: &Operands<'_, PLANES>, row: usize) {
    let scales = &operands.scales[row..];
    let rows = mask(out.len().min(scales.len()));
    // SAFETY: no more are read than there are.
    let scales = _mm512_cvtepu16_epi32(unsafe { _mm256_maskz_loadu_epi16(rows, scales.as_ptr().cast()) });
    let sums = _mm512_sll_epi32(sums, _mm_cvtsi32_si128(operands.sum_shift as i32));
    let even = _mm512_mul_epi32(sums, scales);
    let odd = _mm512_mul_epi32(_mm512_srli_epi64::<32>(sums), _mm512_srli_epi64::<32>(scales));
    let odd = _mm512_slli_epi64::<16>(odd);
    let result = _mm512_mask_mov_epi32(_mm512_srli_epi64::<16>(even), 0b1010_1010_1010_1010, odd);
    // SAFETY: no more are written than there is room for.
    unsafe { _mm512_mask_storeu_epi32(out.as_mut_ptr(), rows, result) };
}
