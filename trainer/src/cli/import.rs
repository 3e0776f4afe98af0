//! `pipsqueak import`.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use pipsqueak::file::Provenance;

use super::inspect::print_footprint;
use super::shape::PrecisionName;
use crate::export::{llama2c, model_file};
use crate::files::{Files, Kind};

/// Bring a checkpoint of llama2.c (its first format, f32) and its tokenizer to the board.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  pipsqueak import --checkpoint stories260K.bin --tokenizer tok512.bin --out stories260k.pip")]
pub struct Import {
    /// The checkpoint
    #[arg(long)]
    checkpoint: PathBuf,
    /// Its tokenizer
    #[arg(long)]
    tokenizer: PathBuf,
    /// The model file to write
    #[arg(long)]
    out: PathBuf,
    /// Number format
    #[arg(long, value_enum, default_value_t = PrecisionName::Int8)]
    precision: PrecisionName,
    /// Attend to fewer positions than the checkpoint was trained for, to save RAM
    #[arg(long)]
    context: Option<usize>,
}

impl Import {
    pub(super) fn run(self) -> Result<()> {
        let mut files = Files::default();
        files.reads("--checkpoint", &self.checkpoint);
        files.reads("--tokenizer", &self.tokenizer);
        files.writes("--out", &self.out, Kind::Model);
        files.check()?;
        let mut checkpoint = llama2c::read(&self.checkpoint, &self.tokenizer)?;
        let config = &mut checkpoint.config;
        config.context = self.context.unwrap_or(config.context).min(config.context);
        let name = self.checkpoint.file_name().unwrap_or_default().to_string_lossy();
        let corpus = format!("what {name} was trained on");
        let provenance = Provenance { corpus: &corpus, ..Provenance::UNKNOWN };
        let precision = self.precision.into();
        let file = model_file::build(config, precision, &checkpoint.vocabulary, provenance, |parameter| {
            checkpoint.parameters.get(parameter)
        })?;
        file.save(&self.out)?;
        println!("written        {}", self.out.display());
        print_footprint(config, precision, file.bytes().len() as u64);
        Ok(())
    }
}
