//! x86-64: kernels for AVX2 and for AVX-512 with VNNI, chosen at run time by what the machine says that it has.
//!
//! A kernel's functions are compiled for instructions that the machine may lack. They are called from here alone, after
//! [`Kernel::in_use`] has found (or [`Kernel::force`] has checked) that it has them: that is what makes the calls sound.
//! Every read through a pointer lies within a slice whose length the function has checked.

mod attention;
mod avx2;
mod avx512;
mod detect;
mod elementwise;
mod float;
mod layout;

use core::sync::atomic::{AtomicU8, Ordering};

use super::portable;
use crate::numbers::{ActivationTable, Alignment, Quantizer, ScoreScale};
use crate::packing::{Format, Packed};

/// Which instructions the inner loops use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kernel {
    /// Safe Rust, compiled as the rest is.
    Portable = 1,
    /// 256 bits at a time.
    Avx2,
    /// 512 bits at a time, with products of bytes summed in one instruction (VNNI).
    Avx512,
}

/// The kernel in use; 0 before it is known.
static IN_USE: AtomicU8 = AtomicU8::new(0);

/// [`portable::EXP2`] in words, as a gathering load reads them.
static EXP2_WORDS: [i32; 256] = {
    let (table, mut words, mut i) = (portable::exp2_table(), [0; 256], 0);
    while i < words.len() {
        words[i] = table[i] as i32;
        i += 1;
    }
    words
};

impl Kernel {
    /// From the slowest to the fastest.
    pub const ALL: [Kernel; 3] = [Kernel::Portable, Kernel::Avx2, Kernel::Avx512];

    /// The name that tools print and take.
    pub const fn name(self) -> &'static str {
        match self {
            Kernel::Portable => "portable",
            Kernel::Avx2 => "avx2",
            Kernel::Avx512 => "avx512",
        }
    }

    /// Whether this machine has its instructions.
    pub fn runs_here(self) -> bool {
        match self {
            Kernel::Portable => true,
            Kernel::Avx2 => detect::avx2(),
            Kernel::Avx512 => detect::avx512(),
        }
    }

    /// The fastest that runs here, or the one that was forced.
    #[inline(always)]
    pub fn in_use() -> Kernel {
        match IN_USE.load(Ordering::Relaxed) {
            1 => Kernel::Portable,
            2 => Kernel::Avx2,
            3 => Kernel::Avx512,
            _ => Kernel::choose(),
        }
    }

    /// Uses this kernel from now on, if it runs here; returns whether it does. For tests and measurements: between a
    /// step's beginning and its end the kernel must stay the same.
    pub fn force(self) -> bool {
        let runs = self.runs_here();
        if runs {
            IN_USE.store(self as u8, Ordering::Relaxed);
        }
        runs
    }

    #[cold]
    fn choose() -> Kernel {
        let fastest = Kernel::ALL.into_iter().rev().find(|kernel| kernel.runs_here());
        let fastest = fastest.unwrap_or(Kernel::Portable);
        IN_USE.store(fastest as u8, Ordering::Relaxed);
        fastest
    }
}

/// Calls the portable function, or the module's for AVX2, which every machine with AVX-512 has.
macro_rules! dispatch {
    ($module:ident::$function:ident($($argument:expr),*)) => {
        match Kernel::in_use() {
            Kernel::Portable => portable::$function($($argument),*),
            // SAFETY: the machine has AVX2.
            Kernel::Avx2 | Kernel::Avx512 => unsafe { $module::$function($($argument),*) },
        }
    };
}

/// Defines kernels that are the portable loops, compiled once more for AVX2.
macro_rules! compiled_for_avx2 {
    ($(fn $name:ident($($argument:ident: $type:ty),*) $(-> $output:ty)?;)*) => {
        mod compiled {
            use super::{Alignment, Quantizer, portable};

            $(
                #[target_feature(enable = "avx2")]
                pub(super) fn $name($($argument: $type),*) $(-> $output)? {
                    portable::$name($($argument),*)
                }
            )*
        }
        $(
            #[doc = concat!("See [`portable::", stringify!($name), "`].")]
            pub fn $name($($argument: $type),*) $(-> $output)? {
                dispatch!(compiled::$name($($argument),*))
            }
        )*
    };
}

