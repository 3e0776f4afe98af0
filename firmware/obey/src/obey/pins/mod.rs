//! The boards' pins, one file each; a feature chooses which is built.

#[cfg(any(feature = "mps2-an386", feature = "mps2-an385-m0"))]
mod mps2;

#[cfg(any(feature = "mps2-an386", feature = "mps2-an385-m0"))]
pub(crate) use mps2::{Led, millis, start};
