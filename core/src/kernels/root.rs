//! The square root, correctly rounded, so the same on every machine.

/// Square root of `x`. `libm` has the same instruction, in an encoding that stalls between vectors of AVX: a norm over a
/// short row takes twice as long with it.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub fn sqrt(x: f32) -> f32 {
    use core::arch::x86_64::{_mm_cvtss_f32, _mm_set_ss, _mm_sqrt_ss};
    // SAFETY: every x86-64 processor has SSE.
    unsafe { _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(x))) }
}

/// Square root of `x`.
#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
pub fn sqrt(x: f32) -> f32 {
    libm::sqrtf(x)
}
