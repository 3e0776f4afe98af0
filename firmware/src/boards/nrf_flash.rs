//! The flash of the nRF51 and nRF52. Registers and times: nRF51 Series Reference Manual 3.0, and the nRF52833 and nRF52840
//! Product Specifications, "NVMC".
//!
//! The processor stands still meanwhile: less than 100 ms while a page is erased, and 50 µs a word.

use nrf_pac as pac;
use pac::nvmc::vals::Wen;

use crate::FlashFailed;

/// A page.
#[cfg(feature = "microbit-v1")]
pub(super) const ERASE_BYTES: usize = 1024;
/// A page.
#[cfg(not(feature = "microbit-v1"))]
pub(super) const ERASE_BYTES: usize = 4096;
/// A word.
pub(super) const WRITE_BYTES: usize = 4;
pub(super) const CAN_WRITE: bool = true;

/// Erases the page at `page`.
///
/// # Safety
///
/// The page holds nothing that is in use.
pub(super) unsafe fn erase(page: *mut u8) -> Result<(), FlashFailed> {
    allow(Wen::Een);
    pac::NVMC.erasepage().write_value(page.addr() as u32);
    allow(Wen::Ren);
    Ok(())
}

/// Writes whole words, from a word's start on.
///
/// # Safety
///
/// The flash there is erased, and nothing in it is in use.
pub(super) unsafe fn write(place: *mut u8, bytes: &[u8]) -> Result<(), FlashFailed> {
    let (words, _) = bytes.as_chunks::<WRITE_BYTES>();
    let mut to = place.cast::<u32>();
    allow(Wen::Wen);
    for word in words {
        // SAFETY: by the caller's promise; the region for models begins at a page, and so a word's start is on a word's boundary.
        unsafe { to.write_volatile(u32::from_le_bytes(*word)) };
        to = to.wrapping_add(1);
        wait();
    }
    allow(Wen::Ren);
    Ok(())
}

/// Sets what may be done to flash, where all before has been done.
fn allow(access: Wen) {
    wait();
    pac::NVMC.config().write(|w| w.set_wen(access));
}

fn wait() {
    cortex_m::asm::dsb();
    // Should that have no end, the watchdog resets the chip.
    while !pac::NVMC.ready().read().ready() {}
}
