//! The functions of the ESP32-C3's ROM that the firmware calls, and what the boot loaders do before it starts. Addresses: ESP-IDF,
//! `components/esp_rom/esp32c3/ld/esp32c3.rom.ld`; the boot loader: `components/bootloader_support`; the program's form: "App Image Format".
//!
//! A program that calls a function where a real chip would hang or read what isn't there is refused.

use std::ops::Range;

use anyhow::{Context, Result, bail, ensure};
use pipsqueak_talk::flash::esptool::BEGINNING;
use sha2::{Digest, Sha256};

use super::chip::{Chip, FLASH_BYTES};
use super::processor::{Bus, Processor};
use crate::esp;

const PROGRAM: usize = esp::PROGRAM as usize;
/// The bytes of a program's partition in the usual tables.
const PROGRAM_BYTES: usize = 1 << 20;
const CHECKSUM_SEED: u8 = 0xef;
const DESCRIPTION: u32 = 0xabcd_5432;
/// Where in the description the versions of fuses are that the program runs with, and a chip's of today, 1.4.
const FUSES: usize = 176;
const FUSES_VERSION: u32 = 104;
const PAGE_BYTES: usize = 64 << 10;

const FUNCTIONS: Range<u32> = 0x4000_0000..0x4006_0000;
/// Where the ROM keeps the address of what it knows of the flash.
const FLASH_POINTER: u32 = 0x3fcd_fff0;
const FLASH_FACTS: u32 = 0x3fcd_e000;
/// Winbond's 4 MB; and the bytes by a boot loader that was built for 2 MB.
const IDENTIFICATION: u32 = 0x00ef_4016;
const SAID_BYTES: u32 = 2 << 20;
const SECTOR_BYTES: u32 = 4096;
const FAILED: u32 = 1;

/// The registers for the return address and the first argument.
const RETURN: usize = 1;
const FIRST: usize = 10;
/// The registers that a function need not keep.
const SCRATCH: [usize; 15] = [5, 6, 7, 11, 12, 13, 14, 15, 16, 17, 28, 29, 30, 31, FIRST];

/// The ROM's state.
pub(super) struct Rom {
    is_unlocked: bool,
    flash_bytes: u32,
}

impl Rom {
    /// Starts the program in flash, as the boot loaders do.
    pub(super) fn boot(chip: &mut Chip) -> Result<(Rom, Processor)> {
        chip.reset();
        let file = chip.flash.get(PROGRAM..PROGRAM + PROGRAM_BYTES).context("flash is too small")?.to_vec();
        let word =
            |at: usize| u32::from_le_bytes(std::array::from_fn(|i| file.get(at + i).copied().unwrap_or(0)));
        ensure!(file.starts_with(&BEGINNING), "no program of two parts is in flash");
        ensure!(word(24 + 8) == DESCRIPTION, "the program has no description");
        ensure!(word(24 + 8 + FUSES) >> 16 >= FUSES_VERSION, "the program is for chips of other fuses");
        let (mut at, mut checksum) = (24, CHECKSUM_SEED);
        for _ in 0..2 {
            let (address, bytes) = (word(at), word(at + 4) as usize);
            at += 8;
            let part = file.get(at..at + bytes).context("the program is longer than its partition")?;
            checksum = part.iter().fold(checksum, |sum, byte| sum ^ byte);
            ensure!((PROGRAM + at) % PAGE_BYTES == address as usize % PAGE_BYTES, "a part can't be mapped");
            let pages = (address as usize % PAGE_BYTES + bytes).div_ceil(PAGE_BYTES);
            chip.map(address, (PROGRAM + at) / PAGE_BYTES * PAGE_BYTES, pages)?;
            at += bytes;
        }
        let end = (at + 1).next_multiple_of(16);
        ensure!(end + 32 <= file.len(), "the program is longer than its partition");
        ensure!(file[end - 1] == checksum, "the program's checksum is wrong");
        ensure!(file[end..end + 32] == Sha256::digest(&file[..end])[..], "the program's hash is wrong");
        chip.store(FLASH_POINTER, 4, FLASH_FACTS)?;
        chip.store(FLASH_FACTS, 4, IDENTIFICATION)?;
        chip.store(FLASH_FACTS + 4, 4, SAID_BYTES)?;
        Ok((Rom { is_unlocked: false, flash_bytes: SAID_BYTES }, Processor::new(word(4), FLASH_FACTS)))
    }

