//! Firmware images: what an ELF file puts where.

use std::fs;
use std::ops::Range;
use std::path::Path;

use anyhow::{Context, Result, bail};
use object::{Object, ObjectSegment, ObjectSymbol};
use pipsqueak_talk::flash::Part;

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
        let program = contents_of(&bytes, image)?;
        let reserve = symbol("_stack_reserve")?;
        Ok(Layout {
            program: program.address..program.address + program.bytes.len() as u32,
            static_bytes: free.saturating_sub(statics),
            free_bytes,
            model_ram_bytes: free_bytes.saturating_sub(reserve) / WORD * WORD,
            model: symbol("_model_start")?..symbol("_model_end")?,
        })
    }
}

/// The bytes that an ELF file puts in flash, up to the last, with erased flash in the gaps.
///
/// # Errors
/// A file that can't be read or is no ELF file.
pub fn contents(image: &Path) -> Result<Part> {
    contents_of(&read(image)?, image)
}

fn read(image: &Path) -> Result<Vec<u8>> {
    fs::read(image).with_context(|| format!("The image {} can't be read", image.display()))
}

fn parse<'b>(bytes: &'b [u8], image: &Path) -> Result<object::File<'b>> {
    object::File::parse(bytes).with_context(|| format!("{} is no ELF file", image.display()))
}

fn contents_of(bytes: &[u8], image: &Path) -> Result<Part> {
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
    Ok(Part { what: "firmware", address: start, bytes: all })
}
