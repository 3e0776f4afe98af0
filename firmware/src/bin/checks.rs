//! Checks this chip's arithmetic on an emulated board, for the end-to-end tests.
//!
//! With a model beyond the program, where the emulator puts it, so that one image checks every model: prints
//! `fingerprint N` of a text that is longer than the context, and `end`. Without one, compares the chip's own kernels with the
//! portable ones: prints `checked N`, the results compared, and `end`. Or a sentence.
#![no_std]
#![no_main]

use embedded_io::Write;
use pipsqueak::internal::kernels::checks;
use pipsqueak::{Error, Generator, Memory, Model, Sampling};
use pipsqueak_firmware::boards::{self, ThisBoard};
use static_cell::ConstStaticCell;

/// As in `tests/tests/board.rs`.
const PROMPT: &str = "Once";
const SAMPLING: Sampling = Sampling { temperature: 0.9, top_k: 50, top_p: 0.95, repetition_penalty: 1.1 };
const SEED: u64 = 5;
const LENGTH: u32 = 100;

static ROOM: ConstStaticCell<[u8; checks::BYTES]> = ConstStaticCell::new([0; checks::BYTES]);
static MEMORY: ConstStaticCell<Memory<160_000>> = ConstStaticCell::new(Memory::new());

#[boards::entry]
fn main() -> ! {
    let (_, mut serial) = ThisBoard::start();
    let succeeded = match Model::load(boards::model_region()) {
        Ok(model) => print_fingerprint(model, &mut serial),
        Err(Error::NotAModel) => print_checks(&mut serial),
        Err(error) => fail(error, &mut serial),
    };
    boards::exit(succeeded)
}

fn print_fingerprint(model: Model<'_>, serial: &mut impl Write) -> bool {
    match fingerprint(model) {
        // The port can't fail.
        Ok(fingerprint) => writeln!(serial, "fingerprint {fingerprint}\nend").is_ok(),
        Err(error) => fail(error, serial),
    }
}

/// Of all logits and tokens of a text.
fn fingerprint(model: Model<'_>) -> Result<u32, Error> {
    let mut generator = Generator::new(model, MEMORY.take().buffers())?;
    generator.start(PROMPT, SAMPLING, SEED)?;
    while generator.tokens() < LENGTH && generator.next_token().is_some() {}
    Ok(generator.fingerprint())
}

fn print_checks(serial: &mut impl Write) -> bool {
    match checks::check(ROOM.take()) {
        Ok(count) => writeln!(serial, "checked {count}\nend").is_ok(),
        Err(difference) => fail(difference, serial),
    }
}

fn fail(error: impl core::fmt::Display, serial: &mut impl Write) -> bool {
    _ = writeln!(serial, "error: {error}.");
    false
}
