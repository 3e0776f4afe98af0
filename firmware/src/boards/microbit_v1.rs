//! BBC micro:bit v1: nRF51822, a Cortex-M0 at 16 MHz. Its USB connector is the board's second chip, which passes on what the UART
//! says. Pins: micro:bit v1.5 schematic, TGT_TX and TGT_RX. `qemu-system-arm -M microbit` runs it, too.

use super::nrf::Machine;

/// The board.
pub enum MicrobitV1 {}

impl Machine for MicrobitV1 {
    const NAME: &'static str = "microbit-v1";
    /// P0.24.
    const TRANSMIT: u8 = 24;
    /// P0.25.
    const RECEIVE: u8 = 25;
}
