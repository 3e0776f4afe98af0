//! The general program of a board: whatever model lies in flash beyond it, the board's serial port, the prompt. The model runs in all
//! RAM that the board has to spare.
#![no_std]
#![no_main]

use pipsqueak_firmware::boards::{self, ThisBoard};
use pipsqueak_firmware::loader::{Limits, let_answers_go, load};
use pipsqueak_firmware::{Board, Ended, Found, Session, log_info};

#[boards::entry]
fn main() -> ! {
    let (board, serial) = ThisBoard::start();
    log_info!("boot on {=str}", ThisBoard::NAME);
    let Some(mut flash) = boards::model_flash() else { boards::exit(false) };
    let ram = boards::spare_ram();
    let limits = Limits { ram_bytes: ram.len(), parts: boards::parts() };
    let found = Found::<{ boards::CAN_LOAD }>::look(&flash, ram);
    let (memory_bytes, model_bytes) = found.sizes();
    log_info!("model of {} bytes, which takes {} of RAM", model_bytes, memory_bytes);
    let mut session = Session::new(board, serial, found, memory_bytes, model_bytes);
    match session.run() {
        Ok(Ended::Load) if boards::CAN_LOAD => {
            let (board, mut console) = session.into_parts();
            // Whether there is a new model or not, and whether the port still works: what comes next begins anew.
            _ = load(&board, &mut console, &mut flash, limits);
            let_answers_go(&board);
            boards::restart()
        }
        ended => boards::exit(ended.is_ok()),
    }
}
