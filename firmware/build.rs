//! Tells the linker about the board's memory. On the PC, where only the library is built, does nothing.

use std::path::{Path, PathBuf};
use std::{env, fs};

/// The boards: the feature, and the file that describes the memory.
const BOARDS: [(&str, &str); 5] = [
    ("mps2-an385", "mps2.x"),
    ("mps2-an385-m0", "mps2.x"),
    ("mps2-an386", "mps2.x"),
    ("mps2-an505", "mps2_an505.x"),
    ("virt-rv32", "virt_rv32.x"),
];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=memory");
    if env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("none") {
        return;
    }
    if let Err(sentence) = lay_out() {
        println!("cargo::error={sentence}");
    }
}

fn out_file(name: &str) -> PathBuf {
    Path::new(&env::var_os("OUT_DIR").unwrap_or_default()).join(name)
}

/// Tells the linker about the memory of the one board that is chosen.
fn lay_out() -> Result<(), String> {
    let feature = |board: &str| format!("CARGO_FEATURE_{}", board.to_uppercase().replace('-', "_"));
    let chosen: Vec<_> = BOARDS.iter().filter(|(board, _)| env::var_os(feature(board)).is_some()).collect();
    let [(board, memory)] = chosen[..] else {
        return Err(format!(
            "{} boards are chosen; choose one, such as --features mps2-an386.",
            chosen.len()
        ));
    };
    let is_small = env::var_os("CARGO_FEATURE_BLUE_PILL_MEMORY").is_some();
    let memory = if is_small { "blue_pill.x" } else { memory };
    copy(&Path::new("memory").join(memory), "memory.x")?;
    // The linker script of cortex-m-rt asks for the names of a chip's interrupts. The boards' tables name their handlers.
    fs::write(out_file("device.x"), "").map_err(|error| format!("device.x can't be written: {error}."))?;
    println!("cargo::rustc-link-search={}", out_file("").display());
    println!("cargo::rustc-link-arg-bins=--nmagic");
    println!("cargo::rustc-link-arg-bins=-Tlink.x");
    if env::var_os("CARGO_FEATURE_DEFMT").is_none() {
        return Ok(());
    }
    if *board == "virt-rv32" {
        return Err("virt-rv32 has no second serial port, and so no log; leave the feature defmt out.".into());
    }
    log_everything();
    Ok(())
}

/// Without DEFMT_LOG, defmt's macros keep nothing below errors.
fn log_everything() {
    println!("cargo::rustc-link-arg-bins=-Tdefmt.x");
    println!("cargo::rerun-if-env-changed=DEFMT_LOG");
    if env::var_os("DEFMT_LOG").is_none() {
        println!("cargo::rustc-env=DEFMT_LOG=info");
    }
}

fn copy(from: &Path, name: &str) -> Result<(), String> {
    let refuse = |error| format!("The file {} can't be read: {error}.", from.display());
    fs::copy(from, out_file(name)).map(drop).map_err(refuse)
}
