//! The kernels on each value of a vector, in Thumb-2: Cortex-M3, M4, M7, M33. Four values at a time, or two where registers
//! are short; portable code does the rest.
//!
//! The functions in assembly keep to the procedure call standard (AAPCS), and read and write only what their arguments
//! point to. Each call is sound because the caller has checked the lengths, as its SAFETY comment says.

use core::arch::naked_asm;

use crate::kernels::portable;
use crate::numbers::{ActivationTable, Alignment, Quantizer, max_u32};
use crate::slices::{first, first_mut};

/// See [`portable::largest`].
pub fn largest(v: &[i32]) -> u32 {
    let (fours, rest) = v.as_chunks::<4>();
    let last = portable::largest(rest);
    if fours.is_empty() {
        return last;
    }
    // SAFETY: there are `fours.len()` times four values, and at least four.
    max_u32(last, unsafe { largest_of_fours(fours.as_ptr(), fours.len()) })
}

/// See [`portable::or_of_magnitudes`].
pub fn or_of_magnitudes(v: &[i32]) -> u32 {
    let (fours, rest) = v.as_chunks::<4>();
    let last = portable::or_of_magnitudes(rest);
    if fours.is_empty() {
        return last;
    }
    // SAFETY: there are `fours.len()` times four values, and at least four.
    last | unsafe { or_of_fours(fours.as_ptr(), fours.len()) }
}

/// The largest magnitude of four times `fours` values. A new largest one is rare, and found out of line.
///
/// ```text
/// r0  the next values       r2 to r5  four values, then their magnitudes
/// r1  fours left            r12       the largest magnitude
///
/// do {
///     for each v of the next four {
///         v ^= v >> 31;
///         if (v > largest) largest = v;
///     }
/// } while (--fours);
/// ```
#[unsafe(naked)]
unsafe extern "C" fn largest_of_fours(_: *const [i32; 4], _fours: usize) -> u32 {
    naked_asm!(
        r"
        .macro  larger v
            eor     \v, \v, \v, asr #31
            cmp     \v, r12
            bhi     .Llarger\@
        .Lnot_larger\@:
            .subsection 1
        .Llarger\@:
            mov     r12, \v
            b       .Lnot_larger\@
            .previous
        .endm

            push    {r4, r5, r6, lr}
            mov     r12, #0
        2:
            ldm     r0!, {r2, r3, r4, r5}
            larger  r2
            larger  r3
            larger  r4
            larger  r5
            subs    r1, r1, #1
            bne     2b
            mov     r0, r12
            pop     {r4, r5, r6, pc}

        .purgem larger
        ",
        options(raw)
    )
}

/// The bitwise OR of the magnitudes of four times `fours` values.
///
/// ```text
/// r0  the next values       r2 to r5  four values, then their magnitudes
/// r1  fours left            r12       the OR so far
///
/// do {
///     for each v of the next four
///         all |= v ^ (v >> 31);
/// } while (--fours);
/// ```
#[unsafe(naked)]
unsafe extern "C" fn or_of_fours(_: *const [i32; 4], _fours: usize) -> u32 {
    naked_asm!(
        r"
        .macro  or_magnitude v
            eor     \v, \v, \v, asr #31
            orr     r12, r12, \v
        .endm

            push    {r4, r5, r6, lr}
            mov     r12, #0
        2:
            ldm     r0!, {r2, r3, r4, r5}
            or_magnitude r2
            or_magnitude r3
            or_magnitude r4
            or_magnitude r5
            subs    r1, r1, #1
            bne     2b
            mov     r0, r12
            pop     {r4, r5, r6, pc}

        .purgem or_magnitude
        ",
        options(raw)
    )
}

/// See [`portable::quantize_to`].
pub fn quantize_to(q: &mut [i8], v: &[i32], quantizer: Quantizer) {
    let (q_fours, v_fours) = (q.as_chunks_mut::<4>().0, v.as_chunks::<4>().0);
    let fours = q_fours.len().min(v_fours.len());
    if fours > 0 {
        let walk = QuantizeWalk { v: v.as_ptr(), fours, quantizer };
        // SAFETY: there are `fours` times four values, room for as many bytes, and at least four.
        unsafe { quantize_fours(q_fours.as_mut_ptr(), &walk) };
    }
    if let (Some(q), Some(v)) = (q.get_mut(4 * fours..), v.get(4 * fours..)) {
        portable::quantize_to(q, v, quantizer);
    }
}

