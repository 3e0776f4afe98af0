//! Getting a model, and the firmware that runs it, onto a board.

pub mod drive;
pub mod esptool;
pub mod frame;
pub mod hex;
pub mod loader;
pub mod manifest;
pub mod probe;
pub mod room;
pub mod uf2;

/// Bytes for a place in flash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The name for reports: `firmware` or `model`.
    pub what: &'static str,
    /// The chip's address of the first byte.
    pub address: u32,
    /// The bytes.
    pub bytes: Vec<u8>,
}
