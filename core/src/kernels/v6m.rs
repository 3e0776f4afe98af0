//! The product for Arm chips without the DSP extension: Cortex-M0+ and M3. Armv6-M instructions alone.
//!
//! **int8.** As on a [DSP](https://developer.arm.com/documentation/ddi0403), a half of a word, `256 odd + even`, is
//! multiplied whole by `x[odd]`, and its lower byte by `256 x[even] - x[odd]`: four extractions and four products for
//! four weights, in steps of 512 columns.
//!
//! **int4.** Two nibbles 16 bits apart, without a sign, times two values 16 bits apart: the upper half of the product is
//! the sum of two products, the lower half stays below it. A word's four products are added, `8 * 15 * 127 < 2^15`, before the upper half is taken.
//!
//! The functions in assembly are sound for the lengths that [`matvec`] makes sure of. They keep to the procedure call
//! standard (AAPCS), and touch no memory but what their arguments point to.

use core::arch::naked_asm;

use super::{Packed, Step, lanes, portable, scale_row};
use crate::config::Precision;
use crate::packing::ROWS;

/// Words of an int8 row whose sum, times 256, fits 32 bits.
const INT8_BLOCK: usize = 128;

/// Brings an int8 vector into the form that this kernel multiplies by: what the weights' offset adds to a sum, then the
/// factors of each word.
pub fn prepare(precision: Precision, prepared: &mut [i32], x: &[i8]) {
    let Some((offset, factors)) = prepared.split_first_mut() else { return };
    *offset = 0;
    match precision {
        Precision::F32 => {}
        Precision::Int8 => {
            for (out, x) in factors.as_chunks_mut::<4>().0.iter_mut().zip(x.as_chunks::<4>().0) {
                *out = int8_factors(x.map(i32::from));
            }
        }
        Precision::Int4 => {
            for (out, x) in factors.as_chunks_mut::<4>().0.iter_mut().zip(x.as_chunks::<8>().0) {
                for (i, out) in out.iter_mut().enumerate() {
                    *out = i32::from(x[i + 4]) + (i32::from(x[i]) << 16);
                }
            }
            *offset = 8 * x.iter().map(|&x| i32::from(x)).sum::<i32>();
        }
        Precision::Ternary => lanes::prepare(precision, prepared, x),
    }
}

/// See [`portable::quantize`].
pub fn quantize(precision: Precision, prepared: &mut [i32], quantized: &mut [i8], v: &[i32], step: Step) {
    if precision != Precision::Int8 {
        return portable::quantize(precision, prepared, quantized, v, step);
    }
    lanes::quantize_int8(prepared, quantized.len(), v, step, int8_factors);
}

#[inline(always)]
fn int8_factors([a, b, c, d]: [i32; 4]) -> [i32; 4] {
    [b, (a << 8) - b, (c << 8) - d, d]
}

/// See [`portable::matvec`].
pub fn matvec(out: &mut [i32], matrix: Packed<'_>, prepared: &[i32]) {
    let words = matrix.words_of_row;
    let Some((&offset, factors)) = prepared.split_first() else { return };
    if matrix.precision == Precision::Ternary {
        return lanes::matvec(out, matrix, prepared);
    }
    let Some(factors) = factors.get(..4 * words) else { return };
    let lift = matrix.lift();
    let groups = matrix.words.chunks_exact((words * ROWS).max(1));
    for ((out, scales), group) in out.chunks_mut(ROWS).zip(matrix.scales.chunks(ROWS)).zip(groups) {
        let mut sums = [0; ROWS];
        match matrix.precision {
            Precision::Int8 => four_rows_int8(&mut sums, group, factors),
            _ => four_rows_int4(&mut sums, group, factors),
        }
        for ((out, sum), &scale) in out.iter_mut().zip(sums).zip(scales) {
            *out = scale_row(sum - offset, lift, scale);
        }
    }
}

fn four_rows_int8(sums: &mut [i32; ROWS], group: &[u32], factors: &[i32]) {
    for (group, factors) in group.chunks(ROWS * INT8_BLOCK).zip(factors.chunks(4 * INT8_BLOCK)) {
        let mut block = [0; ROWS];
        // SAFETY: the group has at least one word of each of four rows, and as many factors.
        unsafe { int8_rows(group.as_ptr(), factors.as_ptr(), group.as_ptr_range().end, &mut block) };
        sums.iter_mut().zip(block).for_each(|(sum, block)| *sum += block >> 8);
    }
}

