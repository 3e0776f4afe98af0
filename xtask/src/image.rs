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
    /// Where the image lies in flash, gaps and all.
    pub program: Range<u32>,
    /// Flash that it takes, in bytes.
    pub program_bytes: u32,
    /// RAM of the image's statics, in bytes.
    pub static_bytes: u32,
    /// RAM beside the statics, in bytes: the stack's, where there is one model in the image.
    pub free_bytes: u32,
    /// RAM that an image for any model leaves to it, in bytes.
    pub model_ram_bytes: u32,
    /// The parts of models that an image for any model runs, as `core/src/parts.rs` numbers them; of another image, all.
    pub model_parts: u32,
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
        let program = parts_of(&bytes, image)?;
        let (first, last) = (&program[0], &program[program.len() - 1]);
        let reserve = symbol("_stack_reserve")?;
        Ok(Layout {
            program: first.address..last.address + last.bytes.len() as u32,
            program_bytes: program.iter().map(|part| part.bytes.len() as u32).sum(),
            static_bytes: free.saturating_sub(statics),
            free_bytes,
            model_ram_bytes: free_bytes.saturating_sub(reserve) / WORD * WORD,
            model_parts: symbol("_model_parts")
                .map_or(Some(u32::MAX), |at| word(&program, at))
                .with_context(|| {
                    format!("The image {} does not tell which models it runs", image.display())
                })?,
            model: symbol("_model_start")?..symbol("_model_end")?,
        })
    }
}

/// The word of flash at this address.
fn word(program: &[Part], address: u32) -> Option<u32> {
    let bytes = program.iter().find_map(|part| {
        let start = usize::try_from(address.checked_sub(part.address)?).ok()?;
        part.bytes.get(start..)?.first_chunk()
    })?;
    Some(u32::from_le_bytes(*bytes))
}

/// The bytes that an ELF file puts in flash, up to the last, with erased flash in the gaps.
///
/// # Errors
/// A file that can't be read or is no ELF file.
pub fn contents(image: &Path) -> Result<Part> {
    let mut parts = parts_of(&read(image)?, image)?.into_iter();
    match (parts.next(), parts.next()) {
        (Some(part), None) => Ok(part),
        _ => bail!("{} has parts far from each other", image.display()),
    }
}

/// The bytes that an ELF file puts in flash, in parts that lie far from each other, and the address where the program begins.
///
/// # Errors
/// As [`contents`].
pub(crate) fn parts(image: &Path) -> Result<(Vec<Part>, u32)> {
    let bytes = read(image)?;
    Ok((parts_of(&bytes, image)?, parse(&bytes, image)?.entry() as u32))
}

fn read(image: &Path) -> Result<Vec<u8>> {
    fs::read(image).with_context(|| format!("The image {} can't be read", image.display()))
}

fn parse<'b>(bytes: &'b [u8], image: &Path) -> Result<object::File<'b>> {
    object::File::parse(bytes).with_context(|| format!("{} is no ELF file", image.display()))
}

/// A chip that sees flash at two addresses has them farther from each other than this.
const FAR_BYTES: u32 = 16 << 20;

fn parts_of(bytes: &[u8], image: &Path) -> Result<Vec<Part>> {
    let file = parse(bytes, image)?;
    let object::File::Elf32(elf) = &file else { bail!("{} is no ELF file for a chip", image.display()) };
    let endian = elf.endian();
    let mut segments = Vec::new();
    // A chip's flash has what the file has, at the physical addresses; the start-up code copies from there.
    for (header, segment) in elf
        .elf_program_headers()
        .iter()
        .filter(|header| header.p_type.get(endian) == object::elf::PT_LOAD)
        .zip(elf.segments())
    {
        let data = segment.data()?;
        if !data.is_empty() {
            segments.push((header.p_paddr.get(endian), data));
        }
    }
    segments.sort();
    let mut parts: Vec<Part> = Vec::new();
    for (address, data) in segments {
        match parts.last_mut().filter(|part| address - part.address < FAR_BYTES) {
            Some(part) => {
                part.bytes.resize((address - part.address) as usize, 0xff);
                part.bytes.extend(data);
            }
            None => parts.push(Part { what: "firmware", address, bytes: data.to_vec() }),
        }
    }
    if parts.is_empty() {
        bail!("{} has nothing for flash", image.display());
    }
    Ok(parts)
}
