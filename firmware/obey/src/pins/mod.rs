//! The boards' pins, one file each; a feature chooses which is built. Each has a lamp, a fan, an LED that breathes, and a clock for it.

#[cfg(any(feature = "mps2-an386", feature = "mps2-an385-m0"))]
mod mps2;
#[cfg(any(feature = "pico", feature = "pico2"))]
mod rp;
#[cfg(any(feature = "pico", feature = "pico2"))]
mod rp_i2c;

#[cfg(any(feature = "mps2-an386", feature = "mps2-an385-m0"))]
pub use mps2::{CLOCK_HZ, Led, Pins, clock, start};
#[cfg(any(feature = "pico", feature = "pico2"))]
pub use rp::{CLOCK_HZ, Led, Pins, clock, start};
