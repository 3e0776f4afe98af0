//! The part that writing the flash of STM32 has in common: the lock, waiting, and the errors that the chip tells. The processor stands
//! still while the chip writes or erases.

use pac::FLASH;
use stm32_metapac as pac;

use super::flash_unit as unit;
pub(super) use super::flash_unit::{ERASE_BYTES, WRITE_BYTES};
use crate::FlashFailed;

pub(super) const CAN_WRITE: bool = true;

/// Written one after the other, they let the control register be written until it is locked.
const KEYS: [u32; 2] = [0x4567_0123, 0xcdef_89ab];

/// Erases the unit at `place`.
///
/// # Safety
///
/// The unit holds nothing that is in use.
pub(super) unsafe fn erase(place: *mut u8) -> Result<(), FlashFailed> {
    unlock();
    let has_unit = unit::choose(place.addr()).is_some();
    if has_unit {
        FLASH.cr().modify(|w| w.set_strt(true));
        // The F1 is busy a cycle later (errata of the STM32F105, 2.2.8).
        _ = FLASH.cr().read();
    }
    finish().and(if has_unit { Ok(()) } else { Err(FlashFailed) })
}

/// Writes whole units, from a unit's start on.
///
/// # Safety
///
/// The flash there is erased, and nothing in it is in use.
pub(super) unsafe fn write(place: *mut u8, bytes: &[u8]) -> Result<(), FlashFailed> {
    let (units, _) = bytes.as_chunks::<WRITE_BYTES>();
    let mut to = place;
    unlock();
    unit::allow_writing();
    for bytes in units {
        // SAFETY: by the caller's promise; the chip stores what is written like this.
        unsafe { unit::write(to, *bytes) };
        to = to.wrapping_add(WRITE_BYTES);
        wait();
    }
    finish()
}

/// Lets the control register be written, and clears old errors, which the chip does where a 1 is written.
fn unlock() {
    wait();
    // Keys out of turn lock it until a reset.
    if FLASH.cr().read().lock() {
        KEYS.iter().for_each(|&key| FLASH.keyr().write_value(key));
    }
    FLASH.sr().modify(|_| ());
}

/// Waits, locks, and says whether all has been done.
fn finish() -> Result<(), FlashFailed> {
    wait();
    FLASH.cr().write(|w| w.set_lock(true));
    unit::forget();
    if unit::has_failed() { Err(FlashFailed) } else { Ok(()) }
}

fn wait() {
    cortex_m::asm::dsb();
    // Should that have no end, the watchdog resets the chip.
    while unit::is_busy() {}
}
