//! Kernels for Thumb-2 without the DSP extension: Cortex-M3.
//!
//! **int8.** As on a DSP, a 16-bit half of a word, `256 odd + even`, is multiplied whole by `x[odd]`, and its lower byte by
//! `256 x[even] - x[odd]`; see `dsp.rs`. Four extractions and four `mla` for four weights.
//!
//! **int4.** One instruction makes every nibble `weight + 8`. Two nibbles 16 bits apart are multiplied, as one number, by two
//! values 16 bits apart: the upper half of the product is the sum of two products, and the lower half stays below it. The
//! products of a word, at most `8 * 15 * 127 < 2^15`, fit a half, which is then added to the sum.
//!
//! **ternary** is [`scalar32`]'s.
//!
//! The functions in assembly keep to the procedure call standard (AAPCS), and read and write only what their arguments
//! point to. Each call is sound because the caller has checked the lengths, as its SAFETY comment says.

use core::arch::naked_asm;

use super::attention::scale_products;
use super::matvec::{self, Kernel, Product};
use crate::kernels::{portable, scalar32};
use crate::numbers::{Quantizer, ScoreScale};
use crate::packing::{Format, Packed};

pub use super::attention::weights;
#[cfg(not(half_table))]
pub use super::elementwise::{activate, gate};
pub use super::elementwise::{add_aligned, gain, largest, or_of_magnitudes, quantize_to};
pub use crate::kernels::portable::{
    accumulate_f32, add_f32, align_scales, largest_exponent, matvec_f32, rescale, scores_f32, to_f32,
};
#[cfg(half_table)]
pub use crate::kernels::portable::{activate, gate};
pub use crate::kernels::scalar32::prepare;

/// See [`portable::quantize`]; int8 is quantised straight into the form that [`prepare`] gives.
pub fn quantize(format: Format, prepared: &mut [i32], quantized: &mut [i8], v: &[i32], quantizer: Quantizer) {
    if format == Format::Int8 {
        return scalar32::quantize_int8(prepared, quantized.len(), v, quantizer, scalar32::int8_factors);
    }
    quantize_to(quantized, v, quantizer);
    prepare(format, prepared, quantized);
}

/// See [`portable::matvec`](crate::kernels::portable::matvec).
#[inline(always)]
pub fn matvec(out: &mut [i32], matrix: Packed<'_>, prepared: &[i32]) {
    let kernel = match matrix.format {
        Format::Int8 => Kernel { product: int8_product, factors: |words| 4 * words },
        Format::Int4 => Kernel { product: int4_product, factors: |words| 4 * words },
        Format::Ternary => return scalar32::matvec(out, matrix, prepared),
    };
    matvec::matvec(out, matrix, prepared, kernel);
}

/// The loop over groups of four rows, which the products share: `begin_group`, then the format's own loop over the words of
/// the rows, then `end_group`.
///
/// ```text
/// r0  the next weights      r2   words of a row         r4 to r7  four rows' sums
/// r1  the next factors      r3   the [`Product`], which is at [sp]
///
/// do {
///     sums of four rows = start;
///     …                                        // the format's loop adds its products
///     for each row
///         *out++ = sum * *scales++ >> 16;
/// } while (--groups);
/// ```
macro_rules! group {
    () => {
        r"
        .macro  begin_group
            push    {r0, r4, r5, r6, r7, r8, r9, r10, r11, lr}
        1:
            ldr     r3, [sp]
            ldm     r3, {r0, r1, r2, r4}
            mov     r5, r4
            mov     r6, r4
            mov     r7, r4
        .endm

        .macro  scale sum
            ldrh    r8, [r1], #2
            lsl     r8, r8, #16
            smull   r9, \sum, \sum, r8
        .endm

        .macro  end_group
            ldr     r3, [sp]
            str     r0, [r3], #16
            ldm     r3, {r0, r1, r2}
            scale   r4
            scale   r5
            scale   r6
            scale   r7
            stm     r2!, {r4, r5, r6, r7}
            subs    r0, r0, #1
            stm     r3, {r0, r1, r2}
            bne     1b
            pop     {r0, r4, r5, r6, r7, r8, r9, r10, r11, pc}
        .endm
        "
    };
}

