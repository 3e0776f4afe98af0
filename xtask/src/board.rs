//! The boards that xtask knows: how to build for each, and how to emulate it.

use clap::ValueEnum;

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
}

/// The facts about a board.
struct Facts {
    name: &'static str,
    chip: &'static str,
    target: &'static str,
    qemu_program: &'static str,
    qemu_machine: &'static [&'static str],
    flash: u32,
}

const ARM: &str = "qemu-system-arm";

impl Board {
    /// Every board.
    pub const ALL: [Board; 5] =
        [Board::Mps2An385M0, Board::Mps2An385, Board::Mps2An386, Board::Mps2An505, Board::VirtRv32];

    const fn facts(self) -> Facts {
        match self {
            Board::Mps2An385M0 => Facts {
                name: "mps2-an385-m0",
                chip: "Cortex-M0",
                target: "thumbv6m-none-eabi",
                qemu_program: ARM,
                qemu_machine: &["-M", "mps2-an385"],
                flash: 0,
            },
            Board::Mps2An385 => Facts {
                name: "mps2-an385",
                chip: "Cortex-M3",
                target: "thumbv7m-none-eabi",
                qemu_program: ARM,
                qemu_machine: &["-M", "mps2-an385"],
                flash: 0,
            },
            Board::Mps2An386 => Facts {
                name: "mps2-an386",
                chip: "Cortex-M4F",
                target: "thumbv7em-none-eabihf",
                qemu_program: ARM,
                qemu_machine: &["-M", "mps2-an386"],
                flash: 0,
            },
            Board::Mps2An505 => Facts {
                name: "mps2-an505",
                chip: "Cortex-M33",
                target: "thumbv8m.main-none-eabihf",
                qemu_program: ARM,
                qemu_machine: &["-M", "mps2-an505"],
                flash: 0x1000_0000,
            },
            Board::VirtRv32 => Facts {
                name: "virt-rv32",
                chip: "RV32IMAC",
                target: "riscv32imac-unknown-none-elf",
                qemu_program: "qemu-system-riscv32",
                qemu_machine: &["-M", "virt", "-bios", "none"],
                flash: 0x8000_0000,
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

    /// QEMU's program.
    pub const fn qemu_program(self) -> &'static str {
        self.facts().qemu_program
    }

    /// QEMU's arguments that choose the machine.
    pub const fn qemu_machine(self) -> &'static [&'static str] {
        self.facts().qemu_machine
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
        !matches!(self, Board::VirtRv32)
    }
}
