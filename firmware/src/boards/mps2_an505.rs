//! `qemu-system-arm -M mps2-an505`: a Cortex-M33 with TrustZone. The program stays in the secure state that the chip
//! boots in, and uses the peripherals' secure addresses. Addresses: Arm Application Note AN505, "Memory map" and "Interrupts".

use super::mps2::Machine;

/// The board.
pub enum An505 {}

// SAFETY: the constants are the application note's.
unsafe impl Machine for An505 {
    const NAME: &'static str = "mps2-an505";
    /// 20 MHz.
    const INSTRUCTIONS_PER_TICK: u32 = 50;
    const TIMER: usize = 0x5000_0000;
    const UART: usize = 0x5020_0000;
    #[cfg(feature = "defmt")]
    const LOG_UART: usize = 0x5020_1000;
    const RECEIVED: u16 = 32;
}