/// int8, at most 512 columns: adds 256 times the sums.
///
/// ```text
/// r2  pairs of words left   r12  factor of a half: 256 even - odd of x    r8 to r11  a word of each row
/// lr  a half, or a byte     r3   factor of a half: odd of x
///
/// for (words % 2 times, then words / 2 times two in a row)
///     for each half of a word, lower and upper
///         for each row {
///             sum += lower byte of the half * (256 x[even] - x[odd]);
///             sum += the half * x[odd];
///         }
/// ```
#[unsafe(naked)]
unsafe extern "C" fn int8_product(_: &mut Product) {
    naked_asm!(
        group!(),
        r"
        .macro  lower_half word, sum
            sxtb    lr, \word
            mla     \sum, lr, r12, \sum
            sxth    lr, \word
            mla     \sum, lr, r3, \sum
        .endm

        .macro  upper_half word, sum
            sxtb    lr, \word, ror #16
            mla     \sum, lr, r12, \sum
            asr     lr, \word, #16
            mla     \sum, lr, r3, \sum
        .endm

        .macro  four_words
            ldm     r0!, {r8, r9, r10, r11}
            ldm     r1!, {r3, r12}
            lower_half r8, r4
            lower_half r9, r5
            lower_half r10, r6
            lower_half r11, r7
            ldm     r1!, {r3, r12}
            upper_half r8, r4
            upper_half r9, r5
            upper_half r10, r6
            upper_half r11, r7
        .endm

            begin_group
            lsrs    r2, r2, #1
            bcc     2f
            four_words
            cmp     r2, #0
            beq     3f
        2:
            four_words
            four_words
            subs    r2, r2, #1
            bne     2b
        3:
            end_group

        .purgem four_words
        .purgem upper_half
        .purgem lower_half
        .purgem end_group
        .purgem scale
        .purgem begin_group
        ",
        options(raw)
    )
}

/// int4: adds 4096 times the sums of nibbles. Two rows at a time, so that a word's four factors stay in registers.
///
/// ```text
/// r2  pairs of words left   r6  mask 0x000f000f         r8 to r11  factors of a word's four pairs of nibbles
/// r3  a word of a row       r7  half: 0x8000            r12, lr    a pair of nibbles, products
/// r4, r5  two rows' sums
///
/// for (two rows, then the other two)
///     for each word
///         for each of the two rows {
///             products = 0x8000;                        // rounds the upper half
///             for (i = 0; i < 4; i++)
///                 products += nibbles i and i + 4 of the word * factors[i];
///             sum += products >> 16;
///         }
/// ```
#[unsafe(naked)]
unsafe extern "C" fn int4_product(_: &mut Product) {
    naked_asm!(
        group!(),
        r"
        .macro  row sum, next
            ldr     r3, [r0], #\next
            eor     r3, r3, #0x80008000
            and     lr, r6, r3
            mla     lr, lr, r8, r7
            and     r12, r6, r3, lsr #4
            mla     lr, r12, r9, lr
            and     r12, r6, r3, lsr #8
            mla     lr, r12, r10, lr
            and     r12, r6, r3, lsr #12
            mla     lr, r12, r11, lr
            add     \sum, \sum, lr, asr #16
        .endm

        .macro  two_words
            ldm     r1!, {r8, r9, r10, r11}
            row     r4, 4
            row     r5, 12
        .endm

        .macro  two_rows
            lsrs    r2, r2, #1
            adc     r2, r2, #0
            bcs     3f
        2:
            two_words
        3:
            two_words
            subs    r2, r2, #1
            bne     2b
        .endm

            begin_group
            asr     r4, r4, #12
            push    {r3, r4}
            mov     r5, r4
            mov     r6, #0x000f000f
            mov     r7, #0x8000
            two_rows
            pop     {r3, r8}
            push    {r4, r5}
            mov     r4, r8
            mov     r5, r8
            ldm     r3, {r0, r1, r2}
            adds    r0, #8
            two_rows
            subs    r0, #8
            lsl     r6, r4, #12
            lsl     r7, r5, #12
            pop     {r4, r5}
            lsl     r4, r4, #12
            lsl     r5, r5, #12
            end_group

        .purgem two_rows
        .purgem two_words
        .purgem row
        .purgem end_group
        .purgem scale
        .purgem begin_group
        ",
        options(raw)
    )
}

