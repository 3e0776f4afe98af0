//! `pipsqueak import`.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use pipsqueak::internal::file::Provenance;

use super::inspect::print_footprint;
use super::options;
use super::shape::PrecisionName;
use crate::cli::output::say;
use crate::export::model_file;
use crate::files::{Files, Kind};
use crate::import::{self, Checkpoint};

/// Make a model file from a model that another program has trained.
///
/// CHECKPOINT is a Hugging Face folder of the GPT-2 or Llama family (config.json, safetensors, tokenizer.json), or a file of
/// llama2.c, which needs its --tokenizer. What the model file can't hold is refused by name.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pipsqueak import gpt2/ --out gpt2.pip
  pipsqueak import SmolLM-135M/ --precision int4 --context 512 --out smol.pip
  pipsqueak import stories260K.bin --tokenizer tok512.bin --out stories260k.pip")]
pub struct Import {
    /// The folder or file
    #[arg(value_name = "CHECKPOINT")]
    checkpoint: PathBuf,
    /// The tokenizer of a llama2.c checkpoint, of as many pieces
    #[arg(long, value_name = "FILE")]
    tokenizer: Option<PathBuf>,
    /// The model file to write
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Number format
    #[arg(long, value_enum, default_value_t = PrecisionName::Int8)]
    precision: PrecisionName,
    /// Attend to fewer positions than the checkpoint was trained for, to save RAM
    #[arg(long, value_name = "TOKENS", value_parser = options::whole::<usize>(1..=65_535))]
    context: Option<usize>,
}

impl Import {
    pub(super) fn run(self) -> Result<()> {
        let mut files = Files::default();
        for path in import::files(&self.checkpoint) {
            files.reads("import", &path);
        }
        if let Some(tokenizer) = &self.tokenizer {
            files.reads("--tokenizer", tokenizer);
        }
        files.writes("--out", &self.out, Kind::Model);
        files.check()?;
        let mut checkpoint = import::read(&self.checkpoint, self.tokenizer.as_deref())?;
        if let Some(context) = self.context {
            checkpoint.shorten(context);
        }
        let Checkpoint { config, parameters, vocabulary, remarks, .. } = checkpoint;
        let name = self.checkpoint.file_name().unwrap_or(self.checkpoint.as_os_str()).to_string_lossy();
        let corpus = format!("what {name} was trained on");
        let provenance = Provenance { corpus: &corpus, ..Provenance::UNKNOWN };
        let precision = self.precision.into();
        let file = model_file::build_from(&config, precision, &vocabulary, provenance, parameters)
            .with_context(|| {
                format!("{} is damaged, or its training has diverged", self.checkpoint.display())
            })?;
        file.save(&self.out)?;
        remarks.iter().for_each(|remark| say!("note           {remark}"));
        say!("written        {}", self.out.display());
        print_footprint(&config, precision, file.bytes().len() as u64);
        Ok(())
    }
}
