//! Debug probes, by the command-line program of probe-rs.

use std::fs;
use std::process::{Command, ExitStatus};

use anyhow::{Context, Result, bail};

use super::{Part, hex};

/// Writes the parts into the flash of `chip`, and resets it.
///
/// # Errors
/// If probe-rs is not there or fails.
pub fn download(parts: &[Part], chip: &str) -> Result<()> {
    let name = format!("pipsqueak-{}.hex", std::process::id());
    let file = std::env::temp_dir().join(name);
    fs::write(&file, hex::encode(parts)?).with_context(|| format!("{} can't be written", file.display()))?;
    let downloaded =
        run(Command::new("probe-rs").args(["download", "--chip", chip, "--binary-format", "hex"]).arg(&file));
    // The system removes what is left.
    let _ = fs::remove_file(&file);
    downloaded?;
    run(Command::new("probe-rs").args(["reset", "--chip", chip]))
}

fn run(command: &mut Command) -> Result<()> {
    let missing = "probe-rs can't be started; install it with `cargo install probe-rs-tools --locked`, or write a file with --out FILE.hex";
    let status: ExitStatus = command.status().context(missing)?;
    if !status.success() {
        bail!("probe-rs failed; what it printed says why");
    }
    Ok(())
}
