//! Numbers to look at.

use anyhow::Result;
use pipsqueak::internal::float::sinusoid::add_sinusoid;
use pipsqueak::{Position, Tokenizer};
use pipsqueak_trainer::export::model_file::ModelFile;
use serde_json::{Value, json};

use crate::engine::Answer;
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

/// Vocabulary, how often each token occurs, positions `[context, width]`, and the weights' names and rows' lengths. The weights
/// come as bytes, f32 and little-endian: as JSON, a browser would take too long over them.
pub(crate) fn learned(run: &Run) -> Result<Answer> {
    let config = &run.training.config;
    let tokenizer = run.vocabulary.tokenizer()?;
    let mut counts = vec![0u32; config.vocab];
    run.split.tokens.iter().for_each(|&token| counts[usize::from(token)] += 1);
    let (mut weights, mut bytes) = (Vec::new(), Vec::new());
    for (parameter, shape, values) in run.training.parameters.walk().filter(|(_, shape, _)| !shape.is_empty())
    {
        weights.push(json!({ "name": parameter.name(), "columns": shape.columns, "count": values.len() }));
        bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    }
    let json = json!({
        "pieces": pieces(&tokenizer, config.vocab),
        "counts": counts,
        "positions": positions(config.position, config.context, config.width),
        "weights": weights,
    });
    Ok(Answer { json, bytes })
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
