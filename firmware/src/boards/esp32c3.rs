//! A board with an ESP32-C3 whose USB connector is the chip's own: an RV32IMC at 160 MHz. The prompt is at its USB Serial/JTAG.
//! Registers: ESP32-C3 Technical Reference Manual, "USB Serial/JTAG Controller", "System Timer", "Watchdog Timers", "Reset and Clock",
//! "Random Number Generator" and "Low-power Management"; the program's description: ESP-IDF, "App Image Format".
//!
//! No interrupt is used, as the USB controller holds what comes until it is read: the host waits meanwhile.

use core::arch::global_asm;
use core::convert::Infallible;
use core::sync::atomic::AtomicU8;

use crate::{Board, Clock, MemoryUse, Received, Serial};
use embedded_io::{ErrorType, Write};
use esp32c3::{RNG, RTC_CNTL, SYSTEM, SYSTIMER, TIMG0, TIMG1, USB_DEVICE};
use riscv::register::mtvec;

use super::{stack, wait_until};

/// Bytes that have come over USB: room for a few lines typed ahead.
static RECEIVED: Received<[AtomicU8; 256]> = Received::new();

/// Written to a watchdog's register of protection, lets its others be written.
const WATCHDOG_KEY: u32 = 0x50d8_3aa1;
/// The same for the watchdog in the low-power part, which other chips call the super watchdog.
const SUPER_WATCHDOG_KEY: u32 = 0x8f1d_312a;
/// The watchdog counts at 80 MHz / 40,000, up to 30 s. A self-test, during which it isn't fed, takes seconds.
const WATCHDOG_PRESCALER: u16 = 40_000;
const WATCHDOG_TICKS: u32 = 30 * 2_000;
/// The watchdog's action: to reset all but the low-power part.
const RESET_SYSTEM: u8 = 3;
/// Half of the PLL's third, 160 MHz.
const CPU_160_MHZ: u8 = 1;
/// Numbers that the seed is made of.
const SEED_SAMPLES: u32 = 16;

/// The description of a program for which the boot loader looks: its mark, names and versions, which here are empty.
#[repr(C)]
struct Description {
    mark: u32,
    empty: [u32; 63],
}

// SAFETY: the board's linker script puts the section where the boot loader looks.
#[unsafe(link_section = ".description")]
#[used]
static DESCRIPTION: Description = Description { mark: 0xabcd_5432, empty: [0; 63] };

// The chip takes for a trap's address a multiple of 256, and enters exceptions there.
global_asm!(
    ".section .trap.exceptions, \"ax\"",
    ".global exceptions",
    ".balign 256",
    "exceptions:",
    "    j _start_trap",
);

unsafe extern "C" {
    fn exceptions();
}

/// A part's registers.
macro_rules! registers {
    ($($name:ident: $module:ident, $part:ident;)*) => {
        $(fn $name() -> &'static esp32c3::$module::RegisterBlock {
            // SAFETY: the address is that of registers that are always there, and nothing runs beside this program, no interrupt either.
            unsafe { &*$part::PTR }
        })*
    };
}

registers! {
    usb: usb_device, USB_DEVICE;
    timer: systimer, SYSTIMER;
    watchdog: timg0, TIMG0;
    other_watchdog: timg0, TIMG1;
    low_power: rtc_cntl, RTC_CNTL;
    clocks: system, SYSTEM;
    random: rng, RNG;
}

/// The board, started.
pub struct Esp32c3(());

/// The USB Serial/JTAG, and whether somebody at the other end reads.
pub struct Port {
    is_read: bool,
}

impl Esp32c3 {
    /// Marks the stack, so that its depth can be told, and sets up the clock and the watchdogs. USB runs from reset.
    pub fn start() -> (Self, Port) {
        stack::paint();
        let address = exceptions as *const () as usize;
        // SAFETY: there lies a jump to the handler of traps.
        unsafe { mtvec::write(mtvec::Mtvec::from_bits(address)) };
        stop_boot_watchdogs();
        start_watchdog();
        // SAFETY: the boot loader has started the PLL, and the chip may run so fast.
        clocks().cpu_per_conf().modify(|_, w| unsafe { w.cpuperiod_sel().bits(CPU_160_MHZ) });
        (Esp32c3(()), Port { is_read: true })
    }

