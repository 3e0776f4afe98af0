//! Nordic's nRF52840 DK: a Cortex-M4F at 64 MHz. The USB connector at its short edge is the board's debugger, which passes on what
//! the UART says. Pins: nRF52840 DK Hardware guide, "Virtual COM port".

use super::nrf::Machine;

/// The board.
pub enum Nrf52840Dk {}

impl Machine for Nrf52840Dk {
    const NAME: &'static str = "nrf52840-dk";
    /// P0.06.
    const TRANSMIT: u8 = 6;
    /// P0.08.
    const RECEIVE: u8 = 8;
}
