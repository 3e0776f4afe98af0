//! The general program of a board: whatever model lies in flash beyond it, the board's serial port, the prompt. The model runs in all
//! RAM that the board has to spare.
#![no_std]
#![no_main]

use pipsqueak_firmware::boards::{self, ThisBoard};
use pipsqueak_firmware::{Board, Found, Session, log_info};

#[boards::entry]
fn main() -> ! {
    let (board, serial) = ThisBoard::start();
    log_info!("boot on {=str}", ThisBoard::NAME);
    let found = Found::look(boards::model_region(), boards::spare_ram());
    let (memory_bytes, model_bytes) = found.sizes();
    log_info!("model of {} bytes, which takes {} of RAM", model_bytes, memory_bytes);
    let ended = Session::new(board, serial, found, memory_bytes, model_bytes).run();
    boards::exit(ended.is_ok())
}
