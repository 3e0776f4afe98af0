//! `cargo xtask dist`: every real board's image for any model, in one folder, with checksums and a manifest.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use pipsqueak_talk::flash::manifest::{self, Entry, Manifest, Uf2};
use sha2::{Digest, Sha256};

use super::build::{extension, places, write};
use crate::board::{Board, Flashing};
use crate::image::{self, Layout};
use crate::packages::Consent;
use crate::toolchain::Toolchain;
use crate::{esp, firmware, paths};

/// Builds the images and writes the folder, target/dist.
pub fn dist(consent: Consent) -> Result<()> {
    let folder = paths::target().join("dist");
    let boards: Vec<Board> = Board::real().collect();
    let images = images(&folder, &boards, consent)?;
    let mut sums = String::new();
    for (board, elf) in boards.into_iter().zip(images) {
        let name = format!("{}.{}", board.name(), extension(board));
        write(board, &elf, &folder.join(&name))?;
        let mut files = vec![image_name(board), name];
        // An ESP32-C3 takes what lies in its flash.
        files.dedup();
        for file in files {
            let digest = Sha256::digest(fs::read(folder.join(&file))?);
            digest.iter().for_each(|byte| _ = write!(sums, "{byte:02x}"));
            sums += &format!("  {file}\n");
        }
    }
    put(&folder.join("SHA256SUMS"), sums.as_bytes())
}

/// Writes the boards' images as they lie in flash, and the manifest, into `folder`; returns the ELF files that they come from.
pub(super) fn images(folder: &Path, boards: &[Board], consent: Consent) -> Result<Vec<PathBuf>> {
    fs::create_dir_all(folder).with_context(|| format!("{} can't be made", folder.display()))?;
    let (mut elfs, mut entries) = (Vec::new(), Vec::new());
    for &board in boards {
        let toolchain = Toolchain::find_or_install(board.target(), consent)?;
        let elf = firmware::build_any_model(&toolchain, board)?;
        put(&folder.join(image_name(board)), &in_flash(board, &elf)?)?;
        entries.push(entry(board, &Layout::read(&elf)?));
        elfs.push(elf);
    }
    let manifest = Manifest { boards: entries };
    put(&folder.join(manifest::FILE), &serde_json::to_vec_pretty(&manifest)?)?;
    println!("{}: {} boards", folder.display(), boards.len());
    Ok(elfs)
}

fn image_name(board: Board) -> String {
    format!("{}.bin", board.name())
}

/// The image as it lies in flash.
fn in_flash(board: Board, elf: &Path) -> Result<Vec<u8>> {
    match board.flashing() {
        Some(Flashing::Esp { .. }) => esp::file(elf),
        _ => Ok(image::contents(elf)?.bytes),
    }
}

/// The facts that a program needs to flash the image and a model.
fn entry(board: Board, layout: &Layout) -> Entry {
    let (mut uf2, mut probe_chip, mut esptool_chip) = (None, None, None);
    match board.flashing() {
        Some(Flashing::Uf2 { family, board_id }) => uf2 = Some(Uf2 { family, board_id: board_id.into() }),
        Some(Flashing::Hex { chip }) => probe_chip = Some(chip.into()),
        Some(Flashing::Esp { chip }) => esptool_chip = Some(chip.into()),
        None => {}
    }
    let [flash_start, model_start] = places(board, layout);
    Entry {
        name: board.name().into(),
        chip: board.chip().into(),
        image: image_name(board),
        flash_start,
        model_start,
        model_bytes: layout.model.len() as u32,
        ram_bytes: layout.model_ram_bytes,
        parts: layout.model_parts,
        uf2,
        hex_drive: board.has_hex_drive(),
        probe_chip,
        esptool_chip,
    }
}

fn put(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).with_context(|| format!("{} can't be written", path.display()))
}
