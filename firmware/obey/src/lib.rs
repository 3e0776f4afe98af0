//! A model's answers at a chip's pins: a prompt such as «dim the lamp to half» is answered with one of a list of orders, and the
//! order sets an output. Beside that, a display that text streams over, and an LED that breathes while the model thinks.
//!
//! All of it works over the traits of `embedded-hal`, on any chip whose pins have them; it has no `unsafe`, allocates nothing, and
//! is tested on a PC with mocks. `docs/obey.md` goes through it, from the pairs to the pin.
//!
//! In a firmware of your own, with the pins of your chip's HAL:
//!
//! ```
//! use embedded_hal::digital::OutputPin;
//! use embedded_hal::pwm::SetDutyCycle;
//! use pipsqueak::{Embedded, include_model};
//! use pipsqueak_obey::{Answers, Breath, Dimmer, Panel, Refusal, Servant, Switch, Wire};
//!
//! static MODEL: &Embedded = include_model!("../lamp/lamp.pip");
//! const ORDERS: &str = include_str!("../lamp/answers.txt");
//!
//! fn serve(
//!     lamp: impl SetDutyCycle,
//!     fan: impl OutputPin,
//!     led: impl SetDutyCycle,
//!     micros: impl Fn() -> u32,
//!     mut next_line: impl FnMut() -> Option<&'static str>,
//! ) -> Result<(), Refusal<'static>> {
//!     let (mut lamp, mut fan, mut led) = (Dimmer(lamp), Switch(fan), Breath::new(led, 3_000_000));
//!     let mut panel = Panel::new([Wire::new("lamp", &mut lamp), Wire::new("fan", &mut fan)]);
//!     let generator = MODEL.generator().map_err(Refusal::Core)?;
//!     let answers = Answers::<64, 16>::new(generator.model().tokenizer(), ORDERS)?;
//!     answers.iter().try_for_each(|answer| panel.check(answer))?;
//!     let mut servant = Servant::new(generator, &answers)?;
//!     while let Some(line) = next_line() {
//!         servant.hear(line);
//!         let answer = loop {
//!             match servant.think() {
//!                 Some(answer) => break answer,
//!                 None => _ = led.breathe(micros()),
//!             }
//!         };
//!         _ = led.rest();
//!         panel.obey(answer)?;
//!     }
//!     Ok(())
//! }
//! # use std::{cell::Cell, convert::Infallible, rc::Rc};
//! # #[derive(Clone, Default)]
//! # struct Pin(Rc<Cell<u16>>);
//! # impl embedded_hal::digital::ErrorType for Pin { type Error = Infallible; }
//! # impl OutputPin for Pin {
//! #     fn set_low(&mut self) -> Result<(), Infallible> { self.0.set(0); Ok(()) }
//! #     fn set_high(&mut self) -> Result<(), Infallible> { self.0.set(1); Ok(()) }
//! # }
//! # impl embedded_hal::pwm::ErrorType for Pin { type Error = Infallible; }
//! # impl SetDutyCycle for Pin {
//! #     fn max_duty_cycle(&self) -> u16 { 200 }
//! #     fn set_duty_cycle(&mut self, duty: u16) -> Result<(), Infallible> { self.0.set(duty); Ok(()) }
//! # }
//! # let (lamp, fan, led, ticks) = (Pin::default(), Pin::default(), Pin::default(), Cell::new(0));
//! # let mut lines = ["turn on the fan", "dim the lamp to half", "how are you"].into_iter();
//! # let clock = || { ticks.set(ticks.get() + 90_000); ticks.get() };
//! # serve(lamp.clone(), fan.clone(), led.clone(), clock, || lines.next()).unwrap();
//! # assert_eq!((lamp.0.get(), fan.0.get(), led.0.get()), (100, 1, 0));
//! ```
#![no_std]

#[cfg(test)]
extern crate std;

mod answers;
mod breath;
mod dithered;
#[cfg(all(target_os = "none", feature = "board"))]
mod lit;
mod order;
mod output;
mod panel;
#[cfg(all(target_os = "none", feature = "board"))]
pub mod pins;
mod refusal;
mod screen;
mod servant;
mod text_grid;

pub use answers::Answers;
pub use breath::Breath;
pub use dithered::Dithered;
#[cfg(all(target_os = "none", feature = "board"))]
pub use lit::{Lit, Surface};
pub use order::Order;
pub use output::{Dimmer, Output, PinFailed, Switch};
pub use panel::{Panel, Wire};
pub use refusal::Refusal;
pub use screen::Screen;
pub use servant::Servant;
pub use text_grid::{Changed, TextGrid};