fn four_rows_int4(sums: &mut [i32; ROWS], group: &[u32], factors: &[i32]) {
    if !group.is_empty() && group.len() == factors.len() {
        // SAFETY: the group has at least one word of each of four rows, and as many factors.
        unsafe { int4_rows(group.as_ptr(), factors.as_ptr(), group.as_ptr_range().end, sums) };
    }
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

/// `sums = 256 Σ`, from the weights to their end, with four factors for each four words.
#[unsafe(naked)]
unsafe extern "C" fn int8_rows(_: *const u32, _: *const i32, _end: *const u32, _: &mut [i32; ROWS]) {
    naked_asm!(
        "push {{r3, r4, r5, r6, r7, lr}}
         mov r4, r8
         mov r5, r9
         mov r6, r10
         mov r7, r11
         push {{r4, r5, r6, r7}}
         mov r12, r2
         movs r4, #0
         mov r8, r4
         mov r9, r4
         mov r10, r4
         mov r11, r4
         2:
         ldm r0!, {{r2, r3, r4, r5}}",
        int8_factor!("sxth"),
        int8_factor!("sxtb"),
        "asrs r2, r2, #16
         asrs r3, r3, #16
         asrs r4, r4, #16
         asrs r5, r5, #16",
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
         bne 2b
         ldr r0, [sp, #16]
         mov r4, r8
         mov r5, r9
         mov r6, r10
         mov r7, r11
         stm r0!, {{r4, r5, r6, r7}}
         pop {{r4, r5, r6, r7}}
         mov r8, r4
         mov r9, r5
         mov r10, r6
         mov r11, r7
         pop {{r3, r4, r5, r6, r7, pc}}"
    )
}

/// The next word, with the factors r3 to r6: 8 weights, added to `$sum`. The mask of a pair is r8.
macro_rules! int4_row {
    ($sum:literal) => {
        concat!(
            "ldm r0!, {{r2}}\n",
            "mov r7, r8\n ands r7, r2\n muls r7, r3, r7\n mov r9, r7\n lsrs r2, r2, #4\n",
            "mov r7, r8\n ands r7, r2\n muls r7, r4, r7\n add r9, r7\n lsrs r2, r2, #4\n",
            "mov r7, r8\n ands r7, r2\n muls r7, r5, r7\n add r9, r7\n lsrs r2, r2, #4\n",
            "mov r7, r8\n ands r7, r2\n muls r7, r6, r7\n add r7, r9\n",
            "asrs r7, r7, #15\n adds r7, r7, #1\n asrs r7, r7, #1\n add ",
            $sum,
            ", r7\n"
        )
    };
}

/// `sums = Σ`, nibbles without their offset, from the weights to their end, with four factors for each four words.
#[unsafe(naked)]
unsafe extern "C" fn int4_rows(_: *const u32, _: *const i32, _end: *const u32, _: &mut [i32; ROWS]) {
    naked_asm!(
        "push {{r3, r4, r5, r6, r7, lr}}
         mov r4, r8
         mov r5, r9
         mov r6, r10
         mov r7, r11
         push {{r4, r5, r6, r7}}
         push {{r2}}
         movs r4, #15
         lsls r5, r4, #16
         orrs r4, r5
         mov r8, r4
         movs r4, #0
         mov r10, r4
         mov r11, r4
         mov r12, r4
         mov lr, r4
         2:
         ldm r1!, {{r3, r4, r5, r6}}",
        int4_row!("r10"),
        int4_row!("r11"),
        int4_row!("r12"),
        int4_row!("lr"),
        "ldr r7, [sp]
         cmp r0, r7
         beq 3f
         b 2b
         3:
         ldr r0, [sp, #20]
         mov r4, r10
         mov r5, r11
         mov r6, r12
         mov r7, lr
         stm r0!, {{r4, r5, r6, r7}}
         pop {{r2}}
         pop {{r4, r5, r6, r7}}
         mov r8, r4
         mov r9, r5
         mov r10, r6
         mov r11, r7
         pop {{r3, r4, r5, r6, r7, pc}}"
    )
}

pub use super::portable::weights;

/// See [`portable::scores`].
pub fn scores<const N: usize>(
    out: &mut [[i32; N]],
    queries: &[i8],
    keys: &[i8],
    stride: usize,
    scales: &[i32],
    mantissas: [i32; N],
) -> [i32; N] {
    dots(out, queries, keys, stride);
    portable::scale(out, scales, mantissas)
}

/// What the attention kernels walk over: rows `stride` bytes apart, up to `end`.
#[repr(C)]
struct Walk {
    rows: *const i8,
    stride: usize,
    end: *const i8,
    /// Bytes from one position's (or pair's) number to the next one's.
    step: usize,
}

/// See [`portable::dots`].
fn dots<const N: usize>(out: &mut [[i32; N]], queries: &[i8], keys: &[i8], stride: usize) {
    let (head, positions) = (queries.len() / N, out.len());
    if !walkable(keys, head, stride, positions) {
        return portable::dots(out, queries, keys, stride);
    }
    for (n, query) in queries.chunks_exact(head).enumerate() {
        for (i, query) in query.as_chunks::<4>().0.iter().enumerate() {
            let rows = keys[4 * i..].as_ptr();
            let walk = Walk { rows, stride, end: rows.wrapping_add(positions * stride), step: 4 * N };
            let query = query.map(i32::from);
            let place = out.as_mut_ptr().cast::<i32>();
            // SAFETY: `out` has `positions` times `N` numbers; the last word read ends at most `head` bytes into the last
            // key, as checked, and all are aligned.
            unsafe {
                match i {
                    0 => first_dots(place.add(n), &walk, &query),
                    _ => more_dots(place.add(n), &walk, &query),
                }
            }
        }
    }
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

/// Products of a word of a key with r4 to r7, step by step; `$more` adds what is there.
macro_rules! dots {
    ($more:literal) => {
        naked_asm!(
            "push {{r4, r5, r6, r7, lr}}
             mov r4, r8
             mov r5, r9
             mov r6, r10
             push {{r4, r5, r6}}
             ldr r4, [r1, #4]
             mov r8, r4
             ldr r4, [r1, #12]
             mov r9, r4
             ldr r4, [r1, #8]
             mov r10, r4
             ldr r1, [r1]
             ldm r2!, {{r4, r5, r6, r7}}
             2:
             ldr r2, [r1]
             sxtb r3, r2
             muls r3, r4, r3
             mov r12, r3
             lsls r3, r2, #16
             asrs r3, r3, #24
             muls r3, r5, r3
             add r12, r3
             lsls r3, r2, #8
             asrs r3, r3, #24
             muls r3, r6, r3
             add r12, r3
             asrs r2, r2, #24
             muls r2, r7, r2
             add r2, r12",
            $more,
            "str r2, [r0]
             add r0, r9
             add r1, r8
             cmp r1, r10
             bne 2b
             pop {{r4, r5, r6}}
             mov r8, r4
             mov r9, r5
             mov r10, r6
             pop {{r4, r5, r6, r7, pc}}"
        )
    };
}

/// `out[t] = Σ query key[t]` over four channels.
#[unsafe(naked)]
unsafe extern "C" fn first_dots(_: *mut i32, _: &Walk, _: &[i32; 4]) {
    dots!("")
}

/// As [`first_dots`], added to what is in `out`.
#[unsafe(naked)]
unsafe extern "C" fn more_dots(_: *mut i32, _: &Walk, _: &[i32; 4]) {
    dots!("ldr r3, [r0]\n adds r2, r2, r3")
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
    if pairs > weights.len() || !walkable(values, head, stride, 2 * pairs) {
        return portable::accumulate(sums, weights, values, stride, positions);
    }
    for (n, sums) in sums.chunks_exact_mut(head).enumerate() {
        for (i, sums) in sums.as_chunks_mut::<4>().0.iter_mut().enumerate() {
            let rows = values[4 * i..].as_ptr();
            let walk = Walk { rows, stride, end: rows.wrapping_add(2 * pairs * stride), step: 4 * N };
            // SAFETY: there are `N` weights for `pairs` pairs of positions; the last word read ends at most `head` bytes
            // into the last of their values, as checked, and all are aligned.
            unsafe { four_channels(weights.as_ptr().cast::<i32>().add(n), &walk, sums) };
        }
    }
    let (Some(word), false) = (weights.get(pairs), positions.is_multiple_of(2)) else { return };
    let last = values.get(2 * pairs * stride..).unwrap_or_default();
    for (sums, word) in sums.chunks_exact_mut(head).zip(word) {
        for (sum, &value) in sums.iter_mut().zip(last) {
            *sum += (word & 0xffff) * i32::from(value);
        }
    }
}

/// A position's four values times the weight at `$weight`; the sums are in r8 to r11.
macro_rules! weigh_values {
    ($weight:literal) => {
        concat!(
            "ldr r2, [r1]\n add r1, r5\n ldrh r4, ",
            $weight,
            "\n",
            "sxtb r3, r2\n muls r3, r4, r3\n add r8, r3\n",
            "lsls r3, r2, #16\n asrs r3, r3, #24\n muls r3, r4, r3\n add r9, r3\n",
            "lsls r3, r2, #8\n asrs r3, r3, #24\n muls r3, r4, r3\n add r10, r3\n",
            "asrs r2, r2, #24\n muls r2, r4, r2\n add r11, r2\n"
        )
    };
}

/// Four channels of pairs of positions.
#[unsafe(naked)]
unsafe extern "C" fn four_channels(_: *const i32, _: &Walk, _: &mut [i32; 4]) {
    naked_asm!(
        "push {{r2, r4, r5, r6, r7, lr}}
         mov r4, r8
         mov r5, r9
         mov r6, r10
         mov r7, r11
         push {{r4, r5, r6, r7}}
         movs r4, #0
         mov r8, r4
         mov r9, r4
         mov r10, r4
         mov r11, r4
         ldr r5, [r1, #4]
         ldr r6, [r1, #12]
         ldr r7, [r1, #8]
         ldr r1, [r1]
         2:",
        weigh_values!("[r0]"),
        weigh_values!("[r0, #2]"),
        "add r0, r6
         cmp r1, r7
         bne 2b
         ldr r0, [sp, #16]
         mov r4, r8
         mov r5, r9
         mov r6, r10
         mov r7, r11
         stm r0!, {{r4, r5, r6, r7}}
         pop {{r4, r5, r6, r7}}
         mov r8, r4
         mov r9, r5
         mov r10, r6
         mov r11, r7
         pop {{r2, r4, r5, r6, r7, pc}}"
    )
}
