//! Raspberry Pi Pico: RP2040, a Cortex-M0+ at 125 MHz. UART0 on GP0 (sends) and GP1. Registers and start-up: RP2040 Datasheet, "Resets",
//! "XOSC", "PLL", "Clocks", "UART", "Timer", "Watchdog" and "ROSC". The second core sleeps.

use core::convert::Infallible;
use core::sync::atomic::AtomicU8;

use crate::{Board, Clock, MemoryUse, Received, Serial};
use cortex_m::peripheral::NVIC;
use embedded_io::{ErrorType, Write};
use pac::clocks::vals::{ClkPeriCtrlAuxsrc, ClkRefCtrlSrc, ClkSysCtrlAuxsrc, ClkSysCtrlSrc};
use pac::uart::Uart;
use rp_pac as pac;

use super::{stack, wait_until};

/// The chip reads it into RAM and runs it: for flash as the Pico has it, Winbond's W25Q16JV.
// SAFETY: the board's linker script puts the section where the chip's ROM looks.
#[unsafe(link_section = ".boot2")]
#[used]
static BOOT2: [u8; 256] = rp2040_boot2::BOOT_LOADER_W25Q080;

/// The bytes received over the UART: room for a few lines typed ahead.
static RECEIVED: Received<[AtomicU8; 256]> = Received::new();

const UART: Uart = pac::UART0;
const RECEIVE: pac::Interrupt = pac::Interrupt::UART0_IRQ;
/// 8 bits.
const WORD_LENGTH: u8 = 0b11;
/// The function of GP0 and GP1 that is UART0.
const UART_FUNCTION: u8 = 2;
/// 125 MHz / (16 * 115,200 baud), in 64ths.
const BAUD_DIVISOR: u32 = (125_000_000 * 4 + 115_200 / 2) / 115_200;
/// The crystal's periods in a microsecond.
const CRYSTAL_MHZ: u16 = 12;
/// The crystal has a millisecond to start, in units of 256 periods.
const CRYSTAL_DELAY: u16 = 47;
/// The watchdog counts two down in a microsecond (erratum RP2040-E1): 8.4 s.
const WATCHDOG_COUNT: u32 = 0xff_ffff;
/// Every part of the chip that the power-on state machine starts.
const PSM_ALL: u32 = 0x1_ffff;
/// Bits of the ring oscillator that a bit of the seed is made of: their parity is nearer to even odds than each of them.
const BITS_A_BIT: usize = 16;

/// The board, started.
pub struct Pico(());

/// The UART.
pub struct Port(());

impl Pico {
    /// Starts the clocks and the UART.
    pub fn start() -> (Self, Port) {
        start_clocks();
        choose_what_the_watchdog_resets();
        start_uart();
        // SAFETY: it breaks no critical section that masks by priority, as there is none, and its handler is below.
        unsafe { NVIC::unmask(RECEIVE) };
        (Pico(()), Port(()))
    }

    /// The UART, whatever state the program is in. Its rate stays as it was set.
    pub(crate) fn last_port() -> Port {
        Port(())
    }
}

/// The crystal at 12 MHz, times 125, by 6 and by 2: 125 MHz.
fn start_clocks() {
    // After a reset that leaves the clocks alone, nothing may run from the PLL that is about to stop.
    pac::CLOCKS.clk_sys_ctrl().modify(|w| w.set_src(ClkSysCtrlSrc::CLK_REF));
    wait_until(|| pac::CLOCKS.clk_sys_selected().read() & 1 != 0);
    pac::XOSC.startup().write(|w| w.set_delay(CRYSTAL_DELAY));
    pac::XOSC.ctrl().write(|w| {
        w.set_freq_range(pac::xosc::vals::CtrlFreqRange::_1_15MHZ);
        w.set_enable(pac::xosc::vals::Enable::ENABLE);
    });
    wait_until(|| pac::XOSC.status().read().stable());
    pac::CLOCKS.clk_ref_ctrl().write(|w| w.set_src(ClkRefCtrlSrc::XOSC_CLKSRC));
    wait_until(|| pac::CLOCKS.clk_ref_selected().read() & 0b100 != 0);
    start_pll();
    pac::CLOCKS.clk_sys_ctrl().write(|w| w.set_auxsrc(ClkSysCtrlAuxsrc::CLKSRC_PLL_SYS));
    pac::CLOCKS.clk_sys_ctrl().modify(|w| w.set_src(ClkSysCtrlSrc::CLKSRC_CLK_SYS_AUX));
    wait_until(|| pac::CLOCKS.clk_sys_selected().read() & 0b10 != 0);
    pac::CLOCKS.clk_peri_ctrl().write(|w| {
        w.set_auxsrc(ClkPeriCtrlAuxsrc::CLK_SYS);
        w.set_enable(true);
    });
    // The timer and the watchdog count microseconds.
    pac::WATCHDOG.tick().write(|w| {
        w.set_cycles(CRYSTAL_MHZ);
        w.set_enable(true);
    });
    pac::RESETS.reset().modify(|w| w.set_timer(false));
    wait_until(|| pac::RESETS.reset_done().read().timer());
}

