//! The program on the board: the model from flash, the board's serial port, the prompt.
#![no_std]
#![no_main]

mod boards;
mod model;

use pipsqueak::{Error, Generator, Model};
use pipsqueak_firmware::{Board, Session, log_info, refuse};
use static_cell::ConstStaticCell;

use crate::boards::ThisBoard;
use crate::model::{MODEL, ModelMemory};

static MEMORY: ConstStaticCell<ModelMemory> = ConstStaticCell::new(ModelMemory::new());

#[boards::entry]
fn main() -> ! {
    let (board, serial) = ThisBoard::start();
    log_info!("boot on {=str}", ThisBoard::NAME);
    // `main` runs once, so that the memory is there to be taken.
    let ended = match MEMORY.try_take().map(generator) {
        None => Ok(()),
        Some(Ok(generator)) => {
            let memory_bytes = core::mem::size_of::<ModelMemory>();
            Session::new(board, serial, generator, memory_bytes, MODEL.len()).run()
        }
        Some(Err(error)) => {
            log_info!("no model: {}", error);
            refuse(&board, serial, error)
        }
    };
    boards::exit(ended.is_ok())
}

/// The model in flash, with the memory that was sized for it.
fn generator(memory: &'static mut ModelMemory) -> Result<Generator<'static, 'static>, Error> {
    let model = Model::load(MODEL)?;
    let config = model.config();
    log_info!(
        "model of {} bytes: vocab {}, context {}, width {}, layers {}",
        MODEL.len(),
        config.vocab,
        config.context,
        config.width,
        config.layers
    );
    Generator::new(model, memory.buffers())
}
