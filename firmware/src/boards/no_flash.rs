//! Flash that no program here writes: a drive or a probe does.

use crate::FlashFailed;

pub(super) const ERASE_BYTES: usize = 4096;
pub(super) const WRITE_BYTES: usize = 4;
pub(super) const CAN_WRITE: bool = false;

/// # Safety
///
/// There is nothing to promise.
pub(super) unsafe fn erase(_: *mut u8) -> Result<(), FlashFailed> {
    Err(FlashFailed)
}

/// # Safety
///
/// There is nothing to promise.
pub(super) unsafe fn write(_: *mut u8, _: &[u8]) -> Result<(), FlashFailed> {
    Err(FlashFailed)
}
