//! `qemu-system-riscv32 -M virt -bios none`: RV32IMAC, a 16550 UART, and a counter of instructions.
//!
//! Addresses and the UART's interrupt: QEMU's `hw/riscv/virt.c` and `virt.h`. Registers: PC16550D data sheet,
//! "Registers"; RISC-V Platform-Level Interrupt Controller Specification, "Memory Map", context 0; `minstret` in The
//! RISC-V Instruction Set Manual, volume II. The log's port would be a second UART, which the machine lacks.

use core::convert::Infallible;
use core::sync::atomic::AtomicU8;

use crate::{Board, Clock, MemoryUse, Received, Serial};
use embedded_io::{ErrorType, Write};

use super::stack;

const UART: usize = 0x1000_0000;
/// Receiver buffer when read, transmitter holding register when written.
const UART_DATA: usize = UART;
const UART_INTERRUPT_ENABLE: usize = UART + 1;
const DATA_AVAILABLE: u8 = 1 << 0;
const UART_LINE_STATUS: usize = UART + 5;
const DATA_READY: u8 = 1 << 0;
const OVERRUN: u8 = 1 << 1;
const TRANSMITTER_EMPTY: u8 = 1 << 5;

const PLIC: usize = 0x0c00_0000;
const UART_INTERRUPT: usize = 10;
const PLIC_PRIORITY: usize = PLIC + 4 * UART_INTERRUPT;
const PLIC_ENABLE: usize = PLIC + 0x2000;
const PLIC_THRESHOLD: usize = PLIC + 0x20_0000;
/// Read, the interrupt that is to be handled; written, the one that has been.
const PLIC_CLAIM: usize = PLIC + 0x20_0004;

/// The machine's switch. (QEMU's `hw/misc/sifive_test.c`.)
const SWITCH: usize = 0x0010_0000;
const SWITCH_RESET: u32 = 0x7777;

/// The bytes received over the UART: room for a few lines typed ahead.
static RECEIVED: Received<[AtomicU8; 256]> = Received::new();

/// The board, started.
pub struct VirtRv32(());

/// The machine's 16550 UART. It needs no set-up: QEMU's has no wire, hence no speed.
pub struct Uart(());

fn read(register: usize) -> u8 {
    // SAFETY: only the UART's registers above are passed: they are bytes, are always there, and lie outside all memory
    // that Rust knows of.
    unsafe { (register as *const u8).read_volatile() }
}

fn write(register: usize, value: u8) {
    // SAFETY: as in `read`; none of these registers can make the chip touch memory.
    unsafe { (register as *mut u8).write_volatile(value) }
}

fn read_word(register: usize) -> u32 {
    // SAFETY: only the PLIC's registers above are passed: they are words, are always there, and lie outside all memory
    // that Rust knows of.
    unsafe { (register as *const u32).read_volatile() }
}

fn write_word(register: usize, value: u32) {
    // SAFETY: as in `read_word`, and of the switch; none of these registers can make the chip touch memory.
    unsafe { (register as *mut u32).write_volatile(value) }
}

/// Starts the machine again.
pub(super) fn reset() -> ! {
    write_word(SWITCH, SWITCH_RESET);
    loop {
        riscv::asm::wfi();
    }
}

impl VirtRv32 {
    /// Marks the stack, so that its depth can be told, and lets the UART interrupt. The counter runs from reset.
    pub fn start() -> (VirtRv32, Uart) {
        stack::paint();
        write(UART_INTERRUPT_ENABLE, DATA_AVAILABLE);
        write_word(PLIC_PRIORITY, 1);
        write_word(PLIC_ENABLE, 1 << UART_INTERRUPT);
        write_word(PLIC_THRESHOLD, 0);
        // SAFETY: the handler is below, and no critical section is open.
        unsafe {
            riscv::register::mie::set_mext();
            riscv::interrupt::enable();
        }
        (VirtRv32(()), Uart(()))
    }

    /// The UART, whatever state the program is in.
    pub(crate) fn last_port() -> Uart {
        Uart(())
    }
}

/// Takes what has come over the UART.
#[riscv_rt::core_interrupt(riscv::interrupt::Interrupt::MachineExternal)]
fn receive() {
    let interrupt = read_word(PLIC_CLAIM);
    let mut status = read(UART_LINE_STATUS);
    while status & DATA_READY != 0 {
        if status & OVERRUN != 0 {
            RECEIVED.lose();
        }
        RECEIVED.put(read(UART_DATA));
        status = read(UART_LINE_STATUS);
    }
    write_word(PLIC_CLAIM, interrupt);
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

impl Serial for Uart {
    fn received(&mut self) -> &Received {
        &RECEIVED
    }

    fn wait(&mut self) -> Result<(), Infallible> {
        super::sleep(&RECEIVED);
        Ok(())
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
