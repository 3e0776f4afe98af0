//! `cargo xtask test`: everything that must hold before a change goes in.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::bench::{self, Outcome};
use super::setup::setup;
use super::{fuzz, page};
use crate::board::Board;
use crate::firmware::{self, Options};
use crate::packages::Consent;
use crate::toolchain::{Toolchain, host, own_cargo};
use crate::trainer::Profile;
use crate::{linux_arm, paths, process, published};

/// Seconds that each fuzz target runs for, unless `PIPSQUEAK_FUZZ_SECONDS` says another number.
const FUZZ_SECONDS: u32 = 60;

/// The chips whose kernels are three sources.
const CHIPS_FOR_CLIPPY: [Board; 3] = [Board::Mps2An385M0, Board::Mps2An386, Board::VirtRv32];

/// Installs what is missing, then runs every check; stops at the first that fails.
pub fn test(board: Board, consent: Consent) -> Result<()> {
    let toolchain = setup(board, consent)?;
    // The end-to-end tests boot every board.
    Board::COUNTED.into_iter().try_for_each(|board| setup(board, consent).map(drop))?;
    // They build these, too, of whose targets no other is.
    [Board::Pico, Board::Esp32c3].into_iter().try_for_each(|board| setup(board, consent).map(drop))?;
    // Not every PC has Python; the tests that need Unicorn say so, and fail in continuous integration.
    if let Err(error) = setup(Board::BlackPill, consent) {
        eprintln!("The boards that Unicorn emulates are not tested: {error:#}");
    }
    let model = paths::pretrained_model();
    let mut steps = pc_steps()?;
    steps.extend(board_steps(&toolchain, board, &model, consent));
    let mut done = Vec::new();
    for (name, mut command) in steps {
        eprintln!("── {name}");
        process::run(&mut command)?;
        done.push(name);
    }
    eprintln!("── The core on 64-bit Arm under Linux");
    linux_arm::test(consent)?;
    eprintln!("── The crates as they would be published");
    published::check()?;
    eprintln!("── The page, in a browser");
    page::test(&paths::target().join("tests").join("pipsqueak"), consent)?;
    eprintln!("── The firmware's image");
    for log in logs(board) {
        firmware::build_with(&toolchain, board, &model, Options { log, ..Options::default() })?;
    }
    eprintln!("── Instructions on every chip");
    // The tests above have built the trainer.
    bench::count(&Board::COUNTED, Outcome::Check, Profile::Tests, consent)?;
    if cfg!(unix) {
        eprintln!("── Fuzzing");
        fuzz::fuzz(&[], fuzz_seconds()?, consent)?;
    }
    println!(
        "\nPassed: {}; no chip takes more instructions than before; the firmware builds for {}.",
        done.join("; "),
        board.name()
    );
    Ok(())
}

type Step = (String, Command);

fn pc_steps() -> Result<Vec<Step>> {
    let host = host()?;
    let deny = ["--", "-D", "warnings"];
    let firmware_tests = ["test", "--release", "--quiet", "--target", &host];
    Ok(vec![
        step("format", &paths::root(), &["fmt", "--all", "--check"]),
        step("the firmware's format", &paths::firmware(), &["fmt", "--check"]),
        step("the format of embassy's example", &paths::embassy(), &["fmt", "--check"]),
        step("the format of the firmware that obeys", &paths::obey(), &["fmt", "--check"]),
        step("the format of the fuzz targets", &paths::fuzz(), &["fmt", "--check"]),
        step(
            "clippy",
            &paths::root(),
            &[
                &["clippy", "--workspace", "--all-targets", "--features", "xtask/log", "--profile", "tests"],
                &deny[..],
            ]
            .concat(),
        ),
        fuzz_clippy()?,
        docs(),
        step("tests", &paths::root(), &["test", "--workspace", "--profile", "tests"]),
        in_target_dir(step("the firmware's tests on the PC", &paths::firmware(), &firmware_tests)),
        in_target_dir(step(
            "the tests of the firmware that obeys, with mocks",
            &paths::obey(),
            &["test", "--quiet", "--target", &host],
        )),
        in_target_dir(step(
            "clippy of the same",
            &paths::obey(),
            &[&["clippy", "--lib", "--tests", "--quiet", "--target", &host], &deny[..]].concat(),
        )),
    ])
}

