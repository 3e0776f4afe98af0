//! `cargo xtask bench train`: what a training step takes, beside the matrix products' ceiling and beside PyTorch.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::packages::Consent;
use crate::python::Environment;
use crate::toolchain::own_cargo;
use crate::{paths, process};

const PYTORCH: Environment = Environment { name: "torch-venv", module: "torch" };

/// Each of two that are compared runs this often, in turns; the least of its medians and its fastest step count, since others
/// may use the machine too.
const ROUNDS: usize = 3;
/// Of which there are as many as fit this long a run of ours, since short ones warm up slowly.
const RUN_MS: f64 = 2000.0;
/// From which a loss is compared.
const SEEDS: u64 = 2;

/// Prints our own figures; `against_torch` installs CPU PyTorch into target/ and runs it in turns with ours. With a text,
/// both are trained on it, and the losses compared instead.
pub fn train(against_torch: bool, text: Option<&Path>) -> Result<()> {
    if let Some(text) = text {
        File::open(text).with_context(|| format!("The text {} can't be read", text.display()))?;
    }
    let program = build()?;
    if !against_torch {
        return process::run(&mut Command::new(program));
    }
    let python = PYTORCH.find_or_install(&["torch", "numpy"], Consent::new(false))?;
    let cases = printed(Command::new(&program).arg("cases"))?;
    if let Some(text) = text {
        return losses(&program, &python, cases.lines().next().unwrap_or_default(), text);
    }
    println!("{:<28} {:>9} {:>9} {:>9} {:>9}", "milliseconds a step", "ours", "eager", "compiled", "plain");
    for (number, case) in cases.lines().enumerate() {
        compare(&program, &python, number, case)?;
    }
    println!(
        "eager and compiled: PyTorch with its fused AdamW; plain: eager, with the one that nanoGPT takes on a CPU."
    );
    Ok(())
}

/// Trains the recipe of `case` to its end with both, from several seeds.
fn losses(program: &Path, python: &Path, case: &str, text: &Path) -> Result<()> {
    let text = text.to_str().context("The path of the text is not Unicode; rename it.")?;
    let body = case.strip_suffix('}').context("a case is a JSON object")?;
    println!("{:<28} {:>9} {:>9}", "nats a character at the end", "ours", "PyTorch");
    let mut sums = [0.0; 2];
    for seed in 1..=SEEDS {
        let ours = number(Command::new(program).args(["loss", text, &seed.to_string()]))?;
        let torch = number(torch_step(python).arg(format!("{body},\"text\":{text:?},\"seed\":{seed}}}")))?;
        println!("{:<28} {ours:>9.4} {torch:>9.4}", format!("{}, seed {seed}", name(case)));
        sums = [sums[0] + ours, sums[1] + torch];
    }
    let [ours, torch] = sums.map(|sum| sum / SEEDS as f64);
    println!("{:<28} {ours:>9.4} {torch:>9.4}", "  mean");
    Ok(())
}

fn torch_step(python: &Path) -> Command {
    let mut command = Command::new(python);
    command.arg(paths::root().join("xtask/bench/torch_step.py"));
    command
}

fn compare(program: &Path, python: &Path, number: usize, case: &str) -> Result<()> {
    let body = case.strip_suffix('}').context("a case is a JSON object")?;
    let ours =
        |steps: usize| median_and_least(Command::new(program).args([number.to_string(), steps.to_string()]));
    let steps = (RUN_MS / ours(10)?[1]).clamp(20.0, 500.0) as usize;
    let torch = |compile: bool, fused: bool| {
        let how = format!("\"steps\":{steps},\"compile\":{compile},\"fused\":{fused}");
        median_and_least(torch_step(python).arg(format!("{body},{how}}}")))
    };
    let mut best = [[f64::INFINITY; 4]; 2];
    for _ in 0..ROUNDS {
        let times = [ours(steps)?, torch(false, true)?, torch(true, true)?, torch(false, false)?];
        for (kind, best) in best.iter_mut().enumerate() {
            best.iter_mut().zip(times).for_each(|(best, time)| *best = best.min(time[kind]));
        }
    }
    println!("{}", name(case));
    for (kind, [ours, eager, compiled, plain]) in ["median step", "fastest step"].into_iter().zip(best) {
        println!("{:<28} {ours:>9.2} {eager:>9.2} {compiled:>9.2} {plain:>9.2}", format!("  {kind}"));
        let [eager, compiled, plain] = [eager, compiled, plain].map(|time| time / ours);
        println!("{:<28} {:>9} {eager:>8.2}x {compiled:>8.2}x {plain:>8.2}x", "    times as fast", "");
    }
    Ok(())
}

fn name(case: &str) -> &str {
    let after = case.split_once("\"name\":\"").map_or("", |(_, after)| after);
    after.split('"').next().unwrap_or_default()
}

fn build() -> Result<PathBuf> {
    let mut command = own_cargo();
    command.args(["build", "--release", "--package", "pipsqueak-trainer", "--bench", "step_time"]);
    process::build(command.current_dir(paths::root()), "step_time")
}

/// The two numbers that a program prints of its steps.
fn median_and_least(command: &mut Command) -> Result<[f64; 2]> {
    let numbers = numbers(command)?;
    let both = numbers.as_slice().try_into();
    both.with_context(|| format!("`{}` printed {} numbers, not two", process::shown(command), numbers.len()))
}

/// The one number that a program prints.
fn number(command: &mut Command) -> Result<f64> {
    let numbers = numbers(command)?;
    numbers.first().copied().with_context(|| format!("`{}` printed no number", process::shown(command)))
}

fn numbers(command: &mut Command) -> Result<Vec<f64>> {
    let text = printed(command)?;
    let numbers = text.split_whitespace().map(str::parse).collect::<Result<_, _>>();
    numbers
        .with_context(|| format!("`{}` printed something else than numbers: {text}", process::shown(command)))
}

fn printed(command: &mut Command) -> Result<String> {
    let output = process::output(command)?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        bail!("`{}` failed: {}", process::shown(command), errors.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_s_name_is_found() {
        assert_eq!(name("{\"heads\":2,\"name\":\"2 layers, width 64\",\"width\":64}"), "2 layers, width 64");
    }

    /// With programs that Windows has not.
    #[cfg(unix)]
    #[test]
    fn a_program_s_numbers_are_read() {
        assert_eq!(median_and_least(Command::new("echo").arg("1.5 1.25")).unwrap(), [1.5, 1.25]);
        assert_eq!(number(Command::new("echo").arg("1.5")).unwrap(), 1.5);
        assert!(number(Command::new("echo").arg("none")).is_err());
        assert!(number(&mut Command::new("true")).is_err());
        assert!(median_and_least(Command::new("echo").arg("1.5")).is_err());
        assert!(median_and_least(&mut Command::new("false")).is_err());
    }
}
