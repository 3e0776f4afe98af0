//! Kernels for the DSP extension of Arm's M profile: Cortex-M4, M7, M33. `smlad` adds two products of 16 bits.
//!
//! **int8.** A half of a word is `256 odd + even`. Multiplied whole by `x[odd]`, and its lower byte (`sxtb16`) by
//! `256 x[even] - x[odd]`, it gives 256 times what is wanted: three instructions for four weights, none of which takes
//! bytes apart. Sums of 512 columns stay exact.
//!
//! **int4.** A half is `4096 d + 256 c + 16 b + a`: `d` has a sign, the others are nibbles without one. The half is
//! multiplied whole by `x[d]`, its lower byte by `256 x[b] - x[d]`, `256 c` by `16 x[c] - x[d]`, and `256 a` by
//! `16 x[a] - x[b]`: seven instructions for eight weights, which give 4096 times what is wanted. Sums begin with
//! `-4096 * 8 Σ x` over `a`, `b` and `c`: the nibbles' offset. Sums of 512 columns stay exact.
//!
//! **ternary.** Fields are shifted and masked in one instruction, and multiplied by `256 x`; sums begin with `-256 Σ x`.
//!
//! The functions in assembly are sound for the lengths that their callers below make sure of. They keep to the
//! procedure call standard (AAPCS), and touch no memory but what their arguments point to.

use core::arch::naked_asm;

use super::attention::scale_products;
use super::matvec::{self, Kernel, Product};
use crate::kernels::portable;
use crate::numbers::{Quantizer, ScoreScale};
use crate::packing::{Format, Packed};

pub use super::attention::weights;
pub use super::elementwise::{activate, add_aligned, gain, gate, largest, or_of_magnitudes, quantize_to};

/// Brings an int8 vector into the form that this kernel multiplies by: what the weights' offset adds to a sum, then
/// pairs of 16 bits.
pub fn prepare(format: Format, prepared: &mut [i32], x: &[i8]) {
    let Some((offset, pairs)) = prepared.split_first_mut() else { return };
    *offset = 0;
    match format {
        Format::Int8 => {
            for (out, x) in pairs.as_chunks_mut::<2>().0.iter_mut().zip(x.as_chunks::<4>().0) {
                let [a, b, c, d] = x.map(i32::from);
                *out = [pair(b, d), pair(256 * a - b, 256 * c - d)];
            }
        }
        Format::Int4 => {
            let chunks = x.as_chunks::<8>().0;
            for (out, x) in pairs.as_chunks_mut::<4>().0.iter_mut().zip(chunks) {
                let [a, b, c, d, e, f, g, h] = x.map(i32::from);
                *out = [
                    pair(d, h),
                    pair(256 * b - d, 256 * f - h),
                    pair(16 * c - d, 16 * g - h),
                    pair(16 * a - b, 16 * e - f),
                ];
                *offset += 8 * (a + b + c + e + f + g);
            }
        }
        Format::Ternary => {
            let chunks = x.as_chunks::<16>().0;
            for (out, x) in pairs.as_chunks_mut::<8>().0.iter_mut().zip(chunks) {
                for (i, out) in out.iter_mut().enumerate() {
                    *out = pair(256 * i32::from(x[i]), 256 * i32::from(x[i + 8]));
                }
            }
            *offset = sum(x);
        }
    }
}

/// See [`portable::quantize`]: straight into the form that [`prepare`] gives.
pub fn quantize(format: Format, prepared: &mut [i32], quantized: &mut [i8], v: &[i32], quantizer: Quantizer) {
    let (values_of_word, pairs_of_word) = match format {
        Format::Int8 => (4, 2),
        Format::Int4 => (8, 4),
        _ => {
            quantize_to(quantized, v, quantizer);
            return prepare(format, prepared, quantized);
        }
    };
    let words = v.len() / values_of_word;
    let (whole, rest) = v.split_at(words * values_of_word);
    let Some((offset, pairs)) = prepared.split_first_mut() else { return };
    let used = quantized.len() / values_of_word * pairs_of_word;
    if used > pairs.len() || whole.len() > quantized.len() {
        return;
    }
    let pairs = &mut pairs[..used];
    pairs[words * pairs_of_word..].fill(0);
    let mut sum = 0;
    let mut blocks = [(whole, words), (&[], 0)];
    let mut last = [0; 8];
    if !rest.is_empty() {
        last[..rest.len()].copy_from_slice(rest);
        blocks[1] = (&last, 1);
    }
    let mut place = 0;
    for (v, words) in blocks {
        let Some(out) = pairs.get_mut(place..place + words * pairs_of_word).filter(|out| !out.is_empty())
        else {
            continue;
        };
        let mut walk = QuantizeWalk { v: v.as_ptr(), words, quantizer, out: out.as_mut_ptr(), sum: 0 };
        // SAFETY: there are values for so many words, and room for the pairs of as many; at least one.
        unsafe {
            match format {
                Format::Int8 => quantize_int8(&mut walk),
                _ => quantize_int4(&mut walk),
            }
        }
        sum += walk.sum;
        place += words * pairs_of_word;
    }
    *offset = if format == Format::Int4 { sum >> 1 } else { 0 };
}

