//! UF2 files, which boards take as files dropped onto their drive. (Microsoft, "USB Flashing Format",
//! <https://github.com/microsoft/uf2>.)

use super::Part;

const BLOCK_BYTES: usize = 512;
/// Bytes of flash in a block; the boot loaders of Raspberry Pi's chips take no other number.
const PAYLOAD_BYTES: usize = 256;
const MAGICS: [u32; 2] = [0x0a32_4655, 0x9e5d_5157];
const END_MAGIC: u32 = 0x0ab1_6f30;
const FAMILY_ID_PRESENT: u32 = 0x2000;

/// A file with all parts for chips of the family. Parts begin at multiples of 256; what is left of a part's last 256 bytes becomes 0.
pub fn encode(parts: &[Part], family: u32) -> Vec<u8> {
    let blocks = |part: &Part| part.bytes.len().div_ceil(PAYLOAD_BYTES);
    let count = parts.iter().map(blocks).sum::<usize>() as u32;
    let pieces = parts.iter().flat_map(|part| {
        let addresses = (part.address..).step_by(PAYLOAD_BYTES);
        addresses.zip(part.bytes.chunks(PAYLOAD_BYTES))
    });
    let mut file = Vec::with_capacity(count as usize * BLOCK_BYTES);
    for (number, (address, payload)) in (0..).zip(pieces) {
        let head = [FAMILY_ID_PRESENT, address, PAYLOAD_BYTES as u32, number, count, family];
        let start = file.len();
        file.extend(MAGICS.iter().chain(&head).flat_map(|word| word.to_le_bytes()));
        file.extend(payload);
        file.resize(start + BLOCK_BYTES - 4, 0);
        file.extend(END_MAGIC.to_le_bytes());
    }
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_reader_finds_the_same_bytes_at_the_same_places() {
        let bytes = |count: usize| (0..count).map(|i| (i * 7) as u8).collect::<Vec<u8>>();
        let parts = [
            Part { what: "firmware", address: 0x1000_0000, bytes: bytes(1000) },
            Part { what: "model", address: 0x1010_0000, bytes: bytes(513) },
        ];
        let file = encode(&parts, 0xe48b_ff56);
        assert_eq!(file.len(), 7 * 512);
        // The reader joins what it reads, with zeros between.
        let (image, families) = uf2_decode::convert_from_uf2(&file).unwrap();
        assert_eq!(families.keys().copied().collect::<Vec<_>>(), [0xe48b_ff56]);
        assert_eq!(image[..1000], parts[0].bytes);
        assert_eq!(image[0x10_0000..][..513], parts[1].bytes);
        assert!(image[1000..0x10_0000].iter().all(|byte| *byte == 0));
        for (number, block) in file.chunks(512).enumerate() {
            assert_eq!(block[20..24], (number as u32).to_le_bytes());
            assert_eq!(block[24..28], 7u32.to_le_bytes());
        }
    }
}
