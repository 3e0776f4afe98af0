//! `qemu-system-arm -M mps2-an386`: a Cortex-M4F. Addresses: Arm Application Note AN386, "Memory map" and "Interrupts".

use super::mps2::Machine;

/// The board.
pub enum An386 {}

// SAFETY: the constants are the application note's.
unsafe impl Machine for An386 {
    const NAME: &'static str = "mps2-an386";
    /// 25 MHz.
    const INSTRUCTIONS_PER_TICK: u32 = 40;
    const TIMER: usize = 0x4000_0000;
    const UART: usize = 0x4000_4000;
    #[cfg(feature = "defmt")]
    const LOG_UART: usize = 0x4000_5000;
    const RECEIVED: u16 = 0;
}
