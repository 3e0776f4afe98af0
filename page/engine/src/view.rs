//! Numbers to look at.

use anyhow::Result;
use pipsqueak::internal::float::sinusoid::add_sinusoid;
use pipsqueak::{Position, Tokenizer};
use pipsqueak_trainer::export::model_file::ModelFile;
use serde_json::{Value, json};

use crate::run::Run;

/// A model's shape and size.
pub(crate) fn model(file: &ModelFile) -> Result<Value> {
    let model = file.model()?;
    Ok(json!({
        "config": model.config(),
        "precision": model.precision().name(),
        "bytes": file.bytes().len(),
        "ramBytes": model.config().memory_bytes(model.precision()),
        "pieces": pieces(model.tokenizer(), model.config().vocab),
    }))
}

/// The text of each token; one that stands for no text is empty.
fn pieces(tokenizer: &Tokenizer<'_>, vocab: usize) -> Vec<String> {
    (0..vocab as u16).map(|token| String::from_utf8_lossy(&tokenizer.decode(token)).into_owned()).collect()
}

/// Vocabulary, how often each token occurs, embeddings `[vocab, width]`, positions `[context, width]`, and all weights.
pub(crate) fn learned(run: &Run) -> Result<Value> {
    let config = &run.training.config;
    let tokenizer = run.vocabulary.tokenizer()?;
    let mut counts = vec![0u32; config.vocab];
    run.split.tokens.iter().for_each(|&token| counts[usize::from(token)] += 1);
    let weights: serde_json::Map<String, Value> = run
        .training
        .parameters
        .walk()
        .filter(|(_, shape, _)| !shape.is_empty())
        .map(|(parameter, shape, values)| {
            let rows: Vec<&[f32]> = values.chunks(shape.columns).collect();
            (parameter.name().to_string(), json!({ "rows": rows }))
        })
        .collect();
    Ok(json!({
        "pieces": pieces(&tokenizer, config.vocab),
        "counts": counts,
        "positions": positions(config.position, config.context, config.width),
        "weights": weights,
    }))
}

fn positions(position: Position, context: usize, width: usize) -> Vec<Vec<f32>> {
    if position != Position::Sinusoidal {
        return Vec::new();
    }
    let row = |position| {
        let mut row = vec![0.0; width];
        add_sinusoid(&mut row, position);
        row
    };
    (0..context).map(row).collect()
}