/// A vector to quantise, as [`quantize_fours`] reads it.
#[repr(C)]
struct QuantizeWalk {
    v: *const i32,
    fours: usize,
    quantizer: Quantizer,
}

/// Quantises four times `fours` values: the int8 is the upper byte of `(v >> shift) * reciprocal + 2^23`.
///
/// ```text
/// r0  the next bytes        r3   shift              r4 to r7  four values
/// r1  the next values       r12  reciprocal
/// r2  fours left            lr   2^23
///
/// do {
///     for each v of the next four
///         *bytes++ = ((v >> shift) * reciprocal + 2^23) >> 24;
/// } while (--fours);
/// ```
#[unsafe(naked)]
unsafe extern "C" fn quantize_fours(_: *mut [i8; 4], _: &QuantizeWalk) {
    naked_asm!(
        r"
            push    {r4, r5, r6, r7, lr}
            ldm     r1, {r1, r2, r3, r12}
            mov     lr, #0x800000
        2:
            ldm     r1!, {r4, r5, r6, r7}
            asr     r4, r4, r3
            asr     r5, r5, r3
            asr     r6, r6, r3
            asr     r7, r7, r3
            mla     r4, r4, r12, lr
            mla     r5, r5, r12, lr
            mla     r6, r6, r12, lr
            mla     r7, r7, r12, lr
            lsr     r5, r5, #24
            lsr     r6, r6, #24
            lsr     r7, r7, #24
            lsr     r4, r4, #24
            orr     r4, r4, r5, lsl #8
            orr     r4, r4, r6, lsl #16
            orr     r4, r4, r7, lsl #24
            str     r4, [r0], #4
            subs    r2, r2, #1
            bne     2b
            pop     {r4, r5, r6, r7, pc}
        ",
        options(raw)
    )
}

/// See [`portable::add_aligned`].
pub fn add_aligned(sums: &mut [i32], v: &[i32], alignment: Alignment) {
    let Alignment { down, shift, mantissa } = alignment;
    if down > 0 {
        sums.iter_mut().for_each(|sum| *sum >>= down);
    }
    let alignment = Alignment { down: 0, ..alignment };
    let length = sums.len().min(v.len());
    let (fours, rest) = first_mut(sums, length).as_chunks_mut::<4>();
    portable::add_aligned(rest, first(v, length).as_chunks::<4>().1, alignment);
    if fours.is_empty() {
        return;
    }
    let walk =
        AddWalk { v: v.as_ptr(), fours: fours.len(), shift: shift.unsigned_abs(), mantissa: mantissa << 16 };
    // SAFETY: there are `fours.len()` times four sums, as many values, and at least four.
    unsafe {
        match shift {
            0.. => add_shifted_right(fours.as_mut_ptr(), &walk),
            _ => add_shifted_left(fours.as_mut_ptr(), &walk),
        }
    }
}

/// A vector to add, as [`add_fours`] reads it.
#[repr(C)]
struct AddWalk {
    v: *const i32,
    fours: usize,
    shift: u32,
    /// In the upper half of the word.
    mantissa: i32,
}

/// `sum += v * mantissa >> 16`, with the mantissa in the upper half of r12.
#[cfg(chip = "dsp")]
macro_rules! add_product {
    () => {
        r"
        .macro  add_product sum, v
            smlawt  \sum, \v, r12, \sum
        .endm
        "
    };
}
/// `sum += v * mantissa >> 16`, with the mantissa in the upper half of r12; lr is lost.
#[cfg(chip = "thumb2")]
macro_rules! add_product {
    () => {
        r"
        .macro  add_product sum, v
            smull   lr, \v, \v, r12
            add     \sum, \sum, \v
        .endm
        "
    };
}

