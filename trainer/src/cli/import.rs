//! `pipsqueak import`.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use pipsqueak::internal::file::Provenance;

use super::inspect::print_footprint;
use super::options;
use super::shape::PrecisionName;
use crate::cli::output::say;
use crate::export::{llama2c, model_file};
use crate::files::{Files, Kind};

/// Make a model file from a checkpoint of llama2.c and its tokenizer.
///
/// The checkpoint must be of llama2.c's version 0 (f32), as `python export.py FILE --version 0` writes it.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  pipsqueak import --checkpoint stories260K.bin --tokenizer tok512.bin --out stories260k.pip")]
pub struct Import {
    /// The checkpoint
    #[arg(long, value_name = "FILE")]
    checkpoint: PathBuf,
    /// Its tokenizer, of as many pieces
    #[arg(long, value_name = "FILE")]
    tokenizer: PathBuf,
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
        })
        .with_context(|| format!("{} is damaged, or its training has diverged", self.checkpoint.display()))?;
        file.save(&self.out)?;
        say!("written        {}", self.out.display());
        print_footprint(config, precision, file.bytes().len() as u64);
        Ok(())
    }
}