/// Rows of keys or values, as the assembly reads them.
#[repr(C)]
struct Walk {
    rows: *const i8,
    /// Bytes from a row to the next.
    stride: usize,
    /// Where the row after the last would begin.
    end: *const i8,
    /// Words to read of a row.
    words: usize,
}

/// Whether `head` bytes can be read, in words, at each of `positions` rows that begin `stride` bytes apart.
fn walkable(rows: &[i8], head: usize, stride: usize, positions: usize) -> bool {
    positions > 0
        && head > 0
        && head.is_multiple_of(4)
        && head <= HEAD_MAX
        && stride > 0
        && rows.len() >= (positions - 1) * stride + head
}

/// The longest head whose queries have room, a word a channel, on the stack.
const HEAD_MAX: usize = 128;

/// See [`portable::scores`].
pub fn scores<const N: usize>(
    out: &mut [[i32; N]],
    queries: &[i8],
    keys: &[i8],
    stride: usize,
    scales: &[i32],
    scale: ScoreScale<N>,
) -> [i32; N] {
    dots(out, queries, keys, stride);
    scale_products(out, scales, scale)
}

/// See [`portable::dots`].
fn dots<const N: usize>(out: &mut [[i32; N]], queries: &[i8], keys: &[i8], stride: usize) {
    let (head, positions) = (queries.len() / N, out.len());
    if N != 2 || !walkable(keys, head, stride, positions) {
        return portable::dots(out, queries, keys, stride);
    }
    let mut apart = [0; 2 * HEAD_MAX];
    let (first, second) = queries.split_at(head);
    let words = first.as_chunks::<4>().0.iter().zip(second.as_chunks::<4>().0);
    for (place, (a, b)) in apart.as_chunks_mut::<8>().0.iter_mut().zip(words) {
        let ([a0, a1, a2, a3], [b0, b1, b2, b3]) = (a.map(i32::from), b.map(i32::from));
        *place = [a0, a1, a2, a3, b0, b1, b2, b3];
    }
    let rows = keys.as_ptr();
    let walk = Walk { rows, stride, end: rows.wrapping_add(positions * stride), words: head / 4 };
    // SAFETY: `out` has two sums for each of `positions` keys. The last word read ends `head` bytes into the last key,
    // which `walkable` has checked. `apart` has eight numbers for each of the `head / 4` words of a key.
    unsafe { dot_two(out.as_mut_ptr().cast(), &walk, apart.as_ptr()) };
}

