//! The program on the board: what is typed is answered with one of the orders in a file, and the order sets a pin. An LED breathes while
//! the model thinks.
#![no_std]
#![no_main]

mod talk;

use cortex_m::Peripherals;
use pipsqueak::{Embedded, include_model};
use pipsqueak_firmware::boards::{self, ThisBoard};
use pipsqueak_firmware::{Session, refuse};
use pipsqueak_obey::{Breath, Lit, Panel, Refusal, Servant, Wire, pins};
use static_cell::StaticCell;

use crate::talk::{Sentence, Talk};

static MODEL: &Embedded = include_model!(env!(
    "PIPSQUEAK_MODEL",
    "No model is named; use `cargo xtask run --model FILE --answers FILE`."
));
const ORDERS: &str = include_str!(env!(
    "PIPSQUEAK_ANSWERS",
    "No answers are named; use `cargo xtask run --model FILE --answers FILE`."
));

/// Room for the answers' tokens, and one for each answer. The program says so if they need more.
const TOKENS: usize = 64;
/// Room for answers.
const COUNT: usize = 16;
/// A breath, by the pins' clock: three seconds.
const BREATH: u32 = 3 * pins::CLOCK_HZ;

type Answers = pipsqueak_obey::Answers<'static, TOKENS, COUNT>;

#[boards::entry]
fn main() -> ! {
    let (board, serial) = ThisBoard::start();
    let (Some(peripherals), Ok(generator)) = (Peripherals::take(), MODEL.generator()) else {
        boards::exit(false)
    };
    let mut pins = pins::start(peripherals);
    let panel = Panel::new([Wire::new("lamp", &mut pins.lamp), Wire::new("fan", &mut pins.fan)]);
    let (model, config) = (generator.model(), generator.model().config());
    let (memory_bytes, model_bytes) = (config.memory_bytes(model.precision()), model.file_bytes());
    let ended = match prepare(generator, &panel) {
        Ok(servant) => {
            let led = Breath::new(pins.breath, BREATH);
            let talk = Lit::new(Talk::new(servant, panel), led, pins::clock, ());
            Session::new(board, serial, talk, memory_bytes, model_bytes).run().map(drop)
        }
        Err(refusal) => refuse(&board, serial, Sentence(refusal)),
    };
    boards::exit(ended.is_ok())
}

type Generator = pipsqueak::Generator<'static, 'static>;

/// Reads the answers, and checks that the board can obey each of them. To be called once.
fn prepare<const N: usize>(
    generator: &'static mut Generator,
    panel: &Panel<'_, N>,
) -> Result<Servant<'static, 'static, 'static, 'static, 'static, TOKENS, COUNT>, Refusal<'static>> {
    static ANSWERS: StaticCell<Answers> = StaticCell::new();
    let answers = Answers::new(generator.model().tokenizer(), ORDERS)?;
    let answers: &Answers = ANSWERS.try_init(answers).ok_or(Refusal::TooMany)?;
    answers.iter().try_for_each(|answer| panel.check(answer))?;
    Servant::new(generator, answers)
}
