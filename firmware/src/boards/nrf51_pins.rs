//! The nRF51's pins: one port, and registers of the UART that take a pin's number.

use nrf_pac as pac;
use pac::gpio::vals::{Dir, Input};

use super::nrf::Machine;

/// Gives the UART its two pins.
pub(super) fn connect<M: Machine>() {
    let (transmit, receive) = (usize::from(M::TRANSMIT), usize::from(M::RECEIVE));
    // High, as a line that says nothing.
    pac::GPIO.outset().write(|w| w.set_pin(transmit, true));
    pac::GPIO.pin_cnf(transmit).write(|w| w.set_dir(Dir::Output));
    pac::GPIO.pin_cnf(receive).write(|w| w.set_input(Input::Connect));
    pac::UART0.pseltxd().write_value(M::TRANSMIT.into());
    pac::UART0.pselrxd().write_value(M::RECEIVE.into());
}

/// The nRF51 reads its flash without a wait, and has no cache.
pub(super) fn cache_flash() {}
