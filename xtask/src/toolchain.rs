//! A Rust toolchain for other targets than the PC: the one at hand, where it has the target, else Debian's.
//!
//! rustup gives the target's library ready-made. Debian's newer toolchain (`rustc-web`) brings the library's sources,
//! and cargo builds `core` from them; it lacks a linker for chips, which every rustup toolchain has (`rust-lld`). Its
//! settings hold for one call of cargo at a time: the PC's programs stay with the toolchain that the machine has.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::packages::{self, Consent, Manager};
use crate::process;

/// Debian's packages.
const PACKAGES: [&str; 3] = ["rustc-web", "cargo-web", "rust-web-src"];
/// The package with its clippy.
const CLIPPY_PACKAGE: &str = "rust-web-clippy";
/// How long rustup may take for a library of some megabytes.
const RUSTUP_PATIENCE: Duration = Duration::from_secs(120);

/// A way to build for another target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Toolchain {
    /// The machine's own cargo, whose rustc has the target's library.
    Own,
    /// Debian's cargo and rustc, which build the library.
    Debian {
        /// rustup's linker.
        linker: PathBuf,
    },
}

impl Toolchain {
    /// The way that is open now, for `target`; installs nothing. PIPSQUEAK_TOOLCHAIN=own or debian allows only that one.
    pub fn find(target: &str) -> Option<Toolchain> {
        if allowed("own") && has_library(target) {
            return Some(Toolchain::Own);
        }
        let linker = rust_lld().filter(|_| allowed("debian") && missing_packages(&PACKAGES).is_empty())?;
        Some(Toolchain::Debian { linker })
    }

    /// Like [`Toolchain::find`], but installs what is missing.
    pub fn find_or_install(target: &str, consent: Consent) -> Result<Toolchain> {
        if let Some(toolchain) = Toolchain::find(target) {
            return Ok(toolchain);
        }
        if allowed("own") && add_with_rustup(target) {
            return Ok(Toolchain::Own);
        }
        if !(allowed("debian") && has_debian_packages()) {
            bail!("rustc has no library for {target}; install it with: rustup target add {target}");
        }
        packages::install("A Rust toolchain for chips", Manager::Apt, &PACKAGES, consent)?;
        let Some(toolchain) = Toolchain::find(target) else {
            bail!("The linker rust-lld is missing; install Rust from https://rustup.rs, which brings it.");
        };
        Ok(toolchain)
    }

    /// Which way this is, in words.
    pub fn describe(&self) -> &'static str {
        match self {
            Toolchain::Own => "the machine's own Rust, which has the target's library",
            Toolchain::Debian { .. } => {
                "Debian's rustc-web, which builds the target's library (-Z build-std)"
            }
        }
    }

    /// The version that its rustc prints, such as `rustc 1.96.0`.
    pub fn version(&self) -> Result<String> {
        let program = match self {
            Toolchain::Own => "rustc",
            Toolchain::Debian { .. } => "/usr/bin/rustc",
        };
        let version = process::output(Command::new(program).arg("-V").env_remove("LD_LIBRARY_PATH"))?;
        let text = String::from_utf8_lossy(&version.stdout).into_owned();
        Ok(text.split_whitespace().take(2).collect::<Vec<_>>().join(" "))
    }

    /// cargo with one subcommand, for `target` or where the subcommand needs it.
    pub fn cargo(&self, subcommand: &str, target: &str) -> Command {
        let mut command = match self {
            Toolchain::Own => own_cargo(),
            Toolchain::Debian { linker } => debian_cargo(subcommand, target, linker),
        };
        command.arg(subcommand).args(["--target", target]);
        if matches!(self, Toolchain::Debian { .. }) {
            command.args(["-Z", &format!("build-std={}", libraries(target))]);
        }
        // Flags that are meant for the PC's programs.
        command.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
        command
    }

    /// Makes sure that `cargo clippy` works; false where it can't be had.
    pub fn find_or_install_clippy(&self, consent: Consent) -> bool {
        match self {
            Toolchain::Own => {
                process::output(own_cargo().args(["clippy", "-V"])).is_ok_and(|out| out.status.success())
            }
            Toolchain::Debian { .. } if missing_packages(&[CLIPPY_PACKAGE]).is_empty() => true,
            Toolchain::Debian { .. } => {
                packages::install("clippy", Manager::Apt, &[CLIPPY_PACKAGE], consent).is_ok()
            }
        }
    }
}

