//! Views of bytes as the numbers they hold, in place: a model file's, and the memory's that a model runs in.
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

/// Numbers of which any bytes are a value.
///
/// # Safety
/// Every bit pattern must be a value, and no byte padding.
pub unsafe trait Plain {}

// SAFETY: integers and floats have neither invalid bit patterns nor padding.
unsafe impl Plain for f32 {}
// SAFETY: as above.
unsafe impl Plain for i32 {}
// SAFETY: as above.
unsafe impl Plain for u32 {}
// SAFETY: as above.
unsafe impl Plain for u16 {}
// SAFETY: as above.
unsafe impl Plain for i8 {}
// SAFETY: as above.
unsafe impl Plain for u8 {}

/// Cuts `length` values off the front of `bytes`; none if there are fewer, or if the front does not start on
/// their boundary, which the order of a memory's pieces excludes.
pub fn take<'m, T: Plain>(bytes: &mut &'m mut [u8], length: usize) -> &'m mut [T] {
    let size = length.saturating_mul(size_of::<T>());
    let (taken, rest) = core::mem::take(bytes).split_at_mut_checked(size).unwrap_or_default();
    *bytes = rest;
    // SAFETY: any bytes are values of a plain type, and any of its values may be written as bytes; alignment is
    // `align_to_mut`'s business.
    let (before, values, _) = unsafe { taken.align_to_mut::<T>() };
    if before.is_empty() { values } else { &mut [] }
}

/// Signed bytes as unsigned ones.
#[cfg(feature = "self-test")]
pub fn bytes_mut(values: &mut [i8]) -> &mut [u8] {
    // SAFETY: a u8 has every bit pattern that an i8 has, and the same size.
    unsafe { values.align_to_mut::<u8>() }.1
}

/// The bytes from the first word's boundary on.
pub fn from_a_word_on(bytes: &mut [u8]) -> &mut [u8] {
    let skipped = bytes.as_ptr().align_offset(align_of::<u32>());
    bytes.get_mut(skipped..).unwrap_or_default()
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

    #[test]
    fn pieces_are_cut_off_the_front() {
        let mut memory = [0; 24];
        let mut rest = from_a_word_on(&mut memory);
        let (floats, bytes): (&mut [f32], &mut [i8]) = (take(&mut rest, 2), take(&mut rest, 6));
        floats.copy_from_slice(&[1.0, -2.0]);
        bytes.fill(-1);
        let halves: &mut [u16] = take(&mut rest, 2);
        halves.fill(0xabcd);
        assert_eq!((floats, bytes, halves), (&mut [1.0, -2.0][..], &mut [-1; 6][..], &mut [0xabcd; 2][..]));
        assert!(take::<i32>(&mut rest, usize::MAX).is_empty() && rest.is_empty());
    }

    #[test]
    fn what_does_not_start_on_its_boundary_is_not_lent() {
        let mut memory = [0; 24];
        let mut rest = from_a_word_on(&mut memory);
        take::<i8>(&mut rest, 1);
        assert!(take::<f32>(&mut rest, 2).is_empty());
    }
}
