//! Tells the linker about the board's memory. On the PC, where only the library is built, does nothing.

use std::path::{Path, PathBuf};
use std::{env, fs};

/// A board.
struct Board {
    /// Its feature.
    name: &'static str,
    /// The file that describes its memory.
    memory: &'static str,
    /// The chips that share code with its own.
    family: Family,
}

enum Family {
    /// No real chip: the board is QEMU's.
    Emulator,
    Esp,
    Nrf,
    Rp,
    Stm32,
}

const BOARDS: [Board; 16] = [
    board("mps2-an385", "mps2.x", Family::Emulator),
    board("mps2-an385-m0", "mps2.x", Family::Emulator),
    board("blue-pill-memory", "blue_pill.x", Family::Emulator),
    board("mps2-an386", "mps2.x", Family::Emulator),
    board("mps2-an505", "mps2_an505.x", Family::Emulator),
    board("virt-rv32", "virt_rv32.x", Family::Emulator),
    board("microbit-v1", "microbit_v1.x", Family::Nrf),
    board("microbit-v2", "microbit_v2.x", Family::Nrf),
    board("nrf52840-dk", "nrf52840.x", Family::Nrf),
    board("stm32f405", "stm32f405.x", Family::Stm32),
    board("black-pill", "stm32f411.x", Family::Stm32),
    board("blue-pill", "stm32f103.x", Family::Stm32),
    board("nucleo-g071rb", "stm32g071.x", Family::Stm32),
    board("pico", "rp2040.x", Family::Rp),
    board("pico2", "rp2350.x", Family::Rp),
    board("esp32c3", "esp32c3.x", Family::Esp),
];

const fn board(name: &'static str, memory: &'static str, family: Family) -> Board {
    Board { name, memory, family }
}

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
    let chosen: Vec<_> = BOARDS.iter().filter(|board| env::var_os(feature(board.name)).is_some()).collect();
    let [Board { name, memory, family }] = chosen[..] else {
        return Err(format!(
            "{} boards are chosen; choose one, such as --features mps2-an386.",
            chosen.len()
        ));
    };
    write_memory(&Path::new("memory").join(memory))?;
    println!(
        "cargo::rustc-cfg={}",
        match family {
            Family::Emulator => "emulator",
            Family::Esp => "family=\"esp\"",
            Family::Nrf => "family=\"nrf\"",
            Family::Rp => "family=\"rp\"",
            Family::Stm32 => "family=\"stm32\"",
        }
    );
    // The linker script of cortex-m-rt asks for the names of a chip's interrupts. The boards' tables name their handlers.
    fs::write(out_file("device.x"), "").map_err(|error| format!("device.x can't be written: {error}."))?;
    println!("cargo::rustc-link-search={}", out_file("").display());
    println!("cargo::rustc-link-arg-bins=--nmagic");
    println!("cargo::rustc-link-arg-bins=-Tlink.x");
    fs::write(out_file("apart.x"), APART).map_err(|error| format!("apart.x can't be written: {error}."))?;
    println!("cargo::rustc-link-arg-bin=any_model=-Tapart.x");
    if env::var_os("CARGO_FEATURE_DEFMT").is_none() {
        return Ok(());
    }
    if *name == "virt-rv32" {
        return Err("virt-rv32 has no second serial port, and so no log; leave the feature defmt out.".into());
    }
    log_everything();
    Ok(())
}

/// Refuses an image that would lie where the loader writes.
const APART: &str = "ASSERT(__sidata + __edata - __sdata <= _model_start, \
                     \"The program reaches into the flash that is kept for a model; move _model_start.\");\n";

/// Without DEFMT_LOG, defmt's macros keep nothing below errors.
fn log_everything() {
    println!("cargo::rustc-link-arg-bins=-Tdefmt.x");
    println!("cargo::rerun-if-env-changed=DEFMT_LOG");
    if env::var_os("DEFMT_LOG").is_none() {
        println!("cargo::rustc-env=DEFMT_LOG=info");
    }
}

/// The stack at its deepest, where a token is chosen, and some more: `:stats` tells 2,200 bytes on a Cortex-M0 and 2,624 on a Cortex-M3.
const STACK_BYTES: u32 = 2816;

/// The description of the memory, and a refusal of images that leave too little of it for the stack: nothing would stop that from
/// growing into the statics.
fn write_memory(from: &Path) -> Result<(), String> {
    let refuse = |error| format!("The file {} can't be read: {error}.", from.display());
    let memory = fs::read_to_string(from).map_err(refuse)?;
    let check = format!(
        "ASSERT(_stack_start - __sheap >= {STACK_BYTES}, \
         \"Less than {STACK_BYTES} bytes of RAM are left for the stack; take a model that needs less RAM.\");\n"
    );
    fs::write(out_file("memory.x"), memory + &check)
        .map_err(|error| format!("memory.x can't be written: {error}."))
}
