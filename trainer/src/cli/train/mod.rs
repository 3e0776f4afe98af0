//! `pipsqueak train`.

mod data;
mod export;
mod learn;
pub(super) mod recipe;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Result;
use clap::Args;
use pipsqueak::Config;

use super::shape::{Chip, PrecisionName, Shape};
use crate::cli::human::{self, ByteCount};
use crate::data::text::Documents;
use crate::data::vocabulary::Tokens;
use crate::files::{self, Files, Kind};
use crate::training::{Training, parallel};
use data::Data;
use recipe::Recipe;

/// Learn from a text, and write a model file.
///
/// The last part of the text is kept back to validate with. Ctrl-C stops after the step and writes what is learnt;
/// --resume then goes on.
#[derive(Debug, Args)]
#[command(allow_negative_numbers = true)]
#[command(after_help = "\
Examples:
  pipsqueak train --built-in --out stories.pip
  pipsqueak train --text diary.txt --out diary.pip --steps 5000
  pipsqueak train --text diary.txt --out diary.pip --board 'Raspberry Pi Pico'
  pipsqueak train --text diary.txt --out diary.pip --flash 256K --ram 64K
  pipsqueak train --pairs orders.tsv --out obey.pip
  pipsqueak train --text notes.txt --tokens characters --width 64 --layers 3 --out notes.pip

Documents in the text may be divided by lines that say <|endoftext|>, or with --documents blank-lines by blank
lines; the model then learns to end them.

With --pairs only the answers are learnt. Give such a model a prompt as it stands in the file: it writes a newline, the
answer, and ends.")]
pub struct Train {
    /// The UTF-8 text to learn from
    #[arg(long, required_unless_present_any = ["built_in", "pairs"], conflicts_with_all = ["built_in", "pairs"])]
    text: Option<PathBuf>,
    /// Prompts with their answers to learn from, for a board that answers: lines of a prompt, a tab and an answer
    #[arg(long, value_name = "FILE.tsv", conflicts_with = "built_in")]
    pairs: Option<PathBuf>,
    /// How documents are told apart in the text; the model learns to end them
    #[arg(long, value_enum, default_value_t = Documents::Auto)]
    documents: Documents,
    /// Learn from the built-in stories
    #[arg(long)]
    built_in: bool,
    /// How much of the built-in stories
    #[arg(long, default_value = "16M", requires = "built_in")]
    corpus_bytes: ByteCount,
    /// The model file to write
    #[arg(long)]
    out: PathBuf,
    /// Number format of the model file [default: int8, or what a --board is best used with]
    #[arg(long, value_enum)]
    precision: Option<PrecisionName>,
    /// Also write the model in f32, to compare with
    #[arg(long)]
    f32_out: Option<PathBuf>,
    /// The loss curve to draw [default: the model file's name with .svg]
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<PathBuf>,
    /// Licence of the text, to be noted in the model file
    #[arg(long, default_value = "")]
    licence: String,

    /// How text is cut into tokens
    #[arg(long, value_enum, default_value_t = Tokens::Bpe)]
    tokens: Tokens,
    /// Number of tokens of a BPE vocabulary [default: 512, or what suits a --board]
    #[arg(long)]
    vocab: Option<usize>,
    #[command(flatten)]
    chip: Chip,
    #[command(flatten)]
    shape: Shape,
    #[command(flatten)]
    recipe: Recipe,

    /// The checkpoint [default: the model file's name with .checkpoint.safetensors]
    #[arg(long, value_name = "FILE", help_heading = "Checkpoints")]
    checkpoint: Option<PathBuf>,
    /// Write a checkpoint every so many steps, and at the end; changes no result [default: about once a minute]
    #[arg(long, value_name = "STEPS", help_heading = "Checkpoints", value_parser = clap::value_parser!(u64).range(1..))]
    checkpoint_every: Option<u64>,
    /// Go on from the checkpoint, bit for bit as if the run had never stopped
    #[arg(long, help_heading = "Checkpoints")]
    resume: bool,
}

impl Train {
    pub(super) fn run(self) -> Result<()> {
        self.recipe.check()?;
        self.files().check()?;
        let data = self.data()?;
        let config = &data.plan.config;
        let mut training = Training::new(config, self.recipe.hyper_parameters(), self.recipe.seed)?;
        training.quantization = self.recipe.quantization(data.plan.precision);
        self.announce(config, &data);

        let started = Instant::now();
        let curve = parallel::with_pool(training.threads, || self.learn(&mut training, &data))?;
        let seconds = started.elapsed().as_secs_f64();
        let tokens = training.steps * (self.recipe.batch * config.context) as u64;
        println!(
            "\nlearnt {} tokens in {} steps and {}",
            human::count(tokens),
            human::count(training.steps),
            human::seconds(seconds)
        );
        self.export(&training, &data, curve)
    }

    fn files(&self) -> Files {
        let mut files = Files::default();
        if let Some(text) = &self.text {
            files.reads("--text", text);
        }
        if let Some(pairs) = &self.pairs {
            files.reads("--pairs", pairs);
        }
        files.writes("--out", &self.out, Kind::Model);
        if let Some(path) = &self.f32_out {
            files.writes("--f32-out", path, Kind::Model);
        }
        match &self.checkpoint() {
            Some(path) if self.resume => files.continues("--checkpoint", path),
            Some(path) => files.writes("--checkpoint", path, Kind::Checkpoint),
            None => {}
        }
        if let Some(path) = &self.plot() {
            files.writes("--plot", path, Kind::Plot);
        }
        files
    }

    /// Where the run's checkpoint lies.
    fn checkpoint(&self) -> Option<PathBuf> {
        self.checkpoint.clone().or_else(|| self.beside_the_model("checkpoint.safetensors"))
    }

    /// Where the loss curve is to lie.
    fn plot(&self) -> Option<PathBuf> {
        self.plot.clone().or_else(|| self.beside_the_model("svg"))
    }

    /// The model file's name with another extension; none where that is a pipe or a terminal.
    fn beside_the_model(&self, extension: &str) -> Option<PathBuf> {
        (!files::is_special(&self.out)).then(|| self.out.with_extension(extension))
    }

    fn announce(&self, config: &Config, data: &Data) {
        println!(
            "{}: {} tokens to learn from, {} to validate with",
            data.name,
            human::count(data.training.tokens.len() as u64),
            human::count(data.validation.tokens.len() as u64)
        );
        println!("{}", data.plan.describe());
        let memory = Training::bytes(config, self.recipe.batch, config.context, parallel::available()) as u64;
        println!("training takes about {} MiB of memory", human::count(memory >> 20));
    }
}
