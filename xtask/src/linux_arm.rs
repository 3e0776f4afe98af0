//! The core's tests on 64-bit Arm under Linux, as on a Raspberry Pi: built for it, and run by QEMU's emulator of single
//! programs.

use std::process::Command;

use anyhow::Result;

use crate::packages::{self, Consent, Manager};
use crate::toolchain::Toolchain;
use crate::{paths, process};

const TARGET: &str = "aarch64-unknown-linux-gnu";
/// As settings of cargo's in the environment have it.
const VARIABLE: &str = "CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU";
const LINKER: &str = "aarch64-linux-gnu-gcc";
const EMULATOR: &str = "qemu-aarch64";
/// Debian's packages with both, and with the C library to link.
const PACKAGES: [&str; 3] = ["qemu-user", "gcc-aarch64-linux-gnu", "libc6-dev-arm64-cross"];

/// Runs the tests, and installs what they need. Where that can't be had, says so and goes on.
pub(crate) fn test(consent: Consent) -> Result<()> {
    if let Some(reason) = reason_not_to(std::env::consts::ARCH, std::env::consts::OS, Manager::find()) {
        eprintln!("The core is not tested on an emulated 64-bit Arm: {reason}.");
        return Ok(());
    }
    if !(process::exists(LINKER) && process::exists(EMULATOR)) {
        packages::install(
            "An emulator of 64-bit Arm and a compiler for it",
            Manager::Apt,
            &PACKAGES,
            consent,
        )?;
    }
    process::run(&mut command(&Toolchain::find_or_install(TARGET, consent)?))
}

/// Why this PC does not run them, if it does not.
fn reason_not_to(processor: &str, system: &str, manager: Option<Manager>) -> Option<&'static str> {
    match (processor, system, manager) {
        ("aarch64", "linux", _) => Some("this PC is one, and its tests have run"),
        (_, "linux", Some(Manager::Apt)) => None,
        _ => Some("the packages for that are known of Debian and its kin alone"),
    }
}

/// The tests that start no other program, which the emulator could not run.
fn command(toolchain: &Toolchain) -> Command {
    let mut command = toolchain.cargo("test", TARGET);
    command.args(["--release", "--quiet", "--package", "pipsqueak", "--features", "self-test"]);
    command.args(["--lib", "--test", "golden", "--test", "generator"]);
    // QEMU on x86 lets a load-acquire overtake the store-release before it, which no Arm does, and which lets two claim a value.
    command.args(["--", "--skip", "of_many_at_once_at_most_one_gets_it"]);
    command.current_dir(paths::root()).env("CARGO_TARGET_DIR", paths::target().join("linux-arm"));
    command.env(format!("{VARIABLE}_LINKER"), LINKER).env(format!("{VARIABLE}_RUNNER"), EMULATOR);
    // The emulator finds no libraries of Arm on this PC.
    command.env(format!("{VARIABLE}_RUSTFLAGS"), "-C target-feature=+crt-static");
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_debian_is_asked_to_install_an_emulator() {
        assert_eq!(reason_not_to("x86_64", "linux", Some(Manager::Apt)), None);
        for (processor, system, manager) in [
            ("aarch64", "linux", Some(Manager::Apt)),
            ("x86_64", "linux", Some(Manager::Dnf)),
            ("x86_64", "linux", None),
            ("aarch64", "macos", Some(Manager::Brew)),
            ("x86_64", "windows", Some(Manager::Winget)),
        ] {
            assert!(reason_not_to(processor, system, manager).is_some(), "{processor}, {system}");
        }
    }

    #[test]
    fn debian_s_toolchain_builds_the_standard_library_and_links_with_its_gcc() {
        let command = command(&Toolchain::Debian { linker: "/lld".into() });
        assert!(process::shown(&command).contains("-Z build-std=std,panic_unwind,test"), "{command:?}");
        let linker =
            command.get_envs().find(|(name, _)| *name == "CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER");
        assert_eq!(linker.and_then(|(_, value)| value), Some(LINKER.as_ref()));
    }
}
