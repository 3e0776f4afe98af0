//! A model that is trained on this PC, with sums in the browser's order, is the browser's, bit for bit: `page/test.mjs` holds the page to
//! the same file.

use pipsqueak_page::Engine;
use pipsqueak_trainer::network::matmul;
use serde_json::{Value, json};

const RUNS: &str = include_str!("one_order.json");

/// FNV-1a of 32 bits.
fn hash(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, &byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

#[test]
fn training_is_the_same_on_every_machine() {
    matmul::sum_in_one_order();
    let runs: Value = serde_json::from_str(RUNS).unwrap();
    let text = runs["sentence"].as_str().unwrap().repeat(100);
    let mut hashes = Vec::new();
    for run in runs["runs"].as_array().unwrap() {
        let mut engine = Engine::new();
        let mut ask = |request: Value, bytes: &[u8]| {
            engine.answer_json(request.to_string().as_bytes(), bytes).unwrap().bytes
        };
        ask(json!({"do": "start", "kind": run["kind"], "name": "text", "seed": 1}), text.as_bytes());
        ask(json!({"do": "step", "count": run["steps"]}), &[]);
        hashes.push(hash(&ask(json!({"do": "model", "precision": "F32"}), &[])));
    }
    let expected: Vec<u32> =
        runs["runs"].as_array().unwrap().iter().map(|run| run["hash"].as_u64().unwrap() as u32).collect();
    assert_eq!(hashes, expected);
}
