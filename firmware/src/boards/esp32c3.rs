//! A board with an ESP32-C3 whose USB connector is the chip's own: an RV32IMC at 160 MHz. The prompt is at its USB Serial/JTAG.
//! Registers: ESP32-C3 Technical Reference Manual, "USB Serial/JTAG Controller", "System Timer", "Watchdog Timers", "Reset and Clock",
//! "Interrupt Matrix", "ESP-RISC-V CPU" and "Low-power Management"; the program's description: ESP-IDF, "App Image Format".

use core::arch::global_asm;
use core::convert::Infallible;
use core::sync::atomic::AtomicU8;

use crate::{Board, Clock, MemoryUse, Received, Serial};
use embedded_io::{ErrorType, Write};
use esp32c3::{APB_SARADC, INTERRUPT_CORE0, RNG, RTC_CNTL, SYSTEM, SYSTIMER, TIMG0, TIMG1, USB_DEVICE};
use riscv::register::mtvec;

use super::{esp32c3_noise, stack, wait_until};

/// Bytes that have come over USB: room for the longest line, which comes at once, and for more.
static RECEIVED: Received<[AtomicU8; 1024]> = Received::new();

/// Written to a watchdog's register of protection, lets its others be written.
const WATCHDOG_KEY: u32 = 0x50d8_3aa1;
/// The same for the watchdog in the low-power part, which other chips call the super watchdog.
const SUPER_WATCHDOG_KEY: u32 = 0x8f1d_312a;
/// The watchdog counts at 80 MHz / 40,000, up to 30 s: far longer than a slice of a token, and than a sector of flash is erased.
const WATCHDOG_PRESCALER: u16 = 40_000;
const WATCHDOG_TICKS: u32 = 30 * 2_000;
/// The watchdog's action: to reset all but the low-power part.
const RESET_SYSTEM: u8 = 3;
/// Half of the PLL's third, 160 MHz.
const CPU_160_MHZ: u8 = 1;
/// The way in which the chip enters traps, and the only one that it has.
const VECTORED: usize = 1;
/// USB's interrupt: the processor's number for it, of 1 to 31, and its priority, of 1 to 15. Those of the threshold and above come.
const USB_NUMBER: usize = 1;
const USB_PRIORITY: u8 = 1;
/// The system timer's counts in a microsecond.
const TICKS_A_US: u32 = 16;

/// The description of a program for which the boot loader looks: ESP-IDF, `esp_app_desc_t`. Names and versions are empty.
#[repr(C)]
struct Description {
    mark: u32,
    names: [u32; 43],
    /// The first and the last version of the chip's fuses that the program runs with.
    fuses: [u16; 2],
    /// The logarithm of the bytes of a page of the cache's.
    page_log2: u32,
    rest: [u32; 18],
}

// SAFETY: the board's linker script puts the section where the boot loader looks.
#[unsafe(link_section = ".description")]
#[used]
static DESCRIPTION: Description =
    Description { mark: 0xabcd_5432, names: [0; 43], fuses: [0, u16::MAX], page_log2: 16, rest: [0; 18] };

const _: () = assert!(size_of::<Description>() == 256 && core::mem::offset_of!(Description, fuses) == 176);

// The chip takes for the traps' address a multiple of 256. There it enters exceptions, and each interrupt as many words behind as its
// number is.
global_asm!(
    ".pushsection .trap.table, \"ax\"",
    ".option push",
    ".option norvc",
    ".global traps",
    ".balign 256",
    "traps:",
    ".rept 32",
    "    j _start_trap",
    ".endr",
    ".option pop",
    ".popsection",
);

unsafe extern "C" {
    fn traps();
}

