//! A prompt at a serial port: what is typed is continued by the model, token by token.
//!
//! Everything but `boards` is the same on every board. It works over any serial port, has no `unsafe`, allocates
//! nothing, and no byte received can make it panic; its tests run on the PC. A board is one file in `src/boards/`, and
//! the programs `src/bin/firmware.rs`, for one model, and `src/bin/any_model.rs` put the two together.
#![no_std]

#[cfg(any(test, feature = "fakes"))]
extern crate std;

mod board;
#[cfg(target_os = "none")]
pub mod boards;
mod command;
mod console;
mod decimal;
mod found;
pub mod loader;
#[macro_use]
mod log;
mod model_flash;
mod received;
mod serial;
mod session;
mod settings;
mod stats;
mod text;
mod text_source;
mod thinking;
pub mod usb;

pub use board::{Board, Clock, MemoryUse};
pub use command::{Command, Refusal};
pub use console::{Console, Input, LINE_BYTES};
pub use decimal::Decimal;
pub use found::{Found, NoModel};
pub use model_flash::{FlashFailed, ModelFlash, Slot, second_slot, stored_model};
pub use received::Received;
pub use serial::Serial;
pub use session::{Ended, Session, refuse};
pub use settings::Settings;
pub use stats::Answer;
pub use text::{Hex, Put, Show};
pub use text_source::TextSource;
pub use thinking::Passes;

#[cfg(any(test, feature = "fakes"))]
pub mod fakes;
