//! Firmware images: what an ELF file puts where, and the files that boards take.

use std::fs;
use std::ops::Range;
use std::path::Path;

use anyhow::{Context, Result, bail};
use object::{Object, ObjectSegment, ObjectSymbol};

/// The model's kernels read it in words, and cut the RAM for it so.
const WORD: u32 = 4;

/// The places of an image and its model in a board's flash and RAM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Flash that the image takes, gaps and all.
    pub program: Range<u32>,
    /// RAM of the image's statics, in bytes.
    pub static_bytes: u32,
    /// RAM beside the statics, in bytes: the stack's, where there is one model in the image.
    pub free_bytes: u32,
    /// RAM that an image for any model leaves to it, in bytes.
    pub model_ram_bytes: u32,
    /// The flash that is kept for a model.
    pub model: Range<u32>,
}

impl Layout {
    /// Reads it from the image's symbols.
    ///
    /// # Errors
    /// A file that can't be read or is no image of ours.
    pub fn read(image: &Path) -> Result<Layout> {
        let bytes = read(image)?;
        let file = parse(&bytes, image)?;
        let symbol = |name: &str| -> Result<u32> {
            let symbol = file.symbols().find(|symbol| symbol.name() == Ok(name));
            let symbol =
                symbol.with_context(|| format!("The image {} has no symbol {name}", image.display()))?;
            Ok(symbol.address() as u32)
        };
        let (statics, free, top) = (symbol("__sdata")?, symbol("__sheap")?, symbol("_stack_start")?);
        let free_bytes = top.saturating_sub(free);
        // An image without a model's place of its own never names it.
        let reserve = symbol("_stack_reserve")?;
        Ok(Layout {
            program: contents(&bytes, image)?.range(),
            static_bytes: free.saturating_sub(statics),
            free_bytes,
            model_ram_bytes: free_bytes.saturating_sub(reserve) / WORD * WORD,
            model: symbol("_model_start")?..symbol("_model_end")?,
        })
    }
}

/// The bytes of an image and the place in flash of the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    /// The first byte's address.
    pub start: u32,
    /// All bytes up to the last, with erased flash in the gaps.
    pub bytes: Vec<u8>,
}

impl Contents {
    /// Reads what an ELF file puts in flash.
    ///
    /// # Errors
    /// A file that can't be read or is no ELF file.
    pub fn read(image: &Path) -> Result<Contents> {
        contents(&read(image)?, image)
    }

    /// Where it lies.
    pub fn range(&self) -> Range<u32> {
        self.start..self.start + self.bytes.len() as u32
    }

    /// As a UF2 file for chips of a `family`: blocks of 512 bytes that each say where their 256 bytes go.
    /// Source: Microsoft, "USB Flashing Format (UF2)".
    pub fn uf2(&self, family: u32) -> Vec<u8> {
        const PAYLOAD: usize = 256;
        /// Beginnings and end of a block, and the flag that says that it names a family.
        const MAGIC: [u32; 3] = [0x0a32_4655, 0x9e5d_5157, 0x0ab1_6f30];
        const HAS_FAMILY: u32 = 0x2000;
        let count = self.bytes.len().div_ceil(PAYLOAD) as u32;
        let mut file = Vec::new();
        for (index, payload) in (0..).zip(self.bytes.chunks(PAYLOAD)) {
            let address = self.start + index * PAYLOAD as u32;
            let words = [MAGIC[0], MAGIC[1], HAS_FAMILY, address, PAYLOAD as u32, index, count, family];
            let mut block: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
            block.extend(payload);
            block.resize(512 - 4, 0);
            block.extend(MAGIC[2].to_le_bytes());
            file.extend(block);
        }
        file
    }

