//! The board's answers: a line of text each, with its CRC-32 as the last word.

use pipsqueak::internal::file::{CRC, CrcDigest};

use crate::{Hex, Put};

/// Writes a line and sums it up.
pub(super) struct Checked<'o, P> {
    out: &'o mut P,
    crc: CrcDigest,
}

impl<'o, P: Put> Checked<'o, P> {
    pub(super) fn new(out: &'o mut P) -> Self {
        Checked { out, crc: CRC.digest() }
    }

    /// Ends the line.
    pub(super) fn end(self) {
        self.out.put(" ").put(Hex(self.crc.finalize())).put("\n");
    }
}

impl<P: Put> Put for Checked<'_, P> {
    fn bytes(&mut self, bytes: &[u8]) {
        self.crc.update(bytes);
        self.out.bytes(bytes);
    }
}
