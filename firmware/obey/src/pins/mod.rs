//! The boards' pins, one file each; a feature chooses which is built. Each has a lamp, a fan, an LED that breathes, and a clock for it.

#[cfg(any(feature = "mps2-an386", feature = "mps2-an385-m0"))]
mod mps2;
#[cfg(feature = "pico")]
mod pico;
#[cfg(feature = "pico")]
mod pico_i2c;

#[cfg(any(feature = "mps2-an386", feature = "mps2-an385-m0"))]
pub use mps2::{CLOCK_HZ, Led, Pins, clock, start};
#[cfg(feature = "pico")]
pub use pico::{CLOCK_HZ, Led, Pins, clock, start};
