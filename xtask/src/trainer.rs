//! The trainer's command line, as the demo calls it.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use pipsqueak::Precision;

use crate::toolchain::own_cargo;
use crate::{paths, process};

/// The names of llama2.c's files in a folder of reference data.
pub(crate) const CHECKPOINT: &str = "stories260K.bin";
pub(crate) const TOKENIZER: &str = "tok512.bin";

/// How the demo generates, on the PC and on the board.
pub(crate) struct Generation {
    pub(crate) prompt: &'static str,
    pub(crate) temperature: &'static str,
    pub(crate) top_k: u16,
    pub(crate) seed: u64,
    pub(crate) length: u32,
}

impl Generation {
    pub(crate) const DEMO: Generation =
        Generation { prompt: "Once upon a time", temperature: "0.8", top_k: 40, seed: 42, length: 200 };
}

/// A text and what was said about it.
pub(crate) struct Generated {
    /// The prompt and what follows it.
    pub(crate) text: String,
    /// The last line, with speed and fingerprint.
    pub(crate) numbers: String,
}

/// cargo's profile that the trainer is built with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    /// As it is released.
    Release,
    /// As the tests have built it.
    Tests,
}

/// Builds the trainer as it is released.
pub(crate) fn build() -> Result<()> {
    process::run(
        own_cargo().args(["build", "--release", "--package", "pipsqueak-trainer"]).current_dir(paths::root()),
    )
}

/// Trains on the file `text`, or on the built-in corpus, and exports an int8 model. `options` are the trainer's own.
pub(crate) fn train(text: Option<&Path>, model: &Path, options: &[OsString]) -> Result<()> {
    let mut command = trainer(Profile::Release, "train");
    match text {
        Some(text) => command.arg("--text").arg(text),
        None => command.arg("--built-in"),
    };
    process::run(command.arg("--out").arg(model).args(options))
}

/// Brings a checkpoint of llama2.c to `model`, without a word.
pub(crate) fn import(
    profile: Profile,
    folder: &Path,
    precision: Precision,
    context: usize,
    model: &Path,
) -> Result<()> {
    let mut command = trainer(profile, "import");
    command.arg(folder.join(CHECKPOINT)).arg("--tokenizer").arg(folder.join(TOKENIZER));
    command.args(["--precision", precision.name(), "--context", &context.to_string()]);
    command.arg("--out").arg(model).stdout(Stdio::null());
    process::run(&mut command)
}

/// Generates on the PC, with the core's own decoder.
pub(crate) fn generate(model: &Path, generation: &Generation) -> Result<Generated> {
    let mut command = trainer(Profile::Release, "generate");
    command.arg("--model").arg(model);
    command.args(["--prompt", generation.prompt, "--temperature", generation.temperature]);
    command.args(["--top-k", &generation.top_k.to_string(), "--seed", &generation.seed.to_string()]);
    command.args(["--length", &generation.length.to_string()]);
    let shown = process::shown(&command);
    let output =
        command.stdin(Stdio::null()).output().with_context(|| format!("`{shown}` can't be started"))?;
    let errors = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        bail!("`{shown}` failed: {}", errors.trim());
    }
    let numbers = errors.lines().last().unwrap_or_default();
    Ok(Generated {
        text: String::from_utf8_lossy(&output.stdout).into_owned(),
        numbers: numbers.trim_matches(['[', ']']).into(),
    })
}

/// Puts the firmware of the folder `firmware` and a model onto a board.
pub(crate) fn flash(board: &str, firmware: &Path, model: &Path, options: &[OsString]) -> Result<()> {
    let mut command = trainer(Profile::Release, "flash");
    // Files that the options name are where the person is.
    command.current_dir(".");
    process::run(command.args(["--board", board, "--firmware"]).arg(firmware).arg(model).args(options))
}

fn trainer(profile: Profile, subcommand: &str) -> Command {
    let folder = match profile {
        Profile::Release => "release",
        Profile::Tests => "tests",
    };
    let name = format!("pipsqueak{}", std::env::consts::EXE_SUFFIX);
    let mut command = Command::new(paths::target().join(folder).join(name));
    command.arg(subcommand).current_dir(paths::root());
    command
}
