//! Links as the firmware does: its own build script has written the files that `link.x` asks for.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let is_chip = env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("none");
    if is_chip && env::var_os("CARGO_FEATURE_BOARD").is_some() {
        println!("cargo::rustc-link-arg-bins=--nmagic");
        println!("cargo::rustc-link-arg-bins=-Tlink.x");
    }
}
