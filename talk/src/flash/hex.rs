//! Intel HEX files, which debuggers take, and the drives of boards that have one built in. (Intel, "Hexadecimal Object File Format
//! Specification", revision A.)

use anyhow::{Context, Result};
use ihex::{Record, create_object_file_representation};

use super::Part;

const LINE_BYTES: usize = 32;

/// A file with all parts.
///
/// # Errors
/// If a part does not end below 2^32.
pub fn encode(parts: &[Part]) -> Result<String> {
    let mut records = Vec::new();
    let mut upper = None;
    for part in parts {
        // A line must not cross a boundary of 64 KiB.
        let mut rest = &part.bytes[..];
        let mut address = part.address;
        while !rest.is_empty() {
            let (high, offset) = ((address >> 16) as u16, address as u16);
            if upper.replace(high) != Some(high) {
                records.push(Record::ExtendedLinearAddress(high));
            }
            let count = LINE_BYTES.min(rest.len()).min(0x1_0000 - usize::from(offset));
            let (line, after) = rest.split_at(count);
            records.push(Record::Data { offset, value: line.to_vec() });
            rest = after;
            address =
                address.checked_add(count as u32).context("the file goes beyond the chip's addresses")?;
        }
    }
    records.push(Record::EndOfFile);
    Ok(create_object_file_representation(&records)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bin_file::BinFile;

    #[test]
    fn another_reader_finds_the_same_bytes_at_the_same_places() {
        let bytes = |count: usize| (0..count).map(|i| (i * 7) as u8).collect::<Vec<u8>>();
        let parts = [
            Part { what: "firmware", address: 0x0800_0000, bytes: bytes(1000) },
            // Begins in one 64 KiB, off a line, and ends in the next.
            Part { what: "model", address: 0x0800_fff9, bytes: bytes(513) },
        ];
        let text = encode(&parts).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("board.hex");
        std::fs::write(&path, text).unwrap();
        let read = BinFile::from_file(&path).unwrap();
        for part in &parts {
            let address = part.address as usize;
            let held: Vec<u8> = (address..address + part.bytes.len())
                .map(|at| read.get_value_by_address(at).unwrap())
                .collect();
            assert_eq!(held, part.bytes, "{}", part.what);
        }
        assert_eq!(read.get_value_by_address(0x0800_0000 + 1000), None);
        assert_eq!(read.get_value_by_address(0x0800_fff9 + 513), None);
    }
}