    /// As an Intel HEX file. Source: Intel, "Hexadecimal Object File Format Specification", revision A.
    pub fn hex(&self) -> String {
        const DATA: u8 = 0;
        const END: u8 = 1;
        const UPPER_ADDRESS: u8 = 4;
        const PAYLOAD: usize = 16;
        let record = |address: u32, kind: u8, data: &[u8]| {
            let mut bytes = vec![data.len() as u8, (address >> 8) as u8, address as u8, kind];
            bytes.extend(data);
            let sum = bytes.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte));
            bytes.push(sum.wrapping_neg());
            let digits: String = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
            format!(":{digits}\n")
        };
        let mut upper = None;
        let mut file = String::new();
        // Begun on a multiple of the payload, no record crosses the 64 KiB that an upper address stands for.
        let lead = self.start as usize % PAYLOAD;
        let padded = [vec![0xff; lead], self.bytes.clone()].concat();
        for (index, payload) in (0..).zip(padded.chunks(PAYLOAD)) {
            let address = self.start - lead as u32 + index * PAYLOAD as u32;
            if upper != Some(address >> 16) {
                upper = Some(address >> 16);
                file += &record(0, UPPER_ADDRESS, &((address >> 16) as u16).to_be_bytes());
            }
            file += &record(address, DATA, payload);
        }
        file + &record(0, END, &[])
    }
}

fn read(image: &Path) -> Result<Vec<u8>> {
    fs::read(image).with_context(|| format!("The image {} can't be read", image.display()))
}

fn parse<'b>(bytes: &'b [u8], image: &Path) -> Result<object::File<'b>> {
    object::File::parse(bytes).with_context(|| format!("{} is no ELF file", image.display()))
}

fn contents(bytes: &[u8], image: &Path) -> Result<Contents> {
    let file = parse(bytes, image)?;
    let object::File::Elf32(elf) = &file else { bail!("{} is no ELF file for a chip", image.display()) };
    let endian = elf.endian();
    let mut parts = Vec::new();
    // A chip's flash has what the file has, at the physical addresses; the start-up code copies from there.
    for (header, segment) in elf
        .elf_program_headers()
        .iter()
        .filter(|header| header.p_type.get(endian) == object::elf::PT_LOAD)
        .zip(elf.segments())
    {
        let data = segment.data()?;
        if !data.is_empty() {
            parts.push((header.p_paddr.get(endian), data));
        }
    }
    parts.sort();
    let Some(&(start, _)) = parts.first() else { bail!("{} has nothing for flash", image.display()) };
    let mut all = Vec::new();
    for (address, data) in parts {
        all.resize((address - start) as usize, 0xff);
        all.extend(data);
    }
    Ok(Contents { start, bytes: all })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contents() -> Contents {
        Contents { start: 0x1000_fff8, bytes: (0..300).map(|byte| byte as u8).collect() }
    }

    #[test]
    fn a_hex_file_says_where_each_byte_goes() {
        let hex = contents().hex();
        let lines: Vec<_> = hex.lines().collect();
        assert_eq!(lines[0], ":020000041000EA");
        assert_eq!(lines[1], ":10FFF000FFFFFFFFFFFFFFFF0001020304050607ED");
        assert_eq!(lines[2], ":020000041001E9");
        assert_eq!(lines[3], ":1000000008090A0B0C0D0E0F1011121314151617F8");
        assert_eq!(lines.last(), Some(&":00000001FF"));
    }

    #[test]
    fn a_uf2_file_has_blocks_of_256_bytes() {
        let uf2 = contents().uf2(0xe48b_ff56);
        assert_eq!(uf2.len(), 2 * 512);
        let word = |at: usize| u32::from_le_bytes(uf2[at..at + 4].try_into().unwrap());
        assert_eq!([word(12), word(16), word(20), word(24)], [0x1000_fff8, 256, 0, 2]);
        assert_eq!([word(512 + 12), word(512 + 20), word(512 + 28)], [0x1001_00f8, 1, 0xe48b_ff56]);
        assert_eq!((uf2[32 + 255], uf2[512 + 32]), (255, 0));
        assert_eq!(word(1024 - 4), 0x0ab1_6f30);
    }
}