/// The crates of the target's library that are built: a chip has no more than `core`.
fn libraries(target: &str) -> &'static str {
    match target {
        _ if target.contains("-linux-") => "std,panic_unwind,test",
        _ if target.starts_with("wasm") => "std,panic_abort",
        _ => "core",
    }
}

/// The cargo that runs xtask, or the one in the PATH.
pub fn own_cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

fn debian_cargo(subcommand: &str, target: &str, linker: &Path) -> Command {
    let program = if subcommand == "clippy" { "/usr/bin/cargo-clippy" } else { "/usr/bin/cargo" };
    let mut command = Command::new(program);
    let linker_variable = format!("CARGO_TARGET_{}_LINKER", target.to_uppercase().replace(['-', '.'], "_"));
    command
        .env("CARGO", "/usr/bin/cargo")
        .env("RUSTC", "/usr/bin/rustc")
        // -Z build-std is not stable; this lets a stable toolchain take it.
        .env("RUSTC_BOOTSTRAP", "1")
        .env(linker_variable, linker)
        // rustup's libraries, which `cargo xtask` was started with.
        .env_remove("LD_LIBRARY_PATH")
        .env_remove("RUSTC_WRAPPER")
        .env_remove("RUSTC_WORKSPACE_WRAPPER");
    command
}

fn allowed(name: &str) -> bool {
    std::env::var("PIPSQUEAK_TOOLCHAIN").map_or(true, |only| only == name)
}

/// Whether rustc has `core` for the target.
fn has_library(target: &str) -> bool {
    let Some(folder) = rustc_print(&["target-libdir", "--target", target]) else { return false };
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    files.into_iter().any(|file| file.file_name().to_string_lossy().starts_with("libcore-"))
}

/// Tries rustup, without a word: where it has no network, Debian's way is as good.
fn add_with_rustup(target: &str) -> bool {
    if !process::exists("rustup") {
        return false;
    }
    eprintln!("Adding Rust's library for {target} with rustup…");
    let mut rustup = Command::new("rustup");
    rustup.args(["target", "add", target]).env("RUSTUP_MAX_RETRIES", "0");
    process::succeeds_quietly(&mut rustup, RUSTUP_PATIENCE) && has_library(target)
}

/// The linker in the toolchain's folder for the PC.
fn rust_lld() -> Option<PathBuf> {
    let library = PathBuf::from(rustc_print(&["target-libdir"])?);
    let linker = library.parent()?.join("bin").join("rust-lld");
    linker.is_file().then_some(linker)
}

fn rustc_print(what: &[&str]) -> Option<String> {
    let out = process::output(Command::new("rustc").arg("--print").args(what)).ok()?;
    out.status.success().then(|| String::from_utf8_lossy(&out.stdout).trim().to_string())
}

/// Whether this is a Debian or one of its kin.
fn has_debian_packages() -> bool {
    process::exists("apt-get") && process::exists("dpkg-query")
}

fn missing_packages<'p>(packages: &[&'p str]) -> Vec<&'p str> {
    let installed = |package: &&str| {
        let query = process::output(Command::new("dpkg-query").args(["-W", "-f=${Status}", package]));
        query.is_ok_and(|status| status.stdout == b"install ok installed")
    };
    packages.iter().copied().filter(|package| !installed(package)).collect()
}

/// This PC's target, as rustc names it.
pub fn host() -> Result<String> {
    let version = process::output(Command::new("rustc").arg("-vV"))?;
    let text = String::from_utf8_lossy(&version.stdout).into_owned();
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(String::from).context("`rustc -vV` does not name this PC")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debian_is_set_for_one_call_only() {
        let toolchain = Toolchain::Debian { linker: "/lld".into() };
        let command = toolchain.cargo("build", "thumbv7em-none-eabihf");
        let line = "/usr/bin/cargo build --target thumbv7em-none-eabihf -Z build-std=core";
        assert_eq!(process::shown(&command), line);
        let set = |name: &str| command.get_envs().find(|(key, _)| *key == name).and_then(|(_, value)| value);
        assert_eq!(set("CARGO_TARGET_THUMBV7EM_NONE_EABIHF_LINKER"), Some("/lld".as_ref()));
        assert_eq!(set("RUSTC"), Some("/usr/bin/rustc".as_ref()));
    }
}
