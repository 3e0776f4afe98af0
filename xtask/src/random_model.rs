//! A small model with random weights, for builds and tests that need a model whatever it says.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use pipsqueak::internal::packing::{Format, ROWS};
use pipsqueak::internal::parameter::PARAMETERS;
use pipsqueak::internal::{Parameter, Shape, SplitMix64};
use pipsqueak::model::{ALIGNMENT, CRC, File, Header, Provenance, Tensor};
use pipsqueak::{Config, Pieces, Precision, Vocabulary};

use crate::paths;

/// Its shape: byte tokens, and every kind of parameter that a rotary model has.
pub const CONFIG: Config = Config {
    vocab: 256,
    context: 64,
    width: 32,
    layers: 2,
    heads: 4,
    kv_heads: 2,
    hidden: 64,
    ..Config::LLAMA
};

/// Writes the model to the target folder; returns its path.
pub fn write() -> Result<PathBuf> {
    let path = paths::target().join("random-model.pip");
    write_to(&path)?;
    Ok(path)
}

/// Writes the model to `path`, unless the same is there already: a new file would make cargo build again.
pub fn write_to(path: &Path) -> Result<()> {
    let file = bytes(&CONFIG)?;
    if fs::read(path).is_ok_and(|old| old == file) {
        return Ok(());
    }
    fs::create_dir_all(path.parent().unwrap_or(path))?;
    fs::write(path, file).with_context(|| format!("The model {} can't be written", path.display()))
}

/// The int8 model's file.
pub fn bytes(config: &Config) -> Result<Vec<u8>> {
    let tensors: Vec<_> = Parameter::ALL.iter().map(|parameter| tensor(*parameter, config)).collect();
    let mut views = [Tensor::default(); PARAMETERS];
    for index in 0..PARAMETERS {
        views[index].bytes = &tensors[index];
        views[index].padding = padding(config, &views, index)?;
    }
    Ok(postcard::to_stdvec_crc32(&file(config, views), CRC.digest())?)
}

/// The zeros that put tensor `index` on its boundary, with those before it in place.
fn padding(config: &Config, tensors: &[Tensor<'_>; PARAMETERS], index: usize) -> Result<&'static [u8]> {
    let mut until = *tensors;
    until[index + 1..].fill(Tensor::default());
    let whole = postcard::to_stdvec(&file(config, until))?.len();
    // Each empty tensor after it takes two bytes: its two lengths.
    let start = whole - tensors[index].bytes.len() - 2 * (PARAMETERS - 1 - index);
    Ok(&[0; ALIGNMENT][..(ALIGNMENT - start % ALIGNMENT) % ALIGNMENT])
}

fn file<'a>(config: &Config, tensors: [Tensor<'a>; PARAMETERS]) -> File<'a> {
    File {
        header: Header::CURRENT,
        config: config.clone(),
        precision: Precision::Int8,
        vocabulary: Vocabulary { pieces: Pieces::Bytes, begin: None, end: None, prefix_space: false },
        provenance: Provenance {
            corpus: "random weights",
            licence: "",
            corpus_crc: 0,
            steps: 0,
            loss_f32: f32::NAN,
            loss: f32::NAN,
            bytes_per_token: 1.0,
        },
        tensors,
    }
}

/// Ones for vectors; for matrices random int8, in the layout of the core's `Tensor`.
fn tensor(parameter: Parameter, config: &Config) -> Vec<u8> {
    let Shape { layers, rows, columns } = parameter.shape(config);
    if !parameter.is_matrix() {
        return 1f32.to_le_bytes().repeat(layers * rows * columns);
    }
    const SCALE: u16 = 32_767;
    let rows = rows.next_multiple_of(ROWS);
    let words = layers * rows * Format::Int8.words_of_row(columns);
    let unit = 1.5 / (columns.max(1) as f32).sqrt() / 127.0 / f32::from(SCALE);
    let mut random = SplitMix64::new(parameter as u64 + 1);
    let mut word = || {
        let weights = [(); 4].map(|()| (random.below(255) as i16 - 127) as i8);
        Format::Int8.pack(&weights).to_le_bytes()
    };
    let mut bytes: Vec<u8> = (0..words).flat_map(|_| word()).collect();
    bytes.extend(SCALE.to_le_bytes().repeat(layers * rows));
    bytes.extend(unit.to_le_bytes().repeat(layers));
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_core_loads_it() {
        assert_eq!(crate::firmware::check(&bytes(&CONFIG).unwrap()), Ok(()));
    }
}
