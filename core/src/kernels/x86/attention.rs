//! Attention's kernels in AVX2, for one or two heads at a time.

use core::arch::x86_64::*;

use super::EXP2_WORDS;
use super::avx2::store;
use crate::kernels::{in_eights, portable};
use crate::numbers::{FRACTION_BITS, ScoreScale};

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
            // Lanes beyond the last position repeat the last position.
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
    for eight in 0..head / 8 {
        let (channel, queries) = (8 * eight, queries.as_ptr());
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
    for eight in 0..head / 8 {
        let channel = 8 * eight;
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
/// `scales` must point to `8 / N` readable scales.
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
    let joined = |a: [i32; N], b: [i32; N]| core::array::from_fn(|n| join(a[n], b[n]));
    numbers.as_chunks::<N>().0.iter().copied().reduce(joined).unwrap_or([0; N])
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
            // Lanes beyond the last position are so far away that they weigh nothing.
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
    // SAFETY: a place is from 0 to 255, and the table has 256 entries.
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
