//! The part that boards with an RP2040 or RP2350 have in common: clocks, UART0 on GP0 (sends) and GP1, the USB socket, the watchdog, and the
//! LED on GP25, which is lit while a text is written. Text is printed to both ports, and may be typed at either. The second core sleeps.
//!
//! Registers and start-up: RP2040 Datasheet and RP2350 Datasheet, "Resets", "XOSC", "ROSC", "PLL", "Clocks", "UART" and "Watchdog".

use core::convert::Infallible;
use core::marker::PhantomData;
use core::sync::atomic::AtomicU8;

use crate::{Board, Clock, MemoryUse, Received, Serial};
use cortex_m::peripheral::NVIC;
use embedded_io::{ErrorType, Write};
use pac::clocks::vals::{
    ClkPeriCtrlAuxsrc, ClkRefCtrlSrc, ClkSysCtrlAuxsrc, ClkSysCtrlSrc, ClkUsbCtrlAuxsrc,
};
use pac::pll::Pll;
use pac::uart::Uart;
use rp_pac as pac;

use super::{ThisMachine, stack, usb_serial, wait_until};

/// The bytes received over UART and USB: room for the longest line, which USB brings at once, and for more.
static RECEIVED: Received<[AtomicU8; 1024]> = Received::new();

/// The differences between the chips.
pub trait Machine {
    /// As in [`Board::NAME`].
    const NAME: &'static str;
    /// The rate of the processor's clock.
    const PROCESSOR: PllRate;
    /// The start of the watchdog's count to zero, which takes seconds.
    const WATCHDOG_COUNT: u32;
    /// Every part of the chip that the power-on state machine starts.
    const PSM_ALL: u32;

    /// The sources that the clocks run from.
    fn selected_clocks() -> SelectedClocks;

    /// Makes the timer and the watchdog count microseconds, from a crystal of so many MHz.
    fn start_ticks(crystal_mhz: u16);

    /// Microseconds since the start.
    fn now_us() -> u32;

    /// Connects the pads of GP0 and GP1 to the UART, and that of the LED.
    fn connect_pads();

    /// As in [`Board::seed`].
    fn seed() -> u64;
}

/// A bit for each source that a clock may run from; one is set.
pub struct SelectedClocks {
    /// Of the clock that the others are made from.
    pub reference: u32,
    /// Of the processor's.
    pub processor: u32,
}

/// A rate that a PLL makes of the crystal's 12 MHz: times the first number, by the others. The product is to be 750 to 1,600 MHz.
pub struct PllRate(pub u16, pub u8, pub u8);

impl PllRate {
    const fn hz(&self) -> u32 {
        CRYSTAL_MHZ as u32 * 1_000_000 * self.0 as u32 / self.1 as u32 / self.2 as u32
    }
}

/// 48 MHz.
const USB: PllRate = PllRate(120, 6, 5);
const UART: Uart = pac::UART0;
const UART_IRQ: pac::Interrupt = pac::Interrupt::UART0_IRQ;
const USB_IRQ: pac::Interrupt = pac::Interrupt::USBCTRL_IRQ;
/// 8 bits.
const WORD_LENGTH: u8 = 0b11;
/// The function of GP0 and GP1 that is UART0.
const UART_FUNCTION: u8 = 2;
/// The function of a pin that the program drives.
const SIO_FUNCTION: u8 = 5;
/// The pin of the LED.
pub(super) const LED: usize = 25;
const BAUD: u32 = 115_200;
/// The processor's rate / (16 * baud), in 64ths.
const BAUD_DIVISOR: u32 = (ThisMachine::PROCESSOR.hz() * 4 + BAUD / 2) / BAUD;
/// The crystal's periods in a microsecond.
const CRYSTAL_MHZ: u16 = 12;
/// The crystal has a millisecond to start, in units of 256 periods.
const CRYSTAL_DELAY: u16 = 47;

/// Bits of the ring oscillator that a bit of the seed is made of: their parity is nearer to even odds than each of them.
const BITS_A_BIT: usize = 16;

/// A board, started.
pub struct Rp<M>(PhantomData<M>);

/// UART and USB.
pub struct Port {
    /// Whether the program has failed, and nobody will send what waits for USB's host.
    is_last: bool,
}

impl<M: Machine> Rp<M> {
    /// Starts the clocks, the UART and USB.
    pub fn start() -> (Self, Port) {
        start_clocks::<M>();
        choose_what_the_watchdog_resets::<M>();
        start_uart::<M>();
        start_led();
        usb_serial::start();
        for interrupt in [UART_IRQ, USB_IRQ] {
            // SAFETY: it breaks no critical section that masks by priority, as there is none, and its handler is below.
            unsafe { NVIC::unmask(interrupt) };
        }
        (Rp(PhantomData), Port { is_last: false })
    }

