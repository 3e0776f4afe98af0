//! Images that are the same, byte for byte, wherever the source lies.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::process;

/// The program that stands between cargo and rustc, and says why.
const SOURCE: &str = include_str!("../wrapper/rustc.rs");

/// Builds the wrapper in `folder`, unless it is there; returns the program, for cargo's RUSTC_WRAPPER.
pub(crate) fn wrapper(folder: &Path) -> Result<PathBuf> {
    let program = folder.join(format!("rustc-wrapper{}", std::env::consts::EXE_SUFFIX));
    let source = folder.join("rustc-wrapper.rs");
    if program.is_file() && fs::read(&source).is_ok_and(|found| found == SOURCE.as_bytes()) {
        return Ok(program);
    }
    fs::create_dir_all(folder)?;
    // The source is written last: with it the program is whole.
    let _ = fs::remove_file(&source);
    let building = folder.join("rustc-wrapper.new.rs");
    fs::write(&building, SOURCE).with_context(|| format!("{} can't be written", building.display()))?;
    let mut rustc = Command::new("rustc");
    rustc
        .args(["--edition", "2024", "-O", "--crate-name", "rustc_wrapper", "-o"])
        .arg(&program)
        .arg(&building);
    process::run(&mut rustc)?;
    fs::rename(&building, &source)?;
    Ok(program)
}
