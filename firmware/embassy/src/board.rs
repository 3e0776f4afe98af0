//! The board: embassy's time from SysTick, and an LED. An Arm MPS2 with image AN386, as QEMU emulates it; for a real
//! chip, its embassy crate brings all of this.

use core::cell::RefCell;
use core::task::Waker;

use cortex_m::peripheral::Peripherals;
use cortex_m::peripheral::syst::SystClkSource;
use cortex_m_rt::exception;
use critical_section::Mutex;
use embassy_time_driver::{Driver, TICK_HZ, time_driver_impl};
use embassy_time_queue_utils::Queue;

const CLOCK_HZ: u32 = 25_000_000;
/// Arm Application Note AN386, "FPGA system control and I/O": a bit for each LED.
const LEDS: usize = 0x4002_8000;

struct Clock(Mutex<RefCell<Timers>>);

/// Ticks since the start, and who is to be woken when.
struct Timers {
    now: u64,
    next: u64,
    queue: Queue,
}

time_driver_impl!(static CLOCK: Clock = Clock(Mutex::new(RefCell::new(Timers {
    now: 0,
    next: u64::MAX,
    queue: Queue::new(),
}))));

impl Driver for Clock {
    fn now(&self) -> u64 {
        critical_section::with(|section| self.0.borrow_ref(section).now)
    }

    fn schedule_wake(&self, at: u64, waker: &Waker) {
        critical_section::with(|section| {
            let timers = &mut *self.0.borrow_ref_mut(section);
            if timers.queue.schedule_wake(at, waker) {
                timers.next = timers.queue.next_expiration(timers.now);
            }
        });
    }
}

#[exception]
fn SysTick() {
    critical_section::with(|section| {
        let timers = &mut *CLOCK.0.borrow_ref_mut(section);
        timers.now += 1;
        if timers.next <= timers.now {
            timers.next = timers.queue.next_expiration(timers.now);
        }
    });
}

/// Starts the clock. To be called once.
pub(crate) fn start() {
    let Some(mut peripherals) = Peripherals::take() else { return };
    peripherals.SYST.set_clock_source(SystClkSource::Core);
    peripherals.SYST.set_reload(CLOCK_HZ / TICK_HZ as u32 - 1);
    peripherals.SYST.clear_current();
    peripherals.SYST.enable_counter();
    peripherals.SYST.enable_interrupt();
}

/// Switches the LED on or off.
#[allow(unsafe_code)]
pub(crate) fn set_led(on: bool) {
    // SAFETY: the register is always there and lies outside all memory that Rust knows of.
    unsafe { (LEDS as *mut u32).write_volatile(on.into()) }
}
