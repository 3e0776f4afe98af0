//! `cargo xtask fuzz`: inputs that nobody would think of, for everything that reads bytes from elsewhere.
//!
//! The targets are in `fuzz/`. LLVM's libFuzzer changes inputs and keeps those that reach code that none before has reached.
//! Stable Rust has what it needs: the pass that counts coverage, and profiles with assertions.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::{fs, thread};

use anyhow::{Context, Result, anyhow, bail, ensure};
use clap::ValueEnum;

use crate::packages::{self, Consent, Manager};
use crate::{paths, process, toolchain};

/// A fuzz target: one program in `fuzz/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Target {
    /// A model file: loading and generating.
    Model,
    /// A vocabulary and a text.
    Tokenizer,
    /// The firmware's prompt.
    SerialLine,
    /// Frames for the firmware's loader.
    Loader,
    /// A training's checkpoint.
    Checkpoint,
    /// llama2.c's checkpoint and tokenizer.
    Llama2c,
    /// A text or pairs to learn from.
    Corpus,
    /// The name typed on the command line.
    Numbers,
}

/// Flags by which rustc counts the coverage that libFuzzer reads. Comparisons are not traced: that takes two thirds of the
/// time, and from seeds that know the formats less is reached in the same time.
const COVERAGE: [&str; 4] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=3",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
];
/// Targets that run side by side.
const AT_ONCE: usize = 2;
/// An input that takes longer than this is a finding, in seconds; long, since other programs may be running.
const PATIENCE: u32 = 60;
/// A target that takes more memory than this is a finding, in MiB.
const MEMORY_MAX: u32 = 2048;

impl Target {
    /// The program's name.
    fn name(self) -> String {
        let value = self.to_possible_value().expect("no target is hidden");
        value.get_name().to_string()
    }
}

/// The end of a target's run.
#[derive(Debug, PartialEq, Eq)]
struct Report {
    executions: u64,
    new_inputs: u64,
    finding: Option<Finding>,
}

/// An input that a target failed on.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    /// The file that holds it.
    input: String,
    /// The message of the panic, or of libFuzzer.
    message: String,
}

/// Runs each target for `seconds`, or all of them if none is named; prints a line for each.
///
/// # Errors
/// If there is a finding, or the targets cannot be built.
pub fn fuzz(targets: &[Target], seconds: u32, consent: Consent) -> Result<()> {
    ensure!(cfg!(unix), "libFuzzer's targets are built on Linux and macOS only; fuzz there.");
    find_or_install_compiler(consent)?;
    let programs = build()?;
    let targets = if targets.is_empty() { Target::value_variants() } else { targets };
    let findings = run_side_by_side(targets, |target| {
        let report = run(&programs, target, seconds)?;
        print!("{}", line(target, &report));
        Ok(report.finding.is_some())
    })?;
    match findings {
        0 => Ok(()),
        1 => bail!("A target has a finding; fuzz/README.md says what to do with it."),
        _ => bail!("{findings} targets have a finding; fuzz/README.md says what to do with them."),
    }
}

/// Calls `run` for each target, some at a time; returns how often it returned true.
fn run_side_by_side(targets: &[Target], run: impl Fn(Target) -> Result<bool> + Sync) -> Result<usize> {
    let waiting = Mutex::new(targets.iter());
    let next = || waiting.lock().ok()?.next().copied();
    let work = || std::iter::from_fn(next).map(&run).collect::<Result<Vec<bool>>>();
    let threads = thread::available_parallelism().map_or(1, usize::from).min(AT_ONCE);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let mut findings = 0;
        for worker in workers {
            let found = worker.join().map_err(|_| anyhow!("a target's thread has panicked"))??;
            findings += found.into_iter().filter(|&found| found).count();
        }
        Ok(findings)
    })
}

/// libFuzzer is written in C++, and is compiled here.
fn find_or_install_compiler(consent: Consent) -> Result<()> {
    if std::env::var_os("CXX").is_some() || process::exists("c++") {
        return Ok(());
    }
    let Some(manager) = Manager::find() else {
        bail!("A C++ compiler is missing, which the fuzzer is built with; install one that is called c++.");
    };
    packages::install("A C++ compiler", manager, &[manager.cpp()], consent)
}

/// A command of cargo for the fuzz targets, such as `build`. All of them share what is compiled, libFuzzer before all.
pub fn cargo(subcommand: &str) -> Result<Command> {
    let mut command = toolchain::own_cargo();
    command.args([subcommand, "--release", "--locked", "--target", &toolchain::host()?]);
    command.current_dir(paths::fuzz()).env("CARGO_TARGET_DIR", paths::fuzz_target());
    command.env("RUSTFLAGS", COVERAGE.join(" ")).env_remove("CARGO_ENCODED_RUSTFLAGS");
    Ok(command)
}

/// Builds all targets; returns the folder that they are in.
fn build() -> Result<PathBuf> {
    process::run(cargo("build")?.arg("--bins"))?;
    Ok(paths::fuzz_target().join(toolchain::host()?).join("release"))
}

