//! The outputs of a board, by their names.

use crate::{Order, Output, PinFailed, Refusal};

/// An output and its name.
pub struct Wire<'p> {
    name: &'static str,
    dims: bool,
    output: &'p mut dyn Settable,
}

/// [`Output`] without its constant, so that outputs of several types can stand in one list.
trait Settable {
    fn set(&mut self, percent: u8) -> Result<(), PinFailed>;
}

impl<O: Output> Settable for O {
    fn set(&mut self, percent: u8) -> Result<(), PinFailed> {
        Output::set(self, percent)
    }
}

impl<'p> Wire<'p> {
    /// An output with the name that orders call it.
    pub fn new<O: Output>(name: &'static str, output: &'p mut O) -> Self {
        Wire { name, dims: O::DIMS, output }
    }
}

/// The outputs of a board.
///
/// ```
/// # use core::convert::Infallible;
/// # struct Pin(bool);
/// # impl embedded_hal::digital::ErrorType for Pin { type Error = Infallible; }
/// # impl embedded_hal::digital::OutputPin for Pin {
/// #     fn set_low(&mut self) -> Result<(), Infallible> { self.0 = false; Ok(()) }
/// #     fn set_high(&mut self) -> Result<(), Infallible> { self.0 = true; Ok(()) }
/// # }
/// # let gpio_15 = Pin(false);
/// use pipsqueak_obey::{Panel, Switch, Wire};
///
/// let mut lamp = Switch(gpio_15); // any `embedded_hal::digital::OutputPin`
/// let mut panel = Panel::new([Wire::new("lamp", &mut lamp)]);
/// panel.obey("lamp on")?;
/// assert_eq!(panel.obey("door open").unwrap_err().to_string().split(':').next(), Some("the answer \"door open\" is no order"));
/// # Ok::<(), pipsqueak_obey::Refusal<'static>>(())
/// ```
pub struct Panel<'p, const N: usize> {
    wires: [Wire<'p>; N],
}

impl<'p, const N: usize> Panel<'p, N> {
    /// These outputs.
    pub fn new(wires: [Wire<'p>; N]) -> Self {
        Panel { wires }
    }

    /// The outputs' names.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.wires.iter().map(|wire| wire.name)
    }

    /// Refuses an answer that this panel could not obey; before the first prompt, rather than when it comes.
    ///
    /// # Errors
    /// If the answer is no order, or not one for this panel.
    pub fn check<'a>(&self, answer: &'a str) -> Result<(), Refusal<'a>> {
        let Order::Set { output, percent } = Order::parse(answer)? else { return Ok(()) };
        match self.wires.iter().find(|wire| wire.name == output) {
            None => Err(Refusal::NoOutput(output)),
            Some(wire) if !wire.dims && !matches!(percent, 0 | 100) => Err(Refusal::OnlyOnOrOff(output)),
            Some(_) => Ok(()),
        }
    }

    /// Does what an answer says.
    ///
    /// # Errors
    /// As [`Panel::check`], or the name of the output whose pin has failed.
    pub fn obey<'a>(&mut self, answer: &'a str) -> Result<(), Refusal<'a>> {
        self.check(answer)?;
        let Order::Set { output, percent } = Order::parse(answer)? else { return Ok(()) };
        match self.wires.iter_mut().find(|wire| wire.name == output) {
            None => Err(Refusal::NoOutput(output)),
            Some(wire) => wire.output.set(percent).map_err(|PinFailed| Refusal::PinFailed(output)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Dimmer, Switch};
    use embedded_hal_mock::eh1::digital::{Mock as Pin, State, Transaction as Level};
    use embedded_hal_mock::eh1::pwm::{Mock as Pwm, Transaction as Duty};

    #[test]
    fn orders_reach_their_pins_and_no_others() {
        let mut pwm = Pwm::new(&[Duty::max_duty_cycle(200), Duty::set_duty_cycle(100)]);
        let mut pin = Pin::new(&[Level::set(State::High), Level::set(State::Low)]);
        let (mut lamp, mut fan) = (Dimmer(pwm.clone()), Switch(pin.clone()));
        let mut panel = Panel::new([Wire::new("lamp", &mut lamp), Wire::new("fan", &mut fan)]);
        for answer in ["fan on", "lamp 50", "nothing", "fan off"] {
            assert_eq!(panel.check(answer), Ok(()));
            assert_eq!(panel.obey(answer), Ok(()));
        }
        for (answer, refusal) in [
            ("fan 50", Refusal::OnlyOnOrOff("fan")),
            ("door on", Refusal::NoOutput("door")),
            ("lamp up", Refusal::NoOrder("lamp up")),
        ] {
            assert_eq!(panel.check(answer), Err(refusal));
            assert_eq!(panel.obey(answer), Err(refusal));
        }
        pwm.done();
        pin.done();
    }
}
