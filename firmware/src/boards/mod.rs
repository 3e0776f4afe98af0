//! The boards, one file each; a feature chooses which is built.
//!
//! A board is a type `ThisBoard` with `start() -> (ThisBoard, impl Serial)`, and `last_port() -> impl Write`, which the handlers
//! in [`last_words`] use when all else has failed. `unsafe` is allowed here and nowhere else in the firmware: registers
//! are memory, and the linker's symbols are addresses.
#![allow(unsafe_code)]

use core::sync::atomic::{AtomicBool, Ordering};

#[cfg(feature = "black-pill")]
mod black_pill;
#[cfg(feature = "blue-pill")]
mod blue_pill;
#[cfg(feature = "esp32c3")]
mod esp32c3;
#[cfg(feature = "esp32c3")]
mod esp32c3_noise;
#[cfg(target_arch = "riscv32")]
mod exception;
#[cfg_attr(emulator, path = "emulated_flash.rs")]
#[cfg_attr(family = "esp", path = "esp32c3_flash.rs")]
#[cfg_attr(family = "nrf", path = "nrf_flash.rs")]
#[cfg_attr(family = "rp", path = "rp_flash.rs")]
#[cfg_attr(family = "stm32", path = "stm32_flash.rs")]
mod flash;
#[cfg(family = "stm32")]
#[cfg_attr(feature = "blue-pill", path = "stm32f1_flash.rs")]
#[cfg_attr(any(feature = "stm32f405", feature = "black-pill"), path = "stm32f4_flash.rs")]
#[cfg_attr(feature = "nucleo-g071rb", path = "stm32g0_flash.rs")]
mod flash_unit;
#[cfg(target_arch = "arm")]
mod hard_fault;
mod last_words;
#[cfg(target_arch = "arm")]
mod memory;
#[cfg(feature = "microbit-v1")]
mod microbit_v1;
#[cfg(feature = "microbit-v2")]
mod microbit_v2;
mod model_region;
#[cfg(all(emulator, target_arch = "arm"))]
mod mps2;
#[cfg(any(feature = "mps2-an385", feature = "mps2-an385-m0", feature = "blue-pill-memory"))]
mod mps2_an385;
#[cfg(feature = "mps2-an386")]
mod mps2_an386;
#[cfg(feature = "mps2-an505")]
mod mps2_an505;
#[cfg(family = "nrf")]
mod nrf;
#[cfg(feature = "nrf52840-dk")]
mod nrf52840_dk;
#[cfg(family = "nrf")]
#[cfg_attr(feature = "microbit-v1", path = "nrf51_pins.rs")]
#[cfg_attr(not(feature = "microbit-v1"), path = "nrf52_pins.rs")]
mod nrf_pins;
#[cfg(feature = "nucleo-g071rb")]
mod nucleo_g071rb;
#[cfg(feature = "pico")]
mod pico;
#[cfg(feature = "pico2")]
mod pico2;
#[cfg(family = "rp")]
mod rp;
mod stack;
#[cfg(family = "stm32")]
mod stm32;
#[cfg(any(feature = "stm32f405", feature = "black-pill"))]
mod stm32f4;
#[cfg(feature = "stm32f405")]
mod stm32f405;
#[cfg(feature = "pico")]
mod usb_busy_bus;
#[cfg(family = "rp")]
mod usb_serial;
#[cfg(feature = "virt-rv32")]
mod virt_rv32;

pub use model_region::{model_region, parts};
pub use stack::spare_ram;

#[cfg(feature = "black-pill")]
use black_pill::BlackPill as ThisMachine;
#[cfg(feature = "blue-pill")]
use blue_pill::BluePill as ThisMachine;
#[cfg(feature = "microbit-v1")]
use microbit_v1::MicrobitV1 as ThisMachine;
#[cfg(feature = "microbit-v2")]
use microbit_v2::MicrobitV2 as ThisMachine;
#[cfg(any(feature = "mps2-an385", feature = "mps2-an385-m0", feature = "blue-pill-memory"))]
use mps2_an385::An385 as ThisMachine;
#[cfg(feature = "mps2-an386")]
use mps2_an386::An386 as ThisMachine;
#[cfg(feature = "mps2-an505")]
use mps2_an505::An505 as ThisMachine;
#[cfg(feature = "nrf52840-dk")]
use nrf52840_dk::Nrf52840Dk as ThisMachine;
#[cfg(feature = "nucleo-g071rb")]
use nucleo_g071rb::NucleoG071rb as ThisMachine;
#[cfg(feature = "pico")]
use pico::Pico as ThisMachine;
#[cfg(feature = "pico2")]
use pico2::Pico2 as ThisMachine;
#[cfg(feature = "stm32f405")]
use stm32f405::Stm32f405 as ThisMachine;

