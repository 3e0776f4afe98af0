//! Tells which kernels the chip can run: stable Rust does not show these extensions as target features.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(arm_dsp)");
    println!("cargo::rustc-check-cfg=cfg(arm_v8m)");
    println!("cargo::rustc-check-cfg=cfg(arm_thumb2)");
    println!("cargo::rustc-check-cfg=cfg(arm_v6m)");
    println!("cargo::rustc-check-cfg=cfg(rv32m)");
    println!("cargo::rustc-check-cfg=cfg(soft_float)");
    println!("cargo::rustc-check-cfg=cfg(no_long_multiply)");
    println!("cargo::rustc-check-cfg=cfg(x86_vectors)");
    let target = env::var("TARGET").unwrap_or_default();
    // ARMv8-M leaves DSP to the maker; chips with the FPU of `eabihf` have it.
    if target.starts_with("thumbv7em") || target == "thumbv8m.main-none-eabihf" {
        println!("cargo::rustc-cfg=arm_dsp");
        if target.starts_with("thumbv8m") {
            println!("cargo::rustc-cfg=arm_v8m");
        }
    } else if target.starts_with("thumbv7m") || target.starts_with("thumbv8m.main") {
        println!("cargo::rustc-cfg=arm_thumb2");
    } else if target.starts_with("thumbv6m") || target.starts_with("thumbv8m.base") {
        println!("cargo::rustc-cfg=arm_v6m");
        println!("cargo::rustc-cfg=no_long_multiply");
    } else if target.starts_with("riscv32im") {
        println!("cargo::rustc-cfg=rv32m");
    }
    let thumb_without_fpu = target.starts_with("thumb") && !target.ends_with("eabihf");
    if thumb_without_fpu || target.starts_with("riscv32im") && !target.starts_with("riscv32imaf") {
        println!("cargo::rustc-cfg=soft_float");
    }
    // Not on the targets of kernels, which keep vector registers to the programs.
    let features = env::var("CARGO_CFG_TARGET_FEATURE").unwrap_or_default();
    if target.starts_with("x86_64") && features.split(',').any(|feature| feature == "sse2") {
        println!("cargo::rustc-cfg=x86_vectors");
    }
}
