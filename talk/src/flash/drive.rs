//! The drives that boards show, onto which a file is dropped.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// The kind of file that a drive takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// UF2, for the board with this `Board-ID` in its INFO_UF2.TXT.
    Uf2(String),
    /// Intel HEX, as the debuggers on boards take it: DETAILS.TXT is on their drives.
    Hex,
}

/// The one drive among those that are mounted.
///
/// # Errors
/// If there is none, one of another board, or more than one.
pub fn find(kind: &Kind) -> Result<PathBuf> {
    choose(&mounted(), kind)
}

fn choose(folders: &[PathBuf], kind: &Kind) -> Result<PathBuf> {
    let found: Vec<_> = folders.iter().filter(|folder| is_drive(folder, kind)).collect();
    match (&found[..], kind) {
        ([drive], _) => {
            check(drive, kind)?;
            Ok((*drive).clone())
        }
        ([], Kind::Uf2(_)) => bail!(
            "no drive of a board is mounted; hold BOOTSEL while you plug the board in, or write a file with --out FILE.uf2"
        ),
        ([], Kind::Hex) => {
            bail!("no drive of a board is mounted; plug the board in, or write a file with --out FILE.hex")
        }
        _ => {
            let names: Vec<_> = found.iter().map(|drive| drive.display().to_string()).collect();
            bail!("there are the drives {}; say which with --drive", names.join(", "))
        }
    }
}

/// Refuses a folder that is no such drive, or another board's.
///
/// # Errors
/// With what it is.
pub fn check(drive: &Path, kind: &Kind) -> Result<()> {
    if !is_drive(drive, kind) {
        bail!("{} is not the drive of a board: it has no {}", drive.display(), sign(kind));
    }
    let Kind::Uf2(wanted) = kind else { return Ok(()) };
    let info = fs::read_to_string(drive.join(sign(kind)))
        .with_context(|| format!("{} can't be read", drive.display()))?;
    let id = info.lines().find_map(|line| line.strip_prefix("Board-ID:")).unwrap_or("no board").trim();
    if id != wanted {
        bail!("{} is the drive of {id}, and the file is for {wanted}", drive.display());
    }
    Ok(())
}

fn sign(kind: &Kind) -> &'static str {
    match kind {
        Kind::Uf2(_) => "INFO_UF2.TXT",
        Kind::Hex => "DETAILS.TXT",
    }
}

fn is_drive(folder: &Path, kind: &Kind) -> bool {
    folder.join(sign(kind)).is_file()
}

/// Writes a file onto a drive, and waits until it is there.
///
/// # Errors
/// If the drive refuses.
pub fn drop_onto(drive: &Path, name: &str, bytes: &[u8]) -> Result<()> {
    let path = drive.join(name);
    let written = File::create(&path).and_then(|mut file| {
        file.write_all(bytes)?;
        // The board starts the new firmware as soon as it has the last block, and takes its drive away.
        let _ = file.sync_all();
        Ok(())
    });
    written.with_context(|| format!("{} can't be written", path.display()))
}

/// Folders at which drives may be mounted.
fn mounted() -> Vec<PathBuf> {
    if cfg!(windows) {
        return ('D'..='Z').map(|letter| PathBuf::from(format!("{letter}:\\"))).collect();
    }
    // Desktops mount at /media/USER/LABEL or /run/media/USER/LABEL, macOS at /Volumes/LABEL.
    let mut folders: Vec<PathBuf> =
        ["/media", "/run/media", "/mnt", "/Volumes"].into_iter().flat_map(folders_in).collect();
    let deeper: Vec<_> = folders.iter().flat_map(folders_in).collect();
    folders.extend(deeper);
    // Those mounted by hand may be anywhere. (fstab(5): a space is \040.)
    let table = fs::read_to_string("/proc/mounts").unwrap_or_default();
    let by_hand =
        table.lines().filter_map(|line| line.split(' ').nth(1)).map(|path| path.replace("\\040", " "));
    folders.extend(by_hand.map(PathBuf::from));
    folders.sort();
    folders.dedup();
    folders
}

fn folders_in(folder: impl AsRef<Path>) -> Vec<PathBuf> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_drive_of_the_right_board_is_taken_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let drives: Vec<PathBuf> =
            ["pico", "pico2", "microbit", "photos"].iter().map(|name| folder.path().join(name)).collect();
        drives.iter().for_each(|drive| fs::create_dir(drive).unwrap());
        fs::write(
            drives[0].join("INFO_UF2.TXT"),
            "UF2 Bootloader v3.0\r\nModel: Raspberry Pi RP2\r\nBoard-ID: RPI-RP2\r\n",
        )
        .unwrap();
        fs::write(drives[2].join("DETAILS.TXT"), "Unique ID: 9904\n").unwrap();
        let pico = Kind::Uf2("RPI-RP2".into());
        assert_eq!(choose(&drives, &pico).unwrap(), drives[0]);
        assert_eq!(choose(&drives, &Kind::Hex).unwrap(), drives[2]);
        let refused = |drives: &[PathBuf], kind: &Kind| choose(drives, kind).unwrap_err().to_string();
        assert!(refused(&drives[1..], &pico).starts_with("no drive of a board is mounted; hold BOOTSEL"));
        assert!(
            refused(&drives, &Kind::Uf2("RP2350".into()))
                .ends_with("is the drive of RPI-RP2, and the file is for RP2350")
        );
        fs::write(drives[1].join("INFO_UF2.TXT"), "Board-ID: RP2350\n").unwrap();
        assert!(refused(&drives, &pico).ends_with("say which with --drive"));
        drop_onto(&drives[0], "story.uf2", b"blocks").unwrap();
        assert_eq!(fs::read(drives[0].join("story.uf2")).unwrap(), b"blocks");
    }
}
