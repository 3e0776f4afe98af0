//! Kernels for RISC-V with multiplication: RV32IM.

use super::scalar32;
use crate::numbers::Quantizer;
use crate::packing::Format;

pub use super::portable::{
    accumulate, accumulate_f32, activate, add_aligned, add_f32, align_scales, gain, gate, largest,
    largest_exponent, matvec_f32, or_of_magnitudes, quantize_to, rescale, scores, scores_f32, to_f32,
    weights,
};
pub use super::scalar32::{matvec, prepare};

/// See [`portable::quantize`](super::portable::quantize); int8 is quantised straight into the form that [`prepare`] gives.
pub fn quantize(format: Format, prepared: &mut [i32], quantized: &mut [i8], v: &[i32], quantizer: Quantizer) {
    if format == Format::Int8 {
        return scalar32::quantize_int8(prepared, quantized.len(), v, quantizer, scalar32::int8_factors);
    }
    quantize_to(quantized, v, quantizer);
    prepare(format, prepared, quantized);
}
