//! The hard-fault handler of a Cortex-M.

use cortex_m_rt::{ExceptionFrame, exception};

use super::last_words::stop;

/// # Safety
///
/// Called by the chip only. It returns to nothing, and uses no state of the program that failed.
#[exception]
unsafe fn HardFault(frame: &ExceptionFrame) -> ! {
    stop("a hard fault", frame.pc(), frame.lr())
}