/// The board that the image is for.
#[cfg(all(emulator, target_arch = "arm"))]
pub type ThisBoard = mps2::Mps2<ThisMachine>;
/// The board that the image is for.
#[cfg(family = "nrf")]
pub type ThisBoard = nrf::Nrf<ThisMachine>;
/// The board that the image is for.
#[cfg(family = "stm32")]
pub type ThisBoard = stm32::Stm32<ThisMachine>;
/// The board that the image is for.
#[cfg(family = "rp")]
pub type ThisBoard = rp::Rp<ThisMachine>;
#[cfg(feature = "esp32c3")]
pub use esp32c3::Esp32c3 as ThisBoard;
#[cfg(feature = "virt-rv32")]
pub use virt_rv32::VirtRv32 as ThisBoard;

/// The attribute of `main`.
#[cfg(target_arch = "arm")]
pub use cortex_m_rt::entry;
/// The attribute of `main`.
#[cfg(target_arch = "riscv32")]
pub use riscv_rt::entry;

// The log's way out.
#[cfg(all(feature = "defmt", not(emulator)))]
use defmt_rtt as _;

/// An emulator's whole worth is that it repeats.
#[cfg(emulator)]
const EMULATOR_SEED: u64 = 42;

/// Whether the loader can write the flash for models; where it can't, a drive or a probe does.
pub const CAN_LOAD: bool = flash::CAN_WRITE;

/// The flash for models; none for every call but the first, or if it can't be made readable.
pub fn model_flash() -> Option<model_region::ModelRegion> {
    static IS_TAKEN: AtomicBool = AtomicBool::new(false);
    if IS_TAKEN.load(Ordering::Relaxed) {
        return None;
    }
    IS_TAKEN.store(true, Ordering::Relaxed);
    #[cfg(family = "esp")]
    flash::map_region().ok()?;
    // SAFETY: called once, as `main` alone calls this, and a program that does so has no other use for the region.
    Some(unsafe { model_region::ModelRegion::new() })
}

/// Sleeps until an interrupt comes, unless something has been received already.
fn sleep(received: &crate::Received) {
    // An interrupt that comes between the look and `wfi` wakes the chip all the same, and is handled after.
    #[cfg(target_arch = "arm")]
    cortex_m::interrupt::free(|_| {
        if received.is_empty() {
            cortex_m::asm::wfi();
        }
    });
    #[cfg(target_arch = "riscv32")]
    riscv::interrupt::free(|| {
        if received.is_empty() {
            riscv::asm::wfi();
        }
    });
}

/// Starts the board again, as its reset button does.
pub fn restart() -> ! {
    #[cfg(family = "rp")]
    rp::reset();
    #[cfg(all(target_arch = "arm", not(family = "rp")))]
    cortex_m::peripheral::SCB::sys_reset();
    #[cfg(feature = "virt-rv32")]
    virt_rv32::reset();
    #[cfg(feature = "esp32c3")]
    esp32c3::reset();
}

/// Ends QEMU.
#[cfg(emulator)]
pub fn exit(succeeded: bool) -> ! {
    semihosting::process::exit(i32::from(!succeeded))
}

/// A chip has nothing to end in: it stands still until it is reset, by a hand or by the watchdog.
#[cfg(not(emulator))]
pub fn exit(_succeeded: bool) -> ! {
    #[cfg(target_arch = "arm")]
    cortex_m::interrupt::disable();
    loop {
        core::hint::spin_loop();
    }
}

/// Looks at a chip's flag until it is raised, but not forever: some emulators have no flags. False where it never was.
#[cfg(not(emulator))]
fn wait_until(is_ready: impl Fn() -> bool) -> bool {
    /// Far longer than an oscillator takes, and still a part of a second.
    const LOOKS: u32 = 200_000;
    (0..LOOKS).any(|_| is_ready())
}