    /// The ports, whatever state the program is in. The UART's rate stays as it was set.
    pub(crate) fn last_port() -> Port {
        Port { is_last: true }
    }
}

/// Starts the chip again, with all of its parts: the processor's own reset would leave them as they are.
pub(super) fn reset() -> ! {
    pac::WATCHDOG.ctrl().write(|w| w.set_trigger(true));
    loop {
        cortex_m::asm::nop();
    }
}

/// The crystal, and what the PLLs make of it.
fn start_clocks<M: Machine>() {
    // After a reset that leaves the clocks alone, nothing may run from the PLL that is about to stop.
    pac::CLOCKS.clk_sys_ctrl().modify(|w| w.set_src(ClkSysCtrlSrc::CLK_REF));
    wait_until(|| M::selected_clocks().processor & 1 != 0);
    pac::XOSC.startup().write(|w| w.set_delay(CRYSTAL_DELAY));
    pac::XOSC.ctrl().write(|w| {
        w.set_freq_range(pac::xosc::vals::CtrlFreqRange::_1_15MHZ);
        w.set_enable(pac::xosc::vals::Enable::ENABLE);
    });
    wait_until(|| pac::XOSC.status().read().stable());
    pac::CLOCKS.clk_ref_ctrl().write(|w| w.set_src(ClkRefCtrlSrc::XOSC_CLKSRC));
    wait_until(|| M::selected_clocks().reference & 0b100 != 0);
    start_plls::<M>();
    pac::CLOCKS.clk_sys_ctrl().write(|w| w.set_auxsrc(ClkSysCtrlAuxsrc::CLKSRC_PLL_SYS));
    pac::CLOCKS.clk_sys_ctrl().modify(|w| w.set_src(ClkSysCtrlSrc::CLKSRC_CLK_SYS_AUX));
    wait_until(|| M::selected_clocks().processor & 0b10 != 0);
    pac::CLOCKS.clk_peri_ctrl().write(|w| {
        w.set_auxsrc(ClkPeriCtrlAuxsrc::CLK_SYS);
        w.set_enable(true);
    });
    pac::CLOCKS.clk_usb_ctrl().write(|w| {
        w.set_auxsrc(ClkUsbCtrlAuxsrc::CLKSRC_PLL_USB);
        w.set_enable(true);
    });
    M::start_ticks(CRYSTAL_MHZ);
}

fn start_plls<M: Machine>() {
    let reset = |is_on| {
        pac::RESETS.reset().modify(|w| {
            w.set_pll_sys(is_on);
            w.set_pll_usb(is_on);
        });
    };
    reset(true);
    reset(false);
    wait_until(|| {
        let done = pac::RESETS.reset_done().read();
        done.pll_sys() && done.pll_usb()
    });
    start_pll(pac::PLL_SYS, &M::PROCESSOR);
    start_pll(pac::PLL_USB, &USB);
}

fn start_pll(pll: Pll, rate: &PllRate) {
    pll.cs().write(|w| w.set_refdiv(1));
    pll.fbdiv_int().write(|w| w.set_fbdiv_int(rate.0));
    pll.pwr().modify(|w| {
        w.set_pd(false);
        w.set_vcopd(false);
    });
    wait_until(|| pll.cs().read().lock());
    pll.prim().write(|w| {
        w.set_postdiv1(rate.1);
        w.set_postdiv2(rate.2);
    });
    pll.pwr().modify(|w| w.set_postdivpd(false));
}

/// All but the oscillators; as the chip starts, its watchdog resets nothing.
fn choose_what_the_watchdog_resets<M: Machine>() {
    pac::PSM.wdsel().write(|w| {
        w.0 = M::PSM_ALL;
        w.set_rosc(false);
        w.set_xosc(false);
    });
}

fn start_led() {
    pac::IO_BANK0.gpio(LED).ctrl().write(|w| w.set_funcsel(SIO_FUNCTION));
    pac::SIO.gpio_oe(0).value_set().write_value(1 << LED);
}

fn light(lit: bool) {
    let pins = pac::SIO.gpio_out(0);
    let change = if lit { pins.value_set() } else { pins.value_clr() };
    change.write_value(1 << LED);
}

