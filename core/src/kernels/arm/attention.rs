//! Attention's scores and weights in Thumb-2, two heads at a time: Cortex-M3, M4, M7, M33.
//!
//! The functions in assembly keep to the procedure call standard (AAPCS), and read and write only what their arguments
//! point to. Each call is sound because the caller has checked the lengths, as its SAFETY comment says.

use core::arch::naked_asm;

use crate::kernels::portable::{self, EXP2};
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
    // SAFETY: there are two products and a scale for each of `positions` positions, of which there is at least one; two
    // mantissas, and room for two maxima.
    unsafe { scale_two(out.as_mut_ptr().cast(), &walk, largest.as_mut_ptr()) };
    largest
}

/// Positions and their scales, as [`scale_two`] reads them.
#[repr(C)]
struct ScoreWalk {
    positions: usize,
    scales: *const i32,
    mantissas: *const i32,
    shift: u32,
}

/// Turns the products of two heads' queries with `positions` keys into scores; writes the largest of each head.
///
/// ```text
/// r0  the next products     r3, r4  mantissas          r8, r9  two products, then scores
/// r1  positions left        r5, r6  largest scores     r12     shift
/// r2  the next scale        r7      key's scale
///
/// do {
///     for each head {
///         score = ((product * key) >> 12) * mantissa >> shift;
///         if (score > largest) largest = score;        // rarely: out of line
///     }
/// } while (--positions);
/// ```
#[unsafe(naked)]
unsafe extern "C" fn scale_two(_: *mut i32, _: &ScoreWalk, _: *mut i32) {
    naked_asm!(
        r"
        .macro  scale_one score, mantissa, largest
            mul     \score, \score, r7
            asr     \score, \score, #12
            mul     \score, \score, \mantissa
            asr     \score, \score, r12
            cmp     \score, \largest
            bgt     .Llarger\@
        .Lnot_larger\@:
            .subsection 1
        .Llarger\@:
            mov     \largest, \score
            b       .Lnot_larger\@
            .previous
        .endm

            push    {r2, r4, r5, r6, r7, r8, r9, lr}
            mov     r5, #0x80000000
            mov     r6, r5
            ldm     r1, {r1, r2, r3, r12}
            ldm     r3, {r3, r4}
        2:
            ldrh    r7, [r2], #4
            ldm     r0, {r8, r9}
            scale_one r8, r3, r5
            scale_one r9, r4, r6
            stm     r0!, {r8, r9}
            subs    r1, r1, #1
            bne     2b
            pop     {r2}
            stm     r2, {r5, r6}
            pop     {r4, r5, r6, r7, r8, r9, pc}

        .purgem scale_one
        ",
        options(raw)
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
    // SAFETY: there are two scores and a scale for each of twice `pairs` positions, and `pairs` is not 0; two maxima, and
    // room for two totals. The table has an entry for each of the 256 values of a byte.
    unsafe { weigh_two(scores.as_mut_ptr().cast(), &walk) };
    super::weigh_last(&mut totals, scores, scales, largest);
    totals
}

/// Positions and their scales, as [`weigh_two`] reads them.
#[repr(C)]
struct WeightWalk {
    pairs: usize,
    scales: *const i32,
    largest: *const i32,
    table: *const u16,
    totals: *mut u32,
}

/// The upper halves of two words: `second`'s stays, `first`'s goes below it.
#[cfg(chip = "dsp")]
macro_rules! pack_upper {
    () => {
        r"
        .macro  pack_upper second, first
            pkhtb   \second, \second, \first, asr #16
        .endm
        "
    };
}
/// The upper halves of two words: `second`'s stays, `first`'s goes below it.
#[cfg(chip = "thumb2")]
macro_rules! pack_upper {
    () => {
        r"
        .macro  pack_upper second, first
            lsr     \first, \first, #16
            bfi     \second, \first, #0, #16
        .endm
        "
    };
}

/// Turns two heads' scores at twice `pairs` positions into weights, two positions' in a word, and adds up the powers of
/// each head. Scores are below 2^30 in size, so that their differences fit 31 bits.
///
/// ```text
/// r1  pairs left            r4      table EXP2          r0, r9    scores of an even position, then powers * scale
/// r2  the next scales       r5, r6  largest scores      r10, r11  scores of the odd position after it, likewise
/// r3  the next scores       r7, r8  totals              r12       power
/// lr  value's scale         [sp]    the next weights
///
/// do {
///     for each of two positions, each head {
///         distance = largest - score;
///         power = exp2[distance & 0xff] >> min(distance >> 8, 31);
///         total += power;
///         product[position] = power * scale;
///     }
///     for each head
///         *weights++ = product[odd] & 0xffff0000 | product[even] >> 16;
/// } while (--pairs);
/// ```
#[unsafe(naked)]
unsafe extern "C" fn weigh_two(_: *mut i32, _: &WeightWalk) {
    naked_asm!(
        dsp!(),
        pack_upper!(),
        r"
        .macro  weigh_one score, largest, total
            sub     \score, \largest, \score
            uxtb    r12, \score
            usat    \score, #5, \score, asr #8
            ldrh    r12, [r4, r12, lsl #1]
            lsr     r12, r12, \score
            add     \total, \total, r12
            mul     \score, r12, lr
        .endm

            push    {r1, r4, r5, r6, r7, r8, r9, r10, r11, lr}
            ldm     r1, {r1, r2, r3, r4}
            ldm     r3, {r5, r6}
            movs    r7, #0
            mov     r8, #0
            push    {r0}
            mov     r3, r0
        2:
            ldm     r3!, {r0, r9, r10, r11}
            ldrh    lr, [r2, #2]
            weigh_one r0, r5, r7
            weigh_one r9, r6, r8
            ldrh    lr, [r2, #6]
            add     r2, r2, #8
            weigh_one r10, r5, r7
            weigh_one r11, r6, r8
            pack_upper r10, r0
            pack_upper r11, r9
            ldr     r0, [sp]
            stm     r0!, {r10, r11}
            str     r0, [sp]
            subs    r1, r1, #1
            bne     2b
            pop     {r0, r1}
            ldr     r1, [r1, #16]
            stm     r1, {r7, r8}
            pop     {r4, r5, r6, r7, r8, r9, r10, r11, pc}

        .purgem weigh_one
        .purgem pack_upper
        ",
        options(raw)
    )
}