    /// The port, whatever state the program is in.
    pub(crate) fn last_port() -> Port {
        Port { is_read: true }
    }
}

/// The boot loaders' watchdogs would reset the chip after seconds.
fn stop_boot_watchdogs() {
    // SAFETY: these registers take any number.
    unsafe {
        low_power().wdtwprotect().write(|w| w.bits(WATCHDOG_KEY));
        low_power().wdtconfig0().write(|w| w.bits(0));
        low_power().swd_wprotect().write(|w| w.bits(SUPER_WATCHDOG_KEY));
        other_watchdog().wdtwprotect().write(|w| w.bits(WATCHDOG_KEY));
        other_watchdog().wdtconfig0().write(|w| w.bits(0));
    }
    low_power().swd_conf().modify(|_, w| w.swd_auto_feed_en().set_bit());
}

fn start_watchdog() {
    // SAFETY: these registers take any number.
    unsafe {
        watchdog().wdtwprotect().write(|w| w.bits(WATCHDOG_KEY));
        watchdog().wdtconfig1().write(|w| w.wdt_clk_prescale().bits(WATCHDOG_PRESCALER));
        watchdog().wdtconfig2().write(|w| w.bits(WATCHDOG_TICKS));
        watchdog().wdtconfig0().write(|w| {
            w.wdt_stg0().bits(RESET_SYSTEM).wdt_en().set_bit();
            w.wdt_sys_reset_length().bits(7).wdt_cpu_reset_length().bits(7).wdt_conf_update_en().set_bit()
        });
    }
    feed_watchdog();
}

fn feed_watchdog() {
    // SAFETY: any number does it.
    watchdog().wdtfeed().write(|w| unsafe { w.bits(1) });
}

/// Starts the chip again.
pub(super) fn reset() -> ! {
    low_power().options0().modify(|_, w| w.sw_sys_rst().set_bit());
    loop {
        core::hint::spin_loop();
    }
}

/// Takes what has come.
fn receive() {
    while usb().ep1_conf().read().serial_out_ep_data_avail().bit() {
        RECEIVED.put(usb().ep1().read().rdwr_byte().bits());
    }
}

impl Board for Esp32c3 {
    const NAME: &'static str = "esp32c3";
    const CLOCK: Clock = Clock::Time { hz: 16_000_000 };
    const ECHO: bool = true;

    fn ticks(&self) -> u32 {
        timer().unit_op(0).write(|w| w.update().set_bit());
        wait_until(|| timer().unit_op(0).read().value_valid().bit());
        timer().unit_value(0).lo().read().bits()
    }

    /// The chip's random numbers, which have little noise while its radio is off, and the time that each took: FNV-1a
    /// (draft-eastlake-fnv) of those. Good enough for stories, not for keys.
    fn seed(&self) -> u64 {
        const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
        const PRIME: u64 = 0x100_0000_01b3;
        (0..SEED_SAMPLES).fold(OFFSET, |hash, _| {
            let hash = (hash ^ u64::from(random().data().read().bits())).wrapping_mul(PRIME);
            (hash ^ u64::from(self.ticks())).wrapping_mul(PRIME)
        })
    }

    fn memory_use(&self) -> MemoryUse {
        stack::memory_use()
    }

    fn feed_watchdog(&self) {
        feed_watchdog();
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
        receive();
        &RECEIVED
    }

    fn wait(&mut self) -> Result<(), Infallible> {
        feed_watchdog();
        Ok(())
    }
}

impl Write for Port {
    /// Where nobody reads, leaves the bytes out once it has waited a while.
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        for &byte in bytes {
            let has_room = || usb().ep1_conf().read().serial_in_ep_data_free().bit();
            self.is_read = if self.is_read { wait_until(has_room) } else { has_room() };
            if self.is_read {
                // SAFETY: any byte may be sent.
                usb().ep1().write(|w| unsafe { w.rdwr_byte().bits(byte) });
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        usb().ep1_conf().write(|w| w.wr_done().set_bit());
        Ok(())
    }
}
