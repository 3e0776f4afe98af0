//! Kernels for ARMv6-M: Cortex-M0, M0+, M1; and ARMv8-M's baseline, Cortex-M23.
//!
//! **int8.** As on a DSP, a half of a word, `256 odd + even`, is multiplied whole by `x[odd]`, and its lower byte by
//! `256 x[even] - x[odd]`: four extractions and four products for four weights, in steps of 512 columns.
//!
//! **int4.** Two nibbles 16 bits apart, without a sign, times two values 16 bits apart: the upper half of the product is
//! the sum of two products, the lower half stays below it. Four words' products are added to what the nibbles' offset
//! takes off them, `4 * 8 * 8 * 127 < 2^15`, before the upper half is taken.
//!
//! **Attention.** Two heads' queries 16 bits apart times a channel of the key: one multiplication for two products.
//!
//! The functions in assembly are sound for the lengths that their callers make sure of. They keep to the procedure call
//! standard (AAPCS), and touch no memory but what their arguments point to.

use core::arch::naked_asm;

use super::matvec::{self, Kernel, Product};
use crate::kernels::portable::EXP2;
use crate::kernels::{portable, scalar32};
use crate::numbers::{Quantizer, ScoreScale};
use crate::packing::{Format, Packed};

pub use crate::kernels::portable::{
    activate, add_aligned, gain, gate, largest, or_of_magnitudes, quantize_to,
};

/// Words of an int4 row whose products are added before the upper half is taken.
const INT4_BLOCK: usize = 4;

/// Brings an int8 vector into the form that this kernel multiplies by: what the weights' offset adds to a sum, then the
/// factors of each word.
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

/// See [`portable::quantize`].
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

/// Pushes r8 to r11, by way of r4 to r7, which are pushed already.
macro_rules! push_high {
    () => {
        "mov r4, r8
         mov r5, r9
         mov r6, r10
         mov r7, r11
         push {{r4, r5, r6, r7}}\n"
    };
}

/// Takes r8 to r11 off the stack, by way of r4 to r7.
macro_rules! pop_high {
    () => {
        "pop {{r4, r5, r6, r7}}
         mov r8, r4
         mov r9, r5
         mov r10, r6
         mov r11, r7\n"
    };
}

/// A row's shifted sum in `$sum` becomes its result; its scale lies `$at` from r2, the results' place is r3.
macro_rules! scale_row {
    ($sum:literal, $at:literal) => {
        concat!(
            "ldrh r6, [r2, #",
            $at,
            "]\n mov r4, ",
            $sum,
            "\n uxth r5, r4\n asrs r4, r4, #16\n",
            "muls r5, r6, r5\n lsrs r5, r5, #16\n muls r4, r6, r4\n adds r4, r4, r5\n stm r3!, {{r4}}\n"
        )
    };
}

