//! The form in which chips of Espressif's take a program: ESP-IDF Programming Guide, "App Image Format", and `esptool`'s
//! documentation, "Firmware Image Format".

use std::path::Path;

use anyhow::{Result, bail};
use pipsqueak_talk::flash::Part;
use pipsqueak_talk::flash::esptool::BEGINNING;
use sha2::{Digest, Sha256};

use crate::image;

/// Where the boot loader looks for a program, by the usual tables of partitions.
pub(crate) const PROGRAM: u32 = 0x1_0000;
/// No pin of the flash's is set apart.
const NO_PIN: u8 = 0xee;
const ESP32_C3: u16 = 5;
/// Any revision of the chip, and a hash at the end.
const NEWEST_REVISION: u16 = u16::MAX;
const HAS_HASH: u8 = 1;
const SEGMENT_HEADER_BYTES: usize = 8;
/// The boot loader maps flash in pages: a byte keeps its place in the page.
const PAGE_BYTES: usize = 64 << 10;
const CHECKSUM_SEED: u8 = 0xef;
/// The checksum is the last byte of as many.
const CHECKSUM_ALIGNMENT: usize = 16;

/// Where flash begins in the addresses of data, for what a program maps as it lies in flash.
const FLASH: u32 = 0x3c00_0000;

/// The bytes from flash's start to what is read at `address`, of what a program maps itself.
pub(crate) fn offset(address: u32) -> u32 {
    address.wrapping_sub(FLASH)
}

/// The file of the program in the ELF file `image`.
///
/// # Errors
/// A file that can't be read, and as [`encode`].
pub(crate) fn file(image: &Path) -> Result<Vec<u8>> {
    let (parts, entry) = image::parts(image)?;
    encode(&parts, entry)
}

/// The file of a program that begins at `entry`. Its `parts` lie in flash, in this order.
///
/// # Errors
/// If a part has no length in words, or the first does not begin behind the file's headers.
pub(crate) fn encode(parts: &[Part], entry: u32) -> Result<Vec<u8>> {
    if parts.len() != usize::from(BEGINNING[1]) {
        bail!(
            "The program has {} parts far from each other; it must have data and instructions.",
            parts.len()
        );
    }
    let mut file = header(entry);
    let mut checksum = CHECKSUM_SEED;
    for (i, part) in parts.iter().enumerate() {
        let start = file.len() + SEGMENT_HEADER_BYTES;
        if start % PAGE_BYTES != part.address as usize % PAGE_BYTES {
            bail!("The program's part at {:#010x} can't begin at the file's byte {start}.", part.address);
        }
        let end = start + part.bytes.len().next_multiple_of(4);
        // The part goes on with zeros until the next has its place.
        let end = parts.get(i + 1).map_or(end, |next| {
            let wanted = (next.address as usize).wrapping_sub(SEGMENT_HEADER_BYTES);
            end + wanted.wrapping_sub(end) % PAGE_BYTES
        });
        file.extend(part.address.to_le_bytes());
        file.extend(((end - start) as u32).to_le_bytes());
        file.extend(&part.bytes);
        file.resize(end, 0);
        checksum = part.bytes.iter().fold(checksum, |sum, byte| sum ^ byte);
    }
    file.resize((file.len() + 1).next_multiple_of(CHECKSUM_ALIGNMENT) - 1, 0);
    file.push(checksum);
    let hash = Sha256::digest(&file);
    file.extend(hash);
    Ok(file)
}

fn header(entry: u32) -> Vec<u8> {
    let mut header = BEGINNING.to_vec();
    header.extend(entry.to_le_bytes());
    // The pin, the pins' strengths, the chip, its oldest revision, as it was written once and as it is now, and its newest.
    header.extend([NO_PIN, 0, 0, 0]);
    header.extend(ESP32_C3.to_le_bytes());
    header.extend([0, 0, 0]);
    header.extend(NEWEST_REVISION.to_le_bytes());
    header.extend([0, 0, 0, 0, HAS_HASH]);
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(address: u32, bytes: &[u8]) -> Part {
        Part { what: "firmware", address, bytes: bytes.to_vec() }
    }

    /// As `esptool image-info` reads it: 2 segments, checksum 0xe0 and the hash valid.
    #[test]
    fn parts_lie_at_their_places_in_pages() {
        let file = encode(&[part(0x3c00_0020, b"data, 13 long"), part(0x4240_0020, b"code")], 0x4240_0020);
        let file = file.unwrap();
        assert_eq!(file[..4], BEGINNING);
        assert_eq!(file[4..8], 0x4240_0020u32.to_le_bytes());
        assert_eq!(file[32..][..13], *b"data, 13 long");
        let second = 0x1_0020;
        assert_eq!(file[24..32], [0x3c00_0020u32.to_le_bytes(), (0x1_0018u32 - 0x20).to_le_bytes()].concat());
        assert_eq!(file[second - 8..][..12], [&[0x20, 0, 0x40, 0x42, 4, 0, 0, 0], &b"code"[..]].concat());
        let (content, hash) = file.split_at(file.len() - 32);
        assert_eq!(content.len() % 16, 0);
        assert_eq!(hash, &Sha256::digest(content)[..]);
        let sum = b"data, 13 longcode".iter().fold(0xef, |sum, byte| sum ^ byte);
        assert_eq!(content.last(), Some(&sum));
    }

    #[test]
    fn a_part_that_has_no_place_is_refused() {
        let refused = |parts: &[Part]| encode(parts, 0).unwrap_err().to_string();
        let two = [part(0x3c00_0000, b"data"), part(0x4240_0020, b"code")];
        assert_eq!(refused(&two), "The program's part at 0x3c000000 can't begin at the file's byte 32.");
        assert!(refused(&two[..1]).contains("must have data and instructions"));
    }
}
