//! Flash beyond the program, where a model lies that is not linked in.

use crate::{FlashFailed, ModelFlash};

// The linker script of each board defines these; only their addresses mean something.
unsafe extern "C" {
    static _model_start: u8;
    static _model_end: u8;
}

/// The whole region; what lies behind the model in it means nothing.
pub fn model_region() -> &'static [u8] {
    let start = &raw const _model_start;
    let length = (&raw const _model_end).addr() - start.addr();
    // SAFETY: the region is memory of the board from end to end, the program's own sections end below it, and nothing
    // writes to it while the program runs.
    unsafe { core::slice::from_raw_parts(start, length) }
}

/// The same region as the loader sees it. It can be written where RAM stands in for flash; a board with flash of its own brings another
/// [`ModelFlash`], and until it does, the loader is told that the flash does not hold what is written.
pub struct RamAsFlash {
    is_ram: bool,
}

impl RamAsFlash {
    /// The only one there is.
    ///
    /// # Safety
    ///
    /// To be called once, and [`model_region`] not at all; `is_ram` must be true only where the region can be written as RAM is.
    pub(super) const unsafe fn new(is_ram: bool) -> Self {
        RamAsFlash { is_ram }
    }

    fn region(&mut self) -> &mut [u8] {
        let region = model_region();
        // SAFETY: the memory is RAM, and by the promise at `new` nothing else refers to it than what borrows this value.
        unsafe { core::slice::from_raw_parts_mut(region.as_ptr().cast_mut(), region.len()) }
    }

    fn place(&mut self, offset: usize, bytes: usize) -> Result<&mut [u8], FlashFailed> {
        if !self.is_ram {
            return Err(FlashFailed);
        }
        self.region().get_mut(offset..).and_then(|rest| rest.get_mut(..bytes)).ok_or(FlashFailed)
    }
}

impl ModelFlash for RamAsFlash {
    const ERASE_BYTES: usize = 4096;
    const WRITE_BYTES: usize = 4;

    fn bytes(&self) -> &[u8] {
        model_region()
    }

    fn erase(&mut self, offset: usize) -> Result<(), FlashFailed> {
        self.place(offset, Self::ERASE_BYTES)?.fill(0xff);
        Ok(())
    }

    fn write(&mut self, offset: usize, bytes: &[u8]) -> Result<(), FlashFailed> {
        let place = self.place(offset, bytes.len())?;
        // As flash does: a bit that is 0 stays so until it is erased.
        place.iter_mut().zip(bytes).for_each(|(held, byte)| *held &= byte);
        Ok(())
    }
}