#[repr(C)]
struct QuantizeWalk {
    v: *const i32,
    words: usize,
    quantizer: Quantizer,
    out: *mut i32,
    /// `16 Σ x` over those whose nibbles have an offset, of int4.
    sum: i32,
}

/// Four values become int8 in their upper bytes: `v = (v >> shift) * reciprocal + 2^23`.
macro_rules! quantize_four {
    () => {
        r"
        .macro  quantize_four a, b, c, d
            asr     \a, \a, r2
            asr     \b, \b, r2
            asr     \c, \c, r2
            asr     \d, \d, r2
            mla     \a, \a, r3, lr
            mla     \b, \b, r3, lr
            mla     \c, \c, r3, lr
            mla     \d, \d, r3, lr
        .endm
        "
    };
}

/// Quantises four times `words` values, into what [`prepare`] makes of them for int8.
///
/// ```text
/// r0  the next values       r3   reciprocal             r4 to r7   four values a, b, c, d
/// r1  words left            r12  the next pairs         r8         256 a, 256 c
/// r2  shift                 lr   2^23                   r9, r10    the two pairs
///
/// do {
///     a, b, c, d = the next four values, quantised;
///     *pairs++ = [b, d];
///     *pairs++ = [256 a - b, 256 c - d];
/// } while (--words);
/// ```
#[unsafe(naked)]
unsafe extern "C" fn quantize_int8(_: &mut QuantizeWalk) {
    naked_asm!(
        dsp!(),
        quantize_four!(),
        "
            push    {r4, r5, r6, r7, r8, r9, r10, lr}
            ldm     r0, {r0, r1, r2, r3, r12}
            mov     lr, #0x800000
        2:
            ldm     r0!, {r4, r5, r6, r7}
            quantize_four r4, r5, r6, r7
            pkhtb   r8, r6, r4, asr #16
            pkhtb   r9, r7, r5, asr #16
            and     r8, r8, #0xff00ff00
            sxtb16  r9, r9, ror #8
            ssub16  r10, r8, r9
            stm     r12!, {r9, r10}
            subs    r1, r1, #1
            bne     2b
            pop     {r4, r5, r6, r7, r8, r9, r10, pc}

        .purgem quantize_four
        ",
        options(raw)
    )
}

