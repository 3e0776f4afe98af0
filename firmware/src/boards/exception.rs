//! The last words of a RISC-V chip that an exception has stopped.

use super::last_words::stop;
use crate::{Put, Show};

/// Reports an exception of the chip, and ends.
#[unsafe(no_mangle)]
extern "C" fn ExceptionHandler(frame: &riscv_rt::TrapFrame) -> ! {
    let cause = riscv::register::mcause::read().code();
    stop(Exception(cause), riscv::register::mepc::read() as u32, frame.ra as u32)
}

/// An exception's code.
struct Exception(usize);

impl Show for Exception {
    fn show(&self, out: &mut impl Put) {
        out.put("exception ").put(self.0);
    }
}
