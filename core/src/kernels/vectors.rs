//! What is done to each value of a vector, for Arm's Thumb-2: Cortex-M3, M4, M7, M33. Four values at a time.
//!
//! The functions in assembly are sound for the lengths that their callers make sure of. They keep to the procedure call
//! standard (AAPCS), and touch no memory but what their arguments point to.

use core::arch::naked_asm;

use super::{Joining, portable};
use crate::math;

/// See [`portable::largest`].
pub fn largest(v: &[i32]) -> u32 {
    let (fours, rest) = v.as_chunks::<4>();
    let last = portable::largest(rest);
    if fours.is_empty() {
        return last;
    }
    // SAFETY: there are so many fours, and at least one.
    math::max_u32(last, unsafe { largest_of_fours(fours.as_ptr(), fours.len()) })
}

/// See [`portable::spread`].
pub fn spread(v: &[i32]) -> u32 {
    let (fours, rest) = v.as_chunks::<4>();
    let last = portable::spread(rest);
    if fours.is_empty() {
        return last;
    }
    // SAFETY: there are so many fours, and at least one.
    last | unsafe { spread_of_fours(fours.as_ptr(), fours.len()) }
}

/// The size of `$v` where it is larger than r12 goes there; `$larger` and `$back` are labels of its own.
macro_rules! larger {
    ($v:literal, $larger:literal, $back:literal) => {
        concat!(
            "eor ",
            $v,
            ", ",
            $v,
            ", ",
            $v,
            ", asr #31\n cmp ",
            $v,
            ", r12\n bhi ",
            $larger,
            "f\n",
            $back,
            ":\n"
        )
    };
    ($v:literal, $larger:literal, $back:literal, update) => {
        concat!($larger, ":\n mov r12, ", $v, "\n b ", $back, "b\n")
    };
}

/// A larger one is rare, and takes the way round.
#[unsafe(naked)]
unsafe extern "C" fn largest_of_fours(_: *const [i32; 4], _: usize) -> u32 {
    naked_asm!(
        "push {{r4, r5, r6, lr}}
         mov r12, #0
         2:
         ldm r0!, {{r2, r3, r4, r5}}",
        larger!("r2", "10", "20"),
        larger!("r3", "11", "21"),
        larger!("r4", "12", "22"),
        larger!("r5", "13", "23"),
        "subs r1, r1, #1
         bne 2b
         mov r0, r12
         pop {{r4, r5, r6, pc}}",
        larger!("r2", "10", "20", update),
        larger!("r3", "11", "21", update),
        larger!("r4", "12", "22", update),
        larger!("r5", "13", "23", update),
    )
}

#[unsafe(naked)]
unsafe extern "C" fn spread_of_fours(_: *const [i32; 4], _: usize) -> u32 {
    naked_asm!(
        "push {{r4, r5, r6, lr}}
         mov r12, #0
         2:
         ldm r0!, {{r2, r3, r4, r5}}
         eor r2, r2, r2, asr #31
         orr r12, r12, r2
         eor r3, r3, r3, asr #31
         orr r12, r12, r3
         eor r4, r4, r4, asr #31
         orr r12, r12, r4
         eor r5, r5, r5, asr #31
         orr r12, r12, r5
         subs r1, r1, #1
         bne 2b
         mov r0, r12
         pop {{r4, r5, r6, pc}}"
    )
}

/// See [`portable::join`].
pub fn join(sums: &mut [i32], v: &[i32], joining: Joining) {
    let Joining { down, shift, mantissa } = joining;
    if down > 0 {
        sums.iter_mut().for_each(|sum| *sum >>= down);
    }
    let joining = Joining { down: 0, ..joining };
    let length = if sums.len() < v.len() { sums.len() } else { v.len() };
    let (fours, rest) = sums[..length].as_chunks_mut::<4>();
    portable::join(rest, &v[4 * fours.len()..length], joining);
    if fours.is_empty() {
        return;
    }
    let walk =
        JoinWalk { v: v.as_ptr(), fours: fours.len(), shift: shift.abs() as u32, mantissa: mantissa << 16 };
    // SAFETY: there are so many fours of sums and at least as many values, and at least one.
    unsafe {
        match shift {
            0.. => join_right(fours.as_mut_ptr(), &walk),
            _ => join_left(fours.as_mut_ptr(), &walk),
        }
    }
}

#[repr(C)]
struct JoinWalk {
    v: *const i32,
    fours: usize,
    shift: u32,
    /// In the upper half.
    mantissa: i32,
}

#[cfg(arm_dsp)]
macro_rules! add_product {
    ($sum:literal, $v:literal) => {
        concat!("smlawt ", $sum, ", ", $v, ", r12, ", $sum, "\n")
    };
}
#[cfg(not(arm_dsp))]
macro_rules! add_product {
    ($sum:literal, $v:literal) => {
        concat!("smull lr, ", $v, ", ", $v, ", r12\n add ", $sum, ", ", $sum, ", ", $v, "\n")
    };
}

macro_rules! join {
    ($shift:literal) => {
        naked_asm!(
            "push {{r4, r5, r6, r7, r8, r9, r10, r11, lr}}
             ldm r1, {{r1, r2, r3, r12}}
             2:
             ldm r1!, {{r4, r5, r6, r7}}
             ldm r0, {{r8, r9, r10, r11}}",
            concat!(
                $shift,
                " r4, r4, r3\n",
                $shift,
                " r5, r5, r3\n",
                $shift,
                " r6, r6, r3\n",
                $shift,
                " r7, r7, r3"
            ),
            add_product!("r8", "r4"),
            add_product!("r9", "r5"),
            add_product!("r10", "r6"),
            add_product!("r11", "r7"),
            "stm r0!, {{r8, r9, r10, r11}}
             subs r2, r2, #1
             bne 2b
             pop {{r4, r5, r6, r7, r8, r9, r10, r11, pc}}"
        )
    };
}

#[unsafe(naked)]
unsafe extern "C" fn join_right(_: *mut [i32; 4], _: &JoinWalk) {
    join!("asr")
}

#[unsafe(naked)]
unsafe extern "C" fn join_left(_: *mut [i32; 4], _: &JoinWalk) {
    join!("lsl")
}