compiled_for_avx2! {
    fn largest(v: &[i32]) -> u32;
    fn or_of_magnitudes(v: &[i32]) -> u32;
    fn quantize_to(q: &mut [i8], v: &[i32], quantizer: Quantizer);
    fn add_aligned(sums: &mut [i32], v: &[i32], alignment: Alignment);
    fn gain(x: &mut [i32], shift: u32, gains: &[f32], largest_exponent: i32) -> u64;
    fn largest_exponent(gains: &[f32]) -> i32;
    fn align_scales(scales: &mut [i32], keys: &[u16], values: &[u16], shifts: [u32; 2]) -> [i32; 2];
    fn rescale(v: &mut [i32], multiplier: i32, shift: i32);
    fn add_f32(v: &mut [i32], x: &[f32], scale: f32);
    fn to_f32(out: &mut [f32], v: &[i32], scale: f32);
}

/// See [`portable::activate`].
pub fn activate(x: &mut [i32], curve: ActivationTable<'_>) {
    dispatch!(elementwise::activate(x, curve));
}

/// See [`portable::gate`].
pub fn gate(x: &mut [i32], up: &[i32], up_cut: u32, curve: ActivationTable<'_>) {
    dispatch!(elementwise::gate(x, up, up_cut, curve));
}

/// See [`portable::quantize`].
#[inline(always)]
pub fn quantize(format: Format, prepared: &mut [i32], quantized: &mut [i8], v: &[i32], step: Quantizer) {
    quantize_to(quantized, v, step);
    prepare(format, prepared, quantized);
}

/// See [`portable::prepare`]; for the vector kernels it is `layout`'s.
pub fn prepare(format: Format, prepared: &mut [i32], x: &[i8]) {
    dispatch!(avx2::prepare(format, prepared, x));
}

/// See [`portable::matvec`].
pub fn matvec(out: &mut [i32], matrix: Packed<'_>, prepared: &[i32]) {
    match Kernel::in_use() {
        Kernel::Portable => portable::matvec(out, matrix, prepared),
        // SAFETY: the machine has AVX2.
        Kernel::Avx2 => unsafe { avx2::matvec(out, matrix, prepared) },
        // SAFETY: the machine has AVX-512 and VNNI.
        Kernel::Avx512 => unsafe { avx512::matvec(out, matrix, prepared) },
    }
}

/// See [`portable::accumulate`].
pub fn accumulate<const N: usize>(
    sums: &mut [i32],
    weights: &[[i32; N]],
    values: &[i8],
    stride: usize,
    positions: usize,
) {
    dispatch!(attention::accumulate(sums, weights, values, stride, positions));
}

/// See [`portable::scores`].
pub fn scores<const N: usize>(
    out: &mut [[i32; N]],
    queries: &[i8],
    keys: &[i8],
    stride: usize,
    scales: &[i32],
    factors: ScoreScale<N>,
) -> [i32; N] {
    dispatch!(attention::scores(out, queries, keys, stride, scales, factors))
}

/// See [`portable::weights`].
pub fn weights<const N: usize>(
    scores: &mut [[i32; N]],
    scales: &[i32],
    largest: [i32; N],
    headroom: u32,
) -> [u32; N] {
    dispatch!(attention::weights(scores, scales, largest, headroom))
}

/// See [`portable::matvec_f32`].
pub fn matvec_f32(out: &mut [f32], weights: &[f32], x: &[f32]) {
    dispatch!(float::matvec_f32(out, weights, x));
}

/// See [`portable::scores_f32`].
pub fn scores_f32(out: &mut [f32], query: &[f32], keys: &[f32], stride: usize, scale: f32) {
    dispatch!(float::scores_f32(out, query, keys, stride, scale));
}

/// See [`portable::accumulate_f32`].
pub fn accumulate_f32(sums: &mut [f32], weights: &[f32], values: &[f32], stride: usize) {
    dispatch!(float::accumulate_f32(sums, weights, values, stride));
}