/// Runs one target from its corpora: the inputs that earlier runs have found here, and the committed ones.
fn run(programs: &Path, target: Target, seconds: u32) -> Result<Report> {
    let name = target.name();
    let grown = paths::fuzz_target().join("corpus").join(&name);
    let findings = paths::fuzz_target().join("findings").join(&name);
    for folder in [&grown, &findings] {
        fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    }
    let mut command = Command::new(programs.join(&name));
    command.args([format!("-max_total_time={seconds}"), format!("-timeout={PATIENCE}")]);
    command.args([format!("-rss_limit_mb={MEMORY_MAX}"), "-print_final_stats=1".into()]);
    command.arg(format!("-artifact_prefix={}/", findings.display()));
    command.arg(grown).arg(paths::fuzz().join("corpus").join(&name));
    // Errors are nothing new here, and their backtraces take most of the time.
    let output = process::output(command.env("RUST_LIB_BACKTRACE", "0"))?;
    let log = String::from_utf8_lossy(&output.stderr);
    report(&log, output.status.success())
        .with_context(|| format!("`{}` said:\n{log}", process::shown(&command)))
}

/// The figures in libFuzzer's output.
fn report(log: &str, success: bool) -> Result<Report> {
    let statistic = |name: &str| {
        let lines = log.lines().filter_map(|line| line.strip_prefix("stat::")?.split_once(':'));
        let mut values = lines.filter(|(found, _)| *found == name);
        values.next().and_then(|(_, value)| value.trim().parse().ok())
    };
    let number = |name: &str| statistic(name).with_context(|| format!("the fuzzer's output has no {name}"));
    Ok(Report {
        executions: number("number_of_executed_units")?,
        new_inputs: number("new_units_added")?,
        finding: if success { None } else { Some(finding(log)?) },
    })
}

fn finding(log: &str) -> Result<Finding> {
    let written = log.lines().find_map(|line| Some(line.split_once("Test unit written to ")?.1));
    let input = written.context("the fuzzer has failed without an input")?.to_string();
    let panic = log.lines().skip_while(|line| !line.contains("panicked at ")).take(2).collect::<Vec<_>>();
    let error = log.lines().find(|line| line.contains("ERROR: libFuzzer"));
    let message = if panic.is_empty() { error.unwrap_or_default().to_string() } else { panic.join(" ") };
    Ok(Finding { input, message: message.trim().to_string() })
}

fn line(target: Target, report: &Report) -> String {
    let Report { executions, new_inputs, finding } = report;
    let name = target.name();
    let head = format!("{name:<12} {executions:>12} executions {new_inputs:>6} new inputs");
    match finding {
        None => format!("{head}  no finding\n"),
        Some(Finding { input, message }) => format!("{head}  a finding: {input}\n    {message}\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATISTICS: &str = "stat::number_of_executed_units: 12000\nstat::average_exec_per_sec:     600\n\
        stat::new_units_added:          7\nstat::slowest_unit_time_sec:    0\n";

    #[test]
    fn a_run_without_a_finding_is_read() {
        let report = report(STATISTICS, true).unwrap();
        assert_eq!(report, Report { executions: 12_000, new_inputs: 7, finding: None });
        let line = line(Target::SerialLine, &report);
        assert_eq!(line, "serial-line         12000 executions      7 new inputs  no finding\n");
    }

    #[test]
    fn a_finding_has_its_input_and_its_message() {
        let panic = "thread '<unnamed>' panicked at core/src/file.rs:3:5:\nindex out of bounds\n\
            ==12== ERROR: libFuzzer: deadly signal\n";
        let log = format!("{panic}{STATISTICS}artifact_prefix='f/'; Test unit written to f/crash-12\n");
        let found = finding(&log).unwrap();
        assert_eq!(found.input, "f/crash-12");
        assert!(found.message.ends_with("panicked at core/src/file.rs:3:5: index out of bounds"));
        let slow = "==12== ERROR: libFuzzer: timeout after 60 seconds\nTest unit written to f/timeout-1\n";
        assert_eq!(finding(slow).unwrap().message, "==12== ERROR: libFuzzer: timeout after 60 seconds");
        assert!(finding("cannot be started").is_err());
        assert!(report("", true).is_err());
    }

    fn names(targets: &[Target]) -> Vec<String> {
        targets.iter().map(|target| target.name()).collect()
    }

    #[test]
    fn every_target_runs_once() {
        let ran = Mutex::new(Vec::new());
        let found = run_side_by_side(Target::value_variants(), |target| {
            ran.lock().unwrap().push(target.name());
            Ok(target == Target::Model)
        });
        let (mut ran, mut all) = (ran.into_inner().unwrap(), names(Target::value_variants()));
        ran.sort_unstable();
        all.sort_unstable();
        assert_eq!((found.unwrap(), ran), (1, all));
        assert!(run_side_by_side(&[Target::Model], |_| bail!("no")).is_err());
    }
}
