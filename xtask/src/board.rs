//! The boards that xtask knows: how to build for each, and how to emulate it.

use clap::ValueEnum;
use pipsqueak_talk::flash::uf2;

/// A board.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Board {
    /// Arm MPS2 with image AN385, running what a Cortex-M0 or M0+ can: 4 MB of code memory and 4 MB of RAM.
    #[value(name = "mps2-an385-m0")]
    Mps2An385M0,
    /// Arm MPS2 with image AN385: Cortex-M3, 4 MB of code memory and 4 MB of RAM.
    #[value(name = "mps2-an385")]
    Mps2An385,
    /// Arm MPS2 with image AN386: Cortex-M4F, 4 MB of code memory and 4 MB of RAM.
    #[value(name = "mps2-an386")]
    Mps2An386,
    /// Arm MPS2+ with image AN505: Cortex-M33, 4 MB of code memory and 4 MB of RAM.
    #[value(name = "mps2-an505")]
    Mps2An505,
    /// QEMU's virt machine: RV32IMAC, 8 MB of its RAM, half of it standing in for flash.
    #[value(name = "virt-rv32")]
    VirtRv32,
    /// BBC micro:bit v1: nRF51822, Cortex-M0, 256 KB of flash and 16 KB of RAM.
    #[value(name = "microbit-v1", alias = "microbit")]
    MicrobitV1,
    /// BBC micro:bit v2: nRF52833, Cortex-M4F, 512 KB of flash and 128 KB of RAM.
    #[value(name = "microbit-v2")]
    MicrobitV2,
    /// Nordic's nRF52840 DK: Cortex-M4F, 1 MB of flash and 256 KB of RAM.
    #[value(name = "nrf52840-dk")]
    Nrf52840Dk,
    /// A board with an STM32F405: Cortex-M4F, 1 MB of flash and 128 KB of RAM.
    #[value(name = "stm32f405")]
    Stm32f405,
    /// «Black Pill»: STM32F411CE, Cortex-M4F, 512 KB of flash and 128 KB of RAM.
    #[value(name = "black-pill")]
    BlackPill,
    /// «Blue Pill»: STM32F103C8, Cortex-M3, 64 KB of flash and 20 KB of RAM.
    #[value(name = "blue-pill")]
    BluePill,
    /// Nucleo-G071RB: STM32G071RB, Cortex-M0+, 128 KB of flash and 36 KB of RAM.
    #[value(name = "nucleo-g071rb")]
    NucleoG071rb,
    /// Raspberry Pi Pico: RP2040, Cortex-M0+, 2 MB of flash and 264 KB of RAM.
    #[value(name = "pico", alias = "raspberry-pi-pico")]
    Pico,
    /// Raspberry Pi Pico 2: RP2350, Cortex-M33, 4 MB of flash and 520 KB of RAM.
    #[value(name = "pico2", aliases = ["pico-2", "raspberry-pi-pico-2"])]
    Pico2,
    /// A board with an ESP32-C3 and USB: RV32IMC, 4 MB of flash and 320 KB of RAM.
    #[value(name = "esp32c3")]
    Esp32c3,
}

/// The facts about a board.
struct Facts {
    name: &'static str,
    chip: &'static str,
    target: &'static str,
    emulator: Emulator,
    /// Where flash, or what stands in for it, begins.
    flash: u32,
    /// For a board that can be bought: how an image gets on it.
    flashing: Option<Flashing>,
}

/// The emulator that a board's image runs in on this PC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Emulator {
    /// QEMU: its program, and the arguments that choose the machine.
    Qemu(&'static str, &'static [&'static str]),
    /// rp2040js, in Node.js.
    Rp2040js,
    /// The one in `esp32c3/`.
    Own,
    /// The processor by Unicorn, in Python, and the chip's registers by models of our own.
    Unicorn,
}

/// How an image gets on a board.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flashing {
    /// As a UF2 file, dropped onto the drive that the board shows at its start.
    Uf2 {
        /// The family of chips that the file is for.
        family: u32,
        /// The `Board-ID` in the drive's INFO_UF2.TXT.
        board_id: &'static str,
    },
    /// As an Intel HEX file, dropped onto the drive of the board's own debugger, or by probe-rs.
    Hex {
        /// The chip's name for probe-rs.
        chip: &'static str,
    },
    /// As a file for Espressif's boot loader, by their esptool.
    Esp {
        /// The chip's name for esptool.
        chip: &'static str,
    },
}

const ARM: &str = "qemu-system-arm";

impl Board {
    /// The emulated boards whose instructions are counted and on which every test runs.
    pub const COUNTED: [Board; 5] =
        [Board::Mps2An385M0, Board::Mps2An385, Board::Mps2An386, Board::Mps2An505, Board::VirtRv32];

    /// The boards that can be bought.
    pub fn real() -> impl Iterator<Item = Board> {
        Board::value_variants().iter().copied().filter(|board| board.flashing().is_some())
    }

