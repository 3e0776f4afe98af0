//! `cargo xtask bench pc`: tokens a second and instructions a token on this PC, of every precision and kernel.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use pipsqueak::Precision;
use pipsqueak::internal::memory::LANES_MAX;

use crate::chips::{self, Weights};
use crate::toolchain::own_cargo;
use crate::trainer::Profile;
use crate::{paths, process, trainer};

const PRECISIONS: [Precision; 4] = [Precision::F32, Precision::Int8, Precision::Int4, Precision::Ternary];
/// Positions that a text is written over: those whose instructions count, and the whole context.
const POSITIONS: [u32; 2] = [64, 256];
/// Kernels run in turns, and the fastest pass counts: others may use the machine too.
const ROUNDS: u32 = 3;
/// Over 256 positions; over fewer, correspondingly more.
const PASSES: u32 = 10;
/// Instructions a token, of int8 in AVX2, that `--check` allows.
const LIMIT: u64 = 190_000;
/// llama2.c in f32 over the same weights and positions, measured once: flags, instructions a token over positions 0 to
/// 63, tokens a second over 256.
const LLAMA2C: [(&str, u64, u32); 2] = [("-O3", 1_297_807, 5_342), ("-Ofast, AVX2", 384_073, 18_611)];

/// The program's task with a model.
#[derive(Clone, Copy)]
enum Task {
    /// Continues a text over this many positions.
    Write(u32),
    /// Reads that text as a prompt.
    Read(u32),
}

const TASKS: [Task; 3] = [Task::Write(POSITIONS[0]), Task::Write(POSITIONS[1]), Task::Read(POSITIONS[1])];

impl Task {
    fn positions(self) -> u32 {
        let (Task::Write(positions) | Task::Read(positions)) = self;
        positions
    }

    fn arguments(self, kernel: &str, passes: u32) -> Vec<String> {
        let mut arguments = vec![kernel.into(), self.positions().to_string(), passes.to_string()];
        if let Task::Read(_) = self {
            arguments.push(LANES_MAX.to_string());
        }
        arguments
    }
}

/// Prints the table; with `check`, fails if a count is above what is promised.
pub fn pc(check: bool) -> Result<()> {
    trainer::build()?;
    let program = build()?;
    let weights = Weights::at_hand();
    let folder = paths::target().join("pc");
    let checkpoint = chips::stories_checkpoint(&weights, &folder)?;
    println!("{}, one thread; the fastest of {ROUNDS} times {PASSES} passes.", weights.describe());
    println!("{:<19} tokens/s                         ratio   instructions a token", "");
    println!(
        "{:<9} {:<9} {:>9} {:>10} {:>10} {:>9} {:>9} {:>9}",
        "", "kernel", "0 to 63", "0 to 255", "reading", "0 to 255", "0 to 63", "reading"
    );
    for precision in PRECISIONS {
        let path = folder.join(format!("stories-{}.pip", precision.name()));
        trainer::import(Profile::Release, &checkpoint, precision, POSITIONS[1] as usize, &path)?;
        measure(&Model { program: &program, path: &path, precision }, check)?;
    }
    for (flags, count, speed) in LLAMA2C {
        println!("llama2.c, f32, {flags:<14} {speed:>10} {:>20} {count:>9}", "");
    }
    println!("reading: the same text as a prompt, several positions at a time, without their logits.");
    println!("llama2.c's speed was measured on another day: compare instructions.");
    Ok(())
}

struct Model<'a> {
    program: &'a Path,
    path: &'a Path,
    precision: Precision,
}

