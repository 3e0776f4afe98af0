//! The pins of a Raspberry Pi Pico or Pico 2: the lamp at GP15 and its own LED at GP25, which breathes, by PWM; the fan at GP14; a
//! display at GP4 (SDA) and GP5 (SCL). Registers: RP2040 Datasheet and RP2350 Datasheet, "PWM", "SIO", "GPIO" and "Timer".

use core::convert::Infallible;

use crate::{Dimmer, Switch};
use cortex_m::Peripherals;
use embedded_hal::digital::OutputPin;
use embedded_hal::pwm::SetDutyCycle;
use rp_pac as pac;

use super::rp_i2c::Bus;

const LAMP: usize = 15;
const FAN: usize = 14;
const LED: usize = 25;
/// The functions of a pin.
const PWM_FUNCTION: u8 = 4;
const SIO_FUNCTION: u8 = 5;
#[cfg(feature = "pico")]
const TIMER: pac::timer::Timer = pac::TIMER;
#[cfg(feature = "pico2")]
const TIMER: pac::timer::Timer = pac::TIMER0;
/// Steps from dark to bright, less one: 125 MHz / (4 * 32,768) = 954 Hz, and with 150 MHz 1,144 Hz.
const TOP: u16 = 32_767;
const DIVISOR: u8 = 4;

/// Far longer than a reset takes.
const LOOKS: u32 = 10_000;

/// Of [`clock`], in a second.
pub const CLOCK_HZ: u32 = 1_000_000;

/// A pin that a PWM slice drives.
pub struct Led(usize);

/// A pin of its own.
pub struct Fan(());

/// The board's parts.
pub struct Pins {
    /// GP15.
    pub lamp: Dimmer<Led>,
    /// GP14.
    pub fan: Switch<Fan>,
    /// GP25.
    pub breath: Led,
    /// I2C0, at GP4 and GP5.
    pub i2c: Bus,
}

/// Starts PWM and pins; the firmware has started clocks and the pins' bank.
pub fn start(_: Peripherals) -> Pins {
    pac::RESETS.reset().modify(|w| w.set_pwm(true));
    pac::RESETS.reset().modify(|w| w.set_pwm(false));
    // A few clocks; some emulators never say so.
    _ = (0..LOOKS).any(|_| pac::RESETS.reset_done().read().pwm());
    pac::SIO.gpio_out(0).value_clr().write_value(1 << FAN);
    pac::SIO.gpio_oe(0).value_set().write_value(1 << FAN);
    connect::<FAN>(SIO_FUNCTION);
    Pins {
        lamp: Dimmer(Led::start::<LAMP>()),
        fan: Switch(Fan(())),
        breath: Led::start::<LED>(),
        i2c: Bus::start(),
    }
}

/// Gives a pin to a part of the chip. The RP2350's pads are cut off from their pins as the chip starts.
pub(super) fn connect<const PIN: usize>(function: u8) {
    pac::IO_BANK0.gpio(PIN).ctrl().write(|w| w.set_funcsel(function));
    #[cfg(feature = "pico2")]
    pac::PADS_BANK0.gpio(PIN).modify(|w| w.set_iso(false));
}

/// Microseconds since the start, on a clock that wraps.
pub fn clock() -> u32 {
    TIMER.timerawl().read()
}

impl Led {
    /// The pin goes dark, whatever it was. Two pins are a slice, and 16 are all slices.
    fn start<const PIN: usize>() -> Led {
        let slice = pac::PWM.ch(PIN / 2 % 8);
        slice.div().write(|w| w.set_int(DIVISOR));
        slice.top().write(|w| w.set_top(TOP));
        let mut led = Led(PIN);
        led.set(0);
        slice.csr().write(|w| w.set_en(true));
        connect::<PIN>(PWM_FUNCTION);
        led
    }

    fn set(&mut self, duty: u16) {
        pac::PWM.ch(self.0 / 2 % 8).cc().modify(|w| match self.0 % 2 {
            0 => w.set_a(duty),
            _ => w.set_b(duty),
        });
    }
}

impl embedded_hal::pwm::ErrorType for Led {
    type Error = Infallible;
}

impl SetDutyCycle for Led {
    fn max_duty_cycle(&self) -> u16 {
        TOP + 1
    }

    fn set_duty_cycle(&mut self, duty: u16) -> Result<(), Infallible> {
        self.set(duty);
        Ok(())
    }
}

impl embedded_hal::digital::ErrorType for Fan {
    type Error = Infallible;
}

impl OutputPin for Fan {
    fn set_low(&mut self) -> Result<(), Infallible> {
        pac::SIO.gpio_out(0).value_clr().write_value(1 << FAN);
        Ok(())
    }

    fn set_high(&mut self) -> Result<(), Infallible> {
        pac::SIO.gpio_out(0).value_set().write_value(1 << FAN);
        Ok(())
    }
}