    /// Does what a function does if the processor has come to one, and returns from it.
    pub(super) fn serve(&mut self, processor: &mut Processor, chip: &mut Chip) -> Result<()> {
        if !FUNCTIONS.contains(&processor.pc) {
            return Ok(());
        }
        let arguments: [u32; 6] = std::array::from_fn(|i| processor.x[FIRST + i]);
        let result = self.call(processor.pc, arguments, chip)?;
        let is_quiet = chip.cache_runs || !processor.is_open;
        ensure!(is_quiet, "an interrupt may come while flash can't be read");
        SCRATCH.into_iter().for_each(|register| processor.x[register] = 0x5a5a_5a5a);
        processor.x[FIRST] = result;
        processor.pc = processor.x[RETURN];
        Ok(())
    }

    fn call(&mut self, function: u32, arguments: [u32; 6], chip: &mut Chip) -> Result<u32> {
        /// Autoload as it is before a program turns it off.
        const LOADS_AHEAD: u32 = 1 << 2;
        let [a, b, c, ..] = arguments;
        let changes_flash =
            matches!(function, 0x4000_0128 | 0x4000_012c | 0x4000_0140 | 0x4000_0564 | 0x4000_04d8);
        ensure!(
            !(changes_flash && chip.cache_runs),
            "the function {function:#x} is called while the cache runs"
        );
        match function {
            // Cache_Suspend_ICache, Cache_Resume_ICache, Cache_Invalidate_ICache_All
            0x4000_0524 => {
                ensure!(chip.cache_runs, "the cache is stopped twice");
                chip.cache_runs = false;
                return Ok(LOADS_AHEAD);
            }
            0x4000_0528 => {
                ensure!(a == LOADS_AHEAD, "the cache would not load ahead any more");
                chip.cache_runs = true;
            }
            0x4000_04d8 => chip.empty_cache(),
            // Cache_Dbus_MMU_Set
            0x4000_0564 => {
                let [kind, address, offset, kib, count, fixed] = arguments;
                let is_aligned =
                    [address, offset].into_iter().all(|place| (place as usize).is_multiple_of(PAGE_BYTES));
                ensure!((kind, kib, fixed) == (0, 64, 0) && is_aligned, "pages are mapped wrongly");
                chip.map(address, offset as usize, count as usize)?;
            }
            // esp_rom_spiflash_config_param
            0x4000_0134 => {
                ensure!(
                    arguments == [IDENTIFICATION, 4 << 20, 64 << 10, 4 << 10, 256, 0xffff],
                    "other flash"
                );
                self.flash_bytes = b;
            }
            // esp_rom_spiflash_unlock, esp_rom_spiflash_erase_sector, esp_rom_spiflash_write
            0x4000_0140 => self.is_unlocked = true,
            0x4000_0128 | 0x4000_012c if !self.is_unlocked => return Ok(FAILED),
            0x4000_0128 => {
                match a
                    .checked_mul(SECTOR_BYTES)
                    .filter(|start| start.saturating_add(SECTOR_BYTES) <= self.flash_bytes)
                {
                    Some(start) => chip.change(start as usize, SECTOR_BYTES as usize, |_, _| 0xff)?,
                    None => return Ok(FAILED),
                }
            }
            0x4000_012c if a.saturating_add(c) > self.flash_bytes => return Ok(FAILED),
            0x4000_012c => self.write(a, b, c, chip)?,
            // rom_i2c_writeReg_Mask, of the converters
            0x4000_1960 => ensure!(arguments[..3] == [0x69, 0, 7], "another analog part is written"),
            _ => bail!("the ROM has no function at {function:#x} that is known here"),
        }
        Ok(0)
    }

    fn write(&self, offset: u32, from: u32, count: u32, chip: &mut Chip) -> Result<()> {
        ensure!(
            (offset | from | count).is_multiple_of(4),
            "the ROM writes words, and {count} bytes from {from:#x} are none"
        );
        let bytes = (0..count).map(|i| Ok(chip.load(from + i, 1)? as u8)).collect::<Result<Vec<_>>>()?;
        chip.change(offset as usize, bytes.len(), |i, held| held & bytes[i])
    }
}

