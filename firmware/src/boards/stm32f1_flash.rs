//! The flash of the STM32F103 with up to 128 KB. Registers: PM0075, "Flash program and erase controller"; times: the chip's data sheet,
//! "Memory characteristics". A page takes at most 40 ms to be erased, a halfword 70 µs to be written.

use pac::FLASH;
use stm32_metapac as pac;

/// A page.
pub(super) const ERASE_BYTES: usize = 1024;
/// A halfword.
pub(super) const WRITE_BYTES: usize = 2;

/// Makes the page at this address the one that is erased next.
pub(super) fn choose(address: usize) -> Option<()> {
    FLASH.cr().write(|w| w.set_per(true));
    FLASH.ar().write(|w| w.set_far(address as u32));
    Some(())
}

pub(super) fn allow_writing() {
    FLASH.cr().write(|w| w.set_pg(true));
}

/// # Safety
///
/// The flash there is erased, and nothing in it is in use.
pub(super) unsafe fn write(place: *mut u8, halfword: [u8; WRITE_BYTES]) {
    // SAFETY: by the caller's promise; units of two bytes begin at even addresses.
    unsafe { place.cast::<u16>().write_volatile(u16::from_le_bytes(halfword)) }
}

pub(super) fn is_busy() -> bool {
    FLASH.sr().read().bsy()
}

pub(super) fn has_failed() -> bool {
    let status = FLASH.sr().read();
    status.pgerr() || status.wrprterr()
}

/// The chip has no cache of its flash's data.
pub(super) fn forget() {}