/// A product, group by group: `$enter` once, then a kernel's `$sums`, from the product at r3 to shifted sums in `$a` to
/// `$d`, times their rows' scales. `$product` is the product's place, below what `$enter` pushes and `$leave` takes off.
macro_rules! product {
    ($enter:expr, $product:literal, $sums:expr, $a:literal, $b:literal, $c:literal, $d:literal, $leave:literal) => {
        naked_asm!(
            "push {{r4, r5, r6, r7, lr}}",
            push_high!(),
            "push {{r0}}\n",
            $enter,
            concat!("1:\n ldr r3, ", $product),
            $sums,
            concat!("ldr r1, ", $product),
            "str r0, [r1]
             ldr r2, [r1, #20]
             ldr r3, [r1, #24]\n",
            scale_row!($a, "0"),
            scale_row!($b, "2"),
            scale_row!($c, "4"),
            scale_row!($d, "6"),
            "adds r2, #8
             str r2, [r1, #20]
             str r3, [r1, #24]
             ldr r4, [r1, #16]
             subs r4, r4, #1
             str r4, [r1, #16]
             beq 9f
             b 1b
             9:",
            $leave,
            "add sp, #4",
            pop_high!(),
            "pop {{r4, r5, r6, r7, pc}}"
        )
    };
}

/// The next factor times what `$take` finds in each of the four words.
macro_rules! int8_factor {
    ($take:literal) => {
        concat!(
            "ldm r1!, {{r6}}\n",
            $take,
            " r7, r2\n muls r7, r6, r7\n add r8, r7\n",
            $take,
            " r7, r3\n muls r7, r6, r7\n add r9, r7\n",
            $take,
            " r7, r4\n muls r7, r6, r7\n add r10, r7\n",
            $take,
            " r7, r5\n muls r7, r6, r7\n add r11, r7\n"
        )
    };
}

/// At most 512 columns: adds 256 times the sums to the start, in r8 to r11.
#[unsafe(naked)]
unsafe extern "C" fn int8_product(_: &mut Product) {
    product!(
        "",
        "[sp]",
        concat!(
            "ldm r3!, {{r0, r1, r2, r4}}
             lsls r2, r2, #4
             adds r2, r2, r0
             mov r12, r2
             mov r8, r4
             mov r9, r4
             mov r10, r4
             mov r11, r4
             2:
             ldm r0!, {{r2, r3, r4, r5}}\n",
            int8_factor!("sxth"),
            int8_factor!("sxtb"),
            "asrs r2, r2, #16
             asrs r3, r3, #16
             asrs r4, r4, #16
             asrs r5, r5, #16\n",
            int8_factor!("sxtb"),
            "ldm r1!, {{r6}}
             muls r2, r6, r2
             add r8, r2
             muls r3, r6, r3
             add r9, r3
             muls r4, r6, r4
             add r10, r4
             muls r5, r6, r5
             add r11, r5
             cmp r0, r12
             bne 2b"
        ),
        "r8",
        "r9",
        "r10",
        "r11",
        ""
    )
}

/// A pair of nibbles of the word r2 times `$factor`, added to `$sum`. The mask of a pair is r8.
macro_rules! int4_pair {
    ($factor:literal, $sum:literal) => {
        concat!("mov r7, r8\n ands r7, r2\n muls r7, ", $factor, ", r7\n add ", $sum, ", r7\n")
    };
}

/// The next word, with the factors r3 to r6: 8 weights, added to `$sum`. r1 takes the signs off nibbles.
macro_rules! int4_row {
    ($sum:literal) => {
        concat!(
            "ldm r0!, {{r2}}\n eors r2, r1\n",
            int4_pair!("r3", $sum),
            "lsrs r2, r2, #4\n",
            int4_pair!("r4", $sum),
            "lsrs r2, r2, #4\n",
            int4_pair!("r5", $sum),
            "lsrs r2, r2, #4\n",
            int4_pair!("r6", $sum),
        )
    };
}

/// At most 512 columns: adds 4096 times the sums to the start, in r10 to lr. On the stack: the sums, a block's end, the
/// row's end.
#[unsafe(naked)]
unsafe extern "C" fn int4_product(_: &mut Product) {
    product!(
        "sub sp, #24
         movs r4, #15
         lsls r5, r4, #16
         orrs r4, r5
         mov r8, r4\n",
        "[sp, #24]",
        concat!(
            "ldm r3!, {{r0, r1, r2, r4}}
             mov r9, r1
             movs r1, #1
             lsls r1, r1, #31
             lsrs r5, r1, #16
             orrs r1, r5
             lsls r2, r2, #4
             adds r2, r2, r0
             str r2, [sp, #20]
             asrs r4, r4, #12
             mov r5, r4
             mov r6, r4
             mov r7, r4
             mov r2, sp
             stm r2!, {{r4, r5, r6, r7}}
             4:
             mov r7, r9
             ldm r7!, {{r4}}
             mov r9, r7
             mov r10, r4
             mov r11, r4
             mov r12, r4
             mov lr, r4
             mov r4, r0
             adds r4, #64
             ldr r5, [sp, #20]
             cmp r4, r5
             bls 3f
             mov r4, r5
             3:
             str r4, [sp, #16]
             2:
             mov r7, r9
             ldm r7!, {{r3, r4, r5, r6}}
             mov r9, r7\n",
            int4_row!("r10"),
            int4_row!("r11"),
            int4_row!("r12"),
            int4_row!("lr"),
            "ldr r7, [sp, #16]
             cmp r0, r7
             bne 2b
             mov r7, sp
             ldm r7!, {{r3, r4, r5, r6}}
             mov r2, r10
             asrs r2, r2, #16
             adds r3, r3, r2
             mov r2, r11
             asrs r2, r2, #16
             adds r4, r4, r2
             mov r2, r12
             asrs r2, r2, #16
             adds r5, r5, r2
             mov r2, lr
             asrs r2, r2, #16
             adds r6, r6, r2
             subs r7, #16
             stm r7!, {{r3, r4, r5, r6}}
             ldr r7, [sp, #20]
             cmp r0, r7
             beq 5f
             b 4b
             5:
             lsls r3, r3, #12
             lsls r4, r4, #12
             lsls r5, r5, #12
             lsls r6, r6, #12
             mov r10, r3
             mov r11, r4
             mov r12, r5
             mov lr, r6"
        ),
        "r10",
        "r11",
        "r12",
        "lr",
        "add sp, #24"
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
        let rows = keys[4 * i..].as_ptr();
        let walk = Walk { rows, stride, end: rows.wrapping_add(positions * stride) };
        let lanes: [i32; 4] = core::array::from_fn(|i| i32::from(a[i]) + (i32::from(b[i]) << 16));
        // SAFETY: `out` has `positions` pairs; the last word read ends at most `head` bytes into the last key, as checked,
        // and all are aligned.
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
        // Each word of a key has added it twice.
        rounding: (head as i32 / 4) << 16,
    };
    // SAFETY: there are pairs of sums up to `end`, and as many scales; room for two maxima.
    unsafe { scale_two(out.as_mut_ptr().cast(), &walk, largest.as_mut_ptr()) };
    largest
}

/// What the attention kernels walk over: rows `stride` bytes apart, up to `end`.
#[repr(C)]
struct Walk {
    rows: *const i8,
    stride: usize,
    end: *const i8,
}

/// Whether whole aligned words can be read from `positions` rows.
fn walkable(rows: &[i8], head: usize, stride: usize, positions: usize) -> bool {
    positions > 0
        && head > 0
        && head.is_multiple_of(4)
        && stride.is_multiple_of(4)
        && rows.as_ptr().addr().is_multiple_of(4)
        && rows.len() >= (positions - 1) * stride + head
}

/// Two channels of a key, in r3 once the first is taken from r2 by `$first` and the second by `$second`, times their
/// lanes: a sum of two products in each half, rounded up by half of the upper half's unit.
macro_rules! dot_pair {
    ($first:literal, $x:literal, $second:literal, $y:literal) => {
        concat!(
            $first,
            "\n muls r3, ",
            $x,
            ", r3\n mov r12, r3\n",
            $second,
            "\n muls r3, ",
            $y,
            ", r3\n",
            "add r3, r12\n add r3, r10\n"
        )
    };
}

/// For each key, from four lanes of two heads' channels: the sum of all products of lanes, and that of their upper halves,
/// of which the second head's result is one, and the first's what the other then leaves. `$more` adds what is there.
macro_rules! dots {
    ($more:literal) => {
        naked_asm!(
            "push {{r4, r5, r6, r7, lr}}",
            push_high!(),
            "ldr r4, [r1, #4]
             mov r8, r4
             ldr r4, [r1, #8]
             mov r9, r4
             movs r4, #1
             lsls r4, r4, #15
             mov r10, r4
             ldr r1, [r1]
             ldm r2!, {{r4, r5, r6, r7}}
             2:
             ldr r2, [r1]",
            dot_pair!("sxtb r3, r2", "r4", "lsls r3, r2, #16\n asrs r3, r3, #24", "r5"),
            "mov r11, r3
             asrs r3, r3, #16
             mov lr, r3",
            dot_pair!("lsls r3, r2, #8\n asrs r3, r3, #24", "r6", "asrs r3, r2, #24", "r7"),
            "mov r2, r11
             adds r2, r2, r3
             asrs r3, r3, #16
             add r3, lr\n",
            $more,
            "stm r0!, {{r2, r3}}
             add r1, r8
             cmp r1, r9
             bne 2b",
            pop_high!(),
            "pop {{r4, r5, r6, r7, pc}}"
        )
    };
}

#[unsafe(naked)]
unsafe extern "C" fn first_dots(_: *mut i32, _: &Walk, _: &[i32; 4]) {
    dots!("")
}

/// As [`first_dots`], added to what is in `out`.
#[unsafe(naked)]
unsafe extern "C" fn more_dots(_: *mut i32, _: &Walk, _: &[i32; 4]) {
    dots!("mov r12, r4\n ldr r4, [r0]\n adds r2, r2, r4\n ldr r4, [r0, #4]\n adds r3, r3, r4\n mov r4, r12\n")
}

#[repr(C)]
struct ScoreWalk {
    scales: *const i32,
    end: *const i32,
    mantissas: [i32; 2],
    shift: u32,
    rounding: i32,
}

/// The product in `$score` of the key r2 becomes a score; `$largest` takes a larger one by the way of `$update`.
macro_rules! scale_score {
    ($score:literal, $mantissa:literal, $largest:literal, $update:literal, $back:literal) => {
        concat!(
            "muls ", $score, ", r2, ", $score, "\n asrs ", $score, ", ", $score, ", #12\n", "muls ", $score,
            ", ", $mantissa, ", ", $score, "\n asrs ", $score, ", r7\n", "cmp ", $score, ", ", $largest,
            "\n bgt ", $update, "f\n", $back, ":\n"
        )
    };
}

/// From what [`first_dots`] leaves to scores.
#[unsafe(naked)]
unsafe extern "C" fn scale_two(_: *mut i32, _: &ScoreWalk, _: *mut i32) {
    naked_asm!(
        "push {{r2, r4, r5, r6, r7, lr}}",
        push_high!(),
        "movs r4, #1
         lsls r4, r4, #31
         mov r8, r4
         mov r9, r4
         ldr r4, [r1, #4]
         mov r10, r4
         ldr r4, [r1, #20]
         mov r11, r4
         ldr r5, [r1, #8]
         ldr r6, [r1, #12]
         ldr r7, [r1, #16]
         ldr r1, [r1]
         2:
         ldm r0!, {{r3, r4}}
         lsls r2, r4, #16
         add r2, r11
         subs r3, r3, r2
         ldrh r2, [r1]
         adds r1, #4",
        scale_score!("r3", "r5", "r8", "10", "20"),
        scale_score!("r4", "r6", "r9", "11", "21"),
        "subs r0, #8
         stm r0!, {{r3, r4}}
         cmp r0, r10
         bne 2b
         ldr r0, [sp, #16]
         mov r1, r8
         mov r2, r9
         stm r0!, {{r1, r2}}",
        pop_high!(),
        "pop {{r2, r4, r5, r6, r7, pc}}
         10:
         mov r8, r3
         b 20b
         11:
         mov r9, r4
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
        scales: scales.as_ptr(),
        table: EXP2.as_ptr(),
        end: scores[2 * pairs..].as_ptr().cast(),
        largest: [largest[0], largest[N - 1]],
    };
    // SAFETY: there are scores and scales for `pairs` pairs of positions, up to `end`; room for two totals. The table
    // has an entry for each byte.
    unsafe { weigh_two(scores.as_mut_ptr().cast(), &walk, totals.as_mut_ptr()) };
    super::weigh_last(&mut totals, scores, scales, largest);
    totals
}

#[repr(C)]
struct WeightWalk {
    scales: *const i32,
    table: *const u16,
    end: *const i32,
    largest: [i32; 2],
}

/// The score at `$from` becomes a power, which joins `$total`, and times the value's scale in r6 the weight at `$to`. From 32
/// octaves down, nothing is left; `$far` is where that is said, and `$back` where it goes on.
macro_rules! weigh {
    ($from:literal, $largest:literal, $total:literal, $to:literal, $far:literal, $back:literal) => {
        concat!(
            "ldr r4, ",
            $from,
            "\n mov r5, ",
            $largest,
            "\n subs r5, r5, r4\n",
            "uxtb r4, r5\n adds r4, r4, r4\n ldrh r4, [r3, r4]\n",
            "lsrs r5, r5, #8\n cmp r5, r7\n bhs ",
            $far,
            "f\n",
            "lsrs r4, r5\n add ",
            $total,
            ", r4\n muls r4, r6, r4\n lsrs r4, r4, #16\n",
            $back,
            ":\n strh r4, ",
            $to,
            "\n"
        )
    };
}

#[unsafe(naked)]
unsafe extern "C" fn weigh_two(_: *mut i32, _: &WeightWalk, _: *mut u32) {
    naked_asm!(
        "push {{r2, r4, r5, r6, r7, lr}}",
        push_high!(),
        "ldr r4, [r1, #8]
         mov r12, r4
         ldr r4, [r1, #12]
         mov r8, r4
         ldr r4, [r1, #16]
         mov r9, r4
         movs r4, #0
         mov r10, r4
         mov r11, r4
         ldr r3, [r1, #4]
         ldr r2, [r1]
         mov r1, r0
         movs r7, #32
         2:
         ldrh r6, [r2, #2]",
        weigh!("[r1]", "r8", "r10", "[r0]", "10", "20"),
        weigh!("[r1, #4]", "r9", "r11", "[r0, #4]", "11", "21"),
        "ldrh r6, [r2, #6]",
        weigh!("[r1, #8]", "r8", "r10", "[r0, #2]", "12", "22"),
        weigh!("[r1, #12]", "r9", "r11", "[r0, #6]", "13", "23"),
        "adds r0, #8
         adds r1, #16
         adds r2, #8
         cmp r1, r12
         bne 2b
         ldr r0, [sp, #16]
         mov r1, r10
         mov r2, r11
         stm r0!, {{r1, r2}}",
        pop_high!(),
        "pop {{r2, r4, r5, r6, r7, pc}}
         10:
         movs r4, #0
         b 20b
         11:
         movs r4, #0
         b 21b
         12:
         movs r4, #0
         b 22b
         13:
         movs r4, #0
         b 23b"
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
        let rows = values[2 * i..].as_ptr();
        let walk = Walk { rows, stride, end: rows.wrapping_add(2 * pairs * stride) };
        let mut both = [0; 4];
        // SAFETY: there are two weights for `pairs` pairs of positions; the last values read are at most `head` bytes
        // into the last row, as checked.
        unsafe { two_channels(weights.as_ptr().cast(), &walk, &mut both) };
        let [a0, b0, a1, b1] = both;
        (*a, *b) = ([a0, a1], [b0, b1]);
    }
    super::accumulate_last(sums, weights, values, stride, positions);
}

/// A position's two values times two heads' weights at `$a` and `$b`; r6 is 0 and r7 is 1.
macro_rules! weigh_values {
    ($a:literal, $b:literal) => {
        concat!(
            "ldrh r2, ",
            $a,
            "\n ldrh r3, ",
            $b,
            "\n ldrsb r4, [r1, r6]\n",
            "movs r5, r2\n muls r5, r4, r5\n add r8, r5\n muls r4, r3, r4\n add r9, r4\n",
            "ldrsb r4, [r1, r7]\n muls r2, r4, r2\n add r10, r2\n muls r3, r4, r3\n add r11, r3\n",
            "add r1, r12\n"
        )
    };
}

/// Two channels of two heads, over pairs of positions: channel 0 of a and b, channel 1 of both.
#[unsafe(naked)]
unsafe extern "C" fn two_channels(_: *const i32, _: &Walk, _: &mut [i32; 4]) {
    naked_asm!(
        "push {{r2, r4, r5, r6, r7, lr}}",
        push_high!(),
        "movs r6, #0
         movs r7, #1
         mov r8, r6
         mov r9, r6
         mov r10, r6
         mov r11, r6
         ldr r2, [r1, #4]
         mov r12, r2
         ldr r2, [r1, #8]
         mov lr, r2
         ldr r1, [r1]
         2:",
        weigh_values!("[r0]", "[r0, #4]"),
        weigh_values!("[r0, #2]", "[r0, #6]"),
        "adds r0, #8
         cmp r1, lr
         bne 2b
         ldr r0, [sp, #16]
         mov r4, r8
         mov r5, r9
         mov r6, r10
         mov r7, r11
         stm r0!, {{r4, r5, r6, r7}}",
        pop_high!(),
        "pop {{r2, r4, r5, r6, r7, pc}}"
    )
}
