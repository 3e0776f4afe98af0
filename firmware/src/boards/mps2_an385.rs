//! `qemu-system-arm -M mps2-an385`: a Cortex-M3, which also runs the Cortex-M0's instructions (ARMv6-M), each as one.
//! Addresses: Arm Application Note AN385, "Memory map" and "Interrupts".

use super::mps2::Machine;

/// The board.
pub enum An385 {}

// SAFETY: the constants are the application note's.
unsafe impl Machine for An385 {
    const NAME: &'static str = if cfg!(feature = "mps2-an385-m0") { "mps2-an385-m0" } else { "mps2-an385" };
    /// 25 MHz.
    const INSTRUCTIONS_PER_TICK: u32 = 40;
    const TIMER: usize = 0x4000_0000;
    const UART: usize = 0x4000_4000;
    #[cfg(feature = "defmt")]
    const LOG_UART: usize = 0x4000_5000;
    const RECEIVED: u16 = 0;
}
