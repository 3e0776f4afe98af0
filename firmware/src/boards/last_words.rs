//! A board's last message, when the program has failed. Nothing that comes over the serial port leads here.

use embedded_io::Write;

use super::{ThisBoard, exit};
use crate::{Hex, Put, Show};

/// An image links only if no path leads to a panic. Nothing has the name called here; it stands in the linker's error where
/// there is such a path, and the firmware's README says under "No panic" how to find it.
#[cfg(not(any(debug_assertions, feature = "panics")))]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    unsafe extern "C" {
        fn a_path_to_a_panic_remains__see_the_README_of_the_firmware() -> !;
    }
    // SAFETY: never called, since no image with a call is ever linked.
    unsafe { a_path_to_a_panic_remains__see_the_README_of_the_firmware() }
}

#[cfg(any(debug_assertions, feature = "panics"))]
#[panic_handler]
fn panic(info: &core::panic::PanicInfo) -> ! {
    // The port can't fail, and there would be nobody to tell.
    _ = writeln!(ThisBoard::last_port(), "\nThe firmware panicked: {info}. This is a bug; please report it.");
    exit(false)
}

struct LastWords<P>(P);

impl<P: Write> Put for LastWords<P> {
    fn bytes(&mut self, bytes: &[u8]) {
        // The port can't fail, and there would be nobody to tell.
        _ = self.0.write_all(bytes);
    }
}

/// Says what stopped the chip, where, and where that was called from, whatever state the program is in; and ends it.
pub(super) fn stop(cause: impl Show, pc: u32, caller: u32) -> ! {
    let mut out = LastWords(ThisBoard::last_port());
    out.put("\nThe chip stopped with ").put(cause).put(" at 0x").put(Hex(pc));
    out.put(", called from 0x").put(Hex(caller)).put("; reset the board.\n");
    exit(false)
}
