//! The crates as crates.io would serve them: packed, unpacked outside this workspace, and tested there.
//!
//! `cargo package` can verify what it packs, but it reuses the copy of a crate that it once unpacked for the others: after
//! a change to `stories`, the trainer would still be verified against the copy from before the change.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::toolchain::own_cargo;
use crate::{paths, process};

/// The crates that are published, each after those that it needs.
pub const CRATES: [&str; 4] = ["pipsqueak", "pipsqueak-stories", "pipsqueak-talk", "pipsqueak-trainer"];
/// The files that a crate's folder must hold besides its code.
const PAPERS: [&str; 3] = ["README.md", "LICENSE-MIT", "LICENSE-APACHE"];

/// Packs all crates, and tests what was packed.
pub fn check() -> Result<()> {
    let folder = paths::target().join("published");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    pack()?;
    for name in CRATES {
        unpack(name, &folder)?;
        check_papers(&folder.join(versioned(name)))?;
    }
    fs::write(folder.join("Cargo.toml"), workspace())?;
    fs::copy(paths::root().join("Cargo.lock"), folder.join("Cargo.lock"))?;
    test(&folder)
}

/// A workspace's members share one version.
fn versioned(name: &str) -> String {
    format!("{name}-{}", env!("CARGO_PKG_VERSION"))
}

fn pack() -> Result<()> {
    let mut command = own_cargo();
    command.args(["package", "--quiet", "--no-verify", "--allow-dirty"]).current_dir(paths::root());
    command.args(CRATES.iter().flat_map(|name| ["--package", name]));
    process::run(&mut command)
}

fn unpack(name: &str, folder: &Path) -> Result<()> {
    let packed = paths::target().join("package").join(format!("{}.crate", versioned(name)));
    process::run(Command::new("tar").arg("-xzf").arg(packed).current_dir(folder))
}

fn check_papers(folder: &Path) -> Result<()> {
    for paper in PAPERS {
        let text = fs::read_to_string(folder.join(paper));
        let text = text.with_context(|| format!("{} has no {paper}", folder.display()))?;
        // Where git makes no links, what is packed is the path that the link holds.
        let own = paper == "README.md" || fs::read_to_string(paths::root().join(paper))? == text;
        ensure!(own, "{paper} in {} differs from the project's", folder.display());
    }
    Ok(())
}

/// The unpacked crates, each taking the others instead of looking for them at crates.io.
fn workspace() -> String {
    let members = CRATES.map(|name| format!("{:?}", versioned(name))).join(", ");
    let patches = CRATES.map(|name| format!("{name} = {{ path = {:?} }}", versioned(name))).join("\n");
    format!(
        "[workspace]\nresolver = \"3\"\nmembers = [{members}]\n\n[patch.crates-io]\n{patches}\n\n\
         [profile.tests]\ninherits = \"release\"\nlto = \"off\"\n"
    )
}

/// In the target folder that all else is built in, so that the crates' dependencies are not built again.
fn test(folder: &Path) -> Result<()> {
    let mut command = own_cargo();
    command.args(["test", "--workspace", "--profile", "tests", "--quiet", "--offline"]).current_dir(folder);
    process::run(command.env("CARGO_TARGET_DIR", paths::target()))
}
