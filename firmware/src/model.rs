//! The model's file, linked into flash and read in place.

/// Puts the file on the 16-byte boundary that its tensors are laid out for.
#[repr(C, align(16))]
struct Aligned<T: ?Sized>(T);

include!(concat!(env!("OUT_DIR"), "/model.rs"));

/// The whole file.
pub(crate) static MODEL: &[u8] = &ALIGNED.0;
