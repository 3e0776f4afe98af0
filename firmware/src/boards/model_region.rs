//! Flash beyond the program, where a model lies that is not linked in.

use core::sync::atomic::{Ordering, compiler_fence};

use super::flash;
use crate::{FlashFailed, ModelFlash};

// The linker script of each board defines these; only their addresses mean something.
unsafe extern "C" {
    static _model_start: u8;
    static _model_end: u8;
}

/// For programs that look into the image: which parts of models it was built with.
#[used]
#[unsafe(export_name = "_model_parts")]
static PARTS: u32 = pipsqueak::internal::parts::BUILT;

/// The [`parts`](pipsqueak::internal::parts) of models that the image was built with.
pub fn parts() -> u32 {
    // SAFETY: the place of a static. Read so, it stays in the image, where programs on the PC look for it.
    unsafe { (&raw const PARTS).read_volatile() }
}

/// The whole region; what lies behind the model in it means nothing.
pub fn model_region() -> &'static [u8] {
    let start = &raw const _model_start;
    let length = (&raw const _model_end).addr() - start.addr();
    // SAFETY: the region is memory of the board from end to end, the program's own sections end below it, and nothing
    // writes to it while the program runs.
    unsafe { core::slice::from_raw_parts(start, length) }
}

/// The same region as the loader has it, to be written.
pub struct ModelRegion(());

impl ModelRegion {
    /// The only one there is.
    ///
    /// # Safety
    ///
    /// To be called once, and [`model_region`] not at all.
    pub(super) const unsafe fn new() -> Self {
        ModelRegion(())
    }

    /// The address of so many bytes at `offset`, if they are the region's and lie on a boundary of `unit` bytes.
    fn place(&mut self, offset: usize, bytes: usize, unit: usize) -> Result<*mut u8, FlashFailed> {
        let is_inside = offset.checked_add(bytes).is_some_and(|end| end <= model_region().len());
        let place = (&raw const _model_start).cast_mut().wrapping_add(offset);
        if is_inside && place.addr().is_multiple_of(unit) { Ok(place) } else { Err(FlashFailed) }
    }
}

impl ModelFlash for ModelRegion {
    const ERASE_BYTES: usize = flash::ERASE_BYTES;
    const WRITE_BYTES: usize = flash::WRITE_BYTES;

    fn bytes(&self) -> &[u8] {
        // Bytes that were read before a change may differ from those that are there now.
        compiler_fence(Ordering::SeqCst);
        model_region()
    }

    fn erase(&mut self, offset: usize) -> Result<(), FlashFailed> {
        let place = self.place(offset, Self::ERASE_BYTES, Self::ERASE_BYTES)?;
        // SAFETY: the unit lies in the region, and by the promise at `new` nothing refers to it but what borrows this value.
        unsafe { flash::erase(place) }
    }

    fn write(&mut self, offset: usize, bytes: &[u8]) -> Result<(), FlashFailed> {
        let place = self.place(offset, bytes.len(), Self::WRITE_BYTES)?;
        // SAFETY: as above; that the place is erased is `ModelFlash`'s to ask of the caller.
        unsafe { flash::write(place, bytes) }
    }
}
