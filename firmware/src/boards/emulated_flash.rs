//! RAM of an emulated board that stands in for flash.

use crate::FlashFailed;

pub(super) const ERASE_BYTES: usize = 4096;
pub(super) const WRITE_BYTES: usize = 4;
pub(super) const CAN_WRITE: bool = true;

/// Erases the unit at `place`.
///
/// # Safety
///
/// The unit is memory that nothing refers to.
pub(super) unsafe fn erase(place: *mut u8) -> Result<(), FlashFailed> {
    // SAFETY: by the caller's promise.
    unsafe { place.write_bytes(0xff, ERASE_BYTES) };
    Ok(())
}

/// Writes as flash does: a bit that is 0 stays so until it is erased.
///
/// # Safety
///
/// There is memory for the bytes, which nothing refers to.
pub(super) unsafe fn write(place: *mut u8, bytes: &[u8]) -> Result<(), FlashFailed> {
    // SAFETY: by the caller's promise.
    let place = unsafe { core::slice::from_raw_parts_mut(place, bytes.len()) };
    place.iter_mut().zip(bytes).for_each(|(held, byte)| *held &= byte);
    Ok(())
}
