//! The lamps of the Arm MPS2 boards: Arm Application Notes AN385 and AN386, "FPGA system control and I/O" and "Serial Configuration
//! Controller". They have no PWM, so that SysTick switches the two user LEDs ten thousand times a second: the first is the lamp, the
//! second breathes. The fan is the first of the LEDs beside the controller.
#![allow(unsafe_code)]

use core::convert::Infallible;
use core::sync::atomic::{AtomicU32, Ordering};

use crate::{Dimmer, Dithered, Switch};
use cortex_m::Peripherals;
use cortex_m::peripheral::syst::SystClkSource;
use cortex_m_rt::exception;
use embedded_hal::digital::{ErrorType, OutputPin};

/// A bit for each user LED.
const LEDS: usize = 0x4002_8000;
/// A bit for each LED beside the controller.
const CONTROLLER_LEDS: usize = 0x4002_f004;
const PROCESSOR_HZ: u32 = 25_000_000;
/// Of [`clock`], in a second.
pub const CLOCK_HZ: u32 = 10_000;

static LAMP: Dithered = Dithered::new();
static BREATH: Dithered = Dithered::new();
static TICKS: AtomicU32 = AtomicU32::new(0);

/// The LED that breathes.
pub type Led = &'static Dithered;

/// The controller's first LED.
pub struct Fan(());

/// The board's parts.
pub struct Pins {
    /// The first user LED.
    pub lamp: Dimmer<Led>,
    /// The controller's first LED.
    pub fan: Switch<Fan>,
    /// The second user LED.
    pub breath: Led,
}

fn write(register: usize, value: u32) {
    // SAFETY: only the two registers above are passed: they are always there and lie outside all memory that Rust knows of.
    unsafe { (register as *mut u32).write_volatile(value) }
}

/// Starts SysTick.
pub fn start(peripherals: Peripherals) -> Pins {
    let mut timer = peripherals.SYST;
    timer.set_clock_source(SystClkSource::Core);
    timer.set_reload(PROCESSOR_HZ / CLOCK_HZ - 1);
    timer.clear_current();
    timer.enable_counter();
    timer.enable_interrupt();
    Pins { lamp: Dimmer(&LAMP), fan: Switch(Fan(())), breath: &BREATH }
}

/// Ticks since the start, on a clock that wraps.
pub fn clock() -> u32 {
    TICKS.load(Ordering::Relaxed)
}

#[exception]
fn SysTick() {
    static mut ERRORS: [u16; 2] = [0; 2];
    // The interrupt alone writes it; an ARMv6-M has no instruction that adds to memory.
    TICKS.store(TICKS.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
    let [lamp, breath] = ERRORS;
    write(LEDS, u32::from(LAMP.tick(lamp)) | u32::from(BREATH.tick(breath)) << 1);
}

impl ErrorType for Fan {
    type Error = Infallible;
}

impl OutputPin for Fan {
    fn set_low(&mut self) -> Result<(), Infallible> {
        write(CONTROLLER_LEDS, 0);
        Ok(())
    }

    fn set_high(&mut self) -> Result<(), Infallible> {
        write(CONTROLLER_LEDS, 1);
        Ok(())
    }
}
