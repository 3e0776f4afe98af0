//! Arm's M profile, a file a chip: [`dsp`] for Cortex-M4, M7 and M33, [`thumb2`] for M3, [`v6m`] for M0, M0+, M1 and M23;
//! and what several of them share.

#[cfg(any(arm_dsp, arm_thumb2))]
pub(super) mod attention;
#[cfg(arm_dsp)]
pub(super) mod dsp;
#[cfg(any(arm_dsp, arm_thumb2))]
pub(super) mod elementwise;
mod matvec;
#[cfg(arm_thumb2)]
pub(super) mod thumb2;
#[cfg(arm_v6m)]
pub(super) mod v6m;
