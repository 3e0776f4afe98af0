//! `pipsqueak import`.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Args, Parser};
use pipsqueak::Precision;
use pipsqueak::internal::file::Provenance;

use super::calibrate::{Calibration, Imported};
use super::inspect::print_footprint;
use super::options;
use super::shape::PrecisionName;
use super::train::Train;
use crate::cli::output::say;
use crate::export::model_file::{self, ModelFile};
use crate::files::{Files, Kind};
use crate::import::{self, Checkpoint};

/// Make a model file from a model that another program has trained.
///
/// CHECKPOINT is a Hugging Face folder of the GPT-2 or Llama family (config.json, safetensors, tokenizer.json), or a file of
/// llama2.c, which needs its --tokenizer. What the model file can't hold is refused by name.
#[derive(Debug, Args)]
#[command(allow_negative_numbers = true)]
#[command(after_help = "\
Examples:
  pipsqueak import gpt2/ --out gpt2.pip
  pipsqueak import SmolLM-135M/ --precision int4 --context 512 --out smol.pip
  pipsqueak import tiny/ --precision int4 --calibrate stories.txt --out tiny.pip
  pipsqueak import tiny/ --precision int4 --finetune stories.txt --steps 300 --out tiny.pip
  pipsqueak import stories260K.bin --tokenizer tok512.bin --out stories260k.pip")]
pub struct Import {
    #[command(flatten)]
    source: Source,
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
    /// Round the weights by what the model does with this text, so that int4 and ternary lose less; without training
    #[arg(long, value_name = "FILE", conflicts_with = "finetune")]
    calibrate: Option<PathBuf>,
    /// Then go on training with this text, so that the weights learn to be rounded, as `train --from` does
    #[arg(long, value_name = "FILE")]
    finetune: Option<PathBuf>,
    /// Steps of that training [default: what suits the amount of text]
    #[arg(long, requires = "finetune", value_parser = options::whole::<u64>(1..=1_000_000_000))]
    steps: Option<u64>,
}

/// The checkpoint, by either of its spellings.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Source {
    /// The folder or file
    #[arg(value_name = "CHECKPOINT")]
    path: Option<PathBuf>,
    /// The same, spelled as `export` spells its own
    #[arg(long = "checkpoint", value_name = "CHECKPOINT", hide = true)]
    option: Option<PathBuf>,
}

impl Source {
    fn path(&self) -> &Path {
        self.path.as_deref().or(self.option.as_deref()).unwrap_or(Path::new(""))
    }
}

/// The options of `train` on a command line.
#[derive(Parser)]
struct TrainArguments {
    #[command(flatten)]
    train: Train,
}

impl Import {
    pub(super) fn run(self) -> Result<()> {
        let path = self.source.path();
        let mut files = Files::default();
        for path in import::files(path) {
            files.reads("import", &path);
        }
        if let Some(tokenizer) = &self.tokenizer {
            files.reads("--tokenizer", tokenizer);
        }
        if let Some(text) = &self.finetune {
            files.reads("--finetune", text);
        }
        if let Some(text) = &self.calibrate {
            files.reads("--calibrate", text);
        }
        files.writes("--out", &self.out, Kind::Model);
        files.check()?;
        let calibration = self.calibrate.as_deref();
        let calibration =
            calibration.map(|text| Calibration::new(text, self.precision.into())).transpose()?;
        let mut checkpoint = import::read(path, self.tokenizer.as_deref())?;
        if let Some(context) = self.context {
            checkpoint.shorten(context);
        }
        let Checkpoint { config, parameters, vocabulary, remarks, .. } = checkpoint;
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
        let corpus = format!("what {name} was trained on");
        let provenance = Provenance { corpus: &corpus, ..Provenance::UNKNOWN };
        remarks.iter().for_each(|remark| say!("note           {remark}"));
        let precision = if self.finetune.is_some() { Precision::F32 } else { self.precision.into() };
        let file = match calibration {
            Some(calibration) => {
                let (config, vocabulary) = (&config, &vocabulary);
                calibration.round(Imported { path, config, precision, vocabulary, provenance, parameters })?
            }
            None => model_file::build_from(&config, precision, &vocabulary, provenance, parameters)
                .with_context(|| damaged(path))?,
        };
        if let Some(text) = &self.finetune {
            return self.train(text, &file);
        }
        file.save(&self.out)?;
        say!("written        {}", self.out.display());
        print_footprint(&config, precision, file.bytes().len() as u64);
        Ok(())
    }

    /// Trains on from the imported model.
    fn train(&self, text: &Path, model: &ModelFile) -> Result<()> {
        let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
        let start = folder.path().join("imported.pip");
        model.save(&start)?;
        let precision = Precision::from(self.precision).name();
        let steps = self.steps.map(|steps| steps.to_string());
        let mut arguments: Vec<&OsStr> = vec!["train".as_ref(), "--from".as_ref(), start.as_ref()];
        arguments.extend(["--text".as_ref(), text.as_os_str(), "--out".as_ref(), self.out.as_os_str()]);
        arguments.extend(["--precision".as_ref(), OsStr::new(precision)]);
        arguments.extend(steps.iter().flat_map(|steps| ["--steps".as_ref(), OsStr::new(steps)]));
        TrainArguments::try_parse_from(arguments)?.train.run()
    }
}

/// Of a checkpoint whose weights are no numbers.
pub(super) fn damaged(path: &Path) -> String {
    format!("{} is damaged, or its training has diverged", path.display())
}
