//! The integers that kernels and operations compute with: vectors that share one f32 scale, `x[i] = v[i] * scale`, and how
//! such a vector is quantised, added to another, activated, and turned into attention's scores. Chips without an FPU do
//! their work per value in these, and only a vector's few scales in software f32.
//!
//! An f32 enters integer arithmetic as `|x| = mantissa * 2^(exponent - 141)`, its mantissa shortened to 15 bits: see
//! [`mantissa`] and [`exponent`].

/// The largest magnitude of an int8 value.
pub const INT8_MAX: u32 = 127;

/// Bits that the number takes: 0 for 0.
#[inline(always)]
pub const fn bits(x: u32) -> u32 {
    32 - x.leading_zeros()
}

/// Bits by which numbers of magnitudes up to `largest` must be shifted right to fit `kept` bits and a sign.
#[inline(always)]
pub const fn excess_bits(largest: u32, kept: u32) -> u32 {
    bits(largest).saturating_sub(kept)
}

/// The larger of two.
#[inline(always)]
pub const fn max_u32(a: u32, b: u32) -> u32 {
    if a > b { a } else { b }
}

/// The smaller of two.
#[inline(always)]
pub const fn min_u32(a: u32, b: u32) -> u32 {
    if a < b { a } else { b }
}

/// The magnitude in one's complement, `v ^ (v >> 31)`: at most one less than `abs(v)`, and never overflows.
#[inline(always)]
pub const fn magnitude_bits(v: i32) -> u32 {
    (v ^ (v >> 31)) as u32
}

/// `2^exponent`, for -126..=127; the nearest of these elsewhere.
pub fn power_of_two(exponent: i32) -> f32 {
    f32::from_bits(((exponent.clamp(-126, 127) + 127) as u32) << 23)
}

/// The upper 15 bits of the mantissa of the f32 with these `bits`, the leading one included.
#[inline(always)]
pub const fn mantissa(bits: u32) -> i32 {
    ((bits & 0x7f_ffff | 0x80_0000) >> 9) as i32
}

/// The exponent, as it is stored, of the f32 with these `bits`: `|x| = mantissa(bits) * 2^(exponent(bits) - 141)`.
#[inline(always)]
pub const fn exponent(bits: u32) -> i32 {
    (bits >> 23 & 0xff) as i32
}

/// The integer 128..=255 in `scale = mantissa * 2^(exponent - 134)`.
#[inline(always)]
pub const fn mantissa_bf16(scale_bf16: u16) -> i32 {
    (scale_bf16 & 0x7f | 0x80) as i32
}

/// The exponent in `scale = mantissa * 2^(exponent - 134)`, 0..=255.
#[inline(always)]
pub const fn exponent_bf16(scale_bf16: u16) -> i32 {
    (scale_bf16 >> 7) as i32
}

/// `(a * b) >> 16` for `b` from 0 to 32,767: one instruction of a DSP.
#[cfg(not(half_table))]
#[inline(always)]
pub fn multiply_shift_16(a: i32, b: i32) -> i32 {
    // The upper half of a product of 64 bits, which chips have an instruction for.
    ((i64::from(a) * i64::from(b << 16)) >> 32) as i32
}

/// `(a * b) >> 16` for `b` from 0 to 32,767, in two products of 32 bits: the chip has none of 64.
#[cfg(half_table)]
#[inline(always)]
pub fn multiply_shift_16(a: i32, b: i32) -> i32 {
    (a >> 16) * b + (((a as u32 & 0xffff) * b as u32) >> 16) as i32
}

/// `(sum * 2^sum_shift) * scale / 2^16`, rounded down: a matrix row's result from its integer sum.
///
/// `|sum| * 2^sum_shift` must be below 2^31, see [`Packed::sum_shift`](crate::packing::Packed::sum_shift), and `scale`
/// at most 32,767. The result is below 2^30.
#[inline(always)]
pub fn scale_row(sum: i32, sum_shift: u32, scale: u16) -> i32 {
    multiply_shift_16(sum << sum_shift, scale.into())
}

/// How the values of a vector become int8: `q = ((v >> shift) * reciprocal + 2^23) >> 24`.
///
/// In steps, for a vector whose largest [magnitude](magnitude_bits) is `largest`:
/// 1. `v >> shift` has 16 bits and a sign, and a magnitude of at most `m = (largest >> shift) + 1`.
/// 2. `q = (v >> shift) * 127 / m` then is within -127..=127.
/// 3. The division is a multiplication by `reciprocal = 127 * 2^24 / m`, rounded down, and a shift right by 24; adding
///    2^23 before the shift rounds to the nearest. As `m * reciprocal <= 127 * 2^24`, sums stay below 2^31.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct Quantizer {
    /// 0..=15.
    pub shift: u32,
    /// At most `127 * 2^24`.
    pub reciprocal: i32,
}

