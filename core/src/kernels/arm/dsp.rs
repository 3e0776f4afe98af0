//! Kernels for the DSP extension of Arm's M profile: Cortex-M4, M7, M33. One instruction, `smlad`, multiplies two pairs of
//! 16-bit numbers and adds both products to a sum.
//!
//! **int8.** A 16-bit half of a word is the number `256 odd + even` of two weights. Taking the bytes apart would cost more
//! than multiplying, so the half is multiplied whole by `x[odd]`, which gives `256 odd x[odd] + even x[odd]`, and its lower
//! byte, which `sxtb16` extracts, by `256 x[even] - x[odd]`. The sum is `256 (odd x[odd] + even x[even])`: three
//! instructions for four weights. Sums of 512 columns stay exact: `256 * 512 * 127 * 127 < 2^31`.
//!
//! **int4.** A half is `4096 d + 256 c + 16 b + a`: `d` is signed, the others are nibbles `weight + 8`. In the same way
//! the half is multiplied whole by `x[d]`, its lower byte by `256 x[b] - x[d]`, `256 c` by `16 x[c] - x[d]`, and `256 a` by
//! `16 x[a] - x[b]`: seven instructions for eight weights. What is left over cancels out, and the sum is 4096 times the
//! one wanted, plus `4096 * 8 (x[a] + x[b] + x[c])` from the offset of the nibbles, which the start of the sum takes off.
//! Sums of 512 columns stay exact.
//!
//! **ternary.** Two fields are shifted and masked in one instruction, and multiplied by `256 x`. A field is `weight + 1`,
//! so sums start at `-256 Σ x`.
//!
//! The functions in assembly keep to the procedure call standard (AAPCS), and read and write only what their arguments
//! point to. Each call is sound because the caller has checked the lengths, as its SAFETY comment says.

use core::arch::naked_asm;

use super::attention::scale_products;
use super::matvec::{self, Kernel, Product};
use crate::kernels::portable;
use crate::numbers::{Quantizer, ScoreScale};
use crate::packing::{Format, Packed};
use crate::slices::{copy, first_mut, from, split_mut};

pub use super::attention::weights;
pub use super::elementwise::{activate, add_aligned, gain, gate, largest, or_of_magnitudes, quantize_to};
pub use crate::kernels::portable::{
    accumulate_f32, add_f32, align_scales, largest_exponent, matvec_f32, rescale, scores_f32, to_f32,
};

/// Brings an int8 vector into the form that the products read: first the amount that the weights' offset adds to a sum,
/// then pairs of 16-bit factors.
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

/// See [`portable::quantize`]; int8 and int4 are quantised straight into the form that [`prepare`] gives.
pub fn quantize(format: Format, prepared: &mut [i32], quantized: &mut [i8], v: &[i32], quantizer: Quantizer) {
    let length = quantized.len();
    let Some((offset, pairs)) = prepared.split_first_mut() else { return };
    match format {
        Format::Int8 => {
            quantize_words::<4, 2>(pairs, length, v, quantizer, quantize_int8);
            *offset = 0;
        }
        Format::Int4 => *offset = quantize_words::<8, 4>(pairs, length, v, quantizer, quantize_int4) >> 1,
        Format::Ternary => {
            quantize_to(quantized, v, quantizer);
            prepare(format, prepared, quantized);
        }
    }
}

/// Quantises `length` values, of which those beyond `v` are zero, `VALUES` at a time to `PAIRS` pairs. Returns the sum that
/// the kernel adds up.
fn quantize_words<const VALUES: usize, const PAIRS: usize>(
    pairs: &mut [i32],
    length: usize,
    v: &[i32],
    quantizer: Quantizer,
    kernel: QuantizeKernel,
) -> i32 {
    let (whole, rest) = v.as_chunks::<VALUES>();
    let (out, _) = pairs.as_chunks_mut::<PAIRS>();
    let (out, padding) = split_mut(first_mut(out, length / VALUES), whole.len().min(length / VALUES));
    padding.as_flattened_mut().fill(0);
    let sum = quantize_whole(out, whole, quantizer, kernel);
    if rest.is_empty() {
        return sum;
    }
    let mut last = [0; VALUES];
    copy(&mut last, rest);
    sum + quantize_whole(first_mut(padding, 1), &[last], quantizer, kernel)
}

fn quantize_whole<const VALUES: usize, const PAIRS: usize>(
    out: &mut [[i32; PAIRS]],
    v: &[[i32; VALUES]],
    quantizer: Quantizer,
    kernel: QuantizeKernel,
) -> i32 {
    let words = out.len().min(v.len());
    if words == 0 {
        return 0;
    }
    let (v, out) = (v.as_ptr().cast(), out.as_mut_ptr().cast());
    let mut walk = QuantizeWalk { v, words, quantizer, out, sum: 0 };
    // SAFETY: `v` has `VALUES` values for each of `words` words, `out` has room for `PAIRS` pairs each, and `words` is not
    // 0.
    unsafe { kernel(&mut walk) };
    walk.sum
}

