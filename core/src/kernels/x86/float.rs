//! The products of f32 models in AVX2: eight numbers at a time, in the eight partial sums of [`math::dot`], which are then
//! added up in its order. So every result has the portable one's bits.
//!
//! [`math::dot`]: crate::math::dot

use core::arch::x86_64::*;

use crate::kernels::portable;
use crate::slices::{from, split_mut};

/// See [`portable::matvec_f32`].
#[target_feature(enable = "avx2")]
pub(super) fn matvec_f32(out: &mut [f32], weights: &[f32], x: &[f32]) {
    let whole = dots(out, weights, x.len(), x, 1.0);
    portable::matvec_f32(split_mut(out, whole).1, from(weights, whole * x.len()), x);
}

/// See [`portable::scores_f32`].
#[target_feature(enable = "avx2")]
pub(super) fn scores_f32(out: &mut [f32], query: &[f32], keys: &[f32], stride: usize, scale: f32) {
    let whole = dots(out, keys, stride, query, scale);
    portable::scores_f32(split_mut(out, whole).1, query, from(keys, whole * stride), stride, scale);
}

/// `out[r] = rows[r] · x * scale`, where row `r` begins at `r * stride`; as many as come in fours. Returns how many.
#[inline]
#[target_feature(enable = "avx2")]
fn dots(out: &mut [f32], rows: &[f32], stride: usize, x: &[f32], scale: f32) -> usize {
    let scale = _mm_set1_ps(scale);
    let (fours, _) = out.as_chunks_mut::<4>();
    let whole = 4 * fours.len();
    if whole == 0 || rows.len() < (whole - 1) * stride + x.len() {
        return 0;
    }
    for (i, out) in fours.iter_mut().enumerate() {
        // SAFETY: each row of the four is one of the `whole`, of which the last ends within `rows`, as just checked.
        // Four numbers are written.
        unsafe {
            let dots = four_dots(rows.as_ptr().add(4 * i * stride), stride, x);
            _mm_storeu_ps(out.as_mut_ptr(), _mm_mul_ps(dots, scale));
        }
    }
    whole
}

/// The products of four rows with `x`.
///
/// # Safety
/// `row + r * stride` must be valid for reads of `x.len()` numbers, for each `r` from 0 to 3.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn four_dots(row: *const f32, stride: usize, x: &[f32]) -> __m128 {
    let mut sums = [_mm256_setzero_ps(); 4];
    let (eights, rest) = x.as_chunks::<8>();
    // SAFETY: as the caller says; the mask keeps to the numbers of the rest.
    unsafe {
        for (i, x) in eights.iter().enumerate() {
            let x = _mm256_loadu_ps(x.as_ptr());
            for (r, sum) in sums.iter_mut().enumerate() {
                *sum = _mm256_add_ps(*sum, _mm256_mul_ps(_mm256_loadu_ps(row.add(r * stride + 8 * i)), x));
            }
        }
        if !rest.is_empty() {
            // A sum that began as 0 is never -0, so that the 0 of what is left out does not change its bits.
            let mask = first_lanes(rest.len());
            let (x, start) = (_mm256_maskload_ps(rest.as_ptr(), mask), 8 * eights.len());
            for (r, sum) in sums.iter_mut().enumerate() {
                let row = _mm256_maskload_ps(row.add(r * stride + start), mask);
                *sum = _mm256_add_ps(*sum, _mm256_mul_ps(row, x));
            }
        }
    }
    add_lanes(sums)
}

/// All bits of the first `count` lanes.
#[inline]
#[target_feature(enable = "avx2")]
fn first_lanes(count: usize) -> __m256i {
    _mm256_cmpgt_epi32(_mm256_set1_epi32(count as i32), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7))
}

/// The lanes `l` of each vector as `((l0 + l4) + (l2 + l6)) + ((l1 + l5) + (l3 + l7))`.
#[inline]
#[target_feature(enable = "avx2")]
fn add_lanes(vectors: [__m256; 4]) -> __m128 {
    let [a, b, c, d] = vectors.map(|v| _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps::<1>(v)));
    // A transposition: from the four sums of each vector to each of the sums of four vectors.
    let (ab_01, ab_23) = (_mm_unpacklo_ps(a, b), _mm_unpackhi_ps(a, b));
    let (cd_01, cd_23) = (_mm_unpacklo_ps(c, d), _mm_unpackhi_ps(c, d));
    let even = _mm_add_ps(_mm_movelh_ps(ab_01, cd_01), _mm_movelh_ps(ab_23, cd_23));
    let odd = _mm_add_ps(_mm_movehl_ps(cd_01, ab_01), _mm_movehl_ps(cd_23, ab_23));
    _mm_add_ps(even, odd)
}

/// See [`portable::accumulate_f32`].
#[target_feature(enable = "avx2")]
pub(super) fn accumulate_f32(sums: &mut [f32], weights: &[f32], values: &[f32], stride: usize) {
    let positions = weights.len();
    if positions == 0 || values.len() < (positions - 1) * stride + sums.len() {
        return portable::accumulate_f32(sums, weights, values, stride);
    }
    let (eights, rest) = sums.as_chunks_mut::<8>();
    for (i, sums) in eights.iter_mut().enumerate() {
        let mut eight = _mm256_setzero_ps();
        for (t, &weight) in weights.iter().enumerate() {
            // SAFETY: the last position's values are as many as the sums, as just checked.
            let values = unsafe { _mm256_loadu_ps(values.as_ptr().add(t * stride + 8 * i)) };
            eight = _mm256_add_ps(eight, _mm256_mul_ps(_mm256_set1_ps(weight), values));
        }
        // SAFETY: eight numbers are written.
        unsafe { _mm256_storeu_ps(sums.as_mut_ptr(), eight) };
    }
    if !rest.is_empty() {
        portable::accumulate_f32(rest, weights, from(values, 8 * eights.len()), stride);
    }
}
