//! What a model answers, at a chip's pins: a prompt such as «dim the lamp to half» is answered with one of a list of orders, and the
//! order sets an output. Beside that, a display that text streams over, and an LED that breathes while the model thinks.
//!
//! All of it works over the traits of `embedded-hal`, on any chip whose pins have them; it has no `unsafe`, allocates nothing, and
//! is tested on a PC with mocks. `docs/obey.md` goes through it, from the pairs to the pin.
#![no_std]

#[cfg(test)]
extern crate std;

mod answers;
mod breath;
mod dithered;
mod order;
mod output;
mod panel;
mod refusal;
mod screen;
mod servant;
mod text_grid;

pub use answers::Answers;
pub use breath::Breath;
pub use dithered::Dithered;
pub use order::Order;
pub use output::{Dimmer, Output, PinFailed, Switch};
pub use panel::{Panel, Wire};
pub use refusal::Refusal;
pub use screen::Screen;
pub use servant::Servant;
pub use text_grid::{Changed, TextGrid};
