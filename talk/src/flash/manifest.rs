//! The folder of firmware images that `cargo xtask dist` writes: `manifest.json` says what is in it.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use super::room::Room;
use super::{Part, esptool, hex, uf2};

/// The name of the file in the folder.
pub const FILE: &str = "manifest.json";

/// The contents of the folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The boards that there is an image for.
    pub boards: Vec<Entry>,
}

/// A board, and its image for any model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// As `--board` spells it.
    pub name: String,
    /// The chip.
    pub chip: String,
    /// The file of the image as it lies in flash, byte for byte.
    pub image: String,
    /// The chip's address of the image; for esptool, that in flash.
    pub flash_start: u32,
    /// The chip's address of the model; for esptool, that in flash.
    pub model_start: u32,
    /// Room for a model, in bytes of flash.
    pub model_bytes: u32,
    /// Room for a model's memory, in bytes of RAM.
    pub ram_bytes: u32,
    /// The parts of models that the image runs, as `core/src/parts.rs` numbers them.
    #[serde(default = "every_part")]
    pub parts: u32,
    /// For a board that takes UF2 files.
    #[serde(default)]
    pub uf2: Option<Uf2>,
    /// Whether the board shows a drive that takes Intel HEX files.
    #[serde(default)]
    pub hex_drive: bool,
    /// The chip's name for probe-rs.
    #[serde(default)]
    pub probe_chip: Option<String>,
    /// The chip's name for esptool.
    #[serde(default)]
    pub esptool_chip: Option<String>,
}

/// Of an image that does not tell.
const fn every_part() -> u32 {
    u32::MAX
}

/// How a board takes UF2 files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Uf2 {
    /// The family that the file names.
    pub family: u32,
    /// The `Board-ID` in the drive's INFO_UF2.TXT.
    pub board_id: String,
}

impl Manifest {
    /// Reads the manifest in `folder`.
    ///
    /// # Errors
    /// If there is none, or none that can be read.
    pub fn read(folder: &Path) -> Result<Manifest> {
        let path = folder.join(FILE);
        let text = fs::read_to_string(&path).with_context(|| {
            format!("there is no firmware in {}; name its folder with --firmware, or make one with `cargo xtask dist`", folder.display())
        })?;
        serde_json::from_str(&text).with_context(|| format!("{} is no manifest of firmware", path.display()))
    }

    /// The board of this name, whatever its case and punctuation.
    ///
    /// # Errors
    /// If there is none; the message lists them.
    pub fn board(&self, name: &str) -> Result<&Entry> {
        let plain = |name: &str| name.to_lowercase().replace(|c: char| !c.is_alphanumeric(), "");
        let found = self.boards.iter().find(|board| plain(&board.name) == plain(name));
        found.with_context(|| {
            let names: Vec<_> = self.boards.iter().map(|board| board.name.as_str()).collect();
            format!("there is no firmware for '{name}'; there is for {}", names.join(", "))
        })
    }
}

impl Entry {
    /// The image and a model, each in its place.
    ///
    /// # Errors
    /// If the image does not lie before the model.
    pub fn parts(&self, image: Vec<u8>, model: Vec<u8>) -> Result<Vec<Part>> {
        let end = u64::from(self.flash_start) + image.len() as u64;
        if image.is_empty() || end > u64::from(self.model_start) {
            bail!(
                "the firmware {} has {} bytes and does not lie before the model; make it again with `cargo xtask dist`",
                self.image,
                image.len()
            );
        }
        let firmware = Part { what: "firmware", address: self.flash_start, bytes: image };
        Ok(vec![firmware, self.model_part(model)])
    }

    /// A model in its place.
    pub fn model_part(&self, model: Vec<u8>) -> Part {
        Part { what: "model", address: self.model_start, bytes: model }
    }

    /// The parts as a file that ends in `ending`.
    ///
    /// # Errors
    /// If the ending is none of `uf2`, `hex` and `bin`, or the board takes no such files; if a part of a UF2 file does not begin at a sector.
    pub fn encode(&self, parts: &[Part], ending: &str) -> Result<Vec<u8>> {
        match (ending, &self.uf2) {
            ("uf2", Some(_)) if !parts.iter().all(uf2::is_at_sector) => {
                bail!(
                    "a part of the flash of {} does not begin at a sector; make the firmware again with `cargo xtask dist`",
                    self.name
                )
            }
            ("uf2", Some(kind)) => Ok(uf2::encode(parts, kind.family)),
            ("uf2", None) => bail!("{} takes no UF2 files; write a .{}", self.name, self.other_ending()),
            ("hex", _) if self.esptool_chip.is_some() => {
                bail!("{} takes no Intel HEX files; write a .bin", self.name)
            }
            ("hex", _) => Ok(hex::encode(parts)?.into_bytes()),
            ("bin", _) if self.esptool_chip.is_some() => esptool::encode(parts),
            ("bin", _) => bail!("{} takes no files for esptool; write a .uf2 or .hex", self.name),
            _ => bail!("a file for a board must end in .uf2, .hex or .bin"),
        }
    }

