//! The flash of the STM32F405 and STM32F411, its sectors of 128 KB. Registers: RM0090 and RM0383, "Embedded Flash memory interface";
//! times: the chips' data sheets, "Memory characteristics". A sector takes at most 2 s to be erased, and the watchdog waits at least
//! 22 s; a word takes 100 µs to be written. Both are done 32 bits at a time, for which the chip needs 2.7 V.

use pac::FLASH;
use pac::flash::vals::Psize;
use stm32_metapac as pac;

/// A sector.
pub(super) const ERASE_BYTES: usize = 128 * 1024;
/// A word.
pub(super) const WRITE_BYTES: usize = 4;

const FLASH_START: usize = 0x0800_0000;
/// The first 128 KB are not one sector but five, 0 to 4.
const LAST_SMALL_SECTOR: usize = 4;

/// Makes the sector at this address the one that is erased next.
pub(super) fn choose(address: usize) -> Option<()> {
    let number = number(address)?;
    FLASH.cr().write(|w| {
        w.set_psize(Psize::PSIZE32);
        w.set_ser(true);
        w.set_snb(number);
    });
    Some(())
}

/// The number of the sector of 128 KB at this address.
fn number(address: usize) -> Option<u8> {
    let count = address.checked_sub(FLASH_START)? / ERASE_BYTES;
    (count > 0).then_some((LAST_SMALL_SECTOR + count) as u8)
}

pub(super) fn allow_writing() {
    FLASH.cr().write(|w| {
        w.set_psize(Psize::PSIZE32);
        w.set_pg(true);
    });
}

/// # Safety
///
/// The flash there is erased, and nothing in it is in use.
pub(super) unsafe fn write(place: *mut u8, word: [u8; WRITE_BYTES]) {
    // SAFETY: by the caller's promise; units of four bytes begin at a word's boundary.
    unsafe { place.cast::<u32>().write_volatile(u32::from_le_bytes(word)) }
}

pub(super) fn is_busy() -> bool {
    FLASH.sr().read().bsy()
}

pub(super) fn has_failed() -> bool {
    let status = FLASH.sr().read();
    status.operr() || status.wrperr() || status.pgaerr() || status.pgperr() || status.pgserr()
}

/// Empties the cache of the flash's data, which can be done only while it is off.
pub(super) fn forget() {
    let usual = FLASH.acr().read();
    FLASH.acr().modify(|w| w.set_dcen(false));
    FLASH.acr().modify(|w| w.set_dcrst(true));
    FLASH.acr().modify(|w| w.set_dcrst(false));
    FLASH.acr().write_value(usual);
}
