//! A duty cycle for a pin that has none: the pin is switched by a timer's interrupt.

use core::sync::atomic::{AtomicU16, Ordering};

/// The duty cycle of a pin that a timer's interrupt switches: [`Dithered::tick`] says at each interrupt whether the pin is to be
/// high. The high ticks are spread evenly (first-order sigma-delta modulation), so that an LED does not flicker even at a few
/// thousand ticks a second. For a static: the program sets it, the interrupt reads it.
///
/// ```
/// use embedded_hal::pwm::SetDutyCycle;
/// use pipsqueak_obey::Dithered;
///
/// static LAMP: Dithered = Dithered::new();
///
/// (&LAMP).set_duty_cycle_percent(25).unwrap();
/// let mut error = 0;
/// let high = (0..8).map(|_| LAMP.tick(&mut error));
/// assert_eq!(high.filter(|&is_high| is_high).count(), 2);
/// ```
#[derive(Debug)]
pub struct Dithered(AtomicU16);

impl Dithered {
    /// The duty of a pin that is always high.
    pub const MAX: u16 = 1000;

    /// A pin that is low.
    pub const fn new() -> Dithered {
        Dithered(AtomicU16::new(0))
    }

    /// Whether the pin is to be high until the next tick. `error` is what the ticks so far owe, 0 at first.
    pub fn tick(&self, error: &mut u16) -> bool {
        *error = error.saturating_add(self.0.load(Ordering::Relaxed));
        let is_high = *error >= Self::MAX;
        if is_high {
            *error -= Self::MAX;
        }
        is_high
    }
}

impl Default for Dithered {
    fn default() -> Dithered {
        Dithered::new()
    }
}

impl embedded_hal::pwm::ErrorType for &Dithered {
    type Error = core::convert::Infallible;
}

impl embedded_hal::pwm::SetDutyCycle for &Dithered {
    fn max_duty_cycle(&self) -> u16 {
        Dithered::MAX
    }

    fn set_duty_cycle(&mut self, duty: u16) -> Result<(), Self::Error> {
        self.0.store(duty.min(Dithered::MAX), Ordering::Relaxed);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use embedded_hal::pwm::SetDutyCycle;
    use std::vec::Vec;

    #[test]
    fn every_duty_is_met_exactly_and_evenly() {
        for duty in [0, 1, 10, 333, 500, 999, 1000, u16::MAX] {
            let (pin, mut error) = (Dithered::new(), 0);
            (&pin).set_duty_cycle(duty).unwrap();
            let duty = usize::from(duty.min(Dithered::MAX));
            let high: Vec<bool> = (0..2000).map(|_| pin.tick(&mut error)).collect();
            assert_eq!(high.iter().filter(|&&is_high| is_high).count(), 2 * duty);
            // In any stretch, no more than one tick off its share.
            for stretch in high.windows(100) {
                let count = stretch.iter().filter(|&&is_high| is_high).count();
                assert!(count.abs_diff(duty / 10) <= 1, "{count} of 100 at {duty}");
            }
        }
    }
}
