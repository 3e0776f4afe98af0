//! The host's requests. (USB 2.0, 9.3 and 9.4; CDC PSTN 1.2, 6.3.)

use super::Direction;

/// A request, as the host's first packet has it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setup {
    /// Bit 7 the direction, bits 6 and 5 who defines the request, the others for whom it is.
    kind: u8,
    request: u8,
    pub(super) value: u16,
    pub(super) index: u16,
    /// Bytes that follow, or that may come back.
    pub(super) length: u16,
}

/// The requests that are understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request {
    DeviceStatus,
    InterfaceStatus,
    EndpointStatus,
    SetAddress,
    Descriptor,
    Configuration,
    SetConfiguration,
    Interface,
    SetInterface,
    ClearHalt,
    SetHalt,
    LineCoding,
    SetLineCoding,
    SetLineState,
    SendBreak,
    Unknown,
}

impl Setup {
    pub(super) const fn from_bytes(bytes: [u8; 8]) -> Setup {
        let [kind, request, value, value_high, index, index_high, length, length_high] = bytes;
        Setup {
            kind,
            request,
            value: u16::from_le_bytes([value, value_high]),
            index: u16::from_le_bytes([index, index_high]),
            length: u16::from_le_bytes([length, length_high]),
        }
    }

    pub(super) const fn request(&self) -> Request {
        match (self.kind, self.request) {
            (0x80, 0) => Request::DeviceStatus,
            (0x81, 0) => Request::InterfaceStatus,
            (0x82, 0) => Request::EndpointStatus,
            // Of an endpoint's features, 0 is the halt.
            (0x02, 1) if self.value == 0 => Request::ClearHalt,
            (0x02, 3) if self.value == 0 => Request::SetHalt,
            (0x00, 5) => Request::SetAddress,
            (0x80, 6) => Request::Descriptor,
            (0x80, 8) => Request::Configuration,
            (0x00, 9) => Request::SetConfiguration,
            (0x81, 10) => Request::Interface,
            (0x01, 11) => Request::SetInterface,
            (0xa1, 0x21) => Request::LineCoding,
            (0x21, 0x20) => Request::SetLineCoding,
            (0x21, 0x22) => Request::SetLineState,
            (0x21, 0x23) => Request::SendBreak,
            _ => Request::Unknown,
        }
    }

    /// Kind and number of the descriptor that is asked for.
    pub(super) const fn descriptor(&self) -> [u8; 2] {
        self.value.to_be_bytes()
    }

    /// Number and direction of the endpoint that is meant.
    pub(super) const fn endpoint(&self) -> (u16, Direction) {
        let direction = if self.index & 0x80 == 0 { Direction::Out } else { Direction::In };
        (self.index & !0x80, direction)
    }
}