/// Adds four times `fours` values, shifted right by `asr` or left by `lsl`.
///
/// ```text
/// r0  the next sums         r3   shift                    r4 to r7   four values
/// r1  the next values       r12  mantissa, upper half     r8 to r11  four sums
/// r2  fours left
///
/// do {
///     for each sum and v of the next four
///         sum += (v shifted by `shift`) * mantissa >> 16;
/// } while (--fours);
/// ```
macro_rules! add_fours {
    () => {
        r"
        .macro  add_fours shifted
            push    {r4, r5, r6, r7, r8, r9, r10, r11, lr}
            ldm     r1, {r1, r2, r3, r12}
        2:
            ldm     r1!, {r4, r5, r6, r7}
            ldm     r0, {r8, r9, r10, r11}
            \shifted r4, r4, r3
            \shifted r5, r5, r3
            \shifted r6, r6, r3
            \shifted r7, r7, r3
            add_product r8, r4
            add_product r9, r5
            add_product r10, r6
            add_product r11, r7
            stm     r0!, {r8, r9, r10, r11}
            subs    r2, r2, #1
            bne     2b
            pop     {r4, r5, r6, r7, r8, r9, r10, r11, pc}
        .endm
        "
    };
}

#[unsafe(naked)]
unsafe extern "C" fn add_shifted_right(_: *mut [i32; 4], _: &AddWalk) {
    naked_asm!(
        dsp!(),
        add_product!(),
        add_fours!(),
        "
            add_fours asr

        .purgem add_fours
        .purgem add_product
        ",
        options(raw)
    )
}

#[unsafe(naked)]
unsafe extern "C" fn add_shifted_left(_: *mut [i32; 4], _: &AddWalk) {
    naked_asm!(
        dsp!(),
        add_product!(),
        add_fours!(),
        "
            add_fours lsl

        .purgem add_fours
        .purgem add_product
        ",
        options(raw)
    )
}

/// See [`portable::activate`].
pub fn activate(x: &mut [i32], table: ActivationTable<'_>) {
    let (pairs, rest) = x.as_chunks_mut::<2>();
    portable::activate(rest, table);
    if !pairs.is_empty() {
        let walk = ActivationWalk::new(table, pairs.len(), &[], 0);
        // SAFETY: there are `pairs.len()` times two values, and at least two; the table has an entry for each of the 1024
        // steps that `usat` limits to.
        unsafe { activate_pairs(pairs.as_mut_ptr(), &walk) };
    }
}

/// See [`portable::gate`].
pub fn gate(x: &mut [i32], up: &[i32], up_shift: u32, table: ActivationTable<'_>) {
    let length = x.len().min(up.len());
    let (pairs, rest) = first_mut(x, length).as_chunks_mut::<2>();
    portable::gate(rest, first(up, length).as_chunks::<2>().1, up_shift, table);
    if !pairs.is_empty() {
        let walk = ActivationWalk::new(table, pairs.len(), up, up_shift);
        // SAFETY: as for `activate`, and `up` is as long.
        unsafe { gate_pairs(pairs.as_mut_ptr(), &walk) };
    }
}

