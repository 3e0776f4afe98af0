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

/// Four values become upper bytes: cut by r2, times the reciprocal r3, with a half in lr.
macro_rules! quantize_four {
    ($a:literal, $b:literal, $c:literal, $d:literal) => {
        concat!(
            "asr ",
            $a,
            ", ",
            $a,
            ", r2\n asr ",
            $b,
            ", ",
            $b,
            ", r2\n asr ",
            $c,
            ", ",
            $c,
            ", r2\n asr ",
            $d,
            ", ",
            $d,
            ", r2\n",
            "mla ",
            $a,
            ", ",
            $a,
            ", r3, lr\n mla ",
            $b,
            ", ",
            $b,
            ", r3, lr\n mla ",
            $c,
            ", ",
            $c,
            ", r3, lr\n mla ",
            $d,
            ", ",
            $d,
            ", r3, lr\n"
        )
    };
}

#[unsafe(naked)]
unsafe extern "C" fn quantize_int8(_: &mut QuantizeWalk) {
    naked_asm!(
        dsp!(),
        "push {{r4, r5, r6, r7, r8, r9, r10, lr}}
         ldm r0, {{r0, r1, r2, r3, r12}}
         mov lr, #0x800000
         2:
         ldm r0!, {{r4, r5, r6, r7}}",
        quantize_four!("r4", "r5", "r6", "r7"),
        "pkhtb r8, r6, r4, asr #16
         pkhtb r9, r7, r5, asr #16
         and r8, r8, #0xff00ff00
         sxtb16 r9, r9, ror #8
         ssub16 r10, r8, r9
         stm r12!, {{r9, r10}}
         subs r1, r1, #1
         bne 2b
         pop {{r4, r5, r6, r7, r8, r9, r10, pc}}"
    )
}

