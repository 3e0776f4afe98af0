//! Kernels for ARMv6-M: Cortex-M0, M0+, M1; and for ARMv8-M's baseline, Cortex-M23. Products have 32 bits, most instructions
//! take registers r0 to r7 alone, and unaligned words can't be read.
//!
//! **int8.** As on a DSP, a 16-bit half of a word, `256 odd + even`, is multiplied whole by `x[odd]`, and its lower byte by
//! `256 x[even] - x[odd]`; see `dsp.rs`. Four extractions and four products for four weights.
//!
//! **int4.** One instruction makes every nibble `weight + 8`. Two nibbles 16 bits apart are multiplied, as one number, by two
//! values 16 bits apart: the upper half of the product is the sum of two products, and the lower half stays below it. The
//! products of [`INT4_BLOCK`] words are added up before the upper half is taken. They begin with the amount that the
//! nibbles' offset will add, negative, so that only the weights' own products must fit a half: `4 * 8 * 8 * 127 < 2^15`.
//!
//! **ternary** is [`scalar32`]'s.
//!
//! **Attention.** The queries of two heads, 16 bits apart, are multiplied as one number by a channel of the key: one
//! multiplication for two products.
//!
//! The functions in assembly keep to the procedure call standard (AAPCS), and read and write only what their arguments
//! point to. Each call is sound because the caller has checked the lengths, as its SAFETY comment says.

use core::arch::naked_asm;

use super::matvec::{self, Kernel, Product};
use crate::kernels::portable::EXP2;
use crate::kernels::{portable, scalar32};
use crate::numbers::{Quantizer, ScoreScale};
use crate::packing::{Format, Packed};

pub use crate::kernels::portable::{
    accumulate_f32, activate, add_aligned, add_f32, align_scales, gain, gate, largest, largest_exponent,
    matvec_f32, or_of_magnitudes, quantize_to, rescale, scores_f32, to_f32,
};

/// Words of an int4 row whose products are added up before the upper half is taken.
const INT4_BLOCK: usize = 4;

/// Brings an int8 vector into the form that the products read: first the amount that the weights' offset adds to a sum, then
/// the factors of each word; in int4, each block of factors begins with the start of its sums.
pub fn prepare(format: Format, prepared: &mut [i32], x: &[i8]) {
    let Some((offset, factors)) = prepared.split_first_mut() else { return };
    *offset = 0;
    match format {
        Format::Int8 => {
            for (out, x) in factors.as_chunks_mut::<4>().0.iter_mut().zip(x.as_chunks::<4>().0) {
                *out = int8_factors(x.map(i32::from));
            }
        }
        Format::Int4 => {
            let blocks = factors.chunks_mut(1 + 4 * INT4_BLOCK).zip(x.chunks(8 * INT4_BLOCK));
            for (out, x) in blocks {
                let Some((start, out)) = out.split_first_mut() else { return };
                *start = (1 << 15) - (x.iter().map(|&x| i32::from(x)).sum::<i32>() << 19);
                for (out, x) in out.as_chunks_mut::<4>().0.iter_mut().zip(x.as_chunks::<8>().0) {
                    *out = core::array::from_fn(|i| i32::from(x[i + 4]) + (i32::from(x[i]) << 16));
                }
            }
        }
        Format::Ternary => scalar32::prepare(format, prepared, x),
    }
}

/// See [`portable::quantize`]; int8 is quantised straight into the form that [`prepare`] gives.
pub fn quantize(format: Format, prepared: &mut [i32], quantized: &mut [i8], v: &[i32], quantizer: Quantizer) {
    if format == Format::Int8 {
        return scalar32::quantize_int8(prepared, quantized.len(), v, quantizer, int8_factors);
    }
    quantize_to(quantized, v, quantizer);
    prepare(format, prepared, quantized);
}

#[inline(always)]
fn int8_factors([a, b, c, d]: [i32; 4]) -> [i32; 4] {
    [b, (a << 8) - b, (c << 8) - d, d]
}

