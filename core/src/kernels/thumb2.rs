//! Kernels for Arm's Thumb-2 without the DSP extension: Cortex-M3.
//!
//! **int8.** As on a DSP, a half of a word, `256 odd + even`, is multiplied whole by `x[odd]`, and its lower byte by
//! `256 x[even] - x[odd]`: four extractions and four `mla` for four weights, and 256 times the sum.
//!
//! **int4, ternary.** Two fields 16 bits apart, without a sign, times two values 16 bits apart: the upper half of the
//! product is the sum of two products, the lower half stays below it. What one word adds, `8 * 15 * 127 < 2^15`, still
//! fits a half, which is then taken off.
//!
//! The functions in assembly keep to the procedure call standard (AAPCS), and touch no memory but what their arguments
//! point to.

use core::arch::naked_asm;

use super::product::{self, Kernel, Kernels, Product};
use super::{Packed, lanes};
use crate::config::Precision;

pub use super::lanes::{prepare, quantize};

/// See [`portable::matvec`](super::portable::matvec).
pub fn matvec(out: &mut [i32], matrix: Packed<'_>, prepared: &[i32]) {
    if matrix.precision == Precision::Ternary {
        return lanes::matvec(out, matrix, prepared);
    }
    product::matvec(out, matrix, prepared, KERNELS);
}

const KERNELS: Kernels = Kernels {
    int8: Kernel { product: int8_product, factors_of_word: 4 },
    int4: Kernel { product: int4_product, factors_of_word: 4 },
    ternary: Kernel { product: int4_product, factors_of_word: 4 },
};

/// Two factors for the lower or the upper half of each of four words.
macro_rules! int8_half {
    ($word:literal, $sum:literal, $whole:literal, $byte:literal) => {
        concat!(
            $byte, "\n mla ", $sum, ", lr, r12, ", $sum, "\n", $whole, "\n mla ", $sum, ", lr, r3, ", $sum, "\n"
        )
    };
}

/// A word of each of four rows: 16 weights.
macro_rules! int8_word {
    () => {
        concat!(
            "ldm r0!, {{r8, r9, r10, r11}}
             ldm r1!, {{r3, r12}}\n",
            int8_half!("r8", "r4", "sxth lr, r8", "sxtb lr, r8"),
            int8_half!("r9", "r5", "sxth lr, r9", "sxtb lr, r9"),
            int8_half!("r10", "r6", "sxth lr, r10", "sxtb lr, r10"),
            int8_half!("r11", "r7", "sxth lr, r11", "sxtb lr, r11"),
            "ldm r1!, {{r3, r12}}\n",
            int8_half!("r8", "r4", "asr lr, r8, #16", "sxtb lr, r8, ror #16"),
            int8_half!("r9", "r5", "asr lr, r9, #16", "sxtb lr, r9, ror #16"),
            int8_half!("r10", "r6", "asr lr, r10, #16", "sxtb lr, r10, ror #16"),
            int8_half!("r11", "r7", "asr lr, r11, #16", "sxtb lr, r11, ror #16"),
        )
    };
}

/// From weights r0, factors r1, words r2: adds 256 times the sums to r4 to r7.
macro_rules! int8_sums {
    () => {
        concat!(
            "lsrs r2, r2, #1
             bcc 3f\n",
            int8_word!(),
            "cmp r2, #0
             beq 5f
             3:\n",
            int8_word!(),
            int8_word!(),
            "subs r2, r2, #1
             bne 3b
             5:\n"
        )
    };
}

/// A word's 8 nibbles of one row, added to `$sum`; `$next` is the distance to the next word that is read.
macro_rules! int4_row {
    ($sum:literal, $next:literal) => {
        concat!(
            "ldr r3, [r0], #", $next, "
             and lr, r6, r3
             mla lr, lr, r8, r7
             and r12, r6, r3, lsr #4
             mla lr, r12, r9, lr
             and r12, r6, r3, lsr #8
             mla lr, r12, r10, lr
             and r12, r6, r3, lsr #12
             mla lr, r12, r11, lr
             add ", $sum, ", ", $sum, ", lr, asr #16\n"
        )
    };
}

/// Words of two rows, added to r4 and r5; with the mask in r6 and in r7 what rounds a half.
macro_rules! int4_two_rows {
    ($label:literal) => {
        concat!(
            $label, ":
             ldm r1!, {{r8, r9, r10, r11}}\n",
            int4_row!("r4", "4"),
            int4_row!("r5", "12"),
            "subs r2, r2, #1
             bne ", $label, "b\n"
        )
    };
}

/// From weights r0, factors r1, words r2, and the product at r3: `128 Σ`, to r4 to r7, which hold the start.
macro_rules! int4_sums {
    () => {
        concat!(
            "asr r4, r4, #7
             push {{r3, r4}}
             mov r5, r4
             mov r6, #0x000f000f
             mov r7, #0x8000\n",
            int4_two_rows!("2"),
            "pop {{r3, r8}}
             push {{r4, r5}}
             mov r4, r8
             mov r5, r8
             ldm r3, {{r0, r1, r2}}
             adds r0, #8\n",
            int4_two_rows!("3"),
            "subs r0, #8
             lsl r6, r4, #7
             lsl r7, r5, #7
             pop {{r4, r5}}
             lsl r4, r4, #7
             lsl r5, r5, #7\n"
        )
    };
}

/// A row's lifted sum in `$sum` becomes its result; the scales' place is r1.
macro_rules! scale_row {
    ($sum:literal) => {
        concat!("ldrh r8, [r1], #2\n lsl r8, r8, #16\n smull r9, ", $sum, ", ", $sum, ", r8\n")
    };
}

/// A product, group by group: a kernel's `$sums`, begun with the start, times their rows' scales.
macro_rules! product {
    ($sums:expr) => {
        naked_asm!(
            "push {{r0, r4, r5, r6, r7, r8, r9, r10, r11, lr}}
             1:
             ldr r3, [sp]
             ldm r3, {{r0, r1, r2, r4}}
             mov r5, r4
             mov r6, r4
             mov r7, r4\n",
            $sums,
            "ldr r3, [sp]
             str r0, [r3], #16
             ldm r3, {{r0, r1, r2}}\n",
            scale_row!("r4"),
            scale_row!("r5"),
            scale_row!("r6"),
            scale_row!("r7"),
            "stm r2!, {{r4, r5, r6, r7}}
             subs r0, r0, #1
             stm r3, {{r0, r1, r2}}
             bne 1b
             pop {{r0, r4, r5, r6, r7, r8, r9, r10, r11, pc}}"
        )
    };
}

/// At most 512 columns.
#[unsafe(naked)]
unsafe extern "C" fn int8_product(_: &mut Product) {
    product!(int8_sums!())
}

#[unsafe(naked)]
unsafe extern "C" fn int4_product(_: &mut Product) {
    product!(int4_sums!())
}
