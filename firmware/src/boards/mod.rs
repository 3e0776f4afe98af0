//! The boards, one file each; a feature chooses which is built.
//!
//! A board is a type `ThisBoard` with `start() -> (ThisBoard, impl Serial)`, and `last_port() -> impl Write`, which the handlers
//! in [`last_words`] use when all else has failed. `unsafe` is allowed here and nowhere else in the firmware: registers
//! are memory, and the linker's symbols are addresses.
#![allow(unsafe_code)]

use core::sync::atomic::{AtomicBool, Ordering};

#[cfg(target_arch = "arm")]
mod hard_fault;
mod last_words;
#[cfg(target_arch = "arm")]
mod memory;
mod model_region;
#[cfg(target_arch = "arm")]
mod mps2;
#[cfg(any(feature = "mps2-an385", feature = "mps2-an385-m0"))]
mod mps2_an385;
#[cfg(feature = "mps2-an386")]
mod mps2_an386;
#[cfg(feature = "mps2-an505")]
mod mps2_an505;
mod stack;
#[cfg(feature = "virt-rv32")]
mod virt_rv32;

pub use model_region::model_region;
pub use stack::spare_ram;

#[cfg(any(feature = "mps2-an385", feature = "mps2-an385-m0"))]
use mps2_an385::An385 as ThisMachine;
#[cfg(feature = "mps2-an386")]
use mps2_an386::An386 as ThisMachine;
#[cfg(feature = "mps2-an505")]
use mps2_an505::An505 as ThisMachine;

/// The board that the image is for.
#[cfg(target_arch = "arm")]
pub type ThisBoard = mps2::Mps2<ThisMachine>;
#[cfg(feature = "virt-rv32")]
pub use virt_rv32::VirtRv32 as ThisBoard;

/// The attribute of `main`.
#[cfg(target_arch = "arm")]
pub use cortex_m_rt::entry;
/// The attribute of `main`.
#[cfg(target_arch = "riscv32")]
pub use riscv_rt::entry;

/// An emulator's whole worth is that it repeats.
const EMULATOR_SEED: u64 = 42;

/// The flash for models, as the loader writes it; none for every call but the first.
pub fn model_flash() -> Option<model_region::RamAsFlash> {
    static IS_TAKEN: AtomicBool = AtomicBool::new(false);
    if IS_TAKEN.load(Ordering::Relaxed) {
        return None;
    }
    IS_TAKEN.store(true, Ordering::Relaxed);
    // The boards that QEMU emulates.
    let is_ram = cfg!(any(
        feature = "mps2-an385",
        feature = "mps2-an385-m0",
        feature = "mps2-an386",
        feature = "mps2-an505",
        feature = "virt-rv32"
    ));
    // SAFETY: called once, as `main` alone calls this, and a program that does so has no other use for the region. The machines above
    // have RAM there.
    Some(unsafe { model_region::RamAsFlash::new(is_ram) })
}

/// Starts the board again, as its reset button does.
pub fn restart() -> ! {
    #[cfg(target_arch = "arm")]
    cortex_m::peripheral::SCB::sys_reset();
    #[cfg(target_arch = "riscv32")]
    virt_rv32::reset();
}

/// Ends QEMU.
pub fn exit(succeeded: bool) -> ! {
    semihosting::process::exit(i32::from(!succeeded))
}
