//! `cargo xtask build`: a board's image, as the file that the board takes.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use pipsqueak_talk::flash::{esptool, hex, uf2};

use crate::board::{Board, Flashing};
use crate::firmware::{self, Options, Pins};
use crate::image::{self, Layout};
use crate::packages::Consent;
use crate::toolchain::Toolchain;
use crate::{esp, paths};

/// Builds the image of `board`: the general one, or the one for `model`, or with `pins` the one that uses them. Writes it to `out`, or
/// where builds go, and prints what it takes.
pub fn build(board: Board, model: Option<&Path>, pins: Option<Pins<'_>>, out: Option<PathBuf>) -> Result<()> {
    if let Some(out) = &out {
        check_out(out)?;
    }
    let toolchain = Toolchain::find_or_install(board.target(), Consent::new(false))?;
    let elf = match (model, pins) {
        (Some(model), Some(pins)) => firmware::build_with_pins(&toolchain, board, model, pins)?,
        (Some(model), None) => firmware::build_with(&toolchain, board, model, Options::default())?,
        (None, _) => firmware::build_any_model(&toolchain, board)?,
    };
    let layout = Layout::read(&elf)?;
    let extension = extension(board);
    let out = out.unwrap_or_else(|| default_path(board, model, extension));
    write(board, &elf, &out)?;
    println!("{}", out.display());
    println!("flash: {} bytes from {:#010x} on", layout.program_bytes, layout.program.start);
    match model {
        Some(_) => {
            println!("RAM: {} bytes of statics, {} for the stack", layout.static_bytes, layout.free_bytes)
        }
        None => {
            println!("RAM: {} bytes of statics, {} for a model", layout.static_bytes, layout.model_ram_bytes);
            let [_, start] = places(board, &layout);
            println!("a model: up to {} bytes of flash from {start:#010x} on", layout.model.len());
        }
    }
    if let Some(Flashing::Esp { chip }) = board.flashing() {
        println!(
            "write it into flash with: {}",
            esptool::command(chip, esp::PROGRAM, &out.display().to_string())
        );
    }
    Ok(())
}

/// Refuses to write over anything but an image.
fn check_out(out: &Path) -> Result<()> {
    /// How ELF, UF2, Intel HEX and Espressif's files of images begin.
    const MARKS: [&[u8]; 4] = [b"\x7fELF", b"UF2\n", b":02000004", &esptool::BEGINNING];
    let found = fs::read(out).unwrap_or_default();
    let is_image = MARKS.iter().any(|mark| found.starts_with(mark));
    if out.exists() && !is_image {
        bail!("The file {} is no image, and would be lost; choose another name for --out.", out.display());
    }
    Ok(())
}

fn default_path(board: Board, model: Option<&Path>, extension: &str) -> PathBuf {
    let name = model.and_then(Path::file_stem).map(|stem| format!("-{}", stem.display())).unwrap_or_default();
    paths::target().join("boards").join(format!("{}{name}.{extension}", board.name()))
}

/// How the name of the file ends that a board takes.
pub(crate) fn extension(board: Board) -> &'static str {
    match board.flashing() {
        Some(Flashing::Uf2 { .. }) => "uf2",
        Some(Flashing::Hex { .. }) => "hex",
        Some(Flashing::Esp { .. }) => "bin",
        None => "elf",
    }
}

/// The addresses of firmware and model as what flashes the board counts them: esptool in flash, the others as the chip reads them.
pub(crate) fn places(board: Board, layout: &Layout) -> [u32; 2] {
    match board.flashing() {
        Some(Flashing::Esp { .. }) => [esp::PROGRAM, esp::offset(layout.model.start)],
        _ => [layout.program.start, layout.model.start],
    }
}

/// Writes the image `elf` as the file that `board` takes.
pub(crate) fn write(board: Board, elf: &Path, out: &Path) -> Result<()> {
    let bytes = match board.flashing() {
        Some(Flashing::Uf2 { family, .. }) => uf2::encode(&[image::contents(elf)?], family),
        Some(Flashing::Hex { .. }) => hex::encode(&[image::contents(elf)?])?.into_bytes(),
        Some(Flashing::Esp { .. }) => esp::file(elf)?,
        None => fs::read(elf)?,
    };
    if let Some(folder) = out.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(out, bytes).with_context(|| format!("{} can't be written", out.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_image_is_written_over() {
        let manifest = paths::root().join("Cargo.toml");
        assert!(check_out(&manifest).unwrap_err().to_string().contains("is no image, and would be lost"));
        assert!(check_out(&paths::pretrained_model()).is_err());
        assert!(check_out(&paths::root().join("none.elf")).is_ok());
    }
}