    const fn facts(self) -> Facts {
        match self {
            Board::Mps2An385M0 => Facts {
                name: "mps2-an385-m0",
                chip: "Cortex-M0",
                target: "thumbv6m-none-eabi",
                emulator: Emulator::Qemu(ARM, &["-M", "mps2-an385"]),
                flash: 0,
                flashing: None,
            },
            Board::Mps2An385 => Facts {
                name: "mps2-an385",
                chip: "Cortex-M3",
                target: "thumbv7m-none-eabi",
                emulator: Emulator::Qemu(ARM, &["-M", "mps2-an385"]),
                flash: 0,
                flashing: None,
            },
            Board::Mps2An386 => Facts {
                name: "mps2-an386",
                chip: "Cortex-M4F",
                target: "thumbv7em-none-eabihf",
                emulator: Emulator::Qemu(ARM, &["-M", "mps2-an386"]),
                flash: 0,
                flashing: None,
            },
            Board::Mps2An505 => Facts {
                name: "mps2-an505",
                chip: "Cortex-M33",
                target: "thumbv8m.main-none-eabihf",
                emulator: Emulator::Qemu(ARM, &["-M", "mps2-an505"]),
                flash: 0x1000_0000,
                flashing: None,
            },
            Board::VirtRv32 => Facts {
                name: "virt-rv32",
                chip: "RV32IMAC",
                target: "riscv32imac-unknown-none-elf",
                emulator: Emulator::Qemu("qemu-system-riscv32", &["-M", "virt", "-bios", "none"]),
                flash: 0x8000_0000,
                flashing: None,
            },
            Board::MicrobitV1 => Facts {
                name: "microbit-v1",
                chip: "Cortex-M0",
                target: "thumbv6m-none-eabi",
                emulator: Emulator::Qemu(ARM, &["-M", "microbit"]),
                flash: 0,
                flashing: Some(Flashing::Hex { chip: "nRF51822_xxAA" }),
            },
            Board::MicrobitV2 => Facts {
                name: "microbit-v2",
                chip: "Cortex-M4F",
                target: "thumbv7em-none-eabihf",
                emulator: Emulator::Unicorn,
                flash: 0,
                flashing: Some(Flashing::Hex { chip: "nRF52833_xxAA" }),
            },
            Board::Nrf52840Dk => Facts {
                name: "nrf52840-dk",
                chip: "Cortex-M4F",
                target: "thumbv7em-none-eabihf",
                emulator: Emulator::Unicorn,
                flash: 0,
                flashing: Some(Flashing::Hex { chip: "nRF52840_xxAA" }),
            },
            Board::Stm32f405 => Facts {
                name: "stm32f405",
                chip: "Cortex-M4F",
                target: "thumbv7em-none-eabihf",
                emulator: Emulator::Qemu(ARM, &["-M", "netduinoplus2"]),
                flash: 0x0800_0000,
                flashing: Some(Flashing::Hex { chip: "STM32F405RG" }),
            },
            Board::BlackPill => Facts {
                name: "black-pill",
                chip: "Cortex-M4F",
                target: "thumbv7em-none-eabihf",
                emulator: Emulator::Unicorn,
                flash: 0x0800_0000,
                flashing: Some(Flashing::Hex { chip: "STM32F411CE" }),
            },
            Board::BluePill => Facts {
                name: "blue-pill",
                chip: "Cortex-M3",
                target: "thumbv7m-none-eabi",
                emulator: Emulator::Unicorn,
                flash: 0x0800_0000,
                flashing: Some(Flashing::Hex { chip: "STM32F103C8" }),
            },
            Board::NucleoG071rb => Facts {
                name: "nucleo-g071rb",
                chip: "Cortex-M0+",
                target: "thumbv6m-none-eabi",
                emulator: Emulator::Unicorn,
                flash: 0x0800_0000,
                flashing: Some(Flashing::Hex { chip: "STM32G071RB" }),
            },
            Board::Pico => Facts {
                name: "pico",
                chip: "Cortex-M0+",
                target: "thumbv6m-none-eabi",
                emulator: Emulator::Rp2040js,
                flash: 0x1000_0000,
                flashing: Some(Flashing::Uf2 { family: 0xe48b_ff56, board_id: "RPI-RP2" }),
            },
            Board::Pico2 => Facts {
                name: "pico2",
                chip: "Cortex-M33",
                target: "thumbv8m.main-none-eabihf",
                emulator: Emulator::Unicorn,
                flash: 0x1000_0000,
                flashing: Some(Flashing::Uf2 { family: uf2::RP2350, board_id: "RP2350" }),
            },
            Board::Esp32c3 => Facts {
                name: "esp32c3",
                chip: "RV32IMC",
                target: "riscv32imc-unknown-none-elf",
                emulator: Emulator::Own,
                flash: 0x3c00_0000,
                flashing: Some(Flashing::Esp { chip: "esp32c3" }),
            },
        }
    }

    /// The firmware's feature, and the name on the command line.
    pub const fn name(self) -> &'static str {
        self.facts().name
    }

    /// The processor.
    pub const fn chip(self) -> &'static str {
        self.facts().chip
    }

    /// The target that rustc compiles for.
    pub const fn target(self) -> &'static str {
        self.facts().target
    }

    /// The emulator that its image runs in on this PC.
    pub const fn emulator(self) -> Emulator {
        self.facts().emulator
    }

    /// How an image gets on it; nothing for a board that is only emulated.
    pub const fn flashing(self) -> Option<Flashing> {
        self.facts().flashing
    }

    /// Whether the board's own debugger shows a drive that takes Intel HEX files.
    pub const fn has_hex_drive(self) -> bool {
        matches!(self, Board::MicrobitV1 | Board::MicrobitV2 | Board::Nrf52840Dk | Board::NucleoG071rb)
    }

    /// Whether the firmware for any model is built for size, and does without what it can.
    pub const fn is_short_of_flash(self) -> bool {
        matches!(self, Board::BluePill)
    }

    /// Where flash, or what stands in for it, begins.
    pub const fn flash(self) -> u32 {
        self.facts().flash
    }

    /// Whether float arithmetic is the chip's own.
    pub fn has_fpu(self) -> bool {
        self.target().ends_with("hf")
    }

    /// Whether there is a second serial port, for the log.
    pub const fn has_log(self) -> bool {
        !matches!(self, Board::VirtRv32) && self.flashing().is_none()
    }
}