/// A vector to activate, as [`activate_pairs`] and [`gate_pairs`] read it.
#[repr(C)]
struct ActivationWalk {
    /// Of [`gate_pairs`] alone.
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

/// `x = x * S(x)`, with `S` looked up: `step` is the place in the table, then its entry.
macro_rules! activate_one {
    () => {
        r"
        .macro  activate_one x, step
            asr     \x, \x, r3
            mla     \step, \x, r5, r12
            usat    \step, #10, \step, asr #16
            ldrh    \step, [r4, \step, lsl #1]
            mul     \x, \x, \step
            asr     \x, \x, #15
        .endm
        "
    };
}

/// Activates twice `pairs` values.
///
/// ```text
/// r0  the next values       r4       table            r7, r8   two values
/// r2  pairs left            r5       steps            r9, r10  two entries of the table
/// r3  shift                 r12      512 << 16
///
/// do {
///     for each x of the next two {
///         x >>= shift;
///         step = clamp((x * steps + (512 << 16)) >> 16, 0, 1023);
///         x = x * table[step] >> 15;
///     }
/// } while (--pairs);
/// ```
#[unsafe(naked)]
unsafe extern "C" fn activate_pairs(_: *mut [i32; 2], _: &ActivationWalk) {
    naked_asm!(
        activate_one!(),
        "
            push    {r4, r5, r6, r7, r8, r9, r10, lr}
            ldm     r1, {r1, r2, r3, r4, r5, r6}
            mov     r12, #0x02000000
        2:
            ldm     r0, {r7, r8}
            activate_one r7, r9
            activate_one r8, r10
            stm     r0!, {r7, r8}
            subs    r2, r2, #1
            bne     2b
            pop     {r4, r5, r6, r7, r8, r9, r10, pc}

        .purgem activate_one
        ",
        options(raw)
    )
}

/// As [`activate_pairs`], and multiplies by `up`.
///
/// ```text
/// r1  the next of `up`      r6       up_shift         r9, r10  two of `up`
///
/// do {
///     for each x and up of the next two
///         x = activated x * (up >> up_shift);
/// } while (--pairs);
/// ```
#[unsafe(naked)]
unsafe extern "C" fn gate_pairs(_: *mut [i32; 2], _: &ActivationWalk) {
    naked_asm!(
        activate_one!(),
        "
            push    {r4, r5, r6, r7, r8, r9, r10, lr}
            ldm     r1, {r1, r2, r3, r4, r5, r6}
            mov     r12, #0x02000000
        2:
            ldm     r0, {r7, r8}
            activate_one r7, r9
            activate_one r8, r10
            ldm     r1!, {r9, r10}
            asr     r9, r9, r6
            asr     r10, r10, r6
            mul     r7, r7, r9
            mul     r8, r8, r10
            stm     r0!, {r7, r8}
            subs    r2, r2, #1
            bne     2b
            pop     {r4, r5, r6, r7, r8, r9, r10, pc}

        .purgem activate_one
        ",
        options(raw)
    )
}

/// See [`portable::gain`].
pub fn gain(x: &mut [i32], shift: u32, gains: &[f32], largest_exponent: i32) -> u64 {
    let length = x.len().min(gains.len());
    let (pairs, rest) = first_mut(x, length).as_chunks_mut::<2>();
    let rest_gains = first(gains, length).as_chunks::<2>().1;
    let squares = portable::gain(rest, shift, rest_gains, largest_exponent);
    if pairs.is_empty() {
        return squares;
    }
    let walk = GainWalk { gains: gains.as_ptr(), pairs: pairs.len(), shift, largest_exponent };
    // SAFETY: there are `pairs.len()` times two values, as many gains, and at least two.
    squares + unsafe { gain_pairs(pairs.as_mut_ptr(), &walk) }
}

/// Gains, as [`gain_pairs`] reads them.
#[repr(C)]
struct GainWalk {
    gains: *const f32,
    pairs: usize,
    shift: u32,
    largest_exponent: i32,
}

/// Multiplies twice `pairs` values by their gains; returns the sum of the squares. A shift by 32 or more leaves the sign
/// alone, as one by 31 does.
///
/// ```text
/// r0  the next values       r3      shift               r7, r8   two values
/// r1  the next gains        r4      largest exponent    r9, r10  two gains, as the bits of an f32
/// r2  pairs left            r5, r6  sum of squares      r12      mantissa, then difference of exponents
///
/// do {
///     for each x and gain of the next two {
///         x >>= shift;
///         squares += x * x;
///         x = x * mantissa(gain) >> (largest_exponent - exponent(gain));
///         if (gain < 0) x = -x;
///     }
/// } while (--pairs);
/// ```
#[unsafe(naked)]
unsafe extern "C" fn gain_pairs(_: *mut [i32; 2], _: &GainWalk) -> u64 {
    naked_asm!(
        r"
        .macro  gain_one x, gain
            asr     \x, \x, r3
            smlal   r5, r6, \x, \x
            lsl     r12, \gain, #8
            orr     r12, r12, #0x80000000
            lsr     r12, r12, #17
            mul     \x, \x, r12
            ubfx    r12, \gain, #23, #8
            sub     r12, r4, r12
            asr     \x, \x, r12
            cmp     \gain, #0
            it      mi
            rsbmi   \x, \x, #0
        .endm

            push    {r4, r5, r6, r7, r8, r9, r10, lr}
            ldm     r1, {r1, r2, r3, r4}
            movs    r5, #0
            movs    r6, #0
        2:
            ldm     r0, {r7, r8}
            ldm     r1!, {r9, r10}
            gain_one r7, r9
            gain_one r8, r10
            stm     r0!, {r7, r8}
            subs    r2, r2, #1
            bne     2b
            mov     r0, r5
            mov     r1, r6
            pop     {r4, r5, r6, r7, r8, r9, r10, pc}

        .purgem gain_one
        ",
        options(raw)
    )
}
