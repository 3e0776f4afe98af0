//! The Picos' flash, which is a chip of its own, by the functions of the ROM: RP2040 Datasheet, "Bootrom Contents", and RP2350 Datasheet,
//! "Bootrom APIs". The flash's times: Winbond's W25Q16JV.
//!
//! Meanwhile flash can't be read, so that what calls the ROM lies in RAM and no interrupt comes: at most 400 ms while a sector is
//! erased, and 3 ms for a page. Afterwards it is read in a slow way that all chips know, until the board starts again.

use core::mem::transmute;

use crate::FlashFailed;

/// A sector.
pub(super) const ERASE_BYTES: usize = 4096;
/// Half a page: the rest of it is written as ones, which change nothing.
pub(super) const WRITE_BYTES: usize = PAGE_BYTES / 2;
pub(super) const CAN_WRITE: bool = true;

const PAGE_BYTES: usize = 256;
/// The ROM counts from flash's first byte, which is read here.
const FLASH_START: usize = 0x1000_0000;
/// The ROM erases so many together where that fits, which it never does here, and by this command.
const BLOCK_BYTES: u32 = 64 << 10;
const ERASE_BLOCK: u8 = 0xd8;

/// The ROM's functions.
struct Rom {
    connect: unsafe extern "C" fn(),
    leave_reading: unsafe extern "C" fn(),
    erase: unsafe extern "C" fn(u32, usize, u32, u8),
    program: unsafe extern "C" fn(u32, *const u8, usize),
    flush: unsafe extern "C" fn(),
    enter_reading: unsafe extern "C" fn(),
}

/// Erases the sector at `sector`.
///
/// # Safety
///
/// The sector holds nothing that is in use.
pub(super) unsafe fn erase(sector: *mut u8) -> Result<(), FlashFailed> {
    let (rom, offset) = (Rom::find()?, offset(sector)?);
    // SAFETY: by the caller's promise, and no interrupt's handler reads flash meanwhile.
    cortex_m::interrupt::free(|_| unsafe { erase_in_ram(&rom, offset) });
    Ok(())
}

/// Writes half a page, or the beginning of one.
///
/// # Safety
///
/// The flash there is erased, and nothing in it is in use.
pub(super) unsafe fn write(place: *mut u8, bytes: &[u8]) -> Result<(), FlashFailed> {
    let (rom, offset) = (Rom::find()?, offset(place)?);
    let start = offset % PAGE_BYTES as u32;
    let mut page = [0xff; PAGE_BYTES];
    let part =
        page.get_mut(start as usize..).and_then(|rest| rest.get_mut(..bytes.len())).ok_or(FlashFailed)?;
    part.iter_mut().zip(bytes).for_each(|(to, byte)| *to = *byte);
    // SAFETY: by the caller's promise, and no interrupt's handler reads flash meanwhile.
    cortex_m::interrupt::free(|_| unsafe { program_in_ram(&rom, offset - start, &page) });
    Ok(())
}

/// The bytes from flash's start to `place`.
fn offset(place: *mut u8) -> Result<u32, FlashFailed> {
    place.addr().checked_sub(FLASH_START).map(|offset| offset as u32).ok_or(FlashFailed)
}

/// # Safety
///
/// The sector holds nothing that is in use, and no interrupt comes.
#[inline(never)]
#[unsafe(link_section = ".data.rp_flash")]
unsafe extern "C" fn erase_in_ram(rom: &Rom, offset: u32) {
    // SAFETY: by the caller's promise, and in the order that the data sheet gives.
    unsafe {
        (rom.connect)();
        (rom.leave_reading)();
        (rom.erase)(offset, ERASE_BYTES, BLOCK_BYTES, ERASE_BLOCK);
        (rom.flush)();
        (rom.enter_reading)();
    }
}

/// # Safety
///
/// The page's bytes that aren't ones are erased, nothing in it is in use, and no interrupt comes.
#[inline(never)]
#[unsafe(link_section = ".data.rp_flash")]
unsafe extern "C" fn program_in_ram(rom: &Rom, offset: u32, page: &[u8; PAGE_BYTES]) {
    // SAFETY: as above.
    unsafe {
        (rom.connect)();
        (rom.leave_reading)();
        (rom.program)(offset, page.as_ptr(), PAGE_BYTES);
        (rom.flush)();
        (rom.enter_reading)();
    }
}

impl Rom {
    /// Looks them up by the letters of their names.
    fn find() -> Result<Rom, FlashFailed> {
        let function = |name: [u8; 2]| {
            let address = address(u16::from_le_bytes(name).into());
            if address == 0 { Err(FlashFailed) } else { Ok(address) }
        };
        // SAFETY: by these names the ROM has functions of these types.
        unsafe {
            Ok(Rom {
                connect: transmute::<usize, unsafe extern "C" fn()>(function(*b"IF")?),
                leave_reading: transmute::<usize, unsafe extern "C" fn()>(function(*b"EX")?),
                erase: transmute::<usize, unsafe extern "C" fn(u32, usize, u32, u8)>(function(*b"RE")?),
                program: transmute::<usize, unsafe extern "C" fn(u32, *const u8, usize)>(function(*b"RP")?),
                flush: transmute::<usize, unsafe extern "C" fn()>(function(*b"FC")?),
                enter_reading: transmute::<usize, unsafe extern "C" fn()>(function(*b"CX")?),
            })
        }
    }
}

/// The halfword at an address of the ROM's: another address there.
fn pointer(at: usize) -> usize {
    // SAFETY: only the addresses below are passed, which the data sheets name.
    unsafe { (at as *const u16).read_volatile() }.into()
}

/// The address of the ROM's function of this name; 0 where there is none.
#[cfg(feature = "pico")]
fn address(name: u32) -> usize {
    /// Where the addresses of a table of functions and of the function that searches it are.
    const TABLE: usize = 0x14;
    const SEARCH: usize = 0x18;
    let search = pointer(SEARCH);
    if search == 0 {
        return 0;
    }
    // SAFETY: the ROM's function has this type.
    let search = unsafe { transmute::<usize, unsafe extern "C" fn(usize, u32) -> usize>(search) };
    // SAFETY: the table is the one that it is for.
    unsafe { search(pointer(TABLE), name) }
}

/// The address of the ROM's function of this name; 0 where there is none.
#[cfg(feature = "pico2")]
fn address(name: u32) -> usize {
    /// Where the address of the function is that searches.
    const SEARCH: usize = 0x16;
    /// For Arm, and secure, as the chip starts.
    const ARM_SECURE: u32 = 4;
    let search = pointer(SEARCH);
    if search == 0 {
        return 0;
    }
    // SAFETY: the ROM's function has this type.
    let search = unsafe { transmute::<usize, unsafe extern "C" fn(u32, u32) -> usize>(search) };
    // SAFETY: it only looks.
    unsafe { search(name, ARM_SECURE) }
}