/// What [`prepare`] gives for eight values: r8 is the first that a word is multiplied by.
#[unsafe(naked)]
unsafe extern "C" fn quantize_int4(_: &mut QuantizeWalk) {
    naked_asm!(
        dsp!(),
        "push {{r0, r4, r5, r6, r7, r8, r9, r10, r11, lr}}
         ldm r0, {{r0, r1, r2, r3, r12}}
         mov lr, #0
         push {{lr}}
         2:
         ldm r0!, {{r4, r5, r6, r7}}
         ldm r0!, {{r8, r9, r10, r11}}
         mov lr, #0x800000",
        quantize_four!("r4", "r5", "r6", "r7"),
        quantize_four!("r8", "r9", "r10", "r11"),
        "asr r8, r8, #4
         asr r10, r10, #4
         pkhtb r4, r8, r4, asr #20
         pkhtb r5, r9, r5, asr #16
         pkhtb r6, r10, r6, asr #20
         pkhtb r7, r11, r7, asr #16
         bic r4, r4, #0x000f000f
         sxtb16 lr, r5, ror #8
         and r5, r5, #0xff00ff00
         bic r6, r6, #0x000f000f
         sxtb16 r8, r7, ror #8
         ssub16 r9, r5, r8
         ssub16 r10, r6, r8
         ssub16 r11, r4, lr
         stm r12!, {{r8, r9, r10, r11}}
         ldr r8, [sp]
         mov r5, #0x00010001
         smlad r8, r4, r5, r8
         smlad r8, r6, r5, r8
         mov r5, #0x00100010
         smlad r8, lr, r5, r8
         str r8, [sp]
         subs r1, r1, #1
         bne 2b
         pop {{r1}}
         pop {{r0}}
         str r1, [r0, #20]
         pop {{r4, r5, r6, r7, r8, r9, r10, r11, pc}}"
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

/// A word of each of four rows: 16 weights.
macro_rules! int8_word {
    () => {
        "ldm r0!, {{r8, r9, r10, r11}}
         ldm r1!, {{r3, r12}}
         smlad r4, r8, r3, r4
         sxtb16 r8, r8
         smlad r5, r9, r3, r5
         sxtb16 r9, r9
         smlad r6, r10, r3, r6
         sxtb16 r10, r10
         smlad r7, r11, r3, r7
         sxtb16 r11, r11
         smlad r4, r8, r12, r4
         smlad r5, r9, r12, r5
         smlad r6, r10, r12, r6
         smlad r7, r11, r12, r7\n"
    };
}

/// From weights r0, pairs r1, words r2: adds 256 times the sums to r4 to r7.
macro_rules! int8_sums {
    () => {
        concat!(
            "and lr, r2, #3
             lsrs r2, r2, #2
             cmp lr, #0
             beq 3f
             2:\n",
            int8_word!(),
            "subs lr, lr, #1
             bne 2b
             cmp r2, #0
             beq 5f
             3:\n",
            int8_word!(),
            int8_word!(),
            int8_word!(),
            int8_word!(),
            "subs r2, r2, #1
             bne 3b
             5:\n"
        )
    };
}

/// A product, group by group: a kernel's `$sums`, begun with the start, times their rows' scales. `$enter` may push words
/// that `$leave` takes off; `$product` is then the product's place.
macro_rules! product {
    ($enter:literal, $product:literal, $sums:expr, $leave:literal) => {
        naked_asm!(
            dsp!(),
            "push {{r0, r4, r5, r6, r7, r8, r9, r10, r11, lr}}",
            $enter,
            concat!("1:\n ldr r3, ", $product),
            "ldm r3, {{r0, r1, r2, r4}}
             mov r5, r4
             mov r6, r4
             mov r7, r4\n",
            $sums,
            concat!("ldr r3, ", $product),
            "str r0, [r3], #16
             ldm r3, {{r0, r1, r2}}
             ldr r8, [r1], #4
             ldr r9, [r1], #4
             smulwb r4, r4, r8
             smulwt r5, r5, r8
             smulwb r6, r6, r9
             smulwt r7, r7, r9
             stm r2!, {{r4, r5, r6, r7}}
             subs r0, r0, #1
             stm r3, {{r0, r1, r2}}
             bne 1b",
            $leave,
            "pop {{r0, r4, r5, r6, r7, r8, r9, r10, r11, pc}}"
        )
    };
    ($sums:expr) => {
        product!("", "[sp]", $sums, "")
    };
}

/// At most 512 columns.
#[unsafe(naked)]
unsafe extern "C" fn int8_product(_: &mut Product) {
    product!(int8_sums!())
}

/// One row's word of 8 nibbles in `$w`: 8 weights.
macro_rules! int4_row {
    ($w:literal, $sum:literal) => {
        concat!(
            "smlad ",
            $sum,
            ", ",
            $w,
            ", r8, ",
            $sum,
            "\n uxtb16 lr, ",
            $w,
            "\n",
            "smlad ",
            $sum,
            ", lr, r9, ",
            $sum,
            "\n and lr, r2, ",
            $w,
            "\n",
            "smlad ",
            $sum,
            ", lr, r10, ",
            $sum,
            "\n and lr, r2, ",
            $w,
            ", lsl #8\n",
            "smlad ",
            $sum,
            ", lr, r11, ",
            $sum,
            "\n"
        )
    };
}

/// A word of each of four rows: 32 weights.
macro_rules! int4_word {
    () => {
        concat!(
            "ldm r1!, {{r8, r9, r10, r11}}
             ldm r0!, {{r3, r12}}\n",
            int4_row!("r3", "r4"),
            int4_row!("r12", "r5"),
            "ldm r0!, {{r3, r12}}\n",
            int4_row!("r3", "r6"),
            int4_row!("r12", "r7"),
        )
    };
}

/// From weights r0, pairs r1 up to the end that was pushed, words r2: adds 4096 times the sums of nibbles to r4 to r7.
macro_rules! int4_sums {
    () => {
        concat!(
            "lsrs r2, r2, #1
             mov r2, #0x0f000f00
             bcs 3f
             2:\n",
            int4_word!(),
            "3:\n",
            int4_word!(),
            "ldr lr, [sp]
             cmp r1, lr
             bne 2b\n"
        )
    };
}

/// At most 512 columns.
#[unsafe(naked)]
unsafe extern "C" fn int4_product(_: &mut Product) {
    product!(
        "ldrd r1, r2, [r0, #4]
         add r1, r1, r2, lsl #4
         push {{r1}}",
        "[sp, #4]",
        int4_sums!(),
        "add sp, #4"
    )
}

/// Fields `$field` and `$field + 8` of four rows' words.
macro_rules! ternary_fields {
    ($shift:literal) => {
        concat!(
            "ldr r3, [r1], #4\n",
            "and r12, lr, r8",
            $shift,
            "\n smlad r4, r12, r3, r4\n",
            "and r12, lr, r9",
            $shift,
            "\n smlad r5, r12, r3, r5\n",
            "and r12, lr, r10",
            $shift,
            "\n smlad r6, r12, r3, r6\n",
            "and r12, lr, r11",
            $shift,
            "\n smlad r7, r12, r3, r7\n"
        )
    };
}

/// From weights r0, pairs r1, words r2: adds 256 times the sums of fields to r4 to r7.
macro_rules! ternary_sums {
    () => {
        concat!(
            "mov lr, #0x00030003
             2:
             ldm r0!, {{r8, r9, r10, r11}}\n",
            ternary_fields!(""),
            ternary_fields!(", lsr #2"),
            ternary_fields!(", lsr #4"),
            ternary_fields!(", lsr #6"),
            ternary_fields!(", lsr #8"),
            ternary_fields!(", lsr #10"),
            ternary_fields!(", lsr #12"),
            ternary_fields!(", lsr #14"),
            "subs r2, r2, #1
             bne 2b\n"
        )
    };
}

#[unsafe(naked)]
unsafe extern "C" fn ternary_product(_: &mut Product) {
    product!(ternary_sums!())
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

/// The products of a word of a key, in r7, with both queries; added to `$a` and `$b`, or put there.
macro_rules! dot_word {
    ($first:literal, $a:literal, $b:literal, $begin_a:literal, $begin_b:literal) => {
        concat!(
            "sxtb16 lr, r7, ror #8\n sxtb16 r7, r7\n",
            $first,
            " ",
            $a,
            ", r7, r3",
            $begin_a,
            "\n",
            $first,
            " ",
            $b,
            ", r7, r5",
            $begin_b,
            "\n",
            "smlad ",
            $a,
            ", lr, r4, ",
            $a,
            "\n smlad ",
            $b,
            ", lr, r6, ",
            $b,
            "\n"
        )
    };
}

/// `out[t] = [Σ query a, Σ query b]` over four channels of `2 * pairs` keys. Queries: even channels, odd, twice.
#[unsafe(naked)]
unsafe extern "C" fn first_dots(_: *mut i32, _: *const Walk, _: *const [i32; 4]) {
    naked_asm!(
        dsp!(),
        "push {{r4, r5, r6, r7, r8, r9, r10, r11, lr}}
         ldm r2, {{r3, r4, r5, r6}}
         ldr r2, [r1, #8]
         ldr r12, [r1, #4]
         ldr r1, [r1]
         2:
         ldr r7, [r1]",
        dot_word!("smuad", "r8", "r9", "", ""),
        "ldr r7, [r1, r12]
         add r1, r1, r12, lsl #1",
        dot_word!("smuad", "r10", "r11", "", ""),
        "stm r0!, {{r8, r9, r10, r11}}
         subs r2, r2, #1
         bne 2b
         pop {{r4, r5, r6, r7, r8, r9, r10, r11, pc}}"
    )
}

/// As [`first_dots`], added to what is in `out`.
#[unsafe(naked)]
unsafe extern "C" fn more_dots(_: *mut i32, _: *const Walk, _: *const [i32; 4]) {
    naked_asm!(
        dsp!(),
        "push {{r4, r5, r6, r7, r8, r9, r10, r11, lr}}
         ldm r2, {{r3, r4, r5, r6}}
         ldr r2, [r1, #8]
         ldr r12, [r1, #4]
         ldr r1, [r1]
         2:
         ldm r0, {{r8, r9, r10, r11}}
         ldr r7, [r1]",
        dot_word!("smlad", "r8", "r9", ", r8", ", r9"),
        "ldr r7, [r1, r12]
         add r1, r1, r12, lsl #1",
        dot_word!("smlad", "r10", "r11", ", r10", ", r11"),
        "stm r0!, {{r8, r9, r10, r11}}
         subs r2, r2, #1
         bne 2b
         pop {{r4, r5, r6, r7, r8, r9, r10, r11, pc}}"
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

/// Two channels of two positions with two heads' weights; `$turn` brings the channels to bytes 0 and 2.
macro_rules! sum_channels {
    ($turn:literal) => {
        concat!(
            "push {{r0, r4, r5, r6, r7, r8, r9, r10, r11, lr}}
             ldm r1, {{r1, r3, r12}}
             movs r4, #0
             movs r5, #0
             movs r6, #0
             movs r7, #0
             2:
             ldr r8, [r1]
             ldr r9, [r1, r3]
             add r1, r1, r3, lsl #1
             ldm r2!, {{r10, r11}}
             sxtb16 r8, r8",
            $turn,
            "
             sxtb16 r9, r9",
            $turn,
            "
             pkhbt lr, r8, r9, lsl #16
             pkhtb r9, r9, r8, asr #16
             smlad r4, lr, r10, r4
             smlad r5, r9, r10, r5
             smlad r6, lr, r11, r6
             smlad r7, r9, r11, r7
             subs r12, r12, #1
             bne 2b
             pop {{r0}}
             stm r0, {{r4, r5, r6, r7}}
             pop {{r4, r5, r6, r7, r8, r9, r10, r11, pc}}"
        )
    };
}

/// Channels 0 and 2 of head a, then of head b.
#[unsafe(naked)]
unsafe extern "C" fn even_channels(_: &mut [i32; 4], _: &Walk, _: *const i32) {
    naked_asm!(dsp!(), sum_channels!(""))
}

/// Channels 1 and 3 of head a, then of head b.
#[unsafe(naked)]
unsafe extern "C" fn odd_channels(_: &mut [i32; 4], _: &Walk, _: *const i32) {
    naked_asm!(dsp!(), sum_channels!(", ror #8"))
}
