//! Building firmware images.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, anyhow, bail};
use pipsqueak::internal::file::ALIGNMENT;

use crate::board::Board;
use crate::toolchain::Toolchain;
use crate::{paths, process, reproducible};

/// The firmware's feature for an emulated board that has no more memory than a Blue Pill.
const BLUE_PILL_MEMORY: &str = "blue-pill-memory";

/// The choices built into an image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The defmt log, over the board's second serial port.
    pub log: bool,
    /// `:selftest` also compares the chip's kernels with the portable ones.
    pub self_test: bool,
    /// An answer can be the best of several texts.
    pub think: bool,
    /// No more flash and RAM than a Blue Pill has; on mps2-an385 alone.
    pub blue_pill_memory: bool,
}

impl Options {
    /// The firmware's feature that `board` is.
    const fn board(self, board: Board) -> &'static str {
        if self.blue_pill_memory { BLUE_PILL_MEMORY } else { board.name() }
    }

    /// The firmware's features that the others are.
    fn features(self) -> String {
        let features = [(self.log, "defmt"), (self.self_test, "self-test"), (self.think, "think")];
        features.iter().filter(|(is_on, _)| *is_on).map(|(_, name)| *name).collect::<Vec<_>>().join(",")
    }
}

/// Builds the firmware for `board` with the model in the file `model`; returns the image, an ELF file of its own for
/// each board, model and options. Installs nothing.
pub fn build(board: Board, model: &Path, options: Options) -> Result<PathBuf> {
    let Some(toolchain) = Toolchain::find(board.target()) else {
        bail!("There is no Rust toolchain for {}; run: cargo xtask setup", board.target());
    };
    build_with(&toolchain, board, model, options)
}

/// Like [`build`], with a toolchain already found.
pub fn build_with(toolchain: &Toolchain, board: Board, model: &Path, options: Options) -> Result<PathBuf> {
    let model =
        model.canonicalize().with_context(|| format!("The model {} can't be read", model.display()))?;
    let image = paths::target().join("firmware-images").join(image_name(board, &model, options)?);
    // Builds share cargo's target folder, and another one may end between this one and the copy.
    let _lock = lock()?;
    let built = build_source(toolchain, &paths::firmware(), &target_dir(), board, &model, options)?;
    fs::create_dir_all(image.parent().unwrap_or(&image))?;
    fs::copy(&built, &image).with_context(|| format!("The image {} can't be written", image.display()))?;
    Ok(image)
}

/// Builds the firmware whose source lies in the folder `source`, with the model in the file `model`, an absolute path; returns
/// what cargo has built in `target_dir`. Wherever both lie, the same source gives the same image.
pub fn build_source(
    toolchain: &Toolchain,
    source: &Path,
    target_dir: &Path,
    board: Board,
    model: &Path,
    options: Options,
) -> Result<PathBuf> {
    let mut command =
        bare_cargo(toolchain, "build", board.target(), [options.board(board), &options.features()]);
    command
        .arg("--release")
        .current_dir(source)
        .env("PIPSQUEAK_MODEL", model)
        .arg("--target-dir")
        .arg(target_dir);
    command.env("RUSTC_WRAPPER", reproducible::wrapper(&paths::target())?);
    let output = process::output(command.args(["--bin", "firmware"]))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() && is_without_room(&said) {
        bail!(
            "{} and the firmware take more flash or RAM than {} has; train a smaller model, such as with `pipsqueak train --board`.",
            model.display(),
            board.name()
        );
    }
    eprint!("{said}");
    if !output.status.success() {
        bail!("`{}` failed ({}); what it printed says why.", process::shown(&command), output.status);
    }
    Ok(target_dir.join(board.target()).join("release").join("firmware"))
}

/// Whether the linker has run out of a chip's memory; the last is the firmware's own assertion.
fn is_without_room(said: &str) -> bool {
    ["will not fit in region", "overflowed by", "of RAM are left for the stack"]
        .iter()
        .any(|words| said.contains(words))
}

/// The use that the firmware in `firmware/obey` makes of a board's pins.
#[derive(Clone, Copy, Debug)]
pub enum Pins<'p> {
    /// Answers with a line of this file, and does what it says.
    Obey(&'p Path),
    /// Shows texts on a display.
    Display,
}