/// See [`portable::matvec`].
#[inline(always)]
pub fn matvec(out: &mut [i32], matrix: Packed<'_>, prepared: &[i32]) {
    let kernel = match matrix.format {
        Format::Int8 => Kernel { product: int8_product, factors: |words| 4 * words },
        Format::Int4 => {
            Kernel { product: int4_product, factors: |words| 4 * words + words.div_ceil(INT4_BLOCK) }
        }
        Format::Ternary => return scalar32::matvec(out, matrix, prepared),
    };
    matvec::matvec(out, matrix, prepared, kernel);
}

/// Pushes and pops r8 to r11 by way of r4 to r7, which must be on the stack already: ARMv6-M's own `push` and `pop` take
/// only the lower registers.
macro_rules! high_registers {
    () => {
        r"
        .macro  push_high
            mov     r4, r8
            mov     r5, r9
            mov     r6, r10
            mov     r7, r11
            push    {r4, r5, r6, r7}
        .endm

        .macro  pop_high
            pop     {r4, r5, r6, r7}
            mov     r8, r4
            mov     r9, r5
            mov     r10, r6
            mov     r11, r7
        .endm
        "
    };
}

/// The loop over groups of four rows, which the products share: `begin_group`, which leaves the [`Product`] in r3, then the
/// format's own loop over the words of the rows, then `end_group`, which takes the sums from the registers `a` to `d`.
///
/// ```text
/// r0  the next weights      r3     the next results     r5, r6  lower half of a sum, scale
/// r1  the product           r4     a sum
/// r2  the next scales       product: where the product's address lies on the stack
///
/// do {
///     …                                        // the format's loop: the sums of four rows, begun with `start`
///     for each row
///         *out++ = (sum >> 16) * *scales + ((sum & 0xffff) * *scales++ >> 16);
/// } while (--groups);
/// ```
macro_rules! group {
    () => {
        r"
        .macro  begin_group product:vararg
        1:
            ldr     r3, \product
        .endm

        .macro  scale sum, at
            ldrh    r6, [r2, #\at]
            mov     r4, \sum
            uxth    r5, r4
            asrs    r4, r4, #16
            muls    r5, r6, r5
            lsrs    r5, r5, #16
            muls    r4, r6, r4
            adds    r4, r4, r5
            stm     r3!, {r4}
        .endm

        .macro  end_group a, b, c, d, product:vararg
            ldr     r1, \product
            str     r0, [r1]
            ldr     r2, [r1, #20]
            ldr     r3, [r1, #24]
            scale   \a, 0
            scale   \b, 2
            scale   \c, 4
            scale   \d, 6
            adds    r2, #8
            str     r2, [r1, #20]
            str     r3, [r1, #24]
            ldr     r4, [r1, #16]
            subs    r4, r4, #1
            str     r4, [r1, #16]
            beq     9f
            b       1b
        9:
        .endm
        "
    };
}

/// int8, at most 512 columns: adds 256 times the sums.
///
/// ```text
/// r0  the next weights      r2 to r5   a word of each row     r8 to r11  sums
/// r1  the next factors      r6         a factor               r12        end of the row's words
///                           r7         half or byte of a word, then product
///
/// do {
///     for each row {                           // one factor after the other, each for all rows
///         sum += lower half of the word * x[1];
///         sum += its lower byte * (256 x[0] - x[1]);
///         sum += lower byte of the upper half * (256 x[2] - x[3]);
///         sum += the upper half * x[3];
///     }
/// } while (weights != end);
/// ```
#[unsafe(naked)]
unsafe extern "C" fn int8_product(_: &mut Product) {
    naked_asm!(
        high_registers!(),
        group!(),
        r"
        .macro  factor take
            ldm     r1!, {r6}
            \take   r7, r2
            muls    r7, r6, r7
            add     r8, r7
            \take   r7, r3
            muls    r7, r6, r7
            add     r9, r7
            \take   r7, r4
            muls    r7, r6, r7
            add     r10, r7
            \take   r7, r5
            muls    r7, r6, r7
            add     r11, r7
        .endm

            push    {r4, r5, r6, r7, lr}
            push_high
            push    {r0}
            begin_group [sp]
            ldm     r3!, {r0, r1, r2, r4}
            lsls    r2, r2, #4
            adds    r2, r2, r0
            mov     r12, r2
            mov     r8, r4
            mov     r9, r4
            mov     r10, r4
            mov     r11, r4
        2:
            ldm     r0!, {r2, r3, r4, r5}
            factor  sxth
            factor  sxtb
            asrs    r2, r2, #16
            asrs    r3, r3, #16
            asrs    r4, r4, #16
            asrs    r5, r5, #16
            factor  sxtb
            ldm     r1!, {r6}
            muls    r2, r6, r2
            add     r8, r2
            muls    r3, r6, r3
            add     r9, r3
            muls    r4, r6, r4
            add     r10, r4
            muls    r5, r6, r5
            add     r11, r5
            cmp     r0, r12
            bne     2b
            end_group r8, r9, r10, r11, [sp]
            add     sp, #4
            pop_high
            pop     {r4, r5, r6, r7, pc}

        .purgem factor
        .purgem end_group
        .purgem scale
        .purgem begin_group
        .purgem pop_high
        .purgem push_high
        ",
        options(raw)
    )
}

/// int4, at most 512 columns: adds 4096 times the sums of nibbles.
///
/// ```text
/// r0  the next weights      r3 to r6   a word's factors       r10, r11, r12, lr  a block's sums
/// r1  signs: 0x80008000     r7         pair, product, place   r8   mask 0x000f000f
/// r2  a word of a row       r9         the next factors
/// [sp] to [sp, #12]  sums   [sp, #16]  end of the block       [sp, #20]  end of the row's words
///
/// do {                                         // at most INT4_BLOCK words of a row
///     the block's sums = *factors++;           // what the offsets of its nibbles add, and a half
///     do {
///         for each row
///             for (i = 0; i < 4; i++)
///                 the block's sum += nibbles i and i + 4 of the word * factors[i];
///     } while (weights != end of the block);
///     for each row
///         sum += the block's sum >> 16;
/// } while (weights != end);
/// ```
#[unsafe(naked)]
unsafe extern "C" fn int4_product(_: &mut Product) {
    naked_asm!(
        high_registers!(),
        group!(),
        r"
        .macro  pair factor, sum
            mov     r7, r8
            ands    r7, r2
            muls    r7, \factor, r7
            add     \sum, r7
        .endm

        .macro  row sum
            ldm     r0!, {r2}
            eors    r2, r1
            pair    r3, \sum
            lsrs    r2, r2, #4
            pair    r4, \sum
            lsrs    r2, r2, #4
            pair    r5, \sum
            lsrs    r2, r2, #4
            pair    r6, \sum
        .endm

        .macro  add_upper sum, block
            mov     r2, \block
            asrs    r2, r2, #16
            adds    \sum, \sum, r2
        .endm

            push    {r4, r5, r6, r7, lr}
            push_high
            push    {r0}
            sub     sp, #24
            movs    r4, #15
            lsls    r5, r4, #16
            orrs    r4, r5
            mov     r8, r4
            begin_group [sp, #24]
            ldm     r3!, {r0, r1, r2, r4}
            mov     r9, r1
            movs    r1, #1
            lsls    r1, r1, #31
            lsrs    r5, r1, #16
            orrs    r1, r5
            lsls    r2, r2, #4
            adds    r2, r2, r0
            str     r2, [sp, #20]
            asrs    r4, r4, #12
            mov     r5, r4
            mov     r6, r4
            mov     r7, r4
            mov     r2, sp
            stm     r2!, {r4, r5, r6, r7}
        4:
            mov     r7, r9
            ldm     r7!, {r4}
            mov     r9, r7
            mov     r10, r4
            mov     r11, r4
            mov     r12, r4
            mov     lr, r4
            mov     r4, r0
            adds    r4, #64
            ldr     r5, [sp, #20]
            cmp     r4, r5
            bls     3f
            mov     r4, r5
        3:
            str     r4, [sp, #16]
        2:
            mov     r7, r9
            ldm     r7!, {r3, r4, r5, r6}
            mov     r9, r7
            row     r10
            row     r11
            row     r12
            row     lr
            ldr     r7, [sp, #16]
            cmp     r0, r7
            bne     2b
            mov     r7, sp
            ldm     r7!, {r3, r4, r5, r6}
            add_upper r3, r10
            add_upper r4, r11
            add_upper r5, r12
            add_upper r6, lr
            subs    r7, #16
            stm     r7!, {r3, r4, r5, r6}
            ldr     r7, [sp, #20]
            cmp     r0, r7
            beq     5f
            b       4b
        5:
            lsls    r3, r3, #12
            lsls    r4, r4, #12
            lsls    r5, r5, #12
            lsls    r6, r6, #12
            mov     r10, r3
            mov     r11, r4
            mov     r12, r5
            mov     lr, r6
            end_group r10, r11, r12, lr, [sp, #24]
            add     sp, #24
            add     sp, #4
            pop_high
            pop     {r4, r5, r6, r7, pc}

        .purgem add_upper
        .purgem row
        .purgem pair
        .purgem end_group
        .purgem scale
        .purgem begin_group
        .purgem pop_high
        .purgem push_high
        ",
        options(raw)
    )
}

/// See [`portable::scores`].
pub fn scores<const N: usize>(
    out: &mut [[i32; N]],
    queries: &[i8],
    keys: &[i8],
    stride: usize,
    scales: &[i32],
    scale: ScoreScale<N>,
) -> [i32; N] {
    let (head, positions) = (queries.len() / N, out.len());
    if N != 2 || scales.len() < positions || !walkable(keys, head, stride, positions) {
        return portable::scores(out, queries, keys, stride, scales, scale);
    }
    let (first, second) = queries.split_at(head);
    let words = first.as_chunks::<4>().0.iter().zip(second.as_chunks::<4>().0);
    for (i, (a, b)) in words.enumerate() {
        let rows = keys.as_ptr().wrapping_add(4 * i);
        let walk = Walk { rows, stride, end: rows.wrapping_add(positions * stride) };
        let lanes: [i32; 4] = core::array::from_fn(|i| i32::from(a[i]) + (i32::from(b[i]) << 16));
        // SAFETY: `out` has two sums for each of `positions` keys. The last word read ends at most `head` bytes into the
        // last key, and all words are aligned: `walkable` has checked both.
        unsafe {
            match i {
                0 => first_dots(out.as_mut_ptr().cast(), &walk, &lanes),
                _ => more_dots(out.as_mut_ptr().cast(), &walk, &lanes),
            }
        }
    }
    let mut largest = [i32::MIN; N];
    let walk = ScoreWalk {
        scales: scales.as_ptr(),
        end: out.as_ptr_range().end.cast(),
        mantissas: [scale.mantissas[0], scale.mantissas[N - 1]],
        shift: scale.shift,
        // Each of the `head / 4` words of a key has added 0x8000 twice.
        rounding: (head as i32 / 4) << 16,
    };
    // SAFETY: there are two sums and a scale for each position up to `end`, and at least one; room for two maxima.
    unsafe { scale_two(out.as_mut_ptr().cast(), &walk, largest.as_mut_ptr()) };
    largest
}

/// Rows of keys or values, as the assembly reads them.
#[repr(C)]
struct Walk {
    rows: *const i8,
    /// Bytes from a row to the next.
    stride: usize,
    /// Where the row after the last would begin.
    end: *const i8,
}

/// Whether `head` bytes can be read, in aligned words, at each of `positions` rows that begin `stride` bytes apart.
fn walkable(rows: &[i8], head: usize, stride: usize, positions: usize) -> bool {
    positions > 0
        && head > 0
        && head.is_multiple_of(4)
        && stride.is_multiple_of(4)
        && rows.as_ptr().addr().is_multiple_of(4)
        && rows.len() >= (positions - 1) * stride + head
}

/// For each key, from four channels of two heads' queries: the sum of all products, and that of their upper halves, of
/// which the second head's result is one, and the first's what the other then leaves.
///
/// ```text
/// r0  the next sums         r4 to r7   two heads' channels, 16 bits apart     r10  half: 0x8000
/// r1  the next key          r8         stride                                 r11  first two channels' products
/// r2  a key's four channels r9         end of the keys                        lr   their upper half
/// r3  a channel, products                                                     r12  a channel's product
///
/// do {
///     low = channel 0 * lanes[0] + channel 1 * lanes[1] + 0x8000;
///     high = channel 2 * lanes[2] + channel 3 * lanes[3] + 0x8000;
///     *out++ (+)= low + high;
///     *out++ (+)= (low >> 16) + (high >> 16);
/// } while (++key != end);
/// ```
macro_rules! dots {
    () => {
        r"
        .macro  begin_dots
            push    {r4, r5, r6, r7, lr}
            push_high
            ldr     r4, [r1, #4]
            mov     r8, r4
            ldr     r4, [r1, #8]
            mov     r9, r4
            movs    r4, #1
            lsls    r4, r4, #15
            mov     r10, r4
            ldr     r1, [r1]
            ldm     r2!, {r4, r5, r6, r7}
        .endm

        .macro  multiply_key
            ldr     r2, [r1]
            sxtb    r3, r2
            muls    r3, r4, r3
            mov     r12, r3
            lsls    r3, r2, #16
            asrs    r3, r3, #24
            muls    r3, r5, r3
            add     r3, r12
            add     r3, r10
            mov     r11, r3
            asrs    r3, r3, #16
            mov     lr, r3
            lsls    r3, r2, #8
            asrs    r3, r3, #24
            muls    r3, r6, r3
            mov     r12, r3
            asrs    r3, r2, #24
            muls    r3, r7, r3
            add     r3, r12
            add     r3, r10
            mov     r2, r11
            adds    r2, r2, r3
            asrs    r3, r3, #16
            add     r3, lr
        .endm

        .macro  end_dots
            stm     r0!, {r2, r3}
            add     r1, r8
            cmp     r1, r9
            bne     2b
            pop_high
            pop     {r4, r5, r6, r7, pc}
        .endm
        "
    };
}

#[unsafe(naked)]
unsafe extern "C" fn first_dots(_: *mut i32, _: &Walk, _: &[i32; 4]) {
    naked_asm!(
        high_registers!(),
        dots!(),
        "
            begin_dots
        2:
            multiply_key
            end_dots

        .purgem end_dots
        .purgem multiply_key
        .purgem begin_dots
        .purgem pop_high
        .purgem push_high
        ",
        options(raw)
    )
}

/// As [`first_dots`], added to what is in `out`.
#[unsafe(naked)]
unsafe extern "C" fn more_dots(_: *mut i32, _: &Walk, _: &[i32; 4]) {
    naked_asm!(
        high_registers!(),
        dots!(),
        "
            begin_dots
        2:
            multiply_key
            mov     r12, r4
            ldr     r4, [r0]
            adds    r2, r2, r4
            ldr     r4, [r0, #4]
            adds    r3, r3, r4
            mov     r4, r12
            end_dots

        .purgem end_dots
        .purgem multiply_key
        .purgem begin_dots
        .purgem pop_high
        .purgem push_high
        ",
        options(raw)
    )
}

/// Positions and their scales, as [`scale_two`] reads them.
#[repr(C)]
struct ScoreWalk {
    scales: *const i32,
    /// Of the sums.
    end: *const i32,
    mantissas: [i32; 2],
    shift: u32,
    /// The amount that rounding has added to the sum of all products.
    rounding: i32,
}

/// Turns what [`first_dots`] and [`more_dots`] leave into scores; writes the largest of each head.
///
/// ```text
/// r0  the next sums         r3, r4   products, then scores    r8, r9  largest scores
/// r1  the next scale        r5, r6   mantissas                r10     end of the sums
/// r2  key's scale           r7       shift                    r11     what rounding has added
///
/// do {
///     b = upper sum;
///     a = sum of all - (upper sum << 16) - rounding;
///     for each head {
///         score = ((product * key) >> 12) * mantissa >> shift;
///         if (score > largest) largest = score;        // rarely: out of line
///     }
/// } while (sums != end);
/// ```
#[unsafe(naked)]
unsafe extern "C" fn scale_two(_: *mut i32, _: &ScoreWalk, _: *mut i32) {
    naked_asm!(
        high_registers!(),
        r"
        .macro  scale_one score, mantissa, largest
            muls    \score, r2, \score
            asrs    \score, \score, #12
            muls    \score, \mantissa, \score
            asrs    \score, r7
            cmp     \score, \largest
            bgt     .Llarger\@
        .Lnot_larger\@:
            .subsection 1
        .Llarger\@:
            mov     \largest, \score
            b       .Lnot_larger\@
            .previous
        .endm

            push    {r2, r4, r5, r6, r7, lr}
            push_high
            movs    r4, #1
            lsls    r4, r4, #31
            mov     r8, r4
            mov     r9, r4
            ldr     r4, [r1, #4]
            mov     r10, r4
            ldr     r4, [r1, #20]
            mov     r11, r4
            ldr     r5, [r1, #8]
            ldr     r6, [r1, #12]
            ldr     r7, [r1, #16]
            ldr     r1, [r1]
        2:
            ldm     r0!, {r3, r4}
            lsls    r2, r4, #16
            add     r2, r11
            subs    r3, r3, r2
            ldrh    r2, [r1]
            adds    r1, #4
            scale_one r3, r5, r8
            scale_one r4, r6, r9
            subs    r0, #8
            stm     r0!, {r3, r4}
            cmp     r0, r10
            bne     2b
            ldr     r0, [sp, #16]
            mov     r1, r8
            mov     r2, r9
            stm     r0!, {r1, r2}
            pop_high
            pop     {r2, r4, r5, r6, r7, pc}

        .purgem scale_one
        .purgem pop_high
        .purgem push_high
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
        scales: scales.as_ptr(),
        table: EXP2.as_ptr(),
        end: scores.as_ptr().wrapping_add(2 * pairs).cast(),
        largest: [largest[0], largest[N - 1]],
    };
    // SAFETY: there are two scores and a scale for each of the twice `pairs` positions up to `end`, and at least two; room
    // for two totals. The table has an entry for each of the 256 values of a byte.
    unsafe { weigh_two(scores.as_mut_ptr().cast(), &walk, totals.as_mut_ptr()) };
    super::weigh_last(&mut totals, scores, scales, largest);
    totals
}

/// Positions and their scales, as [`weigh_two`] reads them.
#[repr(C)]
struct WeightWalk {
    scales: *const i32,
    table: *const u16,
    /// Of the scores.
    end: *const i32,
    largest: [i32; 2],
}

/// Turns two heads' scores at pairs of positions into weights, two positions' in a word, and adds up the powers of each
/// head. Scores 32 or more octaves below the largest weigh zero.
///
/// ```text
/// r0  the next weights      r3  table EXP2             r6  value's scale     r10, r11  totals
/// r1  the next scores       r4  score, power, weight   r7  32                r12       end of the scores
/// r2  the next scales       r5  distance, octaves      r8, r9  largest scores
///
/// do {
///     for each of two positions, each head {
///         distance = largest - score;
///         octaves = distance >> 8;
///         if (octaves < 32) {
///             power = exp2[distance & 0xff] >> octaves;
///             total += power;
///             weight = power * scale >> 16;
///         } else weight = 0;                           // rarely: out of line
///     }
/// } while (scores != end);
/// ```
#[unsafe(naked)]
unsafe extern "C" fn weigh_two(_: *mut i32, _: &WeightWalk, _: *mut u32) {
    naked_asm!(
        high_registers!(),
        r"
        .macro  weigh_one score, largest, total, weight
            ldr     r4, [r1, #\score]
            mov     r5, \largest
            subs    r5, r5, r4
            uxtb    r4, r5
            adds    r4, r4, r4
            ldrh    r4, [r3, r4]
            lsrs    r5, r5, #8
            cmp     r5, r7
            bhs     .Lfar\@
            lsrs    r4, r5
            add     \total, r4
            muls    r4, r6, r4
            lsrs    r4, r4, #16
        .Lweighed\@:
            strh    r4, [r0, #\weight]
            .subsection 1
        .Lfar\@:
            movs    r4, #0
            b       .Lweighed\@
            .previous
        .endm

            push    {r2, r4, r5, r6, r7, lr}
            push_high
            ldr     r4, [r1, #8]
            mov     r12, r4
            ldr     r4, [r1, #12]
            mov     r8, r4
            ldr     r4, [r1, #16]
            mov     r9, r4
            movs    r4, #0
            mov     r10, r4
            mov     r11, r4
            ldr     r3, [r1, #4]
            ldr     r2, [r1]
            mov     r1, r0
            movs    r7, #32
        2:
            ldrh    r6, [r2, #2]
            weigh_one 0, r8, r10, 0
            weigh_one 4, r9, r11, 4
            ldrh    r6, [r2, #6]
            weigh_one 8, r8, r10, 2
            weigh_one 12, r9, r11, 6
            adds    r0, #8
            adds    r1, #16
            adds    r2, #8
            cmp     r1, r12
            bne     2b
            ldr     r0, [sp, #16]
            mov     r1, r10
            mov     r2, r11
            stm     r0!, {r1, r2}
            pop_high
            pop     {r2, r4, r5, r6, r7, pc}

        .purgem weigh_one
        .purgem pop_high
        .purgem push_high
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
    let channels = first.as_chunks_mut::<2>().0.iter_mut().zip(second.as_chunks_mut::<2>().0);
    for (i, (a, b)) in channels.enumerate() {
        let rows = values.as_ptr().wrapping_add(2 * i);
        let walk = Walk { rows, stride, end: rows.wrapping_add(2 * pairs * stride) };
        let mut both = [0; 4];
        // SAFETY: there are two words of weights for each of `pairs` pairs of positions. The last values read are at most
        // `head` bytes into the last of these positions, which `walkable` has checked.
        unsafe { two_channels(weights.as_ptr().cast(), &walk, &mut both) };
        let [a0, b0, a1, b1] = both;
        (*a, *b) = ([a0, a1], [b0, b1]);
    }
    super::accumulate_last(sums, weights, values, stride, positions);
}

/// Adds up two channels over pairs of positions, weighted for two heads: channel 0 of a and b, channel 1 of both.
///
/// ```text
/// r0  the next weights      r2, r3  weights of a, b    r6  0      r8, r9    channel 0's sums of a, b
/// r1  the next values       r4, r5  value, product     r7  1      r10, r11  channel 1's sums of a, b
/// r12 stride                lr      end of the values
///
/// do {
///     for each of two positions
///         for each of two channels {
///             a's sum += value * a's weight;
///             b's sum += value * b's weight;
///         }
/// } while (values != end);
/// ```
#[unsafe(naked)]
unsafe extern "C" fn two_channels(_: *const i32, _: &Walk, _: &mut [i32; 4]) {
    naked_asm!(
        high_registers!(),
        r"
        .macro  weigh_values a, b
            ldrh    r2, [r0, #\a]
            ldrh    r3, [r0, #\b]
            ldrsb   r4, [r1, r6]
            movs    r5, r2
            muls    r5, r4, r5
            add     r8, r5
            muls    r4, r3, r4
            add     r9, r4
            ldrsb   r4, [r1, r7]
            muls    r2, r4, r2
            add     r10, r2
            muls    r3, r4, r3
            add     r11, r3
            add     r1, r12
        .endm

            push    {r2, r4, r5, r6, r7, lr}
            push_high
            movs    r6, #0
            movs    r7, #1
            mov     r8, r6
            mov     r9, r6
            mov     r10, r6
            mov     r11, r6
            ldr     r2, [r1, #4]
            mov     r12, r2
            ldr     r2, [r1, #8]
            mov     lr, r2
            ldr     r1, [r1]
        2:
            weigh_values 0, 4
            weigh_values 2, 6
            adds    r0, #8
            cmp     r1, lr
            bne     2b
            ldr     r0, [sp, #16]
            mov     r4, r8
            mov     r5, r9
            mov     r6, r10
            mov     r7, r11
            stm     r0!, {r4, r5, r6, r7}
            pop_high
            pop     {r2, r4, r5, r6, r7, pc}

        .purgem weigh_values
        .purgem pop_high
        .purgem push_high
        ",
        options(raw)
    )
}
