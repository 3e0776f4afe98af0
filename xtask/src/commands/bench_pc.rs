//! `cargo xtask bench pc`: tokens a second and instructions a token on this PC, of every precision and kernel.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use pipsqueak::Precision;

use crate::chips::{self, Weights};
use crate::toolchain::own_cargo;
use crate::{paths, process, trainer};

const PRECISIONS: [Precision; 4] = [Precision::F32, Precision::Int8, Precision::Int4, Precision::Ternary];
/// Positions that a text is written over: those whose instructions count, and the whole context.
const POSITIONS: [u32; 2] = [64, 256];
/// The fastest of so many passes over 256 positions: others may use the machine too.
const PASSES: u32 = 25;
/// Instructions a token, of int8 in AVX2, that `--check` allows.
const LIMIT: u64 = 190_000;
/// llama2.c in f32 over the same weights and positions, measured once: flags, instructions a token over positions 0 to
/// 63, tokens a second over 256.
const LLAMA2C: [(&str, u64, u32); 2] = [("-O3", 1_297_807, 5_342), ("-Ofast, AVX2", 384_073, 18_611)];

/// What one precision does with one kernel.
struct Measured {
    /// At each of [`POSITIONS`].
    seconds: [f64; 2],
    /// A token over the first of them; where valgrind is at hand and knows the kernel's instructions.
    instructions: Option<u64>,
}

/// Prints the table; with `check`, fails if a count is above what is promised.
pub fn pc(check: bool) -> Result<()> {
    trainer::build()?;
    let program = build()?;
    let weights = Weights::at_hand();
    let folder = paths::target().join("pc");
    let checkpoint = chips::stories_checkpoint(&weights, &folder)?;
    println!("{}, one thread; the fastest of {PASSES} passes.", weights.describe());
    println!(
        "{:<9} {:<9} {:>12} {:>12} {:>9} {:>12}",
        "", "kernel", "tok/s, 0..64", "tok/s, 0..256", "ratio", "instr/token"
    );
    for precision in PRECISIONS {
        let model = folder.join(format!("stories-{}.pip", precision.name()));
        trainer::import(&checkpoint, precision, POSITIONS[1] as usize, &model)?;
        measure_precision(&program, precision, &model, check)?;
    }
    for (flags, instructions, speed) in LLAMA2C {
        println!("llama2.c, f32, {flags:<17} {:>12} {speed:>13} {:>9} {instructions:>12}", "–", "–");
    }
    println!("ratio: tokens a second over 256 positions, against the portable kernel in this run.");
    println!("llama2.c's speed was measured on another day: compare instructions.");
    Ok(())
}

/// A row for each kernel, once it has given the portable one's answer.
fn measure_precision(program: &Path, precision: Precision, model: &Path, check: bool) -> Result<()> {
    let kernels = printed(&mut Command::new(program))?;
    let answers = |kernel: &str| -> Result<[String; 2]> {
        let [short, long] = POSITIONS.map(|positions| run(program, model, kernel, positions, 1));
        Ok([short?.0, long?.0])
    };
    let expected = answers("portable")?;
    let mut slowest = None;
    for kernel in kernels.lines() {
        let name = precision.name();
        ensure!(
            answers(kernel)? == expected,
            "{name} with the kernel {kernel} gives another answer than in portable Rust"
        );
        let measured = measure(program, model, kernel)?;
        let ratio = slowest.get_or_insert(measured.seconds[1]).to_owned() / measured.seconds[1];
        let [short, long] = [0, 1].map(|i| f64::from(POSITIONS[i]) / measured.seconds[i]);
        let count = measured.instructions.map_or("–".into(), |count| count.to_string());
        println!("{name:<9} {kernel:<9} {short:>12.0} {long:>13.0} {ratio:>8.2}x {count:>12}");
        if check && precision == Precision::Int8 && kernel == "avx2" {
            let count = measured.instructions.context("--check counts instructions: it needs valgrind")?;
            ensure!(
                count < LIMIT,
                "int8 in AVX2 takes {count} instructions a token; at most {LIMIT} are allowed"
            );
        }
    }
    Ok(())
}

fn measure(program: &Path, model: &Path, kernel: &str) -> Result<Measured> {
    let [short, long] =
        POSITIONS.map(|positions| run(program, model, kernel, positions, PASSES * POSITIONS[1] / positions));
    let seconds = [short?.1, long?.1];
    Ok(Measured { seconds, instructions: count(program, model, kernel)? })
}

/// The hash of what was written, and the seconds of the fastest pass.
fn run(program: &Path, model: &Path, kernel: &str, positions: u32, passes: u32) -> Result<(String, f64)> {
    let text = printed(&mut pass(Command::new(program), model, kernel, positions, passes))?;
    match text.split_whitespace().collect::<Vec<_>>()[..] {
        ["hash", hash, "seconds", seconds] => Ok((hash.into(), seconds.parse()?)),
        _ => bail!("{} printed {text:?}", program.display()),
    }
}

/// Instructions a token over the first positions: what two passes more take.
fn count(program: &Path, model: &Path, kernel: &str) -> Result<Option<u64>> {
    // Valgrind does not know AVX-512.
    if !process::exists("valgrind") || kernel == "avx512" {
        return Ok(None);
    }
    let counted = |passes: u32| -> Result<u64> {
        let mut command = Command::new("valgrind");
        command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(program);
        let output = process::output(&mut pass(command, model, kernel, POSITIONS[0], passes))?;
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        let count = text.lines().find_map(|line| line.split_once("Collected : "));
        count
            .and_then(|(_, count)| count.trim().parse().ok())
            .with_context(|| format!("valgrind printed {text:?}"))
    };
    Ok(Some((counted(3)? - counted(1)?) / u64::from(2 * POSITIONS[0])))
}

fn pass(mut command: Command, model: &Path, kernel: &str, positions: u32, passes: u32) -> Command {
    command.arg(model).args([kernel, &positions.to_string(), &passes.to_string()]);
    command
}

/// Builds the core's example `speed` for any PC of this kind, not for this one: kernels are chosen at run time.
fn build() -> Result<PathBuf> {
    let target = paths::target().join("pc");
    let mut command = own_cargo();
    command.args(["build", "--release", "--package", "pipsqueak", "--example", "speed"]);
    command.env("RUSTFLAGS", "").env("CARGO_TARGET_DIR", &target).current_dir(paths::root());
    process::run(&mut command)?;
    Ok(target.join("release/examples").join(format!("speed{}", std::env::consts::EXE_SUFFIX)))
}

fn printed(command: &mut Command) -> Result<String> {
    let output = process::output(command)?;
    if !output.status.success() {
        bail!("`{}` failed: {}", process::shown(command), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