impl Pins<'_> {
    /// The boards that have what it takes.
    fn boards(self) -> &'static [Board] {
        match self {
            Pins::Obey(_) => &[Board::Mps2An386, Board::Mps2An385M0, Board::Pico, Board::Pico2],
            Pins::Display => &[Board::Pico, Board::Pico2],
        }
    }

    /// Refuses a board that firmware/obey/src/pins does not know.
    fn check(self, board: Board) -> Result<()> {
        let (what, boards) = match self {
            Pins::Obey(_) => ("--answers", self.boards()),
            Pins::Display => ("--display", self.boards()),
        };
        if boards.contains(&board) {
            return Ok(());
        }
        let names: Vec<_> = boards.iter().map(|board| board.name()).collect();
        bail!(
            "{what} is for {}, and not yet for {}; docs/obey.md says how to add a board.",
            names.join(", "),
            board.name()
        )
    }
}

/// Builds the firmware that uses a board's pins, for `board` and `model`; returns the image.
pub fn build_with_pins(toolchain: &Toolchain, board: Board, model: &Path, pins: Pins<'_>) -> Result<PathBuf> {
    pins.check(board)?;
    let whole = |file: &Path| {
        file.canonicalize().with_context(|| format!("The file {} can't be read", file.display()))
    };
    let model = whole(model)?;
    let mut hasher = hasher_of(&model)?;
    let mut command = pins_cargo(toolchain, "build", board, &model);
    let program = match pins {
        Pins::Obey(answers) => {
            let answers = whole(answers)?;
            hasher.write(&fs::read(&answers)?);
            command.env("PIPSQUEAK_ANSWERS", answers);
            "obey"
        }
        Pins::Display => "display",
    };
    let name = format!("{program}-{}-{:016x}.elf", board.name(), hasher.finish());
    let image = paths::target().join("firmware-images").join(name);
    let _lock = lock()?;
    command.env("RUSTC_WRAPPER", reproducible::wrapper(&paths::target())?);
    process::run(command.args(["--bin", program]))?;
    fs::create_dir_all(image.parent().unwrap_or(&image))?;
    let built = target_dir().join(board.target()).join("release").join(program);
    fs::copy(&built, &image).with_context(|| format!("The image {} can't be written", image.display()))?;
    Ok(image)
}

/// cargo for the firmware that uses a board's pins; the answers are the caller's to name.
pub fn pins_cargo(toolchain: &Toolchain, subcommand: &str, board: Board, model: &Path) -> Command {
    let mut command = bare_cargo(toolchain, subcommand, board.target(), [board.name(), ""]);
    command.arg("--release").current_dir(paths::obey()).arg("--target-dir").arg(target_dir());
    command.env("PIPSQUEAK_MODEL", model);
    command
}

/// Builds the program that counts instructions for `board`; returns the image. The model is put beside it when it boots.
pub fn build_counter(toolchain: &Toolchain, board: Board) -> Result<PathBuf> {
    build_without_model(
        toolchain,
        board.target(),
        Program { name: "instructions", features: [board.name(), "instructions"], profile: RELEASE },
    )
}

/// Builds the program that checks a chip's arithmetic for `board`; returns the image. A model may be put beside it when
/// it boots.
pub fn build_checks(board: Board) -> Result<PathBuf> {
    let Some(toolchain) = Toolchain::find(board.target()) else {
        bail!("There is no Rust toolchain for {}; run: cargo xtask setup", board.target());
    };
    let program = Program { name: "checks", features: [board.name(), "instructions"], profile: RELEASE };
    build_without_model(&toolchain, board.target(), program)
}

/// Builds the general firmware for `board`, which runs whatever model is put beside it; returns the image.
pub fn build_any_model(toolchain: &Toolchain, board: Board) -> Result<PathBuf> {
    let small = board.is_short_of_flash();
    let features = [board.name(), if small { "" } else { "think" }];
    let profile = if small { SMALL } else { RELEASE };
    build_without_model(toolchain, board.target(), Program { name: "any_model", features, profile })
}

/// Builds the general firmware of a Blue Pill for the emulated board that stands in for it; returns the image.
pub fn build_any_model_in_blue_pill_memory(toolchain: &Toolchain) -> Result<PathBuf> {
    let features = [BLUE_PILL_MEMORY, ""];
    build_without_model(
        toolchain,
        Board::Mps2An385.target(),
        Program { name: "any_model", features, profile: SMALL },
    )
}

/// cargo's profiles in firmware/Cargo.toml.
const RELEASE: &str = "release";
const SMALL: &str = "small";

