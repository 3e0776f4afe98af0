//! The ESP32-C3's flash, a chip of its own that is read through a cache, by the functions of the ROM. Their addresses and types:
//! ESP-IDF, `components/esp_rom/esp32c3/ld/esp32c3.rom.ld`, `esp32c3/rom/cache.h` and `esp_rom_spiflash.h`. Memory: ESP32-C3 Technical
//! Reference Manual, "System and Memory".
//!
//! Meanwhile flash can't be read, so that what calls the ROM lies in RAM and no interrupt comes: up to 400 ms while a sector is erased
//! (Winbond's W25Q32JV), and 3 ms while a frame of the loader's is written.

use core::arch::global_asm;
use core::mem::transmute;
use core::sync::atomic::{AtomicBool, Ordering};

use super::model_region::model_region;
use crate::FlashFailed;

/// A sector.
pub(super) const ERASE_BYTES: usize = 4096;
/// The ROM writes words.
pub(super) const WRITE_BYTES: usize = 4;
pub(super) const CAN_WRITE: bool = true;

/// The ROM counts from flash's first byte. The linker script puts the region as far behind this address as it lies in flash.
const FLASH_START: usize = 0x3c00_0000;
/// Words of a frame of the loader's, the most that are written at once.
const FRAME_WORDS: usize = 32;
/// The cache maps pages of so many KiB.
const PAGE_KIB: usize = 64;
/// Pages are of flash, each behind the one before.
const OF_FLASH: usize = 0;
const IN_A_ROW: usize = 0;

/// The ROM's functions that are called while the cache stands still; each returns 0 if it did what it is for.
const MAP_DATA: usize = 0x4000_0564;
const UNLOCK: usize = 0x4000_0140;
const CONFIGURE: usize = 0x4000_0134;
const ERASE_SECTOR: usize = 0x4000_0128;
const WRITE: usize = 0x4000_012c;

/// Where the ROM has the address of what it knows of the flash: its identification, and its bytes.
const ROM_FLASH: *const *const [u32; 2] = 0x3fcd_fff0 as *const *const [u32; 2];
/// Most boards have as much, and the region reaches to its end; with less, the ROM refuses to write beyond what there is.
const FLASH_BYTES: u32 = 4 << 20;
const BLOCK_BYTES: usize = 64 << 10;
const PAGE_BYTES: usize = 256;
const STATUS_MASK: usize = 0xffff;

/// RAM's address for instructions, less its address for data.
const INSTRUCTION_BUS: usize = 0x4038_0000 - 0x3fc8_0000;

// Stops the cache (`Cache_Suspend_ICache`), calls the function in a0 with what is in a1 to a6, empties the cache
// (`Cache_Invalidate_ICache_All`) and starts it again (`Cache_Resume_ICache`), as ESP-IDF's boot loader does. Nothing here is read from
// flash: the section is copied to RAM at the start.
//
//     16(sp)  a0, later the function's result      20(sp)  whether the cache loads ahead
global_asm!(
    ".pushsection .data.without_cache, \"awx\"",
    ".balign 4",
    ".global without_cache",
    "without_cache:",
    "    addi sp, sp, -48",
    "    sw   ra, 44(sp)",
    "    sw   a1, 40(sp)",
    "    sw   a2, 36(sp)",
    "    sw   a3, 32(sp)",
    "    sw   a4, 28(sp)",
    "    sw   a5, 24(sp)",
    "    sw   a6, 12(sp)",
    "    sw   a0, 16(sp)",
    "    li   t0, 0x40000524",
    "    jalr t0",
    "    sw   a0, 20(sp)",
    "    lw   t0, 16(sp)",
    "    lw   a0, 40(sp)",
    "    lw   a1, 36(sp)",
    "    lw   a2, 32(sp)",
    "    lw   a3, 28(sp)",
    "    lw   a4, 24(sp)",
    "    lw   a5, 12(sp)",
    "    jalr t0",
    "    sw   a0, 16(sp)",
    "    li   t0, 0x400004d8",
    "    jalr t0",
    "    lw   a0, 20(sp)",
    "    li   t0, 0x40000528",
    "    jalr t0",
    "    lw   a0, 16(sp)",
    "    lw   ra, 44(sp)",
    "    addi sp, sp, 48",
    "    ret",
    ".popsection",
);

unsafe extern "C" {
    static without_cache: u8;
}

