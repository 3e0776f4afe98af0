//! BBC micro:bit v2: nRF52833, a Cortex-M4F at 64 MHz. Its USB connector is the board's second chip, which passes on what the UART
//! says. Pins: micro:bit v2 schematic, UART_INT_TX and UART_INT_RX.

use super::nrf::Machine;

/// The board.
pub enum MicrobitV2 {}

impl Machine for MicrobitV2 {
    const NAME: &'static str = "microbit-v2";
    /// P0.06.
    const TRANSMIT: u8 = 6;
    /// P1.08.
    const RECEIVE: u8 = 32 + 8;
}
