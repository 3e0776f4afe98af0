//! `pipsqueak export`.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use pipsqueak::Precision;
use pipsqueak::internal::file::Provenance;
use serde_json::Value;

use super::inspect::print_footprint;
use super::shape::PrecisionName;
use super::train::recipe::Keep;
use crate::cli::output::say;
use crate::export::model_file::{self, ModelFile};
use crate::files::{Files, Kind};
use crate::training::checkpoint::{self, TrainedModel};

/// Names of the metadata in a checkpoint that only an export reads.
pub(super) const CORPUS: &str = "corpus";
pub(super) const LICENCE: &str = "licence";
pub(super) const BYTES_PER_TOKEN: &str = "bytes per token";

/// Make a model file from a checkpoint of `train`, in any number format.
///
/// The weights are those that `train` exports. The file does not say their loss: `eval` measures it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pipsqueak export --checkpoint stories.checkpoint.safetensors --out stories.pip
  pipsqueak export --checkpoint stories.checkpoint.safetensors --out f32.pip --precision f32")]
pub struct Export {
    /// The checkpoint
    #[arg(long, value_name = "FILE")]
    checkpoint: PathBuf,
    /// The model file to write
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Number format [default: the one that the model was trained for, or int8]
    #[arg(long, value_enum)]
    precision: Option<PrecisionName>,
    /// Which of the checkpoint's weights to write
    #[arg(long, value_enum, default_value_t = Keep::Best)]
    keep: Keep,
}

impl Export {
    pub(super) fn run(self) -> Result<()> {
        let mut files = Files::default();
        files.reads("--checkpoint", &self.checkpoint);
        files.writes("--out", &self.out, Kind::Model);
        files.check()?;
        let model = checkpoint::read_model(&self.checkpoint, self.keep == Keep::Last)?;
        let precision = self.precision.map_or(model.precision(), Precision::from);
        let file = build(&model, precision)?;
        file.save(&self.out)?;
        say!("written        {}", self.out.display());
        print_footprint(&model.config, precision, file.bytes().len() as u64);
        Ok(())
    }
}

fn build(model: &TrainedModel, precision: Precision) -> Result<ModelFile> {
    let TrainedModel { run, steps, config, vocabulary, .. } = model;
    let text = |name| run.get(name).and_then(Value::as_str).unwrap_or_default();
    let number = |name| run.get(name).and_then(Value::as_f64).unwrap_or_default();
    let provenance = Provenance {
        corpus: text(CORPUS),
        licence: text(LICENCE),
        corpus_crc: number("corpus checksum") as u32,
        steps: *steps as u32,
        bytes_per_token: number(BYTES_PER_TOKEN) as f32,
        ..Provenance::UNKNOWN
    };
    let weights = model.weights();
    model_file::build(config, precision, vocabulary, provenance, |parameter| weights.get(parameter))
}
