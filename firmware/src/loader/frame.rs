//! The frames that a PC sends to the loader.
//!
//! A frame is a line, so that bytes which get lost spoil one line and no more. Bytes that a serial port or its driver may
//! take for commands are escaped as in PPP (RFC 1662, "Transparency"). Its first byte is never part of UTF-8: a frame that
//! arrives at the prompt is refused as no text.
//!
//! ```text
//! f5 | key, 1 byte | kind, 1 byte | offset, 4 bytes | 0 to 128 bytes | CRC-32 of kind to bytes, 4 bytes | line feed
//! ```
//!
//! Numbers are little-endian. All from the kind to the CRC is exclusive-or the key, which the sender chooses so that few bytes are
//! escaped: then a frame is never longer than a port's ring of 256 bytes has room for.

use heapless::Vec;
use pipsqueak::internal::file::checksum;

use crate::received::SUBSTITUTE;

/// The most bytes of a file in one frame. All frames but the last have as many.
pub const PAYLOAD_BYTES: usize = 128;
const START: u8 = 0xf5;
const ESCAPE: u8 = 0x7d;
const ESCAPED_BY: u8 = 0x20;
const CRC_BYTES: usize = 4;
/// The longest frame, without escapes and its end.
const FRAME_BYTES: usize = 2 + 1 + 4 + PAYLOAD_BYTES + CRC_BYTES;

/// A frame that arrived as it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame<'l> {
    pub(super) kind: u8,
    pub(super) offset: u32,
    pub(super) payload: &'l [u8],
}

/// The line of a frame, as its bytes come.
#[derive(Default)]
pub(super) struct Line {
    bytes: Vec<u8, FRAME_BYTES>,
    escaped: bool,
    /// Whether a byte was lost, or had no room.
    broken: bool,
}

impl Line {
    /// Takes a byte; returns whether it ends the line. An empty line is none.
    pub(super) fn take(&mut self, byte: u8) -> bool {
        match byte {
            b'\n' => return self.broken || self.escaped || !self.bytes.is_empty(),
            SUBSTITUTE => self.broken = true,
            ESCAPE => self.escaped = true,
            byte => {
                let plain = if core::mem::take(&mut self.escaped) { byte ^ ESCAPED_BY } else { byte };
                // The start and the key are as they are.
                let key = self.bytes.get(1).copied().unwrap_or(0);
                self.broken |= self.bytes.push(plain ^ key).is_err();
            }
        }
        false
    }

    /// The frame that the line is, unless it is damaged.
    pub(super) fn frame(&self) -> Option<Frame<'_>> {
        let ([start, _], rest) = self.bytes.split_first_chunk()?;
        let (content, crc) = rest.split_last_chunk::<CRC_BYTES>()?;
        let is_whole = !self.broken && !self.escaped && *start == START;
        if !is_whole || checksum(content) != u32::from_le_bytes(*crc) {
            return None;
        }
        let (kind, rest) = content.split_first()?;
        let (offset, payload) = rest.split_first_chunk()?;
        Some(Frame { kind: *kind, offset: u32::from_le_bytes(*offset), payload })
    }

    /// Makes room for the next.
    pub(super) fn clear(&mut self) {
        *self = Line::default();
    }
}