/// Calls a function of the ROM's while the cache stands still, and empties the cache.
///
/// # Safety
///
/// The function is one that may be called so, these are its arguments, and what it changes is in nobody's use.
unsafe fn call(function: usize, arguments: [usize; 6]) -> Result<(), FlashFailed> {
    type WithoutCache = unsafe extern "C" fn(usize, usize, usize, usize, usize, usize, usize) -> i32;
    let [a, b, c, d, e, f] = arguments;
    let address = (&raw const without_cache).addr() + INSTRUCTION_BUS;
    // SAFETY: there lies the function above, which has this type.
    let without = unsafe { transmute::<usize, WithoutCache>(address) };
    // SAFETY: by the caller's promise, and no interrupt's handler reads flash meanwhile.
    let result = riscv::interrupt::free(|| unsafe { without(function, a, b, c, d, e, f) });
    if result == 0 { Ok(()) } else { Err(FlashFailed) }
}

/// Makes the region for models readable at its addresses, of which the boot loader has mapped none: it maps a program's parts, and clears
/// the other entries of the table. To be called before the region is read.
pub(super) fn map_region() -> Result<(), FlashFailed> {
    let region = model_region();
    let start = region.as_ptr().addr();
    let pages = region.len().div_ceil(PAGE_KIB << 10);
    // SAFETY: of the addresses, the linker script gives none to the program, and nothing has read there.
    unsafe { call(MAP_DATA, [OF_FLASH, start, start - FLASH_START, PAGE_KIB, pages, IN_A_ROW]) }
}

/// Erases the sector at `sector`.
///
/// # Safety
///
/// The sector holds nothing that is in use.
pub(super) unsafe fn erase(sector: *mut u8) -> Result<(), FlashFailed> {
    unlock()?;
    // SAFETY: by the caller's promise.
    unsafe { call(ERASE_SECTOR, [offset(sector)? / ERASE_BYTES, 0, 0, 0, 0, 0]) }
}

/// Writes a frame of the loader's, or less.
///
/// # Safety
///
/// The flash there is erased, and nothing in it is in use.
pub(super) unsafe fn write(place: *mut u8, bytes: &[u8]) -> Result<(), FlashFailed> {
    let mut words = [u32::MAX; FRAME_WORDS];
    let (chunks, rest) = bytes.as_chunks();
    if !rest.is_empty() || chunks.len() > FRAME_WORDS {
        return Err(FlashFailed);
    }
    words.iter_mut().zip(chunks).for_each(|(to, chunk)| *to = u32::from_le_bytes(*chunk));
    // SAFETY: by the caller's promise; the words lie in RAM.
    unsafe { call(WRITE, [offset(place)?, words.as_ptr().addr(), bytes.len(), 0, 0, 0]) }
}

/// The bytes from flash's start to `place`.
fn offset(place: *mut u8) -> Result<usize, FlashFailed> {
    place.addr().checked_sub(FLASH_START).ok_or(FlashFailed)
}

/// Takes the flash's write protection away, once: that is a bit in the flash itself.
fn unlock() -> Result<(), FlashFailed> {
    static IS_UNLOCKED: AtomicBool = AtomicBool::new(false);
    if IS_UNLOCKED.load(Ordering::Relaxed) {
        return Ok(());
    }
    tell_rom_the_size()?;
    // SAFETY: nothing waits for the protection.
    unsafe { call(UNLOCK, [0; 6]) }?;
    IS_UNLOCKED.store(true, Ordering::Relaxed);
    Ok(())
}

/// Of a chip's bytes the ROM knows what stands in the boot loader's header, and refuses what lies behind. Boot loaders that were built for
/// 2 MB are common; the flash's identification says what it has.
fn tell_rom_the_size() -> Result<(), FlashFailed> {
    // SAFETY: the ROM has set the address at its start, and the boot loader what lies there.
    let [identification, bytes] = unsafe { ROM_FLASH.read_volatile().read_volatile() };
    // JEDEC's: the last byte is the logarithm of the size.
    let has_all = (FLASH_BYTES.ilog2()..32).contains(&(identification & 0xff));
    if bytes >= FLASH_BYTES || !has_all {
        return Ok(());
    }
    let facts =
        [identification as usize, FLASH_BYTES as usize, BLOCK_BYTES, ERASE_BYTES, PAGE_BYTES, STATUS_MASK];
    // SAFETY: the facts are the chip's.
    unsafe { call(CONFIGURE, facts) }
}
