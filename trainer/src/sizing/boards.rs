//! Real boards, their flash and RAM, and how much of these the firmware takes beside the model.

use anyhow::{Result, anyhow};
use pipsqueak::{Config, Precision};

/// A board to buy, or to emulate.
#[derive(Debug, Clone, Copy)]
pub struct Board {
    /// Its maker's name for it.
    pub name: &'static str,
    /// The chip and its processor.
    pub chip: &'static str,
    /// Flash, in bytes.
    pub flash_bytes: u64,
    /// The largest contiguous RAM, in bytes.
    pub ram_bytes: u64,
}

const KIB: u64 = 1024;

/// The boards that `inspect` lists, with sizes from their makers' data sheets.
pub const BOARDS: [Board; 16] = [
    board("micro:bit v1", "nRF51822, Cortex-M0", 256, 16),
    board("Blue Pill", "STM32F103C8, Cortex-M3", 64, 20),
    board("Arduino Zero", "SAMD21G18, Cortex-M0+", 256, 32),
    board("Nucleo-G071RB", "STM32G071RB, Cortex-M0+", 128, 36),
    board("Nucleo-L476RG", "STM32L476RG, Cortex-M4F", 1024, 96),
    board("micro:bit v2", "nRF52833, Cortex-M4F", 512, 128),
    board("Black Pill", "STM32F411CE, Cortex-M4F", 512, 128),
    board("STM32F405", "STM32F405RG, Cortex-M4F", 1024, 128),
    board("nRF52840 DK", "nRF52840, Cortex-M4F", 1024, 256),
    board("Arduino Nano 33 BLE", "nRF52840, Cortex-M4F", 1024, 256),
    board("Raspberry Pi Pico", "RP2040, Cortex-M0+", 2048, 256),
    board("Raspberry Pi Pico 2", "RP2350, Cortex-M33 or RV32IMAC", 4096, 512),
    // Of its 400 KB, the cache and the chip's ROM have 80.
    board("ESP32-C3-DevKitM", "ESP32-C3, RV32IMC", 4096, 320),
    board("Teensy 4.1", "i.MX RT1062, Cortex-M7", 7936, 512),
    board("Nucleo-H743ZI", "STM32H743ZI, Cortex-M7", 2048, 512),
    board("mps2-an386 (QEMU)", "Cortex-M4F", 4096, 4096),
];

/// The board that has this in its name or its chip's, whatever the case and punctuation. A whole name comes first, then the end of
/// a single one: a «pico» is no Pico 2.
///
/// # Errors
/// If there is none, or more than one; the message lists them.
pub fn find(name: &str) -> Result<&'static Board> {
    let plain = |text: &str| text.to_lowercase().replace(|c: char| !c.is_alphanumeric(), "");
    let wanted = plain(name);
    let boards = |meant: &dyn Fn(&Board) -> bool| -> Vec<&'static Board> {
        BOARDS.iter().filter(|board| !wanted.is_empty() && meant(board)).collect()
    };
    let named = boards(&|board| plain(board.name) == wanted);
    let ended = boards(&|board| plain(board.name).ends_with(&wanted));
    let parts = boards(&|board| plain(&format!("{} {}", board.name, board.chip)).contains(&wanted));
    let matching = [named, ended].into_iter().find(|boards| boards.len() == 1).unwrap_or(parts);
    let names = |boards: &mut dyn Iterator<Item = &Board>| {
        boards.map(|board| board.name).collect::<Vec<_>>().join(", ")
    };
    match matching.as_slice() {
        [board] => Ok(board),
        [] => Err(anyhow!(
            "no board is called '{name}'; there are {}; for another one say --flash and --ram",
            names(&mut BOARDS.iter())
        )),
        _ => Err(anyhow!("'{name}' may be {}; say which", names(&mut matching.into_iter()))),
    }
}

const fn board(name: &'static str, chip: &'static str, flash_kib: u64, ram_kib: u64) -> Board {
    Board { name, chip, flash_bytes: flash_kib * KIB, ram_bytes: ram_kib * KIB }
}

/// Flash that the firmware's code and tables take beside a model of the default architecture on Arm's Cortex-M, rounded up; an
/// end-to-end test holds it to the built image.
pub const FIRMWARE_FLASH_BYTES: u64 = 34 * KIB;
/// RAM that the firmware's own state and its stack take, rounded up; held to the emulated board's high-water mark.
pub const FIRMWARE_RAM_BYTES: u64 = 3 * KIB;

/// The flash and RAM that a model takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Footprint {
    /// The model file.
    pub model_bytes: u64,
    /// The core's `Memory`.
    pub memory_bytes: u64,
}

impl Footprint {
    /// The footprint of a model with this shape and this size of its file.
    pub fn of(config: &Config, precision: Precision, model_bytes: u64) -> Self {
        Footprint { model_bytes, memory_bytes: config.memory_bytes(precision) as u64 }
    }

    /// Flash for the model and the firmware.
    pub fn flash_bytes(&self) -> u64 {
        self.model_bytes + FIRMWARE_FLASH_BYTES
    }

    /// RAM for the model, the firmware and its stack.
    pub fn ram_bytes(&self) -> u64 {
        self.memory_bytes + FIRMWARE_RAM_BYTES
    }

    /// Says how much flash or RAM a board lacks; `None` where the model fits.
    pub fn lacks(&self, board: &Board) -> Option<String> {
        let lack = |what: &str, needs: u64, has: u64| {
            (needs > has).then(|| format!("{} KiB too little {what}", (needs - has).div_ceil(KIB)))
        };
        let flash = lack("flash", self.flash_bytes(), board.flash_bytes);
        let ram = lack("RAM", self.ram_bytes(), board.ram_bytes);
        match (flash, ram) {
            (Some(flash), Some(ram)) => Some(format!("{flash}, {ram}")),
            (flash, ram) => flash.or(ram),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_board_is_found_by_what_people_call_it() {
        for (name, expected) in [
            ("Raspberry Pi Pico", "Raspberry Pi Pico"),
            ("raspberry-pi-pico", "Raspberry Pi Pico"),
            ("rp2040", "Raspberry Pi Pico"),
            ("pico", "Raspberry Pi Pico"),
            ("pico 2", "Raspberry Pi Pico 2"),
            ("microbit v1", "micro:bit v1"),
            ("teensy", "Teensy 4.1"),
        ] {
            assert_eq!(find(name).unwrap().name, expected, "{name}");
        }
        let message = find("raspberry").unwrap_err().to_string();
        assert_eq!(message, "'raspberry' may be Raspberry Pi Pico, Raspberry Pi Pico 2; say which");
        assert!(
            find("6502")
                .unwrap_err()
                .to_string()
                .contains("no board is called '6502'; there are micro:bit v1,")
        );
        assert!(find("").is_err());
    }
}