/// Reads and writes as [`QuantizeWalk`] says; at least one word.
type QuantizeKernel = unsafe extern "C" fn(&mut QuantizeWalk);

/// A vector to quantise, as the assembly reads it.
#[repr(C)]
struct QuantizeWalk {
    /// Four values a word in int8, eight in int4.
    v: *const i32,
    words: usize,
    quantizer: Quantizer,
    /// Two pairs a word in int8, four in int4.
    out: *mut i32,
    /// Of int4: `16 Σ x` over the values whose nibbles have an offset.
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

/// Quantises four times `words` values into the pairs that [`prepare`] makes for int8.
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

/// Quantises eight times `words` values into the pairs that [`prepare`] makes for int4, and adds up `16 x` of the values
/// whose nibbles have an offset: all but `d` and `h`.
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
#[inline(always)]
pub fn matvec(out: &mut [i32], matrix: Packed<'_>, prepared: &[i32]) {
    let kernel = match matrix.format {
        Format::Int8 => Kernel { product: int8_product, factors: |words| 2 * words },
        Format::Int4 => Kernel { product: int4_product, factors: |words| 4 * words },
        Format::Ternary => Kernel { product: ternary_product, factors: |words| 8 * words },
    };
    matvec::matvec(out, matrix, prepared, kernel);
}

/// The loop over groups of four rows, which all products share: `begin_group`, then the format's own loop over the words of
/// the rows, then `end_group`.
///
/// ```text
/// r0  the next weights      r2  words of a row          r4 to r7  four rows' sums
/// r1  the next pairs        product: where the address of the [`Product`] lies on the stack
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

/// int4, at most 512 columns: adds 4096 times the sums of nibbles. There is no register for a count: the loop ends where
/// the pairs end.
///
/// ```text
/// r2  mask 0x0f000f00       r3, r12  words of two rows            r8 to r11  the pairs of a word, as in `prepare`
/// lr  fields of a word      [sp]     end of the pairs             [sp, #4]   the product
///
/// for (words % 2 times, then words / 2 times two in a row) {
///     for each row {
///         sum += halves of the row's word * [d, h];
///         sum += lower bytes of the halves * [256 b - d, 256 f - h];
///         sum += third nibbles * 256 * [16 c - d, 16 g - h];
///         sum += first nibbles * 256 * [16 a - b, 16 e - f];
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

/// Rows of keys or values, as the assembly reads them: two at a time.
#[repr(C)]
struct Walk {
    /// Four channels of the first row.
    rows: *const i8,
    /// Bytes from a row to the next.
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
        let walk = Walk { rows: keys.as_ptr().wrapping_add(4 * i), stride, pairs: even / 2 };
        // SAFETY: `out` has two sums for each of `even` keys. The last word read ends at most `head` bytes into the last
        // of these keys, and `keys` has `(even - 1) * stride + head` bytes.
        unsafe {
            match i {
                0 => first_dots(out.as_mut_ptr().cast(), &walk, &query),
                _ => more_dots(out.as_mut_ptr().cast(), &walk, &query),
            }
        }
    }
    portable::dots(split_mut(out, even).1, queries, from(keys, even * stride), stride);
}

/// The loop over `2 * pairs` keys, of which four channels are multiplied with those of two queries.
///
/// ```text
/// r0  the next sums         r3, r4  a's even and odd channels     r8, r9    sums of an even key
/// r1  the next key          r5, r6  b's even and odd channels     r10, r11  sums of the odd key after it
/// r2  pairs left            r7, lr  a key's even and odd channels
/// r12 stride
///
/// do {
///     for each of two keys {
///         a's sum = even channels * a's even + odd channels * a's odd;
///         b's sum = even channels * b's even + odd channels * b's odd;
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

/// `out[t] = [Σ query a, Σ query b]` over the first four channels of a key. A query comes as its even channels, then its
/// odd ones.
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

/// As [`first_dots`], of the next four channels: adds to the sums in `out`.
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
        let walk = Walk { rows: values.as_ptr().wrapping_add(4 * i), stride, pairs };
        let (mut even, mut odd) = ([0; 4], [0; 4]);
        // SAFETY: there are two words of weights for each of `pairs` pairs of positions. The last word of values read ends
        // at most `head` bytes into the last of these positions, and `values` has `(2 * pairs - 1) * stride + head` bytes.
        unsafe {
            even_channels(&mut even, &walk, weights.as_ptr().cast());
            odd_channels(&mut odd, &walk, weights.as_ptr().cast());
        }
        (*a, *b) = ([even[0], odd[0], even[1], odd[1]], [even[2], odd[2], even[3], odd[3]]);
    }
    super::accumulate_last(sums, weights, values, stride, positions);
}

/// Adds up two channels over `pairs` pairs of positions, weighted for two heads: channels 0 and 2 with `turn` as `ror #0`,
/// 1 and 3 with `ror #8`.
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
