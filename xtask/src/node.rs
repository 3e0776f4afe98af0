//! Node.js and what npm installs for it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use crate::packages::{self, Consent, Manager};
use crate::process;

/// The first version that runs the project's scripts.
const VERSION: u32 = 18;

/// Makes sure that Node.js and npm are there.
pub fn find_or_install(consent: Consent) -> Result<()> {
    if !(process::exists("node") && process::exists(npm())) {
        let Some(manager) = Manager::find() else {
            bail!("Node.js is missing; install it from https://nodejs.org");
        };
        packages::install("Node.js", manager, manager.node(), consent)?;
    }
    let version = process::output(Command::new("node").arg("--version"))?.stdout;
    let version = String::from_utf8_lossy(&version).trim().to_string();
    let major = version.trim_start_matches('v').split('.').next().and_then(|major| major.parse::<u32>().ok());
    if major.is_none_or(|major| major < VERSION) {
        bail!("Node.js is {version}, and {VERSION} or newer is needed: https://nodejs.org has it");
    }
    Ok(())
}

/// Installs what the folder's lock file names, unless that has been done.
pub fn install_packages(folder: &Path) -> Result<()> {
    let changed = |name: PathBuf| name.metadata().and_then(|file| file.modified()).ok();
    let installed = changed(folder.join("node_modules/.package-lock.json"));
    if installed.is_some() && installed >= changed(folder.join("package-lock.json")) {
        return Ok(());
    }
    let arguments = ["ci", "--no-audit", "--no-fund", "--loglevel=error"];
    let mut command = Command::new(npm());
    process::run(command.args(arguments).current_dir(folder).stdout(std::io::stderr()))
}

/// A script of the folder's.
pub fn script(folder: &Path, name: &str) -> Command {
    let mut command = Command::new("node");
    command.arg(name).current_dir(folder);
    command
}

fn npm() -> &'static str {
    if cfg!(windows) { "npm.cmd" } else { "npm" }
}
