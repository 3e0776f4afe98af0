//! A serial port over USB: a full-speed device of the class «CDC ACM», for which every system has a driver.
//!
//! Sources: Universal Serial Bus Specification 2.0, chapters 8 and 9; Universal Serial Bus Class Definitions for Communications
//! Devices 1.2, and its subclass specification for PSTN devices 1.2 ("ACM"); the engineering change "Interface Association
//! Descriptors". Nothing here touches a register: a board's file implements [`Controller`], and calls a [`UsbSerial`] for each event
//! that its controller has.

mod control;
mod descriptors;
mod serial;

pub use serial::{PACKET_BYTES, UsbSerial};

/// The device's endpoints. Numbers 1 and 2 are their addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// Requests and their answers, both ways.
    Control,
    /// Tells the host what happens on a line; nothing ever does here.
    Notifications,
    /// The bytes of the serial port, both ways.
    Data,
}

/// Which of the two kinds of packet that take turns, so that a lost one is noticed: DATA0 or DATA1. (USB 2.0, 8.6.)
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Turn {
    /// DATA0, and the first after an endpoint begins.
    #[default]
    Zero,
    /// DATA1, and the first of a request's answer.
    One,
}

impl Turn {
    /// Takes the turn: returns it, and leaves the other.
    fn take(&mut self) -> Turn {
        let next = if *self == Turn::Zero { Turn::One } else { Turn::Zero };
        core::mem::replace(self, next)
    }
}

/// A controller of a USB device, with a buffer of [`PACKET_BYTES`] for each direction of each endpoint.
pub trait Controller {
    /// The product's number among those of its vendor, 0x2e8a.
    const PRODUCT_ID: u16;

    /// Answers to this address from now on.
    fn set_address(&mut self, address: u8);

    /// Sends a packet when the host asks for it, and then calls for the event.
    fn send(&mut self, endpoint: Endpoint, packet: &[u8], turn: Turn);

    /// Takes a packet when the host has one, and then calls for the event.
    fn receive(&mut self, endpoint: Endpoint, turn: Turn);

    /// Takes back what [`Controller::send`], [`Controller::receive`] and [`Controller::stall`] have begun: the host has to wait.
    fn withdraw(&mut self, endpoint: Endpoint, direction: Direction);

    /// Refuses what the host asks for. The control endpoint does so up to the next request.
    fn stall(&mut self, endpoint: Endpoint, direction: Direction);
}

/// Seen from the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the device to the host.
    In,
    /// From the host to the device.
    Out,
}
