//! The flash of the STM32G071. Registers: RM0444, "Embedded Flash memory"; times: the chip's data sheet, "Flash memory
//! characteristics". A page takes at most 40 ms to be erased, two words 125 µs to be written: together and once, since the chip adds bits
//! to them by which it corrects one that is wrong.

use cortex_m_rt::exception;
use pac::FLASH;
use stm32_metapac as pac;

/// A page.
pub(super) const ERASE_BYTES: usize = 2048;
/// Two words.
pub(super) const WRITE_BYTES: usize = 8;

const FLASH_START: usize = 0x0800_0000;

/// Makes the page at this address the one that is erased next.
pub(super) fn choose(address: usize) -> Option<()> {
    let number = address.checked_sub(FLASH_START)? / ERASE_BYTES;
    FLASH.cr().write(|w| {
        w.set_per(true);
        w.set_pnb(number as u8);
    });
    Some(())
}

pub(super) fn allow_writing() {
    FLASH.cr().write(|w| w.set_pg(true));
}

/// # Safety
///
/// The flash there is erased, and nothing in it is in use.
pub(super) unsafe fn write(place: *mut u8, words: [u8; WRITE_BYTES]) {
    let words = u64::from_le_bytes(words);
    let place = place.cast::<u32>();
    // SAFETY: by the caller's promise; units of eight bytes begin at a word's boundary, and so does the second word.
    unsafe {
        place.write_volatile(words as u32);
        place.wrapping_add(1).write_volatile((words >> 32) as u32);
    }
}

pub(super) fn is_busy() -> bool {
    let status = FLASH.sr().read();
    status.bsy() || status.cfgbsy()
}

pub(super) fn has_failed() -> bool {
    let status = FLASH.sr().read();
    let is_misplaced = status.pgaerr() || status.sizerr() || status.pgserr();
    status.operr() || status.progerr() || status.wrperr() || is_misplaced
}

/// The chip has no cache of its flash's data.
pub(super) fn forget() {}

/// Raised by the chip when two bits of two words are wrong, as where the power went while they were written. What is read there has
/// no checksum that fits, and is refused for that.
///
/// # Safety
///
/// Called by the chip only. It clears the reason, which a 1 does, and touches nothing else.
#[exception]
unsafe fn NonMaskableInt() {
    FLASH.eccr().modify(|w| w.set_eccd(true));
}
