//! What is done to each value of a vector, for Arm's Thumb-2: Cortex-M3, M4, M7, M33. Four values at a time.
//!
//! The functions in assembly are sound for the lengths that their callers make sure of. They keep to the procedure call
//! standard (AAPCS), and touch no memory but what their arguments point to.

use core::arch::naked_asm;

use crate::kernels::portable;
use crate::numbers::{ActivationTable, Alignment, Quantizer, max_u32};

/// See [`portable::largest`].
pub fn largest(v: &[i32]) -> u32 {
    let (fours, rest) = v.as_chunks::<4>();
    let last = portable::largest(rest);
    if fours.is_empty() {
        return last;
    }
    // SAFETY: there are so many fours, and at least one.
    max_u32(last, unsafe { largest_of_fours(fours.as_ptr(), fours.len()) })
}

/// See [`portable::or_of_magnitudes`].
pub fn or_of_magnitudes(v: &[i32]) -> u32 {
    let (fours, rest) = v.as_chunks::<4>();
    let last = portable::or_of_magnitudes(rest);
    if fours.is_empty() {
        return last;
    }
    // SAFETY: there are so many fours, and at least one.
    last | unsafe { or_of_fours(fours.as_ptr(), fours.len()) }
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
unsafe extern "C" fn or_of_fours(_: *const [i32; 4], _: usize) -> u32 {
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

/// See [`portable::quantize_to`].
pub fn quantize_to(q: &mut [i8], v: &[i32], quantizer: Quantizer) {
    let (q_fours, v_fours) = (q.as_chunks_mut::<4>().0, v.as_chunks::<4>().0);
    let fours = if q_fours.len() < v_fours.len() { q_fours.len() } else { v_fours.len() };
    if fours > 0 {
        let walk = QuantizeWalk { v: v.as_ptr(), fours, quantizer };
        // SAFETY: there are so many fours of values, and room for as many bytes; at least one.
        unsafe { quantize_fours(q_fours.as_mut_ptr(), &walk) };
    }
    if let (Some(q), Some(v)) = (q.get_mut(4 * fours..), v.get(4 * fours..)) {
        portable::quantize_to(q, v, quantizer);
    }
}

#[repr(C)]
struct QuantizeWalk {
    v: *const i32,
    fours: usize,
    quantizer: Quantizer,
}

/// A value's upper byte is its int8.
#[unsafe(naked)]
unsafe extern "C" fn quantize_fours(_: *mut [i8; 4], _: &QuantizeWalk) {
    naked_asm!(
        "push {{r4, r5, r6, r7, lr}}
         ldm r1, {{r1, r2, r3, r12}}
         mov lr, #0x800000
         2:
         ldm r1!, {{r4, r5, r6, r7}}
         asr r4, r4, r3
         asr r5, r5, r3
         asr r6, r6, r3
         asr r7, r7, r3
         mla r4, r4, r12, lr
         mla r5, r5, r12, lr
         mla r6, r6, r12, lr
         mla r7, r7, r12, lr
         lsr r5, r5, #24
         lsr r6, r6, #24
         lsr r7, r7, #24
         lsr r4, r4, #24
         orr r4, r4, r5, lsl #8
         orr r4, r4, r6, lsl #16
         orr r4, r4, r7, lsl #24
         str r4, [r0], #4
         subs r2, r2, #1
         bne 2b
         pop {{r4, r5, r6, r7, pc}}"
    )
}

/// See [`portable::add_aligned`].
pub fn add_aligned(sums: &mut [i32], v: &[i32], alignment: Alignment) {
    let Alignment { down, shift, mantissa } = alignment;
    if down > 0 {
        sums.iter_mut().for_each(|sum| *sum >>= down);
    }
    let alignment = Alignment { down: 0, ..alignment };
    let length = if sums.len() < v.len() { sums.len() } else { v.len() };
    let (fours, rest) = sums[..length].as_chunks_mut::<4>();
    portable::add_aligned(rest, &v[4 * fours.len()..length], alignment);
    if fours.is_empty() {
        return;
    }
    let walk =
        AddWalk { v: v.as_ptr(), fours: fours.len(), shift: shift.abs() as u32, mantissa: mantissa << 16 };
    // SAFETY: there are so many fours of sums and at least as many values, and at least one.
    unsafe {
        match shift {
            0.. => join_right(fours.as_mut_ptr(), &walk),
            _ => join_left(fours.as_mut_ptr(), &walk),
        }
    }
}

#[repr(C)]
struct AddWalk {
    v: *const i32,
    fours: usize,
    shift: u32,
    /// In the upper half.
    mantissa: i32,
}

#[cfg(chip = "dsp")]
macro_rules! add_product {
    ($sum:literal, $v:literal) => {
        concat!("smlawt ", $sum, ", ", $v, ", r12, ", $sum, "\n")
    };
}
#[cfg(not(chip = "dsp"))]
macro_rules! add_product {
    ($sum:literal, $v:literal) => {
        concat!("smull lr, ", $v, ", ", $v, ", r12\n add ", $sum, ", ", $sum, ", ", $v, "\n")
    };
}

macro_rules! join {
    ($shift:literal) => {
        naked_asm!(
            dsp!(),
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
unsafe extern "C" fn join_right(_: *mut [i32; 4], _: &AddWalk) {
    join!("asr")
}

#[unsafe(naked)]
unsafe extern "C" fn join_left(_: *mut [i32; 4], _: &AddWalk) {
    join!("lsl")
}

/// See [`portable::activate`].
pub fn activate(x: &mut [i32], table: ActivationTable<'_>) {
    let (pairs, rest) = x.as_chunks_mut::<2>();
    portable::activate(rest, table);
    if !pairs.is_empty() {
        let walk = ActivationWalk::new(table, pairs.len(), &[], 0);
        // SAFETY: there are so many pairs, and at least one; the table has a number for each step.
        unsafe { activate_pairs(pairs.as_mut_ptr(), &walk) };
    }
}

/// See [`portable::gate`].
pub fn gate(x: &mut [i32], up: &[i32], up_shift: u32, table: ActivationTable<'_>) {
    let length = if x.len() < up.len() { x.len() } else { up.len() };
    let (pairs, rest) = x[..length].as_chunks_mut::<2>();
    portable::gate(rest, &up[2 * pairs.len()..length], up_shift, table);
    if !pairs.is_empty() {
        let walk = ActivationWalk::new(table, pairs.len(), up, up_shift);
        // SAFETY: as for `activate`; `up` has as many pairs.
        unsafe { gate_pairs(pairs.as_mut_ptr(), &walk) };
    }
}

#[repr(C)]
struct ActivationWalk {
    up: *const i32,
    pairs: usize,
    shift: u32,
    table: *const u16,
    steps: i32,
    up_shift: u32,
}

impl ActivationWalk {
    fn new(table: ActivationTable<'_>, pairs: usize, up: &[i32], up_shift: u32) -> Self {
        let ActivationTable { table, steps, shift } = table;
        ActivationWalk { up: up.as_ptr(), pairs, shift, table: table.as_ptr(), steps, up_shift }
    }
}

/// A value times the function there, by way of `$step`.
macro_rules! activate {
    ($x:literal, $step:literal) => {
        concat!(
            "asr ",
            $x,
            ", ",
            $x,
            ", r3\n mla ",
            $step,
            ", ",
            $x,
            ", r5, r12\n",
            "usat ",
            $step,
            ", #10, ",
            $step,
            ", asr #16\n ldrh ",
            $step,
            ", [r4, ",
            $step,
            ", lsl #1]\n",
            "mul ",
            $x,
            ", ",
            $x,
            ", ",
            $step,
            "\n asr ",
            $x,
            ", ",
            $x,
            ", #15\n"
        )
    };
}

/// Pairs of values, and what `$more` does to them.
macro_rules! activate_pairs {
    ($more:literal) => {
        naked_asm!(
            "push {{r4, r5, r6, r7, r8, r9, r10, lr}}
             ldm r1, {{r1, r2, r3, r4, r5, r6}}
             mov r12, #0x02000000
             2:
             ldm r0, {{r7, r8}}",
            activate!("r7", "r9"),
            activate!("r8", "r10"),
            $more,
            "stm r0!, {{r7, r8}}
             subs r2, r2, #1
             bne 2b
             pop {{r4, r5, r6, r7, r8, r9, r10, pc}}"
        )
    };
}

#[unsafe(naked)]
unsafe extern "C" fn activate_pairs(_: *mut [i32; 2], _: &ActivationWalk) {
    activate_pairs!("")
}

#[unsafe(naked)]
unsafe extern "C" fn gate_pairs(_: *mut [i32; 2], _: &ActivationWalk) {
    activate_pairs!(
        "ldm r1!, {{r9, r10}}
         asr r9, r9, r6
         asr r10, r10, r6
         mul r7, r7, r9
         mul r8, r8, r10"
    )
}

/// See [`portable::gain`].
pub fn gain(x: &mut [i32], shift: u32, gains: &[f32], largest_exponent: i32) -> u64 {
    let length = if x.len() < gains.len() { x.len() } else { gains.len() };
    let (pairs, rest) = x[..length].as_chunks_mut::<2>();
    let squares = portable::gain(rest, shift, &gains[2 * pairs.len()..length], largest_exponent);
    if pairs.is_empty() {
        return squares;
    }
    let walk = GainWalk { gains: gains.as_ptr(), pairs: pairs.len(), shift, largest_exponent };
    // SAFETY: there are so many pairs of values and at least as many of gains, and at least one.
    squares + unsafe { gain_pairs(pairs.as_mut_ptr(), &walk) }
}

#[repr(C)]
struct GainWalk {
    gains: *const f32,
    pairs: usize,
    shift: u32,
    largest_exponent: i32,
}

/// A value times the gain in `$gain`. A shift by 32 or more leaves the sign.
macro_rules! gain {
    ($x:literal, $gain:literal) => {
        concat!(
            "asr ",
            $x,
            ", ",
            $x,
            ", r3\n smlal r5, r6, ",
            $x,
            ", ",
            $x,
            "\n",
            "lsl r12, ",
            $gain,
            ", #8\n orr r12, r12, #0x80000000\n lsr r12, r12, #17\n mul ",
            $x,
            ", ",
            $x,
            ", r12\n",
            "ubfx r12, ",
            $gain,
            ", #23, #8\n sub r12, r4, r12\n asr ",
            $x,
            ", ",
            $x,
            ", r12\n",
            "cmp ",
            $gain,
            ", #0\n it mi\n rsbmi ",
            $x,
            ", ",
            $x,
            ", #0\n"
        )
    };
}

#[unsafe(naked)]
unsafe extern "C" fn gain_pairs(_: *mut [i32; 2], _: &GainWalk) -> u64 {
    naked_asm!(
        "push {{r4, r5, r6, r7, r8, r9, r10, lr}}
         ldm r1, {{r1, r2, r3, r4}}
         movs r5, #0
         movs r6, #0
         2:
         ldm r0, {{r7, r8}}
         ldm r1!, {{r9, r10}}",
        gain!("r7", "r9"),
        gain!("r8", "r10"),
        "stm r0!, {{r7, r8}}
         subs r2, r2, #1
         bne 2b
         mov r0, r5
         mov r1, r6
         pop {{r4, r5, r6, r7, r8, r9, r10, pc}}"
    )
}
