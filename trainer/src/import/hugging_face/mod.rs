//! A Hugging Face folder: `config.json`, the weights as safetensors, and `tokenizer.json`.

pub mod config;
mod json;
pub mod tensors;
pub mod tokenizer;
pub mod weights;

use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::Checkpoint;
use config::Description;
use tensors::Tensors;

/// `config.json`.
pub const CONFIG: &str = "config.json";
/// `tokenizer.json`.
pub const TOKENIZER: &str = "tokenizer.json";
/// nanoGPT's characters, in the order of their ids, where there is no [`TOKENIZER`].
pub const CHARACTERS: &str = "characters.txt";
/// The most bytes of a text file.
const TEXT_MAX: u64 = 64 << 20;

/// Reads a folder.
///
/// # Errors
/// In a sentence, what cannot be read or is not supported.
pub fn read(folder: &Path) -> Result<Checkpoint> {
    let Description { config, family, begin, end, mut remarks } = describe(folder)?;
    let tensors = Tensors::open(folder)?;
    let tokenizer = tokenizer::read(folder, config.vocab, [begin, end])?;
    remarks.extend(tokenizer.remarks);
    let parameters = weights::read(&tensors, family, &config, &tokenizer.original_ids)?;
    let (vocabulary, original_ids) = (tokenizer.vocabulary, tokenizer.original_ids);
    Ok(Checkpoint { config, parameters, vocabulary, original_ids, remarks })
}

/// Reads a folder's `config.json`.
///
/// # Errors
/// The key that is missing or not supported, by key and value.
pub fn describe(folder: &Path) -> Result<Description> {
    let path = folder.join(CONFIG);
    ensure!(
        path.is_file(),
        "{} has no {CONFIG}, so it is no Hugging Face folder; write one with `model.save_pretrained(FOLDER)`",
        folder.display()
    );
    config::read(&read_text(&path)?).with_context(|| format!("cannot import {}", path.display()))
}

fn read_text(path: &Path) -> Result<String> {
    let read = || -> Result<String> {
        let mut text = String::new();
        std::fs::File::open(path)?.take(TEXT_MAX + 1).read_to_string(&mut text)?;
        ensure!(text.len() as u64 <= TEXT_MAX, "it is larger than 64 MiB");
        Ok(text)
    };
    read().with_context(|| format!("cannot read {}", path.display()))
}
