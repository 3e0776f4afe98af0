//! Ctrl-C.

use std::sync::atomic::{AtomicBool, Ordering};

/// Set by the first Ctrl-C; the second one ends the program. If no handler can be installed, the first one does.
pub(super) fn stop_on_ctrl_c() -> &'static AtomicBool {
    static STOPPED: AtomicBool = AtomicBool::new(false);
    _ = ctrlc::set_handler(|| {
        if STOPPED.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    });
    &STOPPED
}
