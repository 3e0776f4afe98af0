//! The time of the page's training steps on this PC, on one thread; `cargo xtask bench page` runs this beside the browser.
//!
//! `steps SHAPE TEXT STEPS [portable MODEL]`: trains a model of the shape, a JSON file, on a text, and prints the milliseconds of each
//! step. `portable` sums in the browser's order, and writes the model in f32, which then is the browser's, bit for bit.

use std::fs;
use std::time::Instant;

use anyhow::{Result, bail};
use pipsqueak_page::{Answer, Engine};
use pipsqueak_trainer::network::matmul;
use serde_json::{Value, json};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let [shape, text, steps, portable @ ..] = arguments.as_slice() else {
        bail!("usage: steps SHAPE TEXT STEPS [portable MODEL]");
    };
    if !portable.is_empty() {
        matmul::sum_in_one_order();
    }
    let shape: Value = serde_json::from_slice(&fs::read(shape)?)?;
    let mut engine = Engine::new();
    let mut ask = |request: Value, bytes: &[u8]| -> Result<Answer> {
        engine.answer_json(request.to_string().as_bytes(), bytes)
    };
    let kind = if shape.is_null() { "toy" } else { "own" };
    ask(json!({ "do": "start", "kind": kind, "name": "text", "seed": 1, "shape": shape }), &fs::read(text)?)?;
    for _ in 0..steps.parse()? {
        let begun = Instant::now();
        ask(json!({ "do": "step", "count": 1 }), &[])?;
        println!("{}", begun.elapsed().as_secs_f64() * 1000.0);
    }
    if let [_, model] = portable {
        fs::write(model, ask(json!({ "do": "model", "precision": "F32" }), &[])?.bytes)?;
    }
    Ok(())
}