/// A part's registers.
macro_rules! registers {
    ($($name:ident: $module:ident, $part:ident;)*) => {
        $(pub(super) fn $name() -> &'static esp32c3::$module::RegisterBlock {
            // SAFETY: the address is that of registers that are always there, and nothing runs beside this program but the handler below,
            // which has some of USB's to itself.
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
    converter: apb_saradc, APB_SARADC;
    interrupts: interrupt_core0, INTERRUPT_CORE0;
}

/// The board, started.
pub struct Esp32c3(());

/// The USB Serial/JTAG, and whether somebody at the other end reads.
pub struct Port {
    is_read: bool,
}

impl Esp32c3 {
    /// Marks the stack, so that its depth can be told, and sets up the clock, the watchdogs and USB's interrupt. USB runs from reset.
    pub fn start() -> (Self, Port) {
        stack::paint();
        stop_boot_watchdogs();
        set_up_watchdog();
        // SAFETY: the boot loader has started the PLL, and the chip may run so fast.
        clocks().cpu_per_conf().modify(|_, w| unsafe { w.cpuperiod_sel().bits(CPU_160_MHZ) });
        start_interrupt();
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

/// Sets the watchdog's time, and what it does then.
fn set_up_watchdog() {
    // SAFETY: these registers take any number.
    unsafe {
        watchdog().wdtwprotect().write(|w| w.bits(WATCHDOG_KEY));
        watchdog().wdtconfig1().write(|w| w.wdt_clk_prescale().bits(WATCHDOG_PRESCALER));
        watchdog().wdtconfig2().write(|w| w.bits(WATCHDOG_TICKS));
    }
    run_watchdog(false);
}

fn run_watchdog(runs: bool) {
    // SAFETY: these fields take any number.
    watchdog().wdtconfig0().write(|w| unsafe {
        w.wdt_stg0().bits(RESET_SYSTEM).wdt_en().bit(runs);
        w.wdt_sys_reset_length().bits(7).wdt_cpu_reset_length().bits(7).wdt_conf_update_en().set_bit()
    });
}

/// Lets USB interrupt when a packet has come. All other interrupts stay off.
fn start_interrupt() {
    let address = traps as *const () as usize;
    // SAFETY: there lie jumps to the handler of traps.
    unsafe { mtvec::write(mtvec::Mtvec::from_bits(address | VECTORED)) };
    // SAFETY: the number, the priority and the threshold are in the ranges that the registers take.
    unsafe {
        interrupts()
            .core_0_intr_map(esp32c3::Interrupt::USB_DEVICE as usize)
            .write(|w| w.map().bits(USB_NUMBER as u8));
        interrupts().cpu_int_type().write(|w| w.bits(0));
        interrupts().cpu_int_pri(USB_NUMBER).write(|w| w.map().bits(USB_PRIORITY));
        interrupts().cpu_int_thresh().write(|w| w.cpu_int_thresh().bits(USB_PRIORITY));
        interrupts().cpu_int_enable().write(|w| w.bits(1 << USB_NUMBER));
    }
    usb().int_ena().write(|w| w.serial_out_recv_pkt().set_bit());
    // A packet whose interrupt was taken before the chip's restart raises none again.
    receive();
    riscv::asm::fence();
    // SAFETY: the handler is below, and no critical section is open.
    unsafe { riscv::interrupt::enable() };
}

/// Starts the chip again.
pub(super) fn reset() -> ! {
    low_power().options0().modify(|_, w| w.sw_sys_rst().set_bit());
    loop {
        core::hint::spin_loop();
    }
}

/// USB's interrupt, the only one that is on. `riscv-rt` calls this.
#[unsafe(no_mangle)]
extern "C" fn _dispatch_core_interrupt(_: usize) {
    usb().int_clr().write(|w| w.serial_out_recv_pkt().clear_bit_by_one());
    receive();
}

/// Takes what has come over USB; called by the handler alone, and before it is on.
fn receive() {
    while usb().ep1_conf().read().serial_out_ep_data_avail().bit() {
        RECEIVED.put(usb().ep1().read().rdwr_byte().bits());
    }
}

/// The system timer's count.
fn now() -> u32 {
    timer().unit_op(0).write(|w| w.update().set_bit());
    wait_until(|| timer().unit_op(0).read().value_valid().bit());
    timer().unit_value(0).lo().read().bits()
}

/// Waits so many microseconds.
pub(super) fn wait(us: u32) {
    let start = now();
    while now().wrapping_sub(start) < us * TICKS_A_US {}
}

impl Board for Esp32c3 {
    const NAME: &'static str = "esp32c3";
    const CLOCK: Clock = Clock::Time { hz: TICKS_A_US * 1_000_000 };
    const ECHO: bool = true;

    fn ticks(&self) -> u32 {
        now()
    }

    fn seed(&self) -> u64 {
        esp32c3_noise::seed()
    }

    fn memory_use(&self) -> MemoryUse {
        stack::memory_use()
    }

    fn feed_watchdog(&self) {
        run_watchdog(true);
        // SAFETY: any number does it.
        watchdog().wdtfeed().write(|w| unsafe { w.bits(1) });
    }

    fn stop_watchdog(&self) {
        run_watchdog(false);
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
