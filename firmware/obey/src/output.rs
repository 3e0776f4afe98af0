//! Outputs that can be switched or dimmed.

use embedded_hal::digital::OutputPin;
use embedded_hal::pwm::SetDutyCycle;

/// A pin has failed; its own error says no more to whoever typed an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PinFailed;

/// Something at a pin.
pub trait Output {
    /// Whether there is anything between on and off.
    const DIMS: bool;

    /// Sets it: 0 is off, 100 is on.
    ///
    /// # Errors
    /// If the pin fails.
    fn set(&mut self, percent: u8) -> Result<(), PinFailed>;
}

/// A pin that is high for on.
#[derive(Debug)]
pub struct Switch<P>(pub P);

/// A pin whose share of time at high level is the brightness, the speed or the power.
#[derive(Debug)]
pub struct Dimmer<P>(pub P);

impl<P: OutputPin> Output for Switch<P> {
    const DIMS: bool = false;

    fn set(&mut self, percent: u8) -> Result<(), PinFailed> {
        self.0.set_state((percent > 0).into()).map_err(|_| PinFailed)
    }
}

impl<P: SetDutyCycle> Output for Dimmer<P> {
    const DIMS: bool = true;

    fn set(&mut self, percent: u8) -> Result<(), PinFailed> {
        self.0.set_duty_cycle_percent(percent.min(100)).map_err(|_| PinFailed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use embedded_hal_mock::eh1::digital::{Mock as Pin, State, Transaction as Level};
    use embedded_hal_mock::eh1::pwm::{Mock as Pwm, Transaction as Duty};
    use std::io::ErrorKind;
    use std::vec::Vec;

    #[test]
    fn a_switch_is_high_for_on() {
        let mut pin = Pin::new(&[Level::set(State::High), Level::set(State::Low)]);
        let mut switch = Switch(pin.clone());
        assert_eq!([switch.set(100), switch.set(0)], [Ok(()); 2]);
        pin.done();
    }

    #[test]
    fn a_dimmer_takes_a_share_of_its_duty_cycle() {
        let percents = [(0, 0), (50, 500), (33, 330), (100, 1000), (255, 1000)];
        let expected: Vec<Duty> = percents
            .iter()
            .flat_map(|&(_, duty)| [Duty::max_duty_cycle(1000), Duty::set_duty_cycle(duty)])
            .collect();
        let mut pwm = Pwm::new(&expected);
        let mut dimmer = Dimmer(pwm.clone());
        for (percent, _) in percents {
            assert_eq!(dimmer.set(percent), Ok(()));
        }
        pwm.done();
    }

    #[test]
    fn a_pin_may_fail() {
        let failing =
            Level::set(State::High).with_error(embedded_hal_mock::eh1::MockError::Io(ErrorKind::BrokenPipe));
        let mut pin = Pin::new(&[failing]);
        assert_eq!(Switch(pin.clone()).set(1), Err(PinFailed));
        pin.done();
    }
}
