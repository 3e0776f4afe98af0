//! The Arm MPS2 boards as QEMU emulates them: a Cortex-M and two kinds of CMSDK peripheral, at addresses that each
//! board's file names.
//!
//! `qemu-system-arm -icount shift=0 -semihosting-config enable=on,target=native`: an instruction then takes one
//! nanosecond of the chip's time, and the timer ticks after a fixed number of instructions, the same on every run.
//! Registers: Arm Cortex-M System Design Kit Technical Reference Manual, "APB timer" and "APB UART".

use core::convert::Infallible;
use core::marker::PhantomData;
use core::sync::atomic::AtomicU8;

use crate::{Board, Clock, MemoryUse, Received, Serial};
use cortex_m::peripheral::NVIC;
use embedded_io::{ErrorType, Write};

use super::{ThisBoard, ThisMachine, stack};

/// The bytes received over the prompt's UART: room for a few lines typed ahead.
static RECEIVED: Received<[AtomicU8; 256]> = Received::new();

/// The differences between the MPS2 boards.
///
/// # Safety
///
/// The addresses are those of such peripherals, and the interrupt's number is below the number that the chip has.
pub unsafe trait Machine {
    /// As in [`Board::NAME`].
    const NAME: &'static str;
    /// Instructions, of a nanosecond each, in one tick of the timer's clock.
    const INSTRUCTIONS_PER_TICK: u32;
    /// The first CMSDK timer.
    const TIMER: usize;
    /// The CMSDK UART for the prompt.
    const UART: usize;
    /// The CMSDK UART for the log.
    #[cfg(feature = "defmt")]
    const LOG_UART: usize;
    /// The interrupt that a byte received by [`Machine::UART`] raises.
    const RECEIVED: u16;
}

const TIMER_CTRL: usize = 0;
const TIMER_VALUE: usize = 4;
const TIMER_RELOAD: usize = 8;
const TIMER_ENABLE: u32 = 1;

const UART_DATA: usize = 0;
const UART_STATE: usize = 4;
const UART_CTRL: usize = 8;
const UART_INTSTATUS: usize = 12;
const UART_BAUDDIV: usize = 16;
const UART_TX_FULL: u32 = 1 << 0;
const UART_RX_FULL: u32 = 1 << 1;
const UART_RX_OVERRUN: u32 = 1 << 3;
const UART_TX_ENABLE: u32 = 1 << 0;
const UART_RX_ENABLE: u32 = 1 << 1;
const UART_RX_INTERRUPT: u32 = 1 << 3;
const UART_RX_STATUS: u32 = 1 << 1;

/// 25 MHz / 217 = 115,207 baud, were there a wire.
const BAUD_DIVISOR: u32 = 217;

/// A board, started.
pub struct Mps2<M>(PhantomData<M>);

/// A CMSDK UART, by the address of its registers.
pub struct Uart(usize);

/// An interrupt, by its number.
#[derive(Clone, Copy)]
struct Interrupt(u16);

// SAFETY: the number is a constant of a `Machine`, which promises that the chip has it.
unsafe impl cortex_m::interrupt::InterruptNumber for Interrupt {
    fn number(self) -> u16 {
        self.0
    }
}

fn read(register: usize) -> u32 {
    // SAFETY: only sums of a `Machine`'s addresses and the constants above are passed: word registers that are always
    // there and lie outside all memory that Rust knows of.
    unsafe { (register as *const u32).read_volatile() }
}

fn write(register: usize, value: u32) {
    // SAFETY: as in `read`; none of these registers can make the chip touch memory.
    unsafe { (register as *mut u32).write_volatile(value) }
}

impl<M: Machine> Mps2<M> {
    /// Starts the timer and the UARTs. The clocks run from reset.
    pub fn start() -> (Self, Uart) {
        write(M::TIMER + TIMER_RELOAD, u32::MAX);
        write(M::TIMER + TIMER_VALUE, u32::MAX);
        write(M::TIMER + TIMER_CTRL, TIMER_ENABLE);
        let serial = Uart::start(M::UART, UART_RX_ENABLE | UART_RX_INTERRUPT);
        // SAFETY: it breaks no critical section that masks by priority, as there is none, and its handler is below.
        unsafe { NVIC::unmask(Interrupt(M::RECEIVED)) };
        #[cfg(feature = "defmt")]
        start_log(M::LOG_UART);
        (Mps2(PhantomData), serial)
    }

    /// Takes what has come over the UART. To be called from the interrupt handler.
    fn receive() {
        write(M::UART + UART_INTSTATUS, UART_RX_STATUS);
        while read(M::UART + UART_STATE) & UART_RX_FULL != 0 {
            RECEIVED.put(read(M::UART + UART_DATA) as u8);
        }
        if read(M::UART + UART_STATE) & UART_RX_OVERRUN != 0 {
            write(M::UART + UART_STATE, UART_RX_OVERRUN);
            RECEIVED.lose();
        }
    }

    /// The UART for the prompt, whatever state the program is in.
    pub(crate) fn last_port() -> Uart {
        Uart::start(M::UART, 0)
    }
}

/// The handlers of the interrupts, up to the one that is unmasked.
// SAFETY: the linker script of cortex-m-rt puts the section behind the exceptions' handlers, where the chip looks.
#[unsafe(no_mangle)]
#[unsafe(link_section = ".vector_table.interrupts")]
static __INTERRUPTS: [unsafe extern "C" fn(); ThisMachine::RECEIVED as usize + 1] =
    [on_received; ThisMachine::RECEIVED as usize + 1];

/// # Safety
///
/// Called by the chip only. It uses the UART's receiver and the ring, which nothing else writes to.
unsafe extern "C" fn on_received() {
    ThisBoard::receive();
}

#[cfg(feature = "defmt")]
fn start_log(registers: usize) {
    static LOG: static_cell::StaticCell<Uart> = static_cell::StaticCell::new();
    defmt_serial::defmt_serial(LOG.init(Uart::start(registers, 0)));
}

impl<M: Machine> Board for Mps2<M> {
    const NAME: &'static str = M::NAME;
    const CLOCK: Clock = Clock::Instructions { per_tick: M::INSTRUCTIONS_PER_TICK };
    const ECHO: bool = false;

    fn ticks(&self) -> u32 {
        // The timer counts down.
        !read(M::TIMER + TIMER_VALUE)
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

impl Uart {
    /// Lets it transmit, and what else `enable` says.
    fn start(registers: usize, enable: u32) -> Uart {
        write(registers + UART_BAUDDIV, BAUD_DIVISOR);
        write(registers + UART_CTRL, UART_TX_ENABLE | enable);
        Uart(registers)
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
        for byte in bytes {
            while read(self.0 + UART_STATE) & UART_TX_FULL != 0 {}
            write(self.0 + UART_DATA, (*byte).into());
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}