impl Quantizer {
    /// A half in units of `2^-24`: rounds to the nearest.
    const HALF: i32 = 1 << 23;

    /// Maps numbers of [magnitudes](magnitude_bits) up to `largest` to -127..=127.
    pub const fn to_fit(largest: u32) -> Quantizer {
        let shift = excess_bits(largest, 16);
        Quantizer { shift, reciprocal: ((INT8_MAX << 24) / ((largest >> shift & 0xffff) + 1)) as i32 }
    }

    /// The quantised value.
    #[inline(always)]
    pub const fn quantize(self, v: i32) -> i32 {
        ((v >> self.shift) * self.reciprocal + Quantizer::HALF) >> 24
    }

    /// The `v` that a quantised 1 stands for.
    pub fn factor(self) -> f32 {
        power_of_two((24 + self.shift) as i32) / self.reciprocal as f32
    }
}

/// Aligns a vector `v` to `sums` of another scale, to be added to them:
/// `sums = (sums >> down) + ((v >> shift) * mantissa >> 16)`; a negative `shift` shifts left.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct Alignment {
    /// 0..=31.
    pub down: u32,
    /// -31..=31.
    pub shift: i32,
    /// 0..=32,767.
    pub mantissa: i32,
}

impl Alignment {
    /// The alignment of a vector of `bits` bits in units of `scale` to sums of `sum_bits` bits in units of `sum_scale`;
    /// and the scale of the sums after the addition. The sums then have at most 30 bits.
    ///
    /// The summand is off by less than 2^-14 of itself, and both by less than 2 after their shifts. In steps:
    /// 1. In units of `sum_scale`, a value is `v * ratio`, with `ratio = scale / sum_scale`.
    /// 2. As `ratio = mantissa * 2^(exponent - 141)`, that is `(v * mantissa >> 16) * 2^up`, with `up = exponent - 125`.
    /// 3. The mantissa has 15 bits, so the summand has `bits + 15 - 16 + up`, and the sums have `sum_bits`. Shifted right
    ///    by `down`, neither may have more than 29: `down` is what the larger of them needs.
    /// 4. The shift by `down` and the one by `up` are one for `v`, and come before the product, which then fits.
    pub fn of(bits: u32, scale: f32, sum_bits: u32, sum_scale: f32) -> (Alignment, f32) {
        let ratio = (scale / sum_scale).to_bits();
        let up = exponent(ratio) - 125;
        let down = (bits as i32 + up - 30).max(sum_bits as i32 - 29).clamp(0, 31);
        let shift = (down - up).clamp(-31, 31);
        let alignment = Alignment { down: down as u32, shift, mantissa: mantissa(ratio) };
        (alignment, sum_scale * power_of_two(down))
    }
}

/// Entries of an [`ActivationTable`].
pub const ACTIVATION_STEPS: usize = 1024;

/// Bits of a table's index behind the binary point: 1024 steps over -8 <= x < 8.
pub const ACTIVATION_STEP_BITS: i32 = 6;

/// Entries of a table that are stored. As `S(-x) = 1 - S(x)`, half of them would do, and where this is looked up in Rust on a
/// small chip, or the program is short of flash, that counts more than the five instructions that it takes.
pub const STORED_STEPS: usize = if cfg!(half_table) { ACTIVATION_STEPS / 2 } else { ACTIVATION_STEPS };

/// A function `S` that rises from 0 to 1, looked up for a vector of one scale.
#[derive(Debug, Clone, Copy)]
pub struct ActivationTable<'a> {
    /// `2^15 S(x)`, the last [`STORED_STEPS`]; `x = 0` lies at the middle of all.
    pub table: &'a [u16; STORED_STEPS],
    /// Steps of the table by which a value of 1 moves on, times 2^16: 0..=64,000, so that products fit 31 bits.
    pub steps: i32,
    /// Leaves at most 15 bits and a sign of a value.
    pub shift: u32,
}

