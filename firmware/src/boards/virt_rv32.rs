//! `qemu-system-riscv32 -M virt -bios none`: RV32IMAC, a 16550 UART, and a counter of instructions.
//!
//! Addresses: QEMU's `hw/riscv/virt.c`, the table `virt_memmap`. Registers: PC16550D data sheet, "Registers"; `minstret`
//! in The RISC-V Instruction Set Manual, volume II. The log's port would be a second UART, which the machine lacks.
#![allow(unsafe_code)]

use core::convert::Infallible;
use core::fmt;

use embedded_io::{ErrorType, Read, ReadReady, Write};
use pipsqueak_firmware::{Board, Clock, MemoryUse};

use super::last_words::stop;
use super::stack;

const UART: usize = 0x1000_0000;
/// Receiver buffer when read, transmitter holding register when written.
const UART_DATA: usize = UART;
const UART_LINE_STATUS: usize = UART + 5;
const DATA_READY: u8 = 1 << 0;
const TRANSMITTER_EMPTY: u8 = 1 << 5;

/// The board, started.
pub(crate) struct VirtRv32(());

/// The machine's 16550 UART. It needs no set-up: QEMU's has no wire, hence no speed.
pub(crate) struct Uart(());

fn read(register: usize) -> u8 {
    // SAFETY: only the constants above are passed: byte registers that are always there and lie outside all memory
    // that Rust knows of.
    unsafe { (register as *const u8).read_volatile() }
}

fn write(register: usize, value: u8) {
    // SAFETY: as in `read`; none of these registers can make the chip touch memory.
    unsafe { (register as *mut u8).write_volatile(value) }
}

impl VirtRv32 {
    /// Marks the stack, so that its depth can be told. The UART and the counter run from reset.
    pub(crate) fn start() -> (VirtRv32, Uart) {
        stack::paint();
        (VirtRv32(()), Uart(()))
    }

    /// Prints a sentence whatever state the program is in.
    pub(crate) fn print_last_words(sentence: fmt::Arguments<'_>) {
        // The port can't fail, and there would be nobody to tell.
        let _ = writeln!(Uart(()), "\n{sentence}");
    }
}

/// What the chip does when it can't go on.
#[unsafe(no_mangle)]
extern "C" fn ExceptionHandler(frame: &riscv_rt::TrapFrame) -> ! {
    let (cause, pc) = (riscv::register::mcause::read().code(), riscv::register::mepc::read());
    stop(format_args!(
        "The chip stopped with exception {cause} at {pc:#010x}, called from {:#010x}; reset the board.",
        frame.ra
    ))
}

impl Board for VirtRv32 {
    const NAME: &'static str = "virt-rv32";
    const CLOCK: Clock = Clock::Instructions { per_tick: 1 };
    const ECHO: bool = false;

    fn ticks(&self) -> u32 {
        riscv::register::minstret::read() as u32
    }

    fn seed(&self) -> u64 {
        super::EMULATOR_SEED
    }

    fn memory_use(&self) -> MemoryUse {
        stack::memory_use()
    }

    fn can_exit(&self) -> bool {
        true
    }
}

impl ErrorType for Uart {
    type Error = Infallible;
}

impl ReadReady for Uart {
    fn read_ready(&mut self) -> Result<bool, Infallible> {
        Ok(read(UART_LINE_STATUS) & DATA_READY != 0)
    }
}

impl Read for Uart {
    fn read(&mut self, bytes: &mut [u8]) -> Result<usize, Infallible> {
        let Some(first) = bytes.first_mut() else { return Ok(0) };
        while !self.read_ready()? {}
        *first = read(UART_DATA);
        Ok(1)
    }
}

impl Write for Uart {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        for &byte in bytes {
            while read(UART_LINE_STATUS) & TRANSMITTER_EMPTY == 0 {}
            write(UART_DATA, byte);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}
