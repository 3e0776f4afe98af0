//! A board's last message, when the program has failed. Nothing that comes over the serial port leads here.

use core::fmt;
use core::panic::PanicInfo;

use super::{ThisBoard, exit};

#[panic_handler]
fn panic(info: &PanicInfo) -> ! {
    stop(format_args!("The firmware panicked: {info}. This is a bug; please report it with this line."))
}

/// Prints a sentence whatever state the program is in, and ends it.
pub(super) fn stop(sentence: fmt::Arguments<'_>) -> ! {
    ThisBoard::print_last_words(sentence);
    exit(false)
}
