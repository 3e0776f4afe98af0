//! The time of a training step, against the ceiling of its matrix products; `cargo xtask bench train` runs this.
//!
//! Without arguments it prints a report. `cases` prints each case as JSON. `CASE STEPS` times one case alone, and prints the
//! median and the shortest step in milliseconds. `loss FILE SEED` trains nanoGPT's recipe on a text, and prints the loss.

use anyhow::{Context, Result};
use pipsqueak::{Mlp, Position};
use pipsqueak_trainer::bench;
use pipsqueak_trainer::training::parallel;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let cases = bench::cases();
    match arguments.as_slice() {
        [] => print!("{}", bench::report(30)?),
        [word] if word == "cases" => cases.iter().for_each(|case| println!("{}", json(case))),
        [word, file, seed] if word == "loss" => {
            let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {file}"))?;
            println!("{}", bench::final_loss(&text, seed.parse()?)?);
        }
        [number, steps] => {
            let case = cases.get(number.parse::<usize>()?).context("no such case")?;
            let time = bench::step_time(case, parallel::available(), steps.parse()?)?;
            println!("{} {}", time.median_ms, time.best_ms);
        }
        _ => anyhow::bail!("usage: step_time [cases | CASE STEPS | loss FILE SEED]"),
    }
    Ok(())
}

/// The case as torch_step.py reads it.
fn json(case: &bench::Case) -> serde_json::Value {
    let config = &case.config;
    serde_json::json!({
        "name": case.name,
        "vocab": config.vocab,
        "context": config.context,
        "width": config.width,
        "layers": config.layers,
        "heads": config.heads,
        "kv_heads": config.kv_heads,
        "hidden": config.hidden,
        "llama": config.position == Position::Rotary && config.mlp == Mlp::Gated,
        "sequences": case.sequences,
        "threads": parallel::available(),
    })
}
