//! Views of a model file's bytes as the numbers they hold, in place.
//!
//! Sound because every bit pattern is a value of these types, the lengths come from the slice, `align_to` finds the
//! aligned part by itself, and the lifetime is the bytes' own. The file is little-endian, and so must the chip be.

#[cfg(target_endian = "big")]
compile_error!("a model file is little-endian and is read in place: big-endian chips cannot run it");

/// The bytes as f32; empty if they do not start on a multiple of 4, which loading a model has excluded.
pub fn floats(bytes: &[u8]) -> &[f32] {
    // SAFETY: every four bytes are an f32; alignment is `align_to`'s business.
    let (before, floats, _) = unsafe { bytes.align_to::<f32>() };
    if before.is_empty() { floats } else { &[] }
}

/// The bytes as words; empty if they do not start on a multiple of 4.
pub fn words(bytes: &[u8]) -> &[u32] {
    // SAFETY: every four bytes are a u32; alignment is `align_to`'s business.
    let (before, words, _) = unsafe { bytes.align_to::<u32>() };
    if before.is_empty() { words } else { &[] }
}

/// The bytes as halves of a word; empty if they do not start on a multiple of 2.
pub fn halves(bytes: &[u8]) -> &[u16] {
    // SAFETY: every two bytes are a u16; alignment is `align_to`'s business.
    let (before, halves, _) = unsafe { bytes.align_to::<u16>() };
    if before.is_empty() { halves } else { &[] }
}

/// Words as the halves that they hold.
pub fn signed_halves(words: &[u32]) -> &[i16] {
    // SAFETY: every two bytes are an i16, and a word is aligned for two.
    unsafe { words.align_to::<i16>() }.1
}

/// Words as the bytes that they hold.
pub fn signed_bytes(words: &[u32]) -> &[i8] {
    // SAFETY: every byte is an i8.
    unsafe { words.align_to::<i8>() }.1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_seen_as_numbers() {
        #[repr(align(4))]
        struct Aligned([u8; 8]);
        let bytes = Aligned([0, 0, 128, 63, 0, 0, 0, 192]);
        assert_eq!(floats(&bytes.0), [1.0, -2.0]);
        assert_eq!(floats(&bytes.0[1..]), [0.0f32; 0]);
        assert_eq!(words(&bytes.0), [0x3f80_0000, 0xc000_0000]);
        assert_eq!(halves(&bytes.0), [0, 0x3f80, 0, 0xc000]);
    }
}
