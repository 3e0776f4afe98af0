//! The nRF52's pins, two ports of them, and its flash, which has a cache for instructions.

use nrf_pac as pac;
use pac::gpio::Gpio;
use pac::gpio::vals::{Dir, Input};
use pac::shared::regs::Psel;

use super::nrf::Machine;

const PINS_OF_A_PORT: u8 = 32;

const fn port(pin: u8) -> Gpio {
    if pin < PINS_OF_A_PORT { pac::P0 } else { pac::P1 }
}

const fn number(pin: u8) -> usize {
    (pin % PINS_OF_A_PORT) as usize
}

/// Gives the UART its two pins.
pub(super) fn connect<M: Machine>() {
    // High, as a line that says nothing.
    port(M::TRANSMIT).outset().write(|w| w.set_pin(number(M::TRANSMIT), true));
    port(M::TRANSMIT).pin_cnf(number(M::TRANSMIT)).write(|w| w.set_dir(Dir::Output));
    port(M::RECEIVE).pin_cnf(number(M::RECEIVE)).write(|w| w.set_input(Input::Connect));
    // The port is bit 5, above the pin; bit 31, which disconnects, is 0.
    pac::UART0.psel().txd().write_value(Psel(M::TRANSMIT.into()));
    pac::UART0.psel().rxd().write_value(Psel(M::RECEIVE.into()));
}

/// Turns the cache on, without which each fetch from flash waits two clocks.
pub(super) fn cache_flash() {
    pac::NVMC.icachecnf().write(|w| w.set_cacheen(true));
}