/// All but the oscillators; as the chip starts, its watchdog resets nothing.
fn choose_what_the_watchdog_resets() {
    pac::PSM.wdsel().write(|w| {
        w.0 = PSM_ALL;
        w.set_rosc(false);
        w.set_xosc(false);
    });
}

fn start_pll() {
    pac::RESETS.reset().modify(|w| w.set_pll_sys(true));
    pac::RESETS.reset().modify(|w| w.set_pll_sys(false));
    wait_until(|| pac::RESETS.reset_done().read().pll_sys());
    let pll = pac::PLL_SYS;
    pll.cs().write(|w| w.set_refdiv(1));
    pll.fbdiv_int().write(|w| w.set_fbdiv_int(125));
    pll.pwr().modify(|w| {
        w.set_pd(false);
        w.set_vcopd(false);
    });
    wait_until(|| pll.cs().read().lock());
    pll.prim().write(|w| {
        w.set_postdiv1(6);
        w.set_postdiv2(2);
    });
    pll.pwr().modify(|w| w.set_postdivpd(false));
}

/// 115,200 baud, 8 bits, no parity, no flow control; an interrupt when some bytes have come, or one and then a pause.
fn start_uart() {
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

/// The handlers of the interrupts, up to the one that is unmasked.
// SAFETY: the linker script of cortex-m-rt puts the section behind the exceptions' handlers, where the chip looks.
#[unsafe(no_mangle)]
#[unsafe(link_section = ".vector_table.interrupts")]
static __INTERRUPTS: [unsafe extern "C" fn(); RECEIVE as usize + 1] = [on_received; RECEIVE as usize + 1];

/// # Safety
///
/// Called by the chip only. It uses the UART's receiver and the ring, which nothing else writes to.
unsafe extern "C" fn on_received() {
    UART.uarticr().write(|w| w.set_rtic(true));
    while !UART.uartfr().read().rxfe() {
        let received = UART.uartdr().read();
        RECEIVED.put(received.data());
        if received.oe() {
            RECEIVED.lose();
        }
    }
}

impl Board for Pico {
    const NAME: &'static str = "pico";
    const CLOCK: Clock = Clock::Time { hz: 1_000_000 };
    const ECHO: bool = true;

    fn ticks(&self) -> u32 {
        pac::TIMER.timerawl().read()
    }

    /// Bits of the ring oscillator, from which nothing runs. Good enough for stories, not for keys.
    fn seed(&self) -> u64 {
        let bit = || {
            (0..BITS_A_BIT).fold(0, |parity, _| parity ^ u64::from(pac::ROSC.randombit().read().randombit()))
        };
        (0..u64::BITS).fold(0, |bits, _| bits << 1 | bit())
    }

    fn memory_use(&self) -> MemoryUse {
        stack::memory_use()
    }

    fn feed_watchdog(&self) {
        pac::WATCHDOG.load().write(|w| w.set_load(WATCHDOG_COUNT));
        pac::WATCHDOG.ctrl().write(|w| w.set_enable(true));
    }

    fn stop_watchdog(&self) {
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
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}
