//! Checks the chip's own kernels against the portable ones on an emulated board. Prints `checked N`, the results compared,
//! and `end`; or a sentence.
#![no_std]
#![no_main]

mod boards;
mod kernel_checks;

use embedded_io::Write;
use static_cell::ConstStaticCell;

use crate::boards::ThisBoard;
use crate::kernel_checks::{Room, check};

static ROOM: ConstStaticCell<Room> = ConstStaticCell::new(Room::NEW);

#[boards::entry]
fn main() -> ! {
    let (_, mut serial) = ThisBoard::start();
    let checked = check(ROOM.take());
    // The port can't fail.
    let _ = match &checked {
        Ok(count) => writeln!(serial, "checked {count}\nend"),
        Err(difference) => writeln!(serial, "error: {difference}."),
    };
    boards::exit(checked.is_ok())
}