const _: () = assert!(PROGRAM + PROGRAM_BYTES < FLASH_BYTES);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::esp32c3::processor::Step;
    use pipsqueak_talk::flash::Part;

    /// A chip with this program in flash.
    fn chip(code: &[u32]) -> Chip {
        let code: Vec<u8> = code.iter().flat_map(|word| word.to_le_bytes()).collect();
        let part = |address, bytes| Part { what: "firmware", address, bytes };
        let mut description = [0; 256];
        description[..4].copy_from_slice(&DESCRIPTION.to_le_bytes());
        description[FUSES + 2..][..2].fill(0xff);
        let parts = [part(0x3c00_0020, description.to_vec()), part(0x4240_0020, code)];
        let program = esp::encode(&parts, 0x4240_0020).unwrap();
        let mut flash = vec![0xff; FLASH_BYTES];
        flash[PROGRAM..][..program.len()].copy_from_slice(&program);
        Chip::new(flash)
    }

    /// The result of so many instructions of a program's.
    fn run(code: &[u32], count: usize) -> Result<()> {
        let mut chip = chip(code);
        let (mut rom, mut processor) = Rom::boot(&mut chip)?;
        for _ in 0..count {
            ensure!(processor.step(&mut chip)? == Step::Done);
            rom.serve(&mut processor, &mut chip)?;
        }
        Ok(())
    }

    const NOTHING: u32 = 0x13;

    #[test]
    fn a_program_starts_if_it_is_whole() {
        run(&[NOTHING], 1).unwrap();
        for (at, bytes, error) in [
            (0x20, 1, "no description"),
            (0xd2, 2, "other fuses"),
            (0x1_0020, 1, "checksum is wrong"),
            (0xd, 1, "hash is wrong"),
        ] {
            let mut chip = chip(&[NOTHING]);
            chip.change(PROGRAM + at, bytes, |_, held| !held).unwrap();
            let said = Rom::boot(&mut chip).err().unwrap().to_string();
            assert!(said.ends_with(error), "{said}");
        }
    }

    /// lui a0, 0x3c110; lw a0, 0(a0): the region for models. csrr a0, mie. sw a0, 0(zero). lui t0, 0x40000; jalr ra, 0x128(t0).
    #[test]
    fn what_no_real_chip_allows_is_refused() {
        for (code, error) in [
            ([0x3c11_0537, 0x0005_2503], "no page is mapped there, or the cache stands still"),
            ([NOTHING, 0x3040_2573], "the chip has no control register 0x304"),
            ([NOTHING, 0x00a0_2023], "where nothing takes them"),
            ([0x4000_02b7, 0x1282_80e7], "the function 0x40000128 is called while the cache runs"),
        ] {
            let said = run(&code, 2).unwrap_err().to_string();
            assert!(said.contains(error), "{said}");
        }
    }

    #[test]
    fn flash_is_changed_as_the_rom_does_and_the_cache_shows_it_once_it_is_empty() {
        let (suspend, resume, empty) = (0x4000_0524, 0x4000_0528, 0x4000_04d8);
        let (map, unlock, size, erase, write) =
            (0x4000_0564, 0x4000_0140, 0x4000_0134, 0x4000_0128, 0x4000_012c);
        let (place, offset, ram) = (0x3c11_0000, 0x11_0000, 0x3fc8_0000);
        let mut chip = chip(&[NOTHING]);
        let (mut rom, _) = Rom::boot(&mut chip).unwrap();
        let mut call = |chip: &mut Chip, function, arguments: &[u32]| {
            let arguments = std::array::from_fn(|i| arguments.get(i).copied().unwrap_or(0));
            rom.call(function, arguments, chip).unwrap()
        };
        chip.store(ram, 4, 0x1234_5678).unwrap();
        let autoload = call(&mut chip, suspend, &[]);
        assert_eq!(call(&mut chip, map, &[0, place, offset, 64, 47, 0]), 0);
        assert_eq!(call(&mut chip, write, &[offset, ram, 4]), FAILED, "protected");
        call(&mut chip, unlock, &[]);
        assert_eq!(call(&mut chip, write, &[offset, ram, 4]), 0);
        assert_eq!(call(&mut chip, write, &[2 << 20, ram, 4]), FAILED, "behind what the boot loader says");
        assert_eq!(call(&mut chip, erase, &[512]), FAILED, "the same");
        call(&mut chip, size, &[IDENTIFICATION, 4 << 20, 64 << 10, 4 << 10, 256, 0xffff]);
        assert_eq!(call(&mut chip, erase, &[512]), 0);
        call(&mut chip, resume, &[autoload]);
        assert_eq!(chip.load(place, 4).unwrap(), u32::MAX, "the cache shows what was there");
        call(&mut chip, suspend, &[]);
        call(&mut chip, empty, &[]);
        // Ones become zeros alone.
        chip.store(ram, 4, 0xffff_0000).unwrap();
        call(&mut chip, write, &[offset, ram, 4]);
        call(&mut chip, resume, &[autoload]);
        assert_eq!(chip.load(place, 4).unwrap(), 0x1234_5678);
        call(&mut chip, suspend, &[]);
        call(&mut chip, empty, &[]);
        call(&mut chip, resume, &[autoload]);
        assert_eq!(chip.load(place, 4).unwrap(), 0x1234_0000);
    }
}