    /// The ending of files for a board that takes no UF2.
    fn other_ending(&self) -> &'static str {
        if self.esptool_chip.is_some() { "bin" } else { "hex" }
    }

    /// Refuses a model file that takes more flash or RAM than the board has, or has parts that its firmware leaves out.
    ///
    /// # Errors
    /// As [`Room::check`].
    pub fn check(&self, model: &[u8]) -> Result<()> {
        let Entry { model_bytes, ram_bytes, parts, .. } = *self;
        Room { flash_bytes: model_bytes.into(), ram_bytes: ram_bytes.into(), parts }.check(&self.name, model)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pipsqueak::internal::parts;

    #[test]
    fn boards_are_found_and_models_without_room_refused() {
        let text = r#"{"boards": [{"name": "raspberry-pi-pico", "chip": "RP2040", "image": "raspberry-pi-pico.bin",
            "flash_start": 268435456, "model_start": 268697600, "model_bytes": 5000, "ram_bytes": 5000,
            "uf2": {"family": 3834380118, "board_id": "RPI-RP2"}}]}"#;
        let manifest: Manifest = serde_json::from_str(text).unwrap();
        let pico = manifest.board("Raspberry Pi Pico").unwrap();
        let model = include_bytes!("../../tests/new.pip");
        pico.check(model).unwrap();
        let refused = |entry: Entry| entry.check(model).unwrap_err().to_string();
        assert!(refused(Entry { model_bytes: 1000, ..pico.clone() }).ends_with(
            "bytes of flash, and raspberry-pi-pico has 1000 for one; train one with a smaller --width or fewer --layers"
        ));
        assert!(refused(Entry { ram_bytes: 100, ..pico.clone() }).ends_with(
            "bytes of RAM, and raspberry-pi-pico has 100 for one; train one with a smaller --width or fewer --layers"
        ));
        assert_eq!(
            refused(Entry { parts: parts::INT4, ..pico.clone() }),
            "the model has weights in int8, which the firmware of raspberry-pi-pico leaves out; train or export it with --precision int4"
        );
        let unknown = manifest.board("6502").unwrap_err().to_string();
        assert_eq!(unknown, "there is no firmware for '6502'; there is for raspberry-pi-pico");
    }

    #[test]
    fn firmware_and_model_become_a_file_that_the_board_takes() {
        let entry: Entry = serde_json::from_str(
            r#"{"name": "pico", "chip": "RP2040", "image": "pico.bin", "flash_start": 268435456,
            "model_start": 268439552, "model_bytes": 9, "ram_bytes": 9}"#,
        )
        .unwrap();
        let parts = entry.parts(vec![1; 256], vec![2; 9]).unwrap();
        assert_eq!(parts.iter().map(|part| part.address).collect::<Vec<_>>(), [0x1000_0000, 0x1000_1000]);
        assert_eq!(entry.encode(&parts, "hex").unwrap(), hex::encode(&parts).unwrap().into_bytes());
        assert!(entry.encode(&parts, "uf2").unwrap_err().to_string().contains("takes no UF2 files"));
        let refused = |entry: &Entry, ending| entry.encode(&parts, ending).unwrap_err().to_string();
        assert_eq!(refused(&entry, "bin"), "pico takes no files for esptool; write a .uf2 or .hex");
        assert!(refused(&entry, "txt").contains(".uf2, .hex or .bin"));
        let esp = Entry { esptool_chip: Some("esp32c3".into()), ..entry.clone() };
        assert_eq!(esp.encode(&parts, "bin").unwrap(), esptool::encode(&parts).unwrap());
        let apart = [parts[0].clone(), Part { address: u32::MAX, ..parts[1].clone() }];
        let reason = esp.encode(&apart, "bin").unwrap_err().to_string();
        assert!(reason.contains("and no chip has more than 16777216"), "{reason}");
        assert_eq!(refused(&esp, "hex"), "pico takes no Intel HEX files; write a .bin");
        assert_eq!(refused(&esp, "uf2"), "pico takes no UF2 files; write a .bin");
        let entry = Entry { uf2: Some(Uf2 { family: 7, board_id: String::new() }), ..entry };
        assert_eq!(entry.encode(&parts, "uf2").unwrap(), uf2::encode(&parts, 7));
        let crooked = [Part { address: 0x1000_0100, ..parts[1].clone() }];
        assert!(
            entry.encode(&crooked, "uf2").unwrap_err().to_string().contains("does not begin at a sector")
        );
        for image in [vec![], vec![1; 4097]] {
            assert!(
                entry.parts(image, vec![2]).unwrap_err().to_string().contains("not lie before the model")
            );
        }
    }

    #[test]
    fn a_folder_without_a_manifest_gets_a_sentence() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Manifest::read(folder.path()).unwrap_err().to_string().contains("cargo xtask dist"));
        fs::write(folder.path().join(FILE), "[]").unwrap();
        assert!(Manifest::read(folder.path()).unwrap_err().to_string().contains("is no manifest"));
    }
}
