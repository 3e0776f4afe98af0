//! Espressif's chips, by their program esptool, which counts addresses from flash's first byte on.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use super::Part;

/// How the file of a program in two parts begins: a mark, their number, flash read over two wires, which all boards have, and 4 MB of it at
/// 80 MHz. ("Firmware Image Format" in esptool's documentation.)
pub const BEGINNING: [u8; 4] = [0xe9, 2, 2, 0x2f];
/// Erased flash.
const ERASED: u8 = 0xff;
/// The largest flash that an ESP32-C3 can address.
const FLASH_MAX: usize = 16 << 20;

/// The command that writes a file into the flash of `chip` from `address` on; `file` is its name as a shell reads it.
pub fn command(chip: &str, address: u32, file: &str) -> String {
    format!("esptool --chip {chip} write-flash {address:#x} {file}")
}

/// Flash from the first part on, to the end of the last.
///
/// # Errors
/// Parts that lie further apart than any flash is large.
pub fn encode(parts: &[Part]) -> Result<Vec<u8>> {
    let start = parts.iter().map(|part| part.address).min().unwrap_or(0);
    let mut file = Vec::new();
    for part in parts {
        let from = (part.address - start) as usize;
        let to = from.saturating_add(part.bytes.len());
        ensure!(
            to <= FLASH_MAX,
            "the {} ends {to} bytes behind the beginning of flash's contents, and no chip has more than {FLASH_MAX}",
            part.what
        );
        file.resize(file.len().max(to), ERASED);
        file[from..to].copy_from_slice(&part.bytes);
    }
    Ok(file)
}

/// Writes the parts into the flash of `chip`, and resets it.
///
/// # Errors
/// If esptool is not there or fails.
pub fn write(parts: &[Part], chip: &str) -> Result<()> {
    let files: Vec<PathBuf> = parts.iter().map(temporary).collect();
    let written = put(parts, &files).and_then(|()| run(parts, &files, chip));
    // The system removes what is left.
    files.iter().for_each(|file| _ = fs::remove_file(file));
    written
}

fn temporary(part: &Part) -> PathBuf {
    std::env::temp_dir().join(format!("pipsqueak-{}-{}.bin", std::process::id(), part.what))
}

fn put(parts: &[Part], files: &[PathBuf]) -> Result<()> {
    parts.iter().zip(files).try_for_each(|(part, file)| {
        fs::write(file, &part.bytes).with_context(|| format!("{} can't be written", file.display()))
    })
}

fn run(parts: &[Part], files: &[PathBuf], chip: &str) -> Result<()> {
    let mut command = Command::new("esptool");
    command.args(["--chip", chip, "write-flash"]);
    for (part, file) in parts.iter().zip(files) {
        command.arg(format!("{:#x}", part.address)).arg(file);
    }
    let missing = "esptool can't be started; install it with `pip install esptool`, version 5 or newer, or write a file with --out FILE.bin";
    if !command.status().context(missing)?.success() {
        bail!("esptool failed; what it printed says why");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_lie_at_their_places_in_the_file() {
        let part = |address, bytes: &[u8]| Part { what: "firmware", address, bytes: bytes.to_vec() };
        assert_eq!(encode(&[part(0x100, b"ab"), part(0x105, b"c")]).unwrap(), b"ab\xff\xff\xffc");
        assert_eq!(encode(&[]).unwrap(), b"");
    }

    #[test]
    fn the_command_is_what_a_person_would_type() {
        let said = command("esp32c3", 0x1_0000, "story.bin");
        assert_eq!(said, "esptool --chip esp32c3 write-flash 0x10000 story.bin");
    }
}
