//! An LED that breathes.

use core::f32::consts::{E, TAU};

use embedded_hal::pwm::SetDutyCycle;
use micromath::F32Ext;

/// An LED that breathes while a model thinks.
///
/// Its share of time at high level, at the part `t` of a breath, is `(e^(-cos 2πt) - 1/e) / (e - 1/e)`: dark at both ends, bright
/// in the middle, and longer dark than bright. `micromath` computes it, within 0.03 of the formula: in half the instructions of `libm` on
/// a chip without an FPU (`docs/numerics.md`).
///
/// ```
/// # struct Pin(u16);
/// # impl embedded_hal::pwm::ErrorType for Pin { type Error = core::convert::Infallible; }
/// # impl embedded_hal::pwm::SetDutyCycle for Pin {
/// #     fn max_duty_cycle(&self) -> u16 { 1000 }
/// #     fn set_duty_cycle(&mut self, duty: u16) -> Result<(), Self::Error> { self.0 = duty; Ok(()) }
/// # }
/// # let pin = Pin(0);
/// use pipsqueak_obey::Breath;
///
/// let mut led = Breath::new(pin, 3_000_000); // any `embedded_hal::pwm::SetDutyCycle`; three seconds
/// for micros in [0, 40_000, 80_000] {
///     led.breathe(micros)?;
/// }
/// led.rest()?;
/// # Ok::<(), core::convert::Infallible>(())
/// ```
#[derive(Debug)]
pub struct Breath<P> {
    pin: P,
    period: u32,
    /// The clock when the breath began; `None` at rest.
    began: Option<u32>,
}

impl<P: SetDutyCycle> Breath<P> {
    /// An LED at `pin`, and how long a breath is on the clock that [`breathe`](Self::breathe) is told; a period of 0 is taken as 1.
    pub fn new(pin: P, period: u32) -> Self {
        Breath { pin, period: period.max(1), began: None }
    }

    /// Lets the LED be as bright as it should at the time `now`, on a clock that counts up and wraps. The first breath begins with
    /// the first call, and after each [`rest`](Self::rest).
    ///
    /// # Errors
    /// If the pin fails.
    pub fn breathe(&mut self, now: u32) -> Result<(), P::Error> {
        let began = *self.began.get_or_insert(now);
        let elapsed = now.wrapping_sub(began);
        if elapsed >= self.period {
            // However long nobody called, the next breath begins now.
            self.began = Some(now);
        }
        let part = elapsed.min(self.period) as f32 / self.period as f32;
        let duty = brightness(part) * f32::from(self.pin.max_duty_cycle()) + 0.5;
        self.pin.set_duty_cycle(duty as u16)
    }

    /// Switches the LED off until the next breath.
    ///
    /// # Errors
    /// If the pin fails.
    pub fn rest(&mut self) -> Result<(), P::Error> {
        self.began = None;
        self.pin.set_duty_cycle_fully_off()
    }
}

/// From 0 to 1, at the part `t` of a breath.
fn brightness(t: f32) -> f32 {
    const DARK: f32 = 1.0 / E;
    let raised = F32Ext::exp(-F32Ext::cos(TAU * t));
    ((raised - DARK) / (E - DARK)).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use embedded_hal_mock::eh1::pwm::{Mock as Pwm, Transaction as Duty};
    use std::vec::Vec;

    #[test]
    fn the_curve_is_the_formula_s() {
        let exact = |t: f64| {
            let (e, dark) = (core::f64::consts::E, 1.0 / core::f64::consts::E);
            (libm::exp(-libm::cos(core::f64::consts::TAU * t)) - dark) / (e - dark)
        };
        let worst = (0..=1000).map(|i| f64::from(i) / 1000.0);
        let worst = worst.map(|t| (f64::from(brightness(t as f32)) - exact(t)).abs()).fold(0.0, f64::max);
        assert!(worst < 0.03, "{worst}");
        assert!(brightness(0.0) < 0.004 && brightness(0.5) > 0.99);
    }

    #[test]
    fn the_led_gets_brighter_and_darker_and_rests() {
        // Breaths of 8 ticks, from tick 1000 on; the LED has 1,000 steps.
        let duties: Vec<u16> = (0..=8).map(|i| (brightness(i as f32 / 8.0) * 1000.0 + 0.5) as u16).collect();
        assert!(duties[..4].is_sorted() && duties[5..].iter().rev().is_sorted(), "{duties:?}");
        assert!(duties[0] <= 4 && duties[4] >= 990, "{duties:?}");
        let mut expected: Vec<Duty> = duties
            .iter()
            .flat_map(|&duty| [Duty::max_duty_cycle(1000), Duty::set_duty_cycle(duty)])
            .collect();
        // The next breath, and rest.
        expected.extend([
            Duty::max_duty_cycle(1000),
            Duty::set_duty_cycle(duties[1]),
            Duty::set_duty_cycle(0),
        ]);
        let mut pwm = Pwm::new(&expected);
        let mut led = Breath::new(pwm.clone(), 8);
        for now in (1000..=1008).chain([1009]) {
            led.breathe(now).unwrap();
        }
        led.rest().unwrap();
        pwm.done();
    }

    #[test]
    fn a_clock_may_wrap_and_a_period_be_nothing() {
        let any = |calls: usize| -> Vec<Duty> {
            (0..calls).flat_map(|_| [Duty::max_duty_cycle(0), Duty::set_duty_cycle(0)]).collect()
        };
        let mut pwm = Pwm::new(&any(3));
        let mut led = Breath::new(pwm.clone(), 0);
        for now in [u32::MAX, 0, 5] {
            led.breathe(now).unwrap();
        }
        pwm.done();
    }
}
