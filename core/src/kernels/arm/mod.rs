//! Arm's M profile. A file for each chip lists its kernels: `dsp` for Cortex-M4, M7 and M33, `thumb2` for M3, `v6m` for M0,
//! M0+, M1 and M23. The other files hold the kernels that several of them share.

/// Begins a function that uses the DSP extension where the chip has it. The names of ARMv8-M's targets don't promise the
/// extension, so the assembler must be told.
#[cfg(arm_v8m)]
macro_rules! dsp {
    () => {
        ".cpu cortex-m33"
    };
}
#[cfg(not(any(arm_v8m, chip = "v6m")))]
macro_rules! dsp {
    () => {
        ""
    };
}

#[cfg(any(chip = "dsp", chip = "thumb2"))]
mod attention;
#[cfg(chip = "dsp")]
pub(super) mod dsp;
#[cfg(any(chip = "dsp", chip = "thumb2"))]
#[cfg_attr(half_table, allow(dead_code, unreachable_pub))]
mod elementwise;
mod matvec;
#[cfg(chip = "thumb2")]
pub(super) mod thumb2;
#[cfg(chip = "v6m")]
pub(super) mod v6m;

use super::portable;
use crate::slices::{from, rows_mut};

/// Adds the last of an odd number of positions, which kernels that take two at a time leave over; see
/// [`portable::accumulate`].
fn accumulate_last<const N: usize>(
    sums: &mut [i32],
    weights: &[[i32; N]],
    values: &[i8],
    stride: usize,
    positions: usize,
) {
    let (head, pairs) = (sums.len() / N, positions / 2);
    let (Some(word), false) = (weights.get(pairs), positions.is_multiple_of(2)) else { return };
    let last = from(values, 2 * pairs * stride);
    for (sums, word) in rows_mut(sums, head).zip(word) {
        for (sum, &value) in sums.iter_mut().zip(last) {
            *sum += (word & 0xffff) * i32::from(value);
        }
    }
}

/// Computes the weight of the last of an odd number of positions, without headroom, which kernels that take two at a time
/// leave over; see [`portable::weights`].
fn weigh_last<const N: usize>(
    totals: &mut [u32; N],
    scores: &mut [[i32; N]],
    scales: &[i32],
    largest: [i32; N],
) {
    let pairs = scales.len() / 2;
    let (Some(&score), Some(scale @ [_])) = (scores.get(2 * pairs), scales.get(2 * pairs..)) else { return };
    let mut last = [score];
    let more = portable::weights(&mut last, scale, largest, 0);
    totals.iter_mut().zip(more).for_each(|(total, more)| *total += more);
    if let Some(place) = scores.get_mut(pairs) {
        [*place] = last;
    }
}