/// A program of the firmware that has no model built in.
struct Program {
    name: &'static str,
    /// The board's, and others.
    features: [&'static str; 2],
    profile: &'static str,
}

fn build_without_model(toolchain: &Toolchain, target: &str, program: Program) -> Result<PathBuf> {
    let Program { name, features, profile } = program;
    let image = paths::target().join("firmware-images").join(format!("{name}-{}.elf", features[0]));
    // Builds share cargo's target folder, and two boards may share a target.
    let _lock = lock()?;
    let mut command = bare_cargo(toolchain, "build", target, features);
    command.args(["--profile", profile]).current_dir(paths::firmware()).arg("--target-dir").arg(target_dir());
    command.env("RUSTC_WRAPPER", reproducible::wrapper(&paths::target())?);
    process::run(command.args(["--bin", name]).env_remove("PIPSQUEAK_MODEL"))?;
    fs::create_dir_all(image.parent().unwrap_or(&image))?;
    let built = target_dir().join(target).join(profile).join(name);
    fs::copy(&built, &image).with_context(|| format!("The image {} can't be written", image.display()))?;
    Ok(image)
}

/// clippy for every program of the firmware, the one that counts instructions among them.
pub fn clippy(toolchain: &Toolchain, board: Board, model: &Path, options: Options) -> Command {
    let features = format!("instructions,{}", options.features());
    let mut command = bare_cargo(toolchain, "clippy", board.target(), [options.board(board), &features]);
    command.arg("--release").current_dir(paths::firmware()).arg("--target-dir").arg(target_dir());
    command.args(["--lib", "--bins"]).env("PIPSQUEAK_MODEL", model).args(["--", "-D", "warnings"]);
    command
}

/// clippy for the core as `board` has it: for `model` alone, or for any.
pub fn clippy_of_core(toolchain: &Toolchain, board: Board, model: Option<&Path>) -> Command {
    let mut command = toolchain.cargo("clippy", board.target());
    command.current_dir(paths::root()).args(["--release", "--quiet", "--package", "pipsqueak", "--lib"]);
    // For any model is how the firmware's programs for tests have it.
    if model.is_none() {
        command.args(["--features", "self-test"]);
    }
    command.env_remove("PIPSQUEAK_MODEL").envs(model.map(|model| ("PIPSQUEAK_MODEL", model)));
    command.arg("--target-dir").arg(target_dir()).args(["--", "-D", "warnings"]);
    command
}

/// cargo for a firmware, with the feature of a board and others; the caller says in which folder and profile.
fn bare_cargo(toolchain: &Toolchain, subcommand: &str, target: &str, [board, others]: [&str; 2]) -> Command {
    let mut command = toolchain.cargo(subcommand, target);
    command.args(["--quiet", "--no-default-features", "--features", board, "--features", others]);
    command
}

/// The firmware's own target folder, also where CARGO_TARGET_DIR names one for both workspaces.
pub fn target_dir() -> PathBuf {
    paths::target().join("firmware")
}

fn image_name(board: Board, model: &Path, options: Options) -> Result<String> {
    let hasher = hasher_of(model)?;
    let log = if options.log { "-log" } else { "" };
    let self_test = if options.self_test { "-self-test" } else { "" };
    let think = if options.think { "-think" } else { "" };
    let small = if options.blue_pill_memory { "-blue-pill" } else { "" };
    Ok(format!("{}{log}{self_test}{think}{small}-{:016x}.elf", board.name(), hasher.finish()))
}

/// A hash that has read the file `model`, which is refused if it is none.
fn hasher_of(model: &Path) -> Result<DefaultHasher> {
    let bytes = fs::read(model).with_context(|| format!("The model {} can't be read", model.display()))?;
    check(&bytes).map_err(|error| anyhow!("{} can't be built in: {error}.", model.display()))?;
    let mut hasher = DefaultHasher::new();
    hasher.write(&bytes);
    Ok(hasher)
}

/// Refuses a model that the firmware's build would refuse, sooner and with no other output.
pub(crate) fn check(file: &[u8]) -> Result<(), pipsqueak::Error> {
    let mut aligned = vec![0; file.len() + ALIGNMENT];
    let start = aligned.as_ptr().align_offset(ALIGNMENT);
    aligned[start..][..file.len()].copy_from_slice(file);
    pipsqueak::Model::load(&aligned[start..][..file.len()]).map(drop)
}

fn lock() -> Result<File> {
    fs::create_dir_all(target_dir())?;
    let lock = File::create(target_dir().join("xtask.lock"))?;
    lock.lock()?;
    Ok(lock)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_model_is_refused_by_name() {
        let path = paths::firmware().join("Cargo.toml");
        let error = image_name(Board::Mps2An386, &path, Options::default()).unwrap_err().to_string();
        assert!(error.contains("Cargo.toml can't be built in: this is not a Pipsqueak model"), "{error}");
    }
}
