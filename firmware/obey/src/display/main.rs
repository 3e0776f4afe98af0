//! The program on a board with a display: the firmware's prompt, whose texts stream over the display as well, and an LED that breathes while
//! the model writes.
#![no_std]
#![no_main]

use cortex_m::Peripherals;
use pipsqueak::{Embedded, include_model};
use pipsqueak_firmware::Session;
use pipsqueak_firmware::boards::{self, ThisBoard};
use pipsqueak_obey::{Breath, Lit, Screen, pins};

static MODEL: &Embedded = include_model!(env!(
    "PIPSQUEAK_MODEL",
    "No model is named; use `cargo xtask build --board pico --display --model FILE`."
));

/// A breath, by the pins' clock: three seconds.
const BREATH: u32 = 3 * pins::CLOCK_HZ;

#[boards::entry]
fn main() -> ! {
    let (board, serial) = ThisBoard::start();
    // The compiler has checked the model, and nothing else takes its memory or the processor's parts.
    let (Some(peripherals), Ok(generator)) = (Peripherals::take(), MODEL.generator()) else {
        boards::exit(false)
    };
    let pins = pins::start(peripherals);
    let (model, config) = (generator.model(), generator.model().config());
    let (memory_bytes, model_bytes) = (config.memory_bytes(model.precision()), model.file_bytes());
    // A board without a display goes on with its serial port.
    let screen = Screen::start(pins.i2c).ok();
    let source = Lit::new(generator, Breath::new(pins.breath, BREATH), pins::clock, screen);
    let ended = Session::new(board, serial, source, memory_bytes, model_bytes).run();
    boards::exit(ended.is_ok())
}
