//! `pipsqueak export`.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::{Args, ValueEnum};
use pipsqueak::Precision;
use pipsqueak::internal::file::Provenance;
use serde_json::Value;

use super::inspect::print_footprint;
use super::shape::PrecisionName;
use super::train::recipe::Keep;
use crate::cli::output::say;
use crate::data::vocabulary::OwnedVocabulary;
use crate::export::model_file::{self, ModelFile};
use crate::export::{dequantize, hugging_face};
use crate::files::{self, Files, Kind};
use crate::training::checkpoint::{self, TrainedModel};

/// Names of the metadata in a checkpoint that only an export reads.
pub(super) const CORPUS: &str = "corpus";
pub(super) const LICENCE: &str = "licence";
pub(super) const BYTES_PER_TOKEN: &str = "bytes per token";

/// Make a model file from a checkpoint of `train`, in any number format, or a Hugging Face folder that transformers loads.
///
/// The weights are those that `train` exports. The file does not say their loss: `eval` measures it. A Hugging Face folder
/// (config.json, model.safetensors, tokenizer.json) is written in f32, of a checkpoint or of a model file.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pipsqueak export --checkpoint stories.checkpoint.safetensors --out stories.pip
  pipsqueak export --checkpoint stories.checkpoint.safetensors --out f32.pip --precision f32
  pipsqueak export --checkpoint stories.pip --to safetensors --out stories/")]
pub struct Export {
    /// The checkpoint; with --to safetensors also a model file
    #[arg(long, value_name = "FILE")]
    checkpoint: PathBuf,
    /// The form to write
    #[arg(long, value_enum, default_value_t = Form::Model)]
    to: Form,
    /// The model file or the new folder to write
    #[arg(long, value_name = "PATH")]
    out: PathBuf,
    /// Number format [default: the one that the model was trained for, or int8]
    #[arg(long, value_enum)]
    precision: Option<PrecisionName>,
    /// Which of the checkpoint's weights to write
    #[arg(long, value_enum, default_value_t = Keep::Best)]
    keep: Keep,
}

/// The form that an export writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// A model file
    Model,
    /// A Hugging Face folder
    Safetensors,
}

impl Export {
    pub(super) fn run(self) -> Result<()> {
        if self.to == Form::Safetensors {
            return self.write_folder();
        }
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

impl Export {
    fn write_folder(self) -> Result<()> {
        ensure!(
            self.precision.is_none_or(|precision| Precision::from(precision) == Precision::F32),
            "--precision is {}, and a Hugging Face folder is written in f32; leave it out",
            self.precision.map_or("f32", |precision| Precision::from(precision).name())
        );
        hugging_face::check(&self.out)?;
        if files::holds(&self.checkpoint, Kind::Model) {
            let file = ModelFile::read(&self.checkpoint)?;
            let model = file.model()?;
            let parameters = dequantize::parameters(&model);
            hugging_face::write(&self.out, model.config(), &parameters, &OwnedVocabulary::of_model(&model))?;
        } else {
            let model = checkpoint::read_model(&self.checkpoint, self.keep == Keep::Last)?;
            hugging_face::write(&self.out, &model.config, &model.weights(), &model.vocabulary)?;
        }
        say!("written        {}", self.out.display());
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
