//! UF2 files, which boards take as files dropped onto their drive. (Microsoft, "USB Flashing Format",
//! <https://github.com/microsoft/uf2>.)

use super::Part;

const BLOCK_BYTES: usize = 512;
/// Bytes of flash in a block; the boot loaders of Raspberry Pi's chips take no other number.
const PAYLOAD_BYTES: usize = 256;
/// Bytes of flash that are erased together.
const SECTOR_BYTES: usize = 4096;
const MAGICS: [u32; 2] = [0x0a32_4655, 0x9e5d_5157];
const END_MAGIC: u32 = 0x0ab1_6f30;
const FAMILY_ID_PRESENT: u32 = 0x2000;
const EXTENSION_TAGS_PRESENT: u32 = 0x8000;

/// The family of the RP2350, its processors Arm's, in secure state.
pub const RP2350: u32 = 0xe48b_ff59;
/// The family whose blocks go where they say, whatever partitions there are.
const ABSOLUTE: u32 = 0xe48b_ff57;
/// Behind a payload, tells the RP2350 to leave it alone.
const IGNORE_BLOCK: u32 = 0x9957_e304;
/// The last bytes that a flash may have.
const LAST_PAGE: u32 = 0x10ff_ff00;

/// Whether the part begins where bytes are erased together.
pub(super) fn is_at_sector(part: &Part) -> bool {
    (part.address as usize).is_multiple_of(SECTOR_BYTES)
}

/// A file with all parts for chips of the family. Parts begin at multiples of 4,096; each but the last is filled up to one with zeros,
/// and the last to a multiple of 256.
///
/// The boot loaders of the RP2040 and RP2350 tell by a block's number, not by its address, whether its sector of flash has been erased:
/// a part that ended within a sector would shift that for those behind it (erratum RP2040-E14).
pub fn encode(parts: &[Part], family: u32) -> Vec<u8> {
    let last = parts.len().saturating_sub(1);
    let blocks = |(place, part): (usize, &Part)| {
        let unit = if place == last { PAYLOAD_BYTES } else { SECTOR_BYTES };
        part.bytes.len().next_multiple_of(unit) / PAYLOAD_BYTES
    };
    let count = parts.iter().enumerate().map(blocks).sum::<usize>() as u32;
    let pieces = parts.iter().enumerate().flat_map(|(place, part)| {
        let addresses = (part.address..).step_by(PAYLOAD_BYTES);
        let payloads = part.bytes.chunks(PAYLOAD_BYTES).chain(std::iter::repeat(&[][..]));
        addresses.zip(payloads).take(blocks((place, part)))
    });
    let mut file = if family == RP2350 { first_of_rp2350() } else { Vec::new() };
    for (number, (address, payload)) in (0..).zip(pieces) {
        put(&mut file, [FAMILY_ID_PRESENT, address, PAYLOAD_BYTES as u32, number, count, family], payload);
    }
    file
}

/// A block with this head behind the magic numbers.
fn put(file: &mut Vec<u8>, head: [u32; 6], payload: &[u8]) {
    let start = file.len();
    file.extend(MAGICS.iter().chain(&head).flat_map(|word| word.to_le_bytes()));
    file.extend(payload);
    file.resize(start + BLOCK_BYTES - 4, 0);
    file.extend(END_MAGIC.to_le_bytes());
}

/// The block that goes ahead of an RP2350's: without it, a chip whose flash has a table of partitions takes no file that is dropped onto its
/// drive (erratum RP2350-E10). Chips of the first stepping write it, others leave it alone.
fn first_of_rp2350() -> Vec<u8> {
    let mut file = Vec::new();
    let flags = FAMILY_ID_PRESENT | EXTENSION_TAGS_PRESENT;
    let payload = [&[0xef; PAYLOAD_BYTES][..], &IGNORE_BLOCK.to_le_bytes()].concat();
    put(&mut file, [flags, LAST_PAGE, PAYLOAD_BYTES as u32, 0, 2, ABSOLUTE], &payload);
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(count: usize) -> Vec<u8> {
        (0..count).map(|i| (i * 7) as u8).collect()
    }

    fn parts() -> [Part; 2] {
        [
            Part { what: "firmware", address: 0x1000_0000, bytes: bytes(5000) },
            Part { what: "model", address: 0x1010_0000, bytes: bytes(9001) },
        ]
    }

    #[test]
    fn another_reader_finds_the_same_bytes_at_the_same_places() {
        let parts = parts();
        let file = encode(&parts, 0xe48b_ff56);
        assert_eq!(file.len(), (32 + 36) * 512);
        // The reader joins what it reads, with zeros between.
        let (image, families) = uf2_decode::convert_from_uf2(&file).unwrap();
        assert_eq!(families.keys().copied().collect::<Vec<_>>(), [0xe48b_ff56]);
        assert_eq!(image[..5000], parts[0].bytes);
        assert_eq!(image[0x10_0000..][..9001], parts[1].bytes);
        assert!(image[5000..0x10_0000].iter().all(|byte| *byte == 0));
        for (number, block) in file.chunks(512).enumerate() {
            assert_eq!(block[20..24], (number as u32).to_le_bytes());
            assert_eq!(block[24..28], 68u32.to_le_bytes());
        }
        assert_eq!(encode(&parts[1..], 0xe48b_ff56).len(), 36 * 512, "the model alone");
    }

    /// A flash that held something else, after a boot loader that does as the RP2040's (virtual_disk.c in the source of its ROM): it erases
    /// the sector of the first block that it meets of each sixteen by their numbers.
    fn flashed(file: &[u8]) -> Vec<u8> {
        let mut flash = vec![0x5a; 0x20_0000];
        let mut erased = std::collections::HashSet::new();
        for block in file.chunks(512) {
            let word = |at: usize| u32::from_le_bytes(block[at..][..4].try_into().unwrap());
            let at = (word(12) - 0x1000_0000) as usize;
            if erased.insert(word(20) / 16) {
                flash[at / 4096 * 4096..][..4096].fill(0xff);
            }
            flash[at..].iter_mut().zip(&block[32..][..256]).for_each(|(held, byte)| *held &= byte);
        }
        flash
    }

    #[test]
    fn the_chips_boot_loader_erases_what_it_writes_and_nothing_else() {
        let parts = parts();
        let flash = flashed(&encode(&parts, 0xe48b_ff56));
        for Part { what, address, bytes } in parts {
            assert!(flash[(address - 0x1000_0000) as usize..].starts_with(&bytes), "{what}");
        }
        assert!(flash[8192..0x10_0000].iter().all(|byte| *byte == 0x5a), "between the parts");
    }

    #[test]
    fn an_rp2350_has_a_block_ahead_which_counts_apart() {
        let parts = parts();
        let file = encode(&parts, RP2350);
        let (first, rest) = file.split_at(512);
        let words: Vec<u32> =
            first.chunks(4).map(|word| u32::from_le_bytes(word.try_into().unwrap())).collect();
        assert_eq!(words[..8], [0x0a32_4655, 0x9e5d_5157, 0xa000, 0x10ff_ff00, 256, 0, 2, 0xe48b_ff57]);
        assert!(words[8..72].iter().all(|word| *word == 0xefef_efef));
        assert_eq!((words[72], words[127]), (0x9957_e304, 0x0ab1_6f30));
        let (image, families) = uf2_decode::convert_from_uf2(rest).unwrap();
        assert_eq!(families.keys().copied().collect::<Vec<_>>(), [0xe48b_ff59]);
        assert_eq!(image[0x10_0000..][..9001], parts[1].bytes);
    }
}