/// 115,200 baud, 8 bits, no parity, no flow control; an interrupt when some bytes have come, or one and then a pause.
fn start_uart<M: Machine>() {
    pac::RESETS.reset().modify(|w| {
        w.set_io_bank0(false);
        w.set_pads_bank0(false);
        w.set_uart0(false);
    });
    wait_until(|| {
        let done = pac::RESETS.reset_done().read();
        done.io_bank0() && done.pads_bank0() && done.uart0()
    });
    pac::IO_BANK0.gpio(0).ctrl().write(|w| w.set_funcsel(UART_FUNCTION));
    pac::IO_BANK0.gpio(1).ctrl().write(|w| w.set_funcsel(UART_FUNCTION));
    M::connect_pads();
    UART.uartibrd().write(|w| w.set_baud_divint((BAUD_DIVISOR / 64) as u16));
    UART.uartfbrd().write(|w| w.set_baud_divfrac((BAUD_DIVISOR % 64) as u8));
    UART.uartlcr_h().write(|w| {
        w.set_wlen(WORD_LENGTH);
        w.set_fen(true);
    });
    // An eighth of the queue, which is four bytes.
    UART.uartifls().write(|w| w.set_rxiflsel(0));
    UART.uartimsc().write(|w| {
        w.set_rxim(true);
        w.set_rtim(true);
    });
    UART.uartcr().write(|w| {
        w.set_uarten(true);
        w.set_txe(true);
        w.set_rxe(true);
    });
}

/// Bits of the ring oscillator, from which nothing runs.
pub(super) fn ring_oscillator_bits() -> u64 {
    let bit =
        || (0..BITS_A_BIT).fold(0, |parity, _| parity ^ u64::from(pac::ROSC.randombit().read().randombit()));
    (0..u64::BITS).fold(0, |bits, _| bits << 1 | bit())
}

type Handler = unsafe extern "C" fn();

/// The handlers of the interrupts, up to the last that is unmasked.
// SAFETY: the linker script of cortex-m-rt puts the section behind the exceptions' handlers, where the chip looks.
#[unsafe(no_mangle)]
#[unsafe(link_section = ".vector_table.interrupts")]
static __INTERRUPTS: [Handler; UART_IRQ as usize + 1] = {
    let mut handlers: [Handler; UART_IRQ as usize + 1] = [on_uart; UART_IRQ as usize + 1];
    handlers[USB_IRQ as usize] = on_usb;
    #[cfg(feature = "pico")]
    {
        handlers[pac::Interrupt::TIMER_IRQ_0 as usize] = on_alarm;
    }
    handlers
};

/// # Safety
///
/// Called by the chip only. It uses the UART's receiver and the ring, to which only handlers write: they have one priority, so that none
/// breaks into another.
unsafe extern "C" fn on_uart() {
    UART.uarticr().write(|w| w.set_rtic(true));
    while !UART.uartfr().read().rxfe() {
        let received = UART.uartdr().read();
        RECEIVED.put(received.data());
        if received.oe() {
            RECEIVED.lose();
        }
    }
}

/// # Safety
///
/// As [`on_uart`], with USB's controller, which is the program's only while it keeps handlers out.
unsafe extern "C" fn on_usb() {
    usb_serial::on_event(&RECEIVED);
}

/// # Safety
///
/// As [`on_usb`].
#[cfg(feature = "pico")]
unsafe extern "C" fn on_alarm() {
    super::usb_busy_bus::on_alarm();
}

impl<M: Machine> Board for Rp<M> {
    const NAME: &'static str = M::NAME;
    const CLOCK: Clock = Clock::Time { hz: 1_000_000 };
    const ECHO: bool = true;

    fn ticks(&self) -> u32 {
        M::now_us()
    }

    fn seed(&self) -> u64 {
        M::seed()
    }

    fn memory_use(&self) -> MemoryUse {
        stack::memory_use()
    }

    fn feed_watchdog(&self) {
        light(true);
        pac::WATCHDOG.load().write(|w| w.set_load(M::WATCHDOG_COUNT));
        pac::WATCHDOG.ctrl().write(|w| w.set_enable(true));
    }

    fn stop_watchdog(&self) {
        light(false);
        pac::WATCHDOG.ctrl().write(|w| w.set_enable(false));
    }

    fn can_exit(&self) -> bool {
        false
    }
}

impl ErrorType for Port {
    type Error = Infallible;
}

impl Serial for Port {
    fn received(&mut self) -> &Received {
        &RECEIVED
    }

    fn wait(&mut self) -> Result<(), Infallible> {
        super::sleep(&RECEIVED);
        Ok(())
    }
}

impl Write for Port {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        for &byte in bytes {
            while UART.uartfr().read().txff() {}
            UART.uartdr().write(|w| w.set_data(byte));
        }
        usb_serial::send(bytes, ThisMachine::now_us, &RECEIVED);
        if self.is_last {
            usb_serial::flush(ThisMachine::now_us, &RECEIVED);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}