fn fuzz_seconds() -> Result<u32> {
    let Ok(number) = std::env::var("PIPSQUEAK_FUZZ_SECONDS") else { return Ok(FUZZ_SECONDS) };
    let seconds = number.parse().ok().filter(|&seconds| seconds > 0);
    seconds.with_context(|| format!("PIPSQUEAK_FUZZ_SECONDS is {number:?}, and no number of seconds"))
}

fn fuzz_clippy() -> Result<Step> {
    let mut command = fuzz::cargo("clippy")?;
    command.args(["--all-targets", "--quiet", "--", "-D", "warnings"]);
    Ok(("clippy of the fuzz targets".into(), command))
}

/// The documentation of what is published, every feature of it.
fn docs() -> Step {
    let published = published::CRATES.iter().flat_map(|name| ["--package", name]);
    let mut arguments = vec!["doc", "--no-deps", "--all-features", "--quiet", "--profile", "tests"];
    arguments.extend(published);
    let (name, mut command) = step("documentation", &paths::root(), &arguments);
    command.env("RUSTDOCFLAGS", "-D warnings");
    (name, command)
}

/// clippy for what runs on the board, where the toolchain has it; else the build alone must do.
fn board_steps(toolchain: &Toolchain, board: Board, model: &Path, consent: Consent) -> Vec<Step> {
    if !toolchain.find_or_install_clippy(consent) {
        eprintln!("This toolchain has no clippy for {}; its build alone is checked.", board.target());
        return vec![];
    }
    let clippy = |log: bool| {
        let command =
            firmware::clippy(toolchain, board, model, Options { log, think: log, ..Options::default() });
        (format!("the firmware's clippy{}", if log { " with its log" } else { "" }), command)
    };
    let core = CHIPS_FOR_CLIPPY.into_iter().flat_map(|board| {
        [Some(model), None].map(|model| {
            let toolchain = Toolchain::find(board.target())?;
            let whose = if model.is_some() { "one model" } else { "any model" };
            let command = firmware::clippy_of_core(&toolchain, board, model);
            Some((format!("the core's clippy for {} and {whose}", board.chip()), command))
        })
    });
    let others = obey_clippy().chain([embassy_clippy(toolchain)]);
    logs(board).map(clippy).chain(core.flatten()).chain(others).collect()
}

/// For a board with PWM, I2C and a display, and one without.
fn obey_clippy() -> impl Iterator<Item = Step> {
    let file = |name| paths::obey().join("lamp").join(name);
    [(Board::Pico, ""), (Board::Mps2An386, "mathematics")].into_iter().filter_map(move |(board, more)| {
        let toolchain = Toolchain::find(board.target())?;
        let mut command = firmware::pins_cargo(&toolchain, "clippy", board, &file("lamp.pip"));
        command.env("PIPSQUEAK_ANSWERS", file("answers.txt"));
        command.args(["--features", more, "--lib", "--bins", "--", "-D", "warnings"]);
        Some((format!("clippy of the firmware that obeys, for {}", board.name()), command))
    })
}

fn embassy_clippy(toolchain: &Toolchain) -> Step {
    let mut command = toolchain.cargo("clippy", Board::Mps2An386.target());
    // In the folder that its test builds it in.
    command.args(["--release", "--quiet"]).env("CARGO_TARGET_DIR", paths::target().join("own-firmware"));
    command.args(["--", "-D", "warnings"]).current_dir(paths::embassy());
    ("clippy of embassy's example".into(), command)
}

/// Without the log; and with it, where the board has a port for it.
fn logs(board: Board) -> impl Iterator<Item = bool> {
    [false, true].into_iter().filter(move |&log| !log || board.has_log())
}

fn step(name: &str, folder: &Path, arguments: &[&str]) -> Step {
    let mut command = own_cargo();
    command.args(arguments).current_dir(folder);
    (name.into(), command)
}

fn in_target_dir((name, mut command): Step) -> Step {
    command.env("CARGO_TARGET_DIR", firmware::target_dir());
    (name, command)
}
