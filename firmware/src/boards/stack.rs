//! Memory figures from the linker and the stack's paint, and the RAM that is left for a model, on any chip that `cortex-m-rt` or
//! `riscv-rt` starts.

use core::sync::atomic::{AtomicBool, Ordering};

use crate::MemoryUse;
#[cfg(target_arch = "arm")]
use cortex_m_rt::STACK_PAINT_VALUE;

/// `riscv-rt` does not paint; [`paint`] does.
#[cfg(target_arch = "riscv32")]
const STACK_PAINT_VALUE: u32 = 0xcccc_cccc;

// The linker scripts of cortex-m-rt and riscv-rt define these; only their addresses mean something.
unsafe extern "C" {
    #[cfg_attr(target_arch = "arm", link_name = "__vector_table")]
    #[cfg_attr(target_arch = "riscv32", link_name = "_flash_start")]
    static __flash_start: u32;
    static __sidata: u32;
    static __sdata: u32;
    static __edata: u32;
    static __sheap: u32;
    static _stack_start: u32;
    #[cfg_attr(target_arch = "riscv32", link_name = "__eheap")]
    static _stack_end: u32;
    // The boards' own: bytes that the stack keeps in an image for any model.
    static _stack_reserve: u32;
}

/// Whether all RAM but the stack's reserve has been given away.
static SPARE_IS_TAKEN: AtomicBool = AtomicBool::new(false);

/// All RAM between the statics and the stack's reserve; nothing for every call but the first.
///
/// Called from `main` alone, which no interrupt handler and no second core is.
pub fn spare_ram() -> &'static mut [u8] {
    if SPARE_IS_TAKEN.load(Ordering::Relaxed) {
        return &mut [];
    }
    SPARE_IS_TAKEN.store(true, Ordering::Relaxed);
    let start = &raw const __sheap;
    let length = stack_end().saturating_sub(start.addr());
    // SAFETY: the linker gives these bytes to no static, the stack ends above them from now on, whose frames so far lie in its
    // reserve, and this is the only reference to them there ever is. The start-up code has painted them.
    unsafe { core::slice::from_raw_parts_mut(start.cast::<u8>().cast_mut(), length) }
}

/// The lowest address of the stack.
fn stack_end() -> usize {
    if SPARE_IS_TAKEN.load(Ordering::Relaxed) {
        (&raw const _stack_start).addr() - (&raw const _stack_reserve).addr()
    } else {
        (&raw const _stack_end).addr()
    }
}

/// Bytes of flash and RAM that the image takes, and how deep its stack has been.
pub(crate) fn memory_use() -> MemoryUse {
    let top = (&raw const _stack_start).addr();
    let end = stack_end();
    let spare = end.saturating_sub((&raw const _stack_end).addr());
    let data = (&raw const __edata).addr() - (&raw const __sdata).addr();
    MemoryUse {
        flash_bytes: ((&raw const __sidata).addr() + data - (&raw const __flash_start).addr()) as u32,
        static_bytes: ((&raw const __sheap).addr() - (&raw const __sdata).addr() + spare) as u32,
        stack_peak_bytes: (top - lowest_used(end, top)) as u32,
        stack_room_bytes: (top - end) as u32,
    }
}

/// Paints the stack below the caller's frame; to be called before the program's work begins.
#[cfg(target_arch = "riscv32")]
pub(crate) fn paint() {
    /// More than this function and its callees keep below the address of one of its variables.
    const OWN_FRAME_BYTES: usize = 256;
    let here = 0u32;
    let end = (&raw const here).addr() - OWN_FRAME_BYTES;
    for address in ((&raw const _stack_end).addr()..end).step_by(4) {
        // SAFETY: the linker gives these words to the stack, and all frames in use lie above them.
        unsafe { (address as *mut u32).write_volatile(STACK_PAINT_VALUE) }
    }
}

/// The lowest word of the stack that no longer has the paint of the start. A used word that holds the paint's value by
/// chance hides itself, not those above it.
fn lowest_used(end: usize, top: usize) -> usize {
    let mut address = end;
    // SAFETY: the linker gives the whole range to the stack, its ends are word-aligned, and reading words of it
    // disturbs nothing; an interrupt handler that uses some of them has ended when the next one is read.
    while address < top && unsafe { (address as *const u32).read_volatile() } == STACK_PAINT_VALUE {
        address += 4;
    }
    address
}
