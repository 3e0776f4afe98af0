//! Attention's scores and weights for Arm's Thumb-2, two heads at a time: Cortex-M3, M4, M7, M33.
//!
//! The functions in assembly are sound for the lengths that their callers make sure of. They keep to the procedure call
//! standard (AAPCS), and touch no memory but what their arguments point to.

use core::arch::naked_asm;

use crate::kernels::portable;
use crate::kernels::portable::EXP2;
use crate::numbers::ScoreScale;

/// See [`portable::scale_products`].
pub(super) fn scale_products<const N: usize>(
    out: &mut [[i32; N]],
    scales: &[i32],
    scale: ScoreScale<N>,
) -> [i32; N] {
    let positions = out.len();
    if N != 2 || positions == 0 || scales.len() < positions {
        return portable::scale_products(out, scales, scale);
    }
    let mut largest = [i32::MIN; N];
    let walk = ScoreWalk {
        positions,
        scales: scales.as_ptr(),
        mantissas: scale.mantissas.as_ptr(),
        shift: scale.shift,
    };
    // SAFETY: there are `positions` pairs of products and as many scales; two mantissas, and room for two maxima.
    unsafe { scale_two(out.as_mut_ptr().cast(), &walk, largest.as_mut_ptr()) };
    largest
}

#[repr(C)]
struct ScoreWalk {
    positions: usize,
    scales: *const i32,
    mantissas: *const i32,
    shift: u32,
}

/// A larger score than `$largest` takes the way round by `$update`.
macro_rules! scale_score {
    ($score:literal, $mantissa:literal, $largest:literal, $update:literal, $back:literal) => {
        concat!(
            "mul ",
            $score,
            ", ",
            $score,
            ", r7\n",
            "asr ",
            $score,
            ", ",
            $score,
            ", #12\n mul ",
            $score,
            ", ",
            $score,
            ", ",
            $mantissa,
            "\n",
            "asr ",
            $score,
            ", ",
            $score,
            ", r12\n",
            "cmp ",
            $score,
            ", ",
            $largest,
            "\n bgt ",
            $update,
            "f\n",
            $back,
            ":\n"
        )
    };
}

#[unsafe(naked)]
unsafe extern "C" fn scale_two(_: *mut i32, _: &ScoreWalk, _: *mut i32) {
    naked_asm!(
        "push {{r2, r4, r5, r6, r7, r8, r9, lr}}
         mov r5, #0x80000000
         mov r6, r5
         ldm r1, {{r1, r2, r3, r12}}
         ldm r3, {{r3, r4}}
         2:
         ldrh r7, [r2], #4
         ldm r0, {{r8, r9}}",
        scale_score!("r8", "r3", "r5", "10", "20"),
        scale_score!("r9", "r4", "r6", "11", "21"),
        "stm r0!, {{r8, r9}}
         subs r1, r1, #1
         bne 2b
         pop {{r2}}
         stm r2, {{r5, r6}}
         pop {{r4, r5, r6, r7, r8, r9, pc}}
         10:
         mov r5, r8
         b 20b
         11:
         mov r6, r9
         b 21b"
    )
}

/// See [`portable::weights`].
pub fn weights<const N: usize>(
    scores: &mut [[i32; N]],
    scales: &[i32],
    largest: [i32; N],
    headroom: u32,
) -> [u32; N] {
    let pairs = scales.len() / 2;
    if N != 2 || headroom != 0 || pairs == 0 || scores.len() < scales.len() {
        return portable::weights(scores, scales, largest, headroom);
    }
    let mut totals = [0; N];
    let walk = WeightWalk {
        pairs,
        scales: scales.as_ptr(),
        largest: largest.as_ptr(),
        table: EXP2.as_ptr(),
        totals: totals.as_mut_ptr(),
    };
    // SAFETY: there are scores and scales for `pairs` pairs of positions; two maxima, and room for two totals. The
    // table has an entry for each byte.
    unsafe { weigh_two(scores.as_mut_ptr().cast(), &walk) };
    super::weigh_last(&mut totals, scores, scales, largest);
    totals
}

#[repr(C)]
struct WeightWalk {
    pairs: usize,
    scales: *const i32,
    largest: *const i32,
    table: *const u16,
    totals: *mut u32,
}

/// The score in `$score` becomes its power times the value's scale in lr; the power joins `$total`. Scores
/// are below 2^30 in size, so that their differences fit 31 bits.
macro_rules! weigh {
    ($score:literal, $largest:literal, $total:literal) => {
        concat!(
            "sub ",
            $score,
            ", ",
            $largest,
            ", ",
            $score,
            "\n uxtb r12, ",
            $score,
            "\n",
            "usat ",
            $score,
            ", #5, ",
            $score,
            ", asr #8\n ldrh r12, [r4, r12, lsl #1]\n",
            "lsr r12, r12, ",
            $score,
            "\n add ",
            $total,
            ", ",
            $total,
            ", r12\n",
            "mul ",
            $score,
            ", r12, lr\n"
        )
    };
}

/// The upper halves of two words: `$second`'s stays, `$first`'s goes below it.
#[cfg(chip = "dsp")]
macro_rules! pack {
    ($second:literal, $first:literal) => {
        concat!("pkhtb ", $second, ", ", $second, ", ", $first, ", asr #16\n")
    };
}
#[cfg(chip = "thumb2")]
macro_rules! pack {
    ($second:literal, $first:literal) => {
        concat!("lsr ", $first, ", ", $first, ", #16\n bfi ", $second, ", ", $first, ", #0, #16\n")
    };
}

#[unsafe(naked)]
unsafe extern "C" fn weigh_two(_: *mut i32, _: &WeightWalk) {
    naked_asm!(
        dsp!(),
        "push {{r1, r4, r5, r6, r7, r8, r9, r10, r11, lr}}
         ldm r1, {{r1, r2, r3, r4}}
         ldm r3, {{r5, r6}}
         movs r7, #0
         mov r8, #0
         push {{r0}}
         mov r3, r0
         2:
         ldm r3!, {{r0, r9, r10, r11}}
         ldrh lr, [r2, #2]",
        weigh!("r0", "r5", "r7"),
        weigh!("r9", "r6", "r8"),
        "ldrh lr, [r2, #6]
         add r2, r2, #8",
        weigh!("r10", "r5", "r7"),
        weigh!("r11", "r6", "r8"),
        pack!("r10", "r0"),
        pack!("r11", "r9"),
        "ldr r0, [sp]
         stm r0!, {{r10, r11}}
         str r0, [sp]
         subs r1, r1, #1
         bne 2b
         pop {{r0, r1}}
         ldr r1, [r1, #16]
         stm r1, {{r7, r8}}
         pop {{r4, r5, r6, r7, r8, r9, r10, r11, pc}}"
    )
}