/// A row for each kernel, once it has given the portable one's answers.
fn measure(model: &Model<'_>, check: bool) -> Result<()> {
    let kernels = printed(&mut Command::new(model.program))?;
    let kernels: Vec<&str> = kernels.lines().collect();
    let expected =
        TASKS[..2].iter().map(|&task| Ok(model.run("portable", task, 1)?.0)).collect::<Result<Vec<_>>>()?;
    let mut seconds = vec![[f64::INFINITY; TASKS.len()]; kernels.len()];
    for _ in 0..ROUNDS {
        for (seconds, kernel) in seconds.iter_mut().zip(&kernels) {
            for (i, task) in TASKS.into_iter().enumerate() {
                let (hash, time) = model.run(kernel, task, PASSES * POSITIONS[1] / task.positions())?;
                // Reading a prompt leaves the logits that writing the same text left.
                let right = hash == expected[i.min(1)];
                ensure!(
                    right,
                    "{} gives another answer with {kernel} than in portable Rust",
                    model.path.display()
                );
                seconds[i] = seconds[i].min(time);
            }
        }
    }
    for (times, kernel) in seconds.iter().zip(&kernels) {
        let [short, long, reading] = [0, 1, 2].map(|i| f64::from(TASKS[i].positions()) / times[i]);
        let (ratio, name) = (seconds[0][1] / times[1], model.precision.name());
        let counts =
            [Task::Write(POSITIONS[0]), Task::Read(POSITIONS[0])].map(|task| model.count(kernel, task));
        let [writing, read] = counts;
        let (writing, read) = (writing?, read?);
        let shown = |count: Option<u64>| count.map_or("–".into(), |count| count.to_string());
        println!(
            "{name:<9} {kernel:<9} {short:>9.0} {long:>10.0} {reading:>10.0} {ratio:>8.2}x {:>9} {:>9}",
            shown(writing),
            shown(read)
        );
        if check && model.precision == Precision::Int8 && *kernel == "avx2" {
            let count = writing.context("--check counts instructions: it needs valgrind")?;
            ensure!(
                count < LIMIT,
                "int8 in AVX2 takes {count} instructions a token; at most {LIMIT} are allowed"
            );
        }
    }
    Ok(())
}

impl Model<'_> {
    /// The hash of what was written or read, and the seconds of the fastest pass.
    fn run(&self, kernel: &str, task: Task, passes: u32) -> Result<(String, f64)> {
        let mut command = Command::new(self.program);
        let text = printed(command.arg(self.path).args(task.arguments(kernel, passes)))?;
        match text.split_whitespace().collect::<Vec<_>>()[..] {
            ["hash", hash, "seconds", seconds] => Ok((hash.into(), seconds.parse()?)),
            _ => bail!("{} printed {text:?}", self.program.display()),
        }
    }

    /// Instructions a token: what two passes more take. None without valgrind, and for what it does not know: AVX-512.
    fn count(&self, kernel: &str, task: Task) -> Result<Option<u64>> {
        if !process::exists("valgrind") || kernel == "avx512" {
            return Ok(None);
        }
        let counted = |passes: u32| -> Result<u64> {
            let mut command = Command::new("valgrind");
            command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(self.program);
            let output = process::output(command.arg(self.path).args(task.arguments(kernel, passes)))?;
            let text = String::from_utf8_lossy(&output.stderr).into_owned();
            let count = text.lines().find_map(|line| line.split_once("Collected : "));
            let count = count.and_then(|(_, count)| count.trim().parse().ok());
            count.with_context(|| format!("valgrind printed {text:?}"))
        };
        Ok(Some((counted(3)? - counted(1)?) / u64::from(2 * task.positions())))
    }
}

/// Builds the core's benchmark `speed` for any PC of this kind, not for this one: kernels are chosen at run time.
fn build() -> Result<PathBuf> {
    let mut command = own_cargo();
    command.args(["build", "--release", "--package", "pipsqueak", "--bench", "speed"]);
    command
        .env("RUSTFLAGS", "")
        .env("CARGO_TARGET_DIR", paths::target().join("pc"))
        .current_dir(paths::root());
    process::build(&mut command, "speed")
}

fn printed(command: &mut Command) -> Result<String> {
    let output = process::output(command)?;
    if !output.status.success() {
        bail!("`{}` failed: {}", process::shown(command), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