/// Quantises eight times `words` values, into what [`prepare`] makes of them for int4, and adds up `16 x` of those whose
/// nibbles have an offset.
///
/// ```text
/// r0  the next values       r3    reciprocal            r4 to r7   values a, b, c, d, then 16 a, e; 256 b, f; 16 c, g
/// r1  words left            r12   the next pairs        r8 to r11  values e, f, g, h, then the four pairs
/// r2  shift                 [sp]  sum                   lr         2^23, then b, f
///
/// do {
///     a, b, c, d, e, f, g, h = the next eight values, quantised;
///     *pairs++ = [d, h];
///     *pairs++ = [256 b - d, 256 f - h];
///     *pairs++ = [16 c - d, 16 g - h];
///     *pairs++ = [16 a - b, 16 e - f];
///     sum += 16 * (a + e + c + g + b + f);
/// } while (--words);
/// ```
#[unsafe(naked)]
unsafe extern "C" fn quantize_int4(_: &mut QuantizeWalk) {
    naked_asm!(
        dsp!(),
        quantize_four!(),
        "
            push    {r0, r4, r5, r6, r7, r8, r9, r10, r11, lr}
            ldm     r0, {r0, r1, r2, r3, r12}
            mov     lr, #0
            push    {lr}
        2:
            ldm     r0!, {r4, r5, r6, r7}
            ldm     r0!, {r8, r9, r10, r11}
            mov     lr, #0x800000
            quantize_four r4, r5, r6, r7
            quantize_four r8, r9, r10, r11
            asr     r8, r8, #4
            asr     r10, r10, #4
            pkhtb   r4, r8, r4, asr #20
            pkhtb   r5, r9, r5, asr #16
            pkhtb   r6, r10, r6, asr #20
            pkhtb   r7, r11, r7, asr #16
            bic     r4, r4, #0x000f000f
            sxtb16  lr, r5, ror #8
            and     r5, r5, #0xff00ff00
            bic     r6, r6, #0x000f000f
            sxtb16  r8, r7, ror #8
            ssub16  r9, r5, r8
            ssub16  r10, r6, r8
            ssub16  r11, r4, lr
            stm     r12!, {r8, r9, r10, r11}
            ldr     r8, [sp]
            mov     r5, #0x00010001
            smlad   r8, r4, r5, r8
            smlad   r8, r6, r5, r8
            mov     r5, #0x00100010
            smlad   r8, lr, r5, r8
            str     r8, [sp]
            subs    r1, r1, #1
            bne     2b
            pop     {r1}
            pop     {r0}
            str     r1, [r0, #20]
            pop     {r4, r5, r6, r7, r8, r9, r10, r11, pc}

        .purgem quantize_four
        ",
        options(raw)
    )
}

fn pair(low: i32, high: i32) -> i32 {
    low & 0xffff | high << 16
}

fn sum(x: &[i8]) -> i32 {
    x.iter().map(|&x| i32::from(x)).sum()
}

/// See [`portable::matvec`].
pub fn matvec(out: &mut [i32], matrix: Packed<'_>, prepared: &[i32]) {
    let kernel = match matrix.format {
        Format::Int8 => Kernel { product: int8_product, factors: |words| 2 * words },
        Format::Int4 => Kernel { product: int4_product, factors: |words| 4 * words },
        Format::Ternary => Kernel { product: ternary_product, factors: |words| 8 * words },
    };
    matvec::matvec(out, matrix, prepared, kernel);
}

/// What the products share: each group of four rows is a call of `begin_group`, the format's sums, and `end_group`.
///
/// ```text
/// r0  the next weights      r2  words of a row          r4 to r7  four rows' sums
/// r1  the next pairs        product: where the address of the [`Product`] lies on the stack
///
/// do {
///     sums of four rows = start;
///     …                                        // the format's loop adds to them
///     for each row
///         *out++ = sum * *scales++ >> 16;
/// } while (--groups);
/// ```
macro_rules! group {
    () => {
        r"
        .macro  begin_group product:vararg
        1:
            ldr     r3, \product
            ldm     r3, {r0, r1, r2, r4}
            mov     r5, r4
            mov     r6, r4
            mov     r7, r4
        .endm

        .macro  end_group product:vararg
            ldr     r3, \product
            str     r0, [r3], #16
            ldm     r3, {r0, r1, r2}
            ldr     r8, [r1], #4
            ldr     r9, [r1], #4
            smulwb  r4, r4, r8
            smulwt  r5, r5, r8
            smulwb  r6, r6, r9
            smulwt  r7, r7, r9
            stm     r2!, {r4, r5, r6, r7}
            subs    r0, r0, #1
            stm     r3, {r0, r1, r2}
            bne     1b
        .endm
        "
    };
}

/// int8, at most 512 columns: adds 256 times the sums.
///
/// ```text
/// r2  fours of words left   r3   pair [b, d]                      r8 to r11  a word of each row
/// lr  single words left     r12  pair [256 a - b, 256 c - d]
///
/// for (words % 4 times, then words / 4 times four in a row) {
///     for each row {
///         sum += upper and lower half of the row's word * [b, d];
///         sum += lower bytes of the halves * [256 a - b, 256 c - d];
///     }
/// }
/// ```
#[unsafe(naked)]
unsafe extern "C" fn int8_product(_: &mut Product) {
    naked_asm!(
        dsp!(),
        group!(),
        "
        .macro  four_words
            ldm     r0!, {r8, r9, r10, r11}
            ldm     r1!, {r3, r12}
            smlad   r4, r8, r3, r4
            sxtb16  r8, r8
            smlad   r5, r9, r3, r5
            sxtb16  r9, r9
            smlad   r6, r10, r3, r6
            sxtb16  r10, r10
            smlad   r7, r11, r3, r7
            sxtb16  r11, r11
            smlad   r4, r8, r12, r4
            smlad   r5, r9, r12, r5
            smlad   r6, r10, r12, r6
            smlad   r7, r11, r12, r7
        .endm

            push    {r0, r4, r5, r6, r7, r8, r9, r10, r11, lr}
            begin_group [sp]
            and     lr, r2, #3
            lsrs    r2, r2, #2
            cmp     lr, #0
            beq     3f
        2:
            four_words
            subs    lr, lr, #1
            bne     2b
            cmp     r2, #0
            beq     4f
        3:
            four_words
            four_words
            four_words
            four_words
            subs    r2, r2, #1
            bne     3b
        4:
            end_group [sp]
            pop     {r0, r4, r5, r6, r7, r8, r9, r10, r11, pc}

        .purgem four_words
        .purgem begin_group
        .purgem end_group
        ",
        options(raw)
    )
}

/// int4, at most 512 columns: adds 4096 times the sums of nibbles. The end of the pairs is on the stack, in the place of a
/// count.
///
/// ```text
/// r2  mask 0x0f000f00       r3, r12  words of two rows            r8 to r11  the pairs of a word, as in `prepare`
/// lr  fields of a word      [sp]     end of the pairs             [sp, #4]   the product
///
/// for (words % 2 times, then words / 2 times two in a row) {
///     for each row {
///         sum += halves * [d, h];
///         sum += lower bytes of the halves * [256 b - d, 256 f - h];
///         sum += 256 c, 256 g * [16 c - d, 16 g - h];
///         sum += 256 a, 256 e * [16 a - b, 16 e - f];
///     }
/// }
/// ```
#[unsafe(naked)]
unsafe extern "C" fn int4_product(_: &mut Product) {
    naked_asm!(
        dsp!(),
        group!(),
        r"
        .macro  row word, sum
            smlad   \sum, \word, r8, \sum
            uxtb16  lr, \word
            smlad   \sum, lr, r9, \sum
            and     lr, r2, \word
            smlad   \sum, lr, r10, \sum
            and     lr, r2, \word, lsl #8
            smlad   \sum, lr, r11, \sum
        .endm

        .macro  four_words
            ldm     r1!, {r8, r9, r10, r11}
            ldm     r0!, {r3, r12}
            row     r3, r4
            row     r12, r5
            ldm     r0!, {r3, r12}
            row     r3, r6
            row     r12, r7
        .endm

            push    {r0, r4, r5, r6, r7, r8, r9, r10, r11, lr}
            ldrd    r1, r2, [r0, #4]
            add     r1, r1, r2, lsl #4
            push    {r1}
            begin_group [sp, #4]
            lsrs    r2, r2, #1
            mov     r2, #0x0f000f00
            bcs     3f
        2:
            four_words
        3:
            four_words
            ldr     lr, [sp]
            cmp     r1, lr
            bne     2b
            end_group [sp, #4]
            add     sp, #4
            pop     {r0, r4, r5, r6, r7, r8, r9, r10, r11, pc}

        .purgem four_words
        .purgem row
        .purgem begin_group
        .purgem end_group
        ",
        options(raw)
    )
}

/// Ternary: adds 256 times the sums of fields.
///
/// ```text
/// r2  words left            r3   pair of field i                  r8 to r11  a word of each row
/// lr  mask 0x00030003       r12  fields i and i + 8 of a row
///
/// do {
///     for (i = 0; i < 8; i++)
///         for each row
///             sum += fields i and i + 8 of the row's word * [256 x[i], 256 x[i + 8]];
/// } while (--words);
/// ```
#[unsafe(naked)]
unsafe extern "C" fn ternary_product(_: &mut Product) {
    naked_asm!(
        dsp!(),
        group!(),
        r"
        .macro  fields bits
            ldr     r3, [r1], #4
            and     r12, lr, r8, lsr #\bits
            smlad   r4, r12, r3, r4
            and     r12, lr, r9, lsr #\bits
            smlad   r5, r12, r3, r5
            and     r12, lr, r10, lsr #\bits
            smlad   r6, r12, r3, r6
            and     r12, lr, r11, lsr #\bits
            smlad   r7, r12, r3, r7
        .endm

            push    {r0, r4, r5, r6, r7, r8, r9, r10, r11, lr}
            begin_group [sp]
            mov     lr, #0x00030003
        2:
            ldm     r0!, {r8, r9, r10, r11}
            fields  0
            fields  2
            fields  4
            fields  6
            fields  8
            fields  10
            fields  12
            fields  14
            subs    r2, r2, #1
            bne     2b
            end_group [sp]
            pop     {r0, r4, r5, r6, r7, r8, r9, r10, r11, pc}

        .purgem fields
        .purgem begin_group
        .purgem end_group
        ",
        options(raw)
    )
}

/// What the attention kernels walk over: rows `stride` bytes apart, two at a time.
#[repr(C)]
struct Walk {
    rows: *const i8,
    stride: usize,
    /// Pairs of rows; not 0.
    pairs: usize,
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
    dots(out, queries, keys, stride);
    scale_products(out, scales, scale)
}

/// See [`portable::dots`].
fn dots<const N: usize>(out: &mut [[i32; N]], queries: &[i8], keys: &[i8], stride: usize) {
    let head = queries.len() / N;
    let even = out.len() & !1;
    if N != 2 || even == 0 || head == 0 || !head.is_multiple_of(4) || keys.len() < (even - 1) * stride + head
    {
        return portable::dots(out, queries, keys, stride);
    }
    let (first, second) = queries.split_at(head);
    let words = first.as_chunks::<4>().0.iter().zip(second.as_chunks::<4>().0);
    for (i, (a, b)) in words.enumerate() {
        let ([a0, a1, a2, a3], [b0, b1, b2, b3]) = (a.map(i32::from), b.map(i32::from));
        let query = [pair(a0, a2), pair(a1, a3), pair(b0, b2), pair(b1, b3)];
        let walk = Walk { rows: keys[4 * i..].as_ptr(), stride, pairs: even / 2 };
        // SAFETY: `out` has `even` pairs of sums; the last word read ends at most `head` bytes into the last of `even`
        // keys, which the length of `keys` covers.
        unsafe {
            match i {
                0 => first_dots(out.as_mut_ptr().cast(), &walk, &query),
                _ => more_dots(out.as_mut_ptr().cast(), &walk, &query),
            }
        }
    }
    portable::dots(&mut out[even..], queries, keys.get(even * stride..).unwrap_or_default(), stride);
}

/// What the kernels for four channels of `2 * pairs` keys share.
///
/// ```text
/// r0  the next sums         r3, r4  a's even and odd channels     r8, r9    sums of an even key
/// r1  the next key          r5, r6  b's even and odd channels     r10, r11  sums of the odd key after it
/// r2  pairs left            r7, lr  a key's even and odd channels
/// r12 stride
///
/// do {
///     for each of two keys {
///         sums[a] (+)= even channels * a's even + odd channels * a's odd;
///         sums[b] (+)= even channels * b's even + odd channels * b's odd;
///     }
/// } while (--pairs);
/// ```
macro_rules! dots {
    () => {
        r"
        .macro  begin_dots
            push    {r4, r5, r6, r7, r8, r9, r10, r11, lr}
            ldm     r2, {r3, r4, r5, r6}
            ldr     r2, [r1, #8]
            ldr     r12, [r1, #4]
            ldr     r1, [r1]
        .endm

        .macro  end_dots
            stm     r0!, {r8, r9, r10, r11}
            subs    r2, r2, #1
            bne     2b
            pop     {r4, r5, r6, r7, r8, r9, r10, r11, pc}
        .endm
        "
    };
}

/// `out[t] = [Σ query a, Σ query b]` over four channels of `2 * pairs` keys. Queries: even channels, odd, twice.
#[unsafe(naked)]
unsafe extern "C" fn first_dots(_: *mut i32, _: *const Walk, _: *const [i32; 4]) {
    naked_asm!(
        dsp!(),
        dots!(),
        r"
        .macro  multiply a, b
            sxtb16  lr, r7, ror #8
            sxtb16  r7, r7
            smuad   \a, r7, r3
            smuad   \b, r7, r5
            smlad   \a, lr, r4, \a
            smlad   \b, lr, r6, \b
        .endm

            begin_dots
        2:
            ldr     r7, [r1]
            multiply r8, r9
            ldr     r7, [r1, r12]
            add     r1, r1, r12, lsl #1
            multiply r10, r11
            end_dots

        .purgem multiply
        .purgem begin_dots
        .purgem end_dots
        ",
        options(raw)
    )
}

/// As [`first_dots`], added to what is in `out`.
#[unsafe(naked)]
unsafe extern "C" fn more_dots(_: *mut i32, _: *const Walk, _: *const [i32; 4]) {
    naked_asm!(
        dsp!(),
        dots!(),
        r"
        .macro  multiply_add a, b
            sxtb16  lr, r7, ror #8
            sxtb16  r7, r7
            smlad   \a, r7, r3, \a
            smlad   \b, r7, r5, \b
            smlad   \a, lr, r4, \a
            smlad   \b, lr, r6, \b
        .endm

            begin_dots
        2:
            ldm     r0, {r8, r9, r10, r11}
            ldr     r7, [r1]
            multiply_add r8, r9
            ldr     r7, [r1, r12]
            add     r1, r1, r12, lsl #1
            multiply_add r10, r11
            end_dots

        .purgem multiply_add
        .purgem begin_dots
        .purgem end_dots
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
    let head = sums.len() / N;
    let pairs = positions / 2;
    let covered = pairs > 0 && pairs <= weights.len() && values.len() >= (2 * pairs - 1) * stride + head;
    if N != 2 || !covered || head == 0 || !head.is_multiple_of(4) {
        return portable::accumulate(sums, weights, values, stride, positions);
    }
    let (first, second) = sums.split_at_mut(head);
    let words = first.as_chunks_mut::<4>().0.iter_mut().zip(second.as_chunks_mut::<4>().0);
    for (i, (a, b)) in words.enumerate() {
        let walk = Walk { rows: values[4 * i..].as_ptr(), stride, pairs };
        let (mut even, mut odd) = ([0; 4], [0; 4]);
        // SAFETY: there are weights for `pairs` pairs of positions; the last word read ends at most `head` bytes into
        // the last of their values, which the length of `values` covers.
        unsafe {
            even_channels(&mut even, &walk, weights.as_ptr().cast());
            odd_channels(&mut odd, &walk, weights.as_ptr().cast());
        }
        (*a, *b) = ([even[0], odd[0], even[1], odd[1]], [even[2], odd[2], even[3], odd[3]]);
    }
    super::accumulate_last(sums, weights, values, stride, positions);
}

/// Adds up two channels of `pairs` pairs of positions, weighted for two heads: channels 0 and 2, or, with `turn` as
/// `ror #8`, 1 and 3.
///
/// ```text
/// r1  the next values       r4, r5  a's sums of both channels     r8, r9    two positions' values
/// r2  the next weights      r6, r7  b's sums of both channels     lr, r9    both positions of channels 0, 2
/// r3  stride                r12     pairs left                    r10, r11  both positions' weights of a, b
///
/// do {
///     for each of two channels {
///         a's sum += both positions of the channel * a's weights;
///         b's sum += both positions of the channel * b's weights;
///     }
/// } while (--pairs);
/// ```
macro_rules! sum_channels {
    () => {
        r"
        .macro  sum_channels turn:vararg
            push    {r0, r4, r5, r6, r7, r8, r9, r10, r11, lr}
            ldm     r1, {r1, r3, r12}
            movs    r4, #0
            movs    r5, #0
            movs    r6, #0
            movs    r7, #0
        2:
            ldr     r8, [r1]
            ldr     r9, [r1, r3]
            add     r1, r1, r3, lsl #1
            ldm     r2!, {r10, r11}
            sxtb16  r8, r8, \turn
            sxtb16  r9, r9, \turn
            pkhbt   lr, r8, r9, lsl #16
            pkhtb   r9, r9, r8, asr #16
            smlad   r4, lr, r10, r4
            smlad   r5, r9, r10, r5
            smlad   r6, lr, r11, r6
            smlad   r7, r9, r11, r7
            subs    r12, r12, #1
            bne     2b
            pop     {r0}
            stm     r0, {r4, r5, r6, r7}
            pop     {r4, r5, r6, r7, r8, r9, r10, r11, pc}
        .endm
        "
    };
}

/// Channels 0 and 2 of head a, then of head b.
#[unsafe(naked)]
unsafe extern "C" fn even_channels(_: &mut [i32; 4], _: &Walk, _: *const i32) {
    naked_asm!(
        dsp!(),
        sum_channels!(),
        "
            sum_channels ror #0

        .purgem sum_channels
        ",
        options(raw)
    )
}

/// Channels 1 and 3 of head a, then of head b.
#[unsafe(naked)]
unsafe extern "C" fn odd_channels(_: &mut [i32; 4], _: &Walk, _: *const i32) {
    naked_asm!(
        dsp!(),
        sum_channels!(),
        "
            sum_channels ror #8

        .purgem sum_channels
        ",
        options(raw)
    )
}
