//! Element-wise operations in AVX2, eight values at a time.

use core::arch::x86_64::*;

use crate::kernels::portable;
use crate::numbers::{ACTIVATION_STEPS, ActivationTable};
use crate::slices::from;

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
    portable::gate(rest, from(up, whole), up_cut, curve);
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