impl<'a> ActivationTable<'a> {
    /// `table` for values that are first shifted right by `shift`, and then are in units of `scale`.
    ///
    /// In steps: a value of 1 moves on by `scale * 2^STEP_BITS` entries. As `scale = mantissa * 2^(exponent - 141)`, that
    /// times 2^16 is `mantissa` shifted right by `141 - exponent - STEP_BITS - 16`. Up to 64,000, this is a shift left by
    /// one at most; a larger number would only move values that are small beside the largest of their vector.
    pub fn new(table: &'a [u16; STORED_STEPS], scale: f32, shift: u32) -> Self {
        const STEPS_MAX: i32 = 64_000;
        let bits = scale.to_bits();
        let right = 141 - exponent(bits) - ACTIVATION_STEP_BITS - 16;
        let steps = if right < -1 { STEPS_MAX } else { (2 * mantissa(bits)) >> (right + 1).min(31) };
        ActivationTable { table, steps: if steps < STEPS_MAX { steps } else { STEPS_MAX }, shift }
    }

    /// Returns `x * S(x)` of `x >> shift`, with `S` looked up in the table.
    #[inline(always)]
    pub fn activate(&self, x: i32) -> i32 {
        let x = x >> self.shift;
        let step = (x * self.steps + ((ACTIVATION_STEPS as i32 / 2) << 16)) >> 16;
        let step = if step < 0 { 0 } else { min_u32(step as u32, ACTIVATION_STEPS as u32 - 1) };
        (x * self.entry(step)) >> 15
    }

    /// Entry `step` of the whole table.
    #[cfg(not(half_table))]
    #[inline(always)]
    fn entry(&self, step: u32) -> i32 {
        self.table[step as usize].into()
    }

    /// Entry `step` of the whole table: below the middle, 1 minus that of the mirror image.
    #[cfg(half_table)]
    #[inline(always)]
    fn entry(&self, step: u32) -> i32 {
        let from_middle = step as i32 - (ACTIVATION_STEPS / 2) as i32;
        let mirrored = from_middle >> 31;
        let entry = i32::from(self.table[(from_middle ^ mirrored) as usize % STORED_STEPS]);
        (entry ^ mirrored) - mirrored + (mirrored & 1 << 15)
    }
}

/// Bits of an attention score behind the binary point.
pub const FRACTION_BITS: u32 = 8;

/// How products of `N` heads' queries with a key become scores, in powers of two:
/// `score = (product * key >> 12) * mantissas[n] >> shift`, with the key's scale `key`, and [`FRACTION_BITS`] bits behind
/// the binary point.
#[derive(Debug, Clone, Copy)]
pub struct ScoreScale<const N: usize> {
    /// One mantissa a head; 0..=4095.
    pub mantissas: [i32; N],
    /// 1..=31, so that the difference of two scores fits 31 bits.
    pub shift: u32,
}

impl<const N: usize> ScoreScale<N> {
    /// For queries in units of `scales`, and keys' scales in units of `2^key_exponent`. `to_log2` is what attention
    /// multiplies `q · k` by: `log2(e) / sqrt(head)`.
    ///
    /// Scores too large to fit are limited by the shift, which is at least 1: all weight then goes to the largest.
    /// In steps:
    /// 1. A score is `product * key * 2^key_exponent * f`, with `f = scale * to_log2`.
    /// 2. As `f = mantissa * 2^(exponent - 141)`, with the 12 upper bits of a mantissa of 15, it is
    ///    `(product * key >> 12) * (mantissa >> 3)`, shifted left by
    ///    `12 + key_exponent + 3 + exponent - 141 + FRACTION_BITS`.
    /// 3. That is negative, so its opposite is a shift right. All heads share the least of these shifts, which is that
    ///    of the head with the largest scale: the others' mantissas lose the difference.
    pub fn of(scales: [f32; N], to_log2: f32, key_exponent: i32) -> Self {
        let bits = scales.map(|scale| (scale * to_log2).to_bits());
        let right = |bits: u32| 141 - exponent(bits) - key_exponent - FRACTION_BITS as i32 - 12 - 3;
        let shift = bits.iter().fold(31, |shift: i32, &bits| shift.min(right(bits))).max(1);
        let mantissa = |bits: u32| (mantissa(bits) >> 3) >> (right(bits) - shift).clamp(0, 31);
        ScoreScale { mantissas: bits.map(mantissa), shift: shift as u32 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        assert_eq!((bits(0), bits(1), bits(255), excess_bits(256, 8), excess_bits(3, 8)), (0, 1, 8, 1, 0));
        assert_eq!(power_of_two(-3), 0.125);
    }
}
