//! Reading checkpoints of other programs: Hugging Face folders of the GPT-2 and Llama families, and llama2.c's files.
//!
//! Token ids are renumbered, because a model file holds the pieces of text in an order of its own: what a text is cut into
//! first, then what merges make, then the specials. A tokenizer that already has this order keeps its ids.

pub mod classes;
pub mod hugging_face;
pub mod llama2c;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use pipsqueak::Config;

use crate::data::vocabulary::OwnedVocabulary;
use crate::training::parameters::Parameters;

/// A checkpoint in this crate's types.
pub struct Checkpoint {
    /// The model's shape.
    pub config: Config,
    /// The weights, in the order of the ids here.
    pub parameters: Parameters<f32>,
    /// The tokenizer.
    pub vocabulary: OwnedVocabulary,
    /// The checkpoint's id for each id here.
    pub original_ids: Vec<usize>,
    /// The differences between the model file's program and the checkpoint's own, in sentences.
    pub remarks: Vec<String>,
}

/// Reads a Hugging Face folder, or a checkpoint of llama2.c with its `tokenizer`.
///
/// # Errors
/// In a sentence, what cannot be read or is not supported.
pub fn read(path: &Path, tokenizer: Option<&Path>) -> Result<Checkpoint> {
    let name = path.display();
    if path.is_dir() {
        ensure!(tokenizer.is_none(), "{name} is a folder, whose tokenizer is in it; leave out --tokenizer");
        return hugging_face::read(path);
    }
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("pt" | "pth" | "ckpt") => bail!(
            "{name} is a file of PyTorch's, which can run code when it is read; docs/import.md says how two lines of Python make a \
             folder of it that can be imported"
        ),
        Some("safetensors" | "json") => bail!(
            "{name} is a part of a Hugging Face folder; name the folder {}",
            path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")).display()
        ),
        Some("gguf") => bail!("{name} is a GGUF file; import the Hugging Face folder that it was made of"),
        _ => {}
    }
    ensure!(path.exists(), "cannot read {name}: there is no such file or folder");
    let tokenizer = tokenizer
        .context("a checkpoint of llama2.c needs its tokenizer; name it with --tokenizer tokenizer.bin")?;
    llama2c::read(path, tokenizer)
}

/// The files of a checkpoint that exist, which nothing may be written over.
pub fn files(path: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(path) else { return vec![path.into()] };
    entries.flatten().map(|entry| entry.path()).filter(|path| path.is_file()).collect()
}

/// The rows `[vocab, width]` in the order of the ids here.
fn renumbered(rows: &[f32], width: usize, original_ids: &[usize]) -> Vec<f32> {
    original_ids.iter().flat_map(|&id| &rows[id * width..(id + 1) * width]).copied().collect()
}

impl Checkpoint {
    /// Leaves out the positions from `context` on, where the model has more.
    pub fn shorten(&mut self, context: usize) {
        let config = Config { context: context.min(self.config.context), ..self.config.clone() };
        let mut parameters = Parameters::zeros(&config);
        for (parameter, values) in parameters.walk_mut() {
            values.copy_from_slice(&self.parameters.get(parameter)[..values.len()]);
        }
        (self.config, self.parameters) = (config, parameters);
    }
}
