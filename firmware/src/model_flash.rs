//! The flash that models lie in, and the places in it.

use pipsqueak::{Error, Model};

use crate::loader::PAYLOAD_BYTES;

/// The flash region for models, as the loader writes it. A board's file implements this.
///
/// While the bytes that [`ModelFlash::bytes`] lends are in use, they can't be written: a model that is in use keeps its place.
pub trait ModelFlash {
    /// Bytes that are erased together, to 0xff: a multiple of 128 that divides the region.
    const ERASE_BYTES: usize;
    /// Bytes that are written together: a divisor of 128.
    const WRITE_BYTES: usize;

    /// The whole region, on a boundary of 16 bytes.
    fn bytes(&self) -> &[u8];

    /// Erases the unit that begins at `offset`, in bytes from the region's start.
    ///
    /// # Errors
    /// If the flash refuses, or there is no such unit.
    fn erase(&mut self, offset: usize) -> Result<(), FlashFailed>;

    /// Writes at `offset`, a multiple of [`ModelFlash::WRITE_BYTES`] as the bytes' number is, where all has been erased.
    ///
    /// # Errors
    /// If the flash refuses, or there are no such bytes.
    fn write(&mut self, offset: usize, bytes: &[u8]) -> Result<(), FlashFailed>;
}

impl<F: ModelFlash> ModelFlash for &mut F {
    const ERASE_BYTES: usize = F::ERASE_BYTES;
    const WRITE_BYTES: usize = F::WRITE_BYTES;

    fn bytes(&self) -> &[u8] {
        (**self).bytes()
    }

    fn erase(&mut self, offset: usize) -> Result<(), FlashFailed> {
        (**self).erase(offset)
    }

    fn write(&mut self, offset: usize, bytes: &[u8]) -> Result<(), FlashFailed> {
        (**self).write(offset, bytes)
    }
}

/// The flash does not hold what was written, or there is no flash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlashFailed;

/// A place for a model: the region has two, of the same size, so that the old model stays until the new one is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Where it begins, in bytes from the region's start.
    pub start: usize,
    /// The bytes of the model in it.
    pub bytes: usize,
}

/// Where the second slot begins.
pub fn second_slot<F: ModelFlash>(region_bytes: usize) -> usize {
    const { assert!(F::ERASE_BYTES.is_multiple_of(PAYLOAD_BYTES) && PAYLOAD_BYTES.is_multiple_of(F::WRITE_BYTES)) };
    region_bytes / 2 / F::ERASE_BYTES * F::ERASE_BYTES
}

/// The model to use: the one in the first slot if it is whole, else the one in the second. Where a model is loaded into the
/// second, the first is erased afterwards, so that this is also the newest.
///
/// # Errors
/// Why the first slot has no model, if none has.
// Not inlined: reading takes stack that the caller's copies of the model would lie under.
#[inline(never)]
pub fn stored_model<F: ModelFlash>(flash: &F) -> Result<(Slot, Model<'_>), Error> {
    let region = flash.bytes();
    let mut found = model_at(region, 0);
    if let Err(error) = found {
        found = model_at(region, second_slot::<F>(region.len()));
        // The first slot's reason is the one to tell.
        if let Err(reason) = &mut found {
            *reason = error;
        }
    }
    found
}

fn model_at(region: &[u8], start: usize) -> Result<(Slot, Model<'_>), Error> {
    let model = Model::load(region.get(start..).unwrap_or_default())?;
    Ok((Slot { start, bytes: model.file_bytes() }, model))
}