/// `out[t] = [Σ query a, Σ query b]`; queries are four channels of a, four of b, and so on.
///
/// ```text
/// r0  the next sums         r3       from a key's end to the next key    r10, r11  sums of a, b
/// r1  the key's next word   r4 to r7 four channels of a query            r12       words left
/// r2  queries               r8, r4, r5, r6  the key's four channels      lr        the key's word
/// r9  the next channels of the queries
/// [sp]  end of the keys     [sp, #4] words of a key
///
/// do {
///     a = b = 0;
///     for each word of the key {
///         a += its four channels * the next four of query a;
///         b += its four channels * the next four of query b;
///     }
///     *out++ = a, b;
/// } while (++key != end);
/// ```
#[unsafe(naked)]
unsafe extern "C" fn dot_two(_: *mut i32, _: &Walk, _: *const i32) {
    naked_asm!(
        "
            push    {r4, r5, r6, r7, r8, r9, r10, r11, lr}
            sub     sp, #8
            ldm     r1, {r1, r3, r4, r5}
            sub     r3, r3, r5, lsl #2
            strd    r4, r5, [sp]
        1:
            movs    r10, #0
            movs    r11, #0
            mov     r9, r2
            ldr     r12, [sp, #4]
        2:
            ldr     lr, [r1], #4
            ldm     r9!, {r4, r5, r6, r7}
            sxtb    r8, lr
            mla     r10, r8, r4, r10
            sxtb    r4, lr, ror #8
            mla     r10, r4, r5, r10
            sxtb    r5, lr, ror #16
            mla     r10, r5, r6, r10
            asr     r6, lr, #24
            mla     r10, r6, r7, r10
            mov     lr, r4
            ldr     r4, [r9], #4
            mla     r11, r8, r4, r11
            ldr     r4, [r9], #4
            mla     r11, lr, r4, r11
            ldr     r4, [r9], #4
            mla     r11, r5, r4, r11
            ldr     r4, [r9], #4
            mla     r11, r6, r4, r11
            subs    r12, r12, #1
            bne     2b
            stm     r0!, {r10, r11}
            add     r1, r1, r3
            ldr     r12, [sp]
            cmp     r1, r12
            bne     1b
            add     sp, #8
            pop     {r4, r5, r6, r7, r8, r9, r10, r11, pc}
        ",
        options(raw)
    )
}

/// See [`portable::accumulate`].
pub fn accumulate<const N: usize>(
    sums: &mut [i32],
    weights: &[[i32; N]],
    values: &[i8],
    stride: usize,
    positions: usize,
) {
    let (head, pairs) = (sums.len() / N, positions / 2);
    if N != 2 || pairs > weights.len() || !walkable(values, head, stride, 2 * pairs) {
        return portable::accumulate(sums, weights, values, stride, positions);
    }
    let (first, second) = sums.split_at_mut(head);
    let words = first.as_chunks_mut::<4>().0.iter_mut().zip(second.as_chunks_mut::<4>().0);
    for (i, (a, b)) in words.enumerate() {
        let rows = values.as_ptr().wrapping_add(4 * i);
        let walk = Walk { rows, stride, end: rows.wrapping_add(2 * pairs * stride), words: 1 };
        let mut both = [0; 8];
        // SAFETY: there are two words of weights for each of `pairs` pairs of positions. The last word of values read ends
        // at most `head` bytes into the last of these positions, which `walkable` has checked.
        unsafe { four_channels(weights.as_ptr().cast(), &walk, &mut both) };
        let [a0, a1, a2, a3, b0, b1, b2, b3] = both;
        (*a, *b) = ([a0, a1, a2, a3], [b0, b1, b2, b3]);
    }
    super::accumulate_last(sums, weights, values, stride, positions);
}

/// Adds up four channels over pairs of positions, weighted for two heads.
///
/// ```text
/// r0  the next weights      r4 to r7   a's sums         lr  a position's four values
/// r1  the next values       r8 to r11  b's sums         r12 one of them
/// r2, r3  weights of a, b   [sp]  stride                [sp, #4]  end of the values
///
/// do {
///     for each of two positions
///         for (i = 0; i < 4; i++) {
///             a's sums[i] += value[i] * a's weight;
///             b's sums[i] += value[i] * b's weight;
///         }
/// } while (values != end);
/// ```
#[unsafe(naked)]
unsafe extern "C" fn four_channels(_: *const i32, _: &Walk, _: &mut [i32; 8]) {
    naked_asm!(
        "
        .macro  weigh_values
            sxtb    r12, lr
            mla     r4, r12, r2, r4
            mla     r8, r12, r3, r8
            sxtb    r12, lr, ror #8
            mla     r5, r12, r2, r5
            mla     r9, r12, r3, r9
            sxtb    r12, lr, ror #16
            mla     r6, r12, r2, r6
            mla     r10, r12, r3, r10
            asr     r12, lr, #24
            mla     r7, r12, r2, r7
            mla     r11, r12, r3, r11
        .endm

            push    {r2, r4, r5, r6, r7, r8, r9, r10, r11, lr}
            ldm     r1, {r1, r2, r3}
            push    {r2, r3}
            movs    r4, #0
            movs    r5, #0
            movs    r6, #0
            movs    r7, #0
            mov     r8, #0
            mov     r9, #0
            mov     r10, #0
            mov     r11, #0
        2:
            ldr     lr, [r1]
            ldrh    r2, [r0]
            ldrh    r3, [r0, #4]
            weigh_values
            ldr     r12, [sp]
            ldr     lr, [r1, r12]
            add     r1, r1, r12, lsl #1
            ldrh    r2, [r0, #2]
            ldrh    r3, [r0, #6]
            add     r0, r0, #8
            weigh_values
            ldr     r12, [sp, #4]
            cmp     r1, r12
            bne     2b
            pop     {r2, r3}
            pop     {r2}
            stm     r2, {r4, r5, r6, r7, r8, r9, r10, r11}
            pop     {r4, r5, r6, r7, r8, r9, r10, r11, pc}

        .purgem weigh_values
        ",
        options(raw)
    )
}
