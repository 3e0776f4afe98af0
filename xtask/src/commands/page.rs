//! `cargo xtask page`: the page, a folder for any file server.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::dist;
use crate::board::{Board, Flashing};
use crate::packages::{self, Consent, Manager};
use crate::toolchain::{Toolchain, own_cargo};
use crate::{node, paths, process};

const TARGET: &str = "wasm32-unknown-unknown";

/// Builds the page into `folder`, or target/page; serves and opens it if asked to.
pub fn page(folder: Option<PathBuf>, open: bool, consent: Consent) -> Result<()> {
    let folder = build(folder, consent)?;
    println!("{}: put this folder on any file server", folder.display());
    if open { serve(&folder) } else { Ok(()) }
}

/// Builds the page, and uses it in Chromium, and in Firefox where that is installed; `pipsqueak` is the program to compare it with.
pub fn test(pipsqueak: &Path, consent: Consent) -> Result<()> {
    let folder = build(None, consent)?;
    let browser = find_or_install_browser(consent)?;
    process::run(node("node_modules/typescript/bin/tsc").args(["-p", "."]))?;
    let firefox = find_in_path(&["firefox-esr", "firefox"]);
    if firefox.is_none() {
        println!("The page is not tested in Firefox, which is not installed.");
    }
    for browser in [Some(browser), firefox].into_iter().flatten() {
        process::run(node("test.mjs").arg(&folder).arg(browser).arg(pipsqueak))?;
    }
    Ok(())
}

/// Measures the page in a browser, beside this PC and TensorFlow.js, which is installed from npm.
pub fn bench(consent: Consent) -> Result<()> {
    let folder = build(None, consent)?;
    let browser = find_or_install_browser(consent)?;
    node::install_packages(&paths::page().join("bench"))?;
    let mut cargo = own_cargo();
    cargo.args(["build", "--release", "--package", "pipsqueak-page", "--bench", "steps"]);
    let native = process::build(cargo.current_dir(paths::root()), "steps")?;
    let text = paths::root().join("docs/training.md");
    let mut bench = node("bench/bench.mjs");
    process::run(bench.arg(folder).arg(browser).args([native, text, paths::pretrained_model()]))
}

fn build(folder: Option<PathBuf>, consent: Consent) -> Result<PathBuf> {
    let folder = std::path::absolute(folder.unwrap_or_else(|| paths::target().join("page")))?;
    node::find_or_install(consent)?;
    let toolchain = Toolchain::find_or_install(TARGET, consent)?;
    let mut cargo = toolchain.cargo("build", TARGET);
    cargo.args(["--release", "--package", "pipsqueak-page"]).current_dir(paths::root());
    // Every browser of today has WebAssembly's vectors.
    cargo.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", "-C target-feature=+simd128");
    cargo.env("CARGO_TARGET_DIR", paths::target());
    process::run(&mut cargo)?;
    node::install_packages(&paths::page())?;
    // The page's virtual Pico is that of `cargo xtask run --board pico`.
    node::install_packages(&paths::rp2040js())?;
    fs::create_dir_all(&folder).with_context(|| format!("{} can't be made", folder.display()))?;
    let engine = paths::target().join(TARGET).join("release/pipsqueak_page.wasm");
    process::run(node("build.mjs").arg(engine).arg(&folder))?;
    let boards: Vec<Board> = Board::real().filter(|board| takes_a_dropped_file(*board)).collect();
    dist::images(&folder.join("firmware"), &boards, consent)?;
    Ok(folder)
}

/// Whether the board shows a drive for a file with firmware and model.
fn takes_a_dropped_file(board: Board) -> bool {
    board.has_hex_drive() || matches!(board.flashing(), Some(Flashing::Uf2 { .. }))
}

/// Serves the folder until Ctrl-C, and shows it in the browser that the system prefers.
fn serve(folder: &Path) -> Result<()> {
    let mut server = node("serve.mjs").arg(folder).stdout(Stdio::piped()).spawn()?;
    let mut address = String::new();
    BufReader::new(server.stdout.take().context("the server has no output")?).read_line(&mut address)?;
    let address = address.trim();
    if address.is_empty() {
        bail!("the page can't be served: {}", server.wait()?);
    }
    println!("{address}   (Ctrl-C ends it)");
    let opener: &[&str] = match std::env::consts::OS {
        "windows" => &["cmd", "/C", "start"],
        "macos" => &["open"],
        _ => &["xdg-open"],
    };
    // Where there is no desktop, the address does.
    _ = process::output(Command::new(opener[0]).args(&opener[1..]).arg(address));
    server.wait()?;
    Ok(())
}

fn node(script: &str) -> Command {
    node::script(&paths::page(), script)
}

fn find_or_install_browser(consent: Consent) -> Result<PathBuf> {
    let found = || find_in_path(&["chromium", "chromium-browser", "google-chrome"]);
    if let Some(browser) = found() {
        return Ok(browser);
    }
    let Some(manager) = Manager::find() else { bail!("Chromium is missing, in which the page is tested") };
    packages::install("Chromium", manager, &["chromium"], consent)?;
    found().context("Chromium was installed, and is not in the PATH")
}

/// The first of the programs that is installed.
fn find_in_path(names: &[&str]) -> Option<PathBuf> {
    let folders: Vec<PathBuf> =
        std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).collect();
    names.iter().find_map(|name| process::find_in(folders.clone(), name))
}
