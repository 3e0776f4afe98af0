//! Puts the board's memory and the model into the image. On the PC, where only the library is built, does nothing.

use std::path::{Path, PathBuf};
use std::{env, fs};

use pipsqueak::Model;
use pipsqueak::file::ALIGNMENT;

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
    println!("cargo::rerun-if-env-changed=PIPSQUEAK_MODEL");
    if env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("none") {
        return;
    }
    if let Err(sentence) = lay_out().and_then(|()| link_model()) {
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
    copy(&Path::new("memory").join(memory), "memory.x")?;
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

/// Writes `model.rs`: the file's bytes and the type of the memory it needs. The program that counts instructions has
/// its model elsewhere.
fn link_model() -> Result<(), String> {
    if env::var_os("CARGO_FEATURE_INSTRUCTIONS").is_some() && env::var_os("PIPSQUEAK_MODEL").is_none() {
        return Ok(());
    }
    let path = env::var("PIPSQUEAK_MODEL").map_err(|_| {
        "No model is named; set PIPSQUEAK_MODEL to the absolute path of a model file, or use `cargo xtask run --model FILE`."
    })?;
    println!("cargo::rerun-if-changed={path}");
    copy(Path::new(&path), "model.pip")?;
    let file = fs::read(out_file("model.pip"))
        .map_err(|error| format!("The model {path} can't be read: {error}."))?;
    let aligned = Aligned::new(&file);
    let model =
        Model::load(aligned.bytes()).map_err(|error| format!("{path} can't be linked in: {error}."))?;
    let memory_bytes = model.config().memory_bytes(model.precision());
    let text = format!(
        "/// What changes while this model generates, in a size of its own.\n\
         pub(crate) type ModelMemory = pipsqueak::Memory<{memory_bytes}>;\n\
         static ALIGNED: Aligned<[u8; {}]> = Aligned(*include_bytes!(concat!(env!(\"OUT_DIR\"), \"/model.pip\")));\n",
        file.len()
    );
    fs::write(out_file("model.rs"), text).map_err(|error| format!("The model can't be linked in: {error}."))
}

fn copy(from: &Path, name: &str) -> Result<(), String> {
    let refuse = |error| format!("The file {} can't be read: {error}.", from.display());
    fs::copy(from, out_file(name)).map(drop).map_err(refuse)
}

/// A file on the boundary that the core reads it from.
struct Aligned {
    bytes: Vec<u8>,
    start: usize,
    length: usize,
}

impl Aligned {
    fn new(file: &[u8]) -> Aligned {
        let mut bytes = vec![0; file.len() + ALIGNMENT];
        let start = bytes.as_ptr().align_offset(ALIGNMENT);
        bytes[start..][..file.len()].copy_from_slice(file);
        Aligned { bytes, start, length: file.len() }
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[self.start..][..self.length]
    }
}
