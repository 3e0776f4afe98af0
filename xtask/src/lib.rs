//! The work of `cargo xtask` as a library, so that the end-to-end tests build and boot firmware the same way.
//!
//! [`firmware::build`] makes an image, [`qemu::Session`] boots it and talks to it.

pub mod board;
pub mod chips;
pub mod commands;
pub mod compare;
mod esp;
mod esp32c3;
pub mod firmware;
pub mod image;
mod linux_arm;
#[cfg(feature = "log")]
mod log;
#[cfg(not(feature = "log"))]
mod no_log;
pub mod node;
pub mod packages;
pub mod paths;
pub mod process;
pub mod published;
pub mod python;
pub mod qemu;
mod reproducible;
mod terminal;
pub mod toolchain;
mod trainer;

#[cfg(not(feature = "log"))]
use no_log as log;
