//! The part that boards with Nordic's nRF51 and nRF52 have in common: UART, timer, true random numbers, watchdog.
//!
//! Registers: nRF51 Series Reference Manual 3.0, and the nRF52833 and nRF52840 Product Specifications, "UART", "TIMER",
//! "RNG", "WDT" and "CLOCK". The nRF52 keeps the nRF51's UART beside its UARTE, and it is that one that is used: a byte at
//! a time, with a FIFO of six bytes for those that come.

use core::convert::Infallible;
use core::marker::PhantomData;
use core::sync::atomic::AtomicU8;

use crate::{Board, Clock, MemoryUse, Received, Serial};
use cortex_m::peripheral::NVIC;
use embedded_io::{ErrorType, Write};
use nrf_pac as pac;
use pac::timer::vals::Bitmode;
use pac::uart::vals::{Baudrate, Enable};

use super::nrf_pins as pins;
use super::{stack, wait_until};

/// The bytes received over the UART: room for a few lines typed ahead.
static RECEIVED: Received<[AtomicU8; 256]> = Received::new();

/// The differences between boards with an nRF.
pub trait Machine {
    /// As in [`Board::NAME`].
    const NAME: &'static str;
    /// The pin that the chip sends on, as the chip numbers it: P1.08 is 32 + 8.
    const TRANSMIT: u8;
    /// The pin that the chip receives on.
    const RECEIVE: u8;
}

/// The timer counts microseconds: 16 MHz / 2^4.
const TIMER_PRESCALER: u8 = 4;
const TICKS_PER_SECOND: u32 = 1_000_000;
/// The watchdog's time, in ticks of 32,768 Hz. A self-test, during which it isn't fed, takes seconds.
const WATCHDOG_TICKS: u32 = 60 * 32_768;
/// Written to a reload register, feeds the watchdog.
const WATCHDOG_FOOD: pac::wdt::regs::Rr = pac::wdt::regs::Rr(0x6e52_4635);
/// The interrupt of the UART.
#[cfg(feature = "microbit-v1")]
const RECEIVED_INTERRUPT: pac::Interrupt = pac::Interrupt::UART0;
/// The interrupt of the UART, which is UARTE's, too.
#[cfg(not(feature = "microbit-v1"))]
const RECEIVED_INTERRUPT: pac::Interrupt = pac::Interrupt::UARTE0;

/// A board, started.
pub struct Nrf<M>(PhantomData<M>);

/// The UART, and whether a byte has been sent whose end has not been seen.
pub struct Uart {
    is_sending: bool,
}

impl<M: Machine> Nrf<M> {
    /// Starts the crystal oscillator, without which the UART's rate is not exact, and then all that is used.
    pub fn start() -> (Self, Uart) {
        pac::CLOCK.tasks_hfclkstart().write_value(1);
        wait_until(|| pac::CLOCK.events_hfclkstarted().read() != 0);
        pins::cache_flash();
        start_timer();
        start_watchdog();
        pac::RNG.config().write(|w| w.set_dercen(true));
        pac::RNG.tasks_start().write_value(1);
        let serial = Uart::start::<M>();
        pac::UART0.intenset().write(|w| {
            w.set_rxdrdy(true);
            w.set_error(true);
        });
        pac::UART0.tasks_startrx().write_value(1);
        // SAFETY: it breaks no critical section that masks by priority, as there is none, and its handler is below.
        unsafe { NVIC::unmask(RECEIVED_INTERRUPT) };
        (Nrf(PhantomData), serial)
    }

    /// The UART, whatever state the program is in.
    pub(crate) fn last_port() -> Uart {
        // The last byte sent may still be on its way.
        wait_until(|| pac::UART0.events_txdrdy().read() != 0);
        Uart::start::<M>()
    }
}

fn start_timer() {
    let timer = pac::TIMER0;
    timer.bitmode().write(|w| w.set_bitmode(Bitmode::_32bit));
    timer.prescaler().write(|w| w.set_prescaler(TIMER_PRESCALER));
    timer.tasks_start().write_value(1);
}

/// The watchdog stands still while the chip sleeps or a debugger holds it.
fn start_watchdog() {
    pac::WDT.config().write_value(pac::wdt::regs::Config(0));
    pac::WDT.crv().write_value(WATCHDOG_TICKS);
    pac::WDT.tasks_start().write_value(1);
}

/// Takes what has come over the UART.
fn receive() {
    let uart = pac::UART0;
    if uart.events_error().read() != 0 {
        uart.events_error().write_value(0);
        let errors = uart.errorsrc().read();
        // A 1 clears an error.
        uart.errorsrc().write_value(errors);
        if errors.overrun() {
            RECEIVED.lose();
        }
    }
    while uart.events_rxdrdy().read() != 0 {
        // In this order: reading lets the next byte of the FIFO come, which raises the event again.
        uart.events_rxdrdy().write_value(0);
        RECEIVED.put(uart.rxd().read().rxd());
    }
}

/// The handlers of the interrupts, up to the one that is unmasked.
// SAFETY: the linker script of cortex-m-rt puts the section behind the exceptions' handlers, where the chip looks.
#[unsafe(no_mangle)]
#[unsafe(link_section = ".vector_table.interrupts")]
static __INTERRUPTS: [unsafe extern "C" fn(); RECEIVED_INTERRUPT as usize + 1] =
    [on_received; RECEIVED_INTERRUPT as usize + 1];

/// # Safety
///
/// Called by the chip only. It uses the UART's receiver and the ring, which nothing else writes to.
unsafe extern "C" fn on_received() {
    receive();
}

impl<M: Machine> Board for Nrf<M> {
    const NAME: &'static str = M::NAME;
    const CLOCK: Clock = Clock::Time { hz: TICKS_PER_SECOND };
    const ECHO: bool = true;

    fn ticks(&self) -> u32 {
        pac::TIMER0.tasks_capture(0).write_value(1);
        pac::TIMER0.cc(0).read()
    }

    fn seed(&self) -> u64 {
        (0..8).fold(0, |seed, _| seed << 8 | u64::from(random_byte()))
    }

    fn memory_use(&self) -> MemoryUse {
        stack::memory_use()
    }

    fn feed_watchdog(&self) {
        pac::WDT.rr(0).write_value(WATCHDOG_FOOD);
    }

    fn can_exit(&self) -> bool {
        false
    }
}

/// A byte of the chip's noise, its bias removed.
fn random_byte() -> u8 {
    wait_until(|| pac::RNG.events_valrdy().read() != 0);
    pac::RNG.events_valrdy().write_value(0);
    pac::RNG.value().read().value()
}

impl Uart {
    /// 115,200 baud, 8 bits, no parity, no flow control. Lets it transmit.
    fn start<M: Machine>() -> Uart {
        let uart = pac::UART0;
        pins::connect::<M>();
        uart.baudrate().write(|w| w.set_baudrate(Baudrate::Baud115200));
        uart.enable().write(|w| w.set_enable(Enable::Enabled));
        uart.events_txdrdy().write_value(0);
        uart.tasks_starttx().write_value(1);
        Uart { is_sending: false }
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
        pac::WDT.rr(0).write_value(WATCHDOG_FOOD);
        super::sleep(&RECEIVED);
        Ok(())
    }
}

impl Write for Uart {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        for &byte in bytes {
            // The event tells that a byte is out, so that it never comes before the first.
            while self.is_sending && pac::UART0.events_txdrdy().read() == 0 {}
            pac::UART0.events_txdrdy().write_value(0);
            pac::UART0.txd().write(|w| w.set_txd(byte));
            self.is_sending = true;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}
