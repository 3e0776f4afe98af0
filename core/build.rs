//! Names the chip whose kernels are built in: stable Rust does not show Arm's DSP extension as a target feature.

use std::env;
use std::path::PathBuf;

/// Beginnings of targets' names, and the chip; the first that fits counts.
const CHIPS: [(&str, &str); 9] = [
    ("thumbv6m", "v6m"),
    ("thumbv8m.base", "v6m"),
    ("thumbv7m", "thumb2"),
    ("thumbv7em", "dsp"),
    // ARMv8-M leaves the DSP extension to the chip's maker; chips with an FPU have it.
    ("thumbv8m.main-none-eabihf", "dsp"),
    ("thumbv8m.main", "thumb2"),
    ("riscv32im", "rv32m"),
    ("wasm", "wasm"),
    ("x86_64", "x86"),
];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let names = CHIPS.map(|(_, chip)| format!("{chip:?}")).join(", ");
    println!("cargo::rustc-check-cfg=cfg(chip, values(\"portable\", {names}))");
    println!("cargo::rustc-check-cfg=cfg(arm_v8m)");
    println!("cargo::rustc-check-cfg=cfg(soft_float)");

    println!("cargo::rustc-check-cfg=cfg(one_model)");
    let one_model = has_one_model();
    if one_model {
        println!("cargo::rustc-cfg=one_model");
    }

    let target = env::var("TARGET").unwrap_or_default();
    let chip = chip(&target);
    println!("cargo::rustc-cfg=chip={chip:?}");
    println!("cargo::rustc-check-cfg=cfg(half_table)");
    // Half of an activation table is the other's mirror image: Rust on a small chip gets by with one, and so does a program that is
    // short of flash.
    let is_short = !one_model && env::var_os("CARGO_FEATURE_EVERY_MODEL").is_none();
    if chip == "v6m" || chip == "thumb2" && is_short {
        println!("cargo::rustc-cfg=half_table");
    }
    // The assembler must be told that the chip has the extension.
    if target.starts_with("thumbv8m") && chip == "dsp" {
        println!("cargo::rustc-cfg=arm_v8m");
    }
    let thumb_without_fpu = target.starts_with("thumb") && !target.ends_with("eabihf");
    if thumb_without_fpu || target.starts_with("riscv32im") && !target.starts_with("riscv32imaf") {
        println!("cargo::rustc-cfg=soft_float");
    }
}

/// Whether the program is for one model alone: see `src/known.rs`. Chips' programs only, as a PC reads many. The kernels' own
/// checks need every format.
fn has_one_model() -> bool {
    println!("cargo::rerun-if-env-changed=PIPSQUEAK_MODEL");
    let is_chip = env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("none");
    let model = env::var_os("PIPSQUEAK_MODEL")
        .filter(|_| is_chip && env::var_os("CARGO_FEATURE_SELF_TEST").is_none());
    let Some(model) = model.map(PathBuf::from) else { return false };
    if !(model.is_absolute() && model.is_file()) {
        let path = model.display();
        println!(
            "cargo::error=PIPSQUEAK_MODEL is {path:?}, which is not the absolute path of a file; name a model so, or unset it."
        );
    }
    true
}

fn chip(target: &str) -> &'static str {
    let known = CHIPS.into_iter().find(|(beginning, _)| target.starts_with(beginning));
    match known {
        // Operating systems' kernels are built without SSE: they leave vector registers to the programs.
        Some((_, "x86")) if !has_feature("sse2") => "portable",
        // Its vectors came later than WebAssembly.
        Some((_, "wasm")) if !has_feature("simd128") => "portable",
        Some((_, chip)) => chip,
        None => "portable",
    }
}

fn has_feature(name: &str) -> bool {
    env::var("CARGO_CFG_TARGET_FEATURE").unwrap_or_default().split(',').any(|feature| feature == name)
}
