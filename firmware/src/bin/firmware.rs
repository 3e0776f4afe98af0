//! The program on the board: the model from flash, the board's serial port, the prompt.
#![no_std]
#![no_main]

use pipsqueak::{Embedded, include_model};
use pipsqueak_firmware::boards::{self, ThisBoard};
use pipsqueak_firmware::{Board, Session, log_info, refuse};

static MODEL: &Embedded = include_model!(env!(
    "PIPSQUEAK_MODEL",
    "No model is named; set PIPSQUEAK_MODEL to the absolute path of a model file, or use `cargo xtask run --model FILE`."
));

#[boards::entry]
fn main() -> ! {
    let (board, serial) = ThisBoard::start();
    log_info!("boot on {=str}", ThisBoard::NAME);
    let ended = match MODEL.generator() {
        Ok(generator) => {
            let (model, config) = (generator.model(), generator.model().config());
            let (memory_bytes, model_bytes) = (config.memory_bytes(model.precision()), model.file_bytes());
            log_info!(
                "model of {} bytes: vocab {}, context {}, width {}, layers {}",
                model_bytes,
                config.vocab,
                config.context,
                config.width,
                config.layers
            );
            Session::new(board, serial, generator, memory_bytes, model_bytes).run().map(drop)
        }
        Err(error) => {
            log_info!("no model: {}", error);
            // The compiler has checked the model of a program that is built for one, so the error can only be that another
            // has its memory: there is no other. All the core's sentences would come with the error for nothing.
            if cfg!(feature = "self-test") {
                refuse(&board, serial, error)
            } else {
                refuse(&board, serial, "the model's memory is taken")
            }
        }
    };
    boards::exit(ended.is_ok())
}
