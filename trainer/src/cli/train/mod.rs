//! `pipsqueak train`.

mod data;
mod export;
mod learn;
pub(super) mod recipe;
mod start;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Result;
use clap::Args;
use pipsqueak::Config;

use super::options;
use super::shape::{Chip, PrecisionName, Shape};
use super::source::{Source, TokenOptions};
use crate::cli::output::say;
use crate::files::{self, Files, Kind};
use crate::human;
use crate::training::parameters::Parameters;
use crate::training::{Training, parallel};
use data::Data;
use recipe::Recipe;

/// Learn from a text, and write a model file.
///
/// The end of the text is kept back to validate with. Ctrl-C stops after the current step and writes the model as it then
/// is; --resume continues.
#[derive(Debug, Args)]
#[command(allow_negative_numbers = true)]
#[command(after_help = "\
Examples:
  pipsqueak train --built-in --out stories.pip
  pipsqueak train --text diary.txt --out diary.pip --steps 5000
  pipsqueak train --text diary.txt --out diary.pip --board 'Raspberry Pi Pico'
  pipsqueak train --text diary.txt --out diary.pip --flash 256K --ram 64K
  pipsqueak train --pairs orders.tsv --out obey.pip
  pipsqueak train --text diary.txt --from pretrained/english.pip --out diary.pip
  pipsqueak train --text notes.txt --tokens characters --width 64 --layers 3 --out notes.pip

Documents in the text may be divided by lines that say <|endoftext|>, or with --documents blank-lines by blank
lines; the model then learns to end them.

With --pairs only the answers are learned. Give such a model a prompt as it stands in the file: it writes a newline, the
answer, and ends.")]
pub struct Train {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    tokens: TokenOptions,

    /// Go on from this model, with its shape and vocabulary: a model file, or a checkpoint
    #[arg(long, value_name = "MODEL", conflicts_with_all = FIXED_BY_A_MODEL)]
    from: Option<PathBuf>,

    /// The model file to write
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Number format of the model file [default: int8, or what suits a --board best]
    #[arg(long, value_enum)]
    precision: Option<PrecisionName>,
    /// Also write the model in f32, to compare with
    #[arg(long, value_name = "FILE")]
    f32_out: Option<PathBuf>,
    /// The loss curve to draw [default: the model file's name with .svg]
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<PathBuf>,
    /// Licence of the text, to be noted in the model file
    #[arg(long, default_value = "", value_parser = options::name)]
    licence: String,

    #[command(flatten)]
    chip: Chip,
    #[command(flatten)]
    shape: Shape,
    #[command(flatten)]
    recipe: Recipe,

    /// The checkpoint [default: the model file's name with .checkpoint.safetensors]
    #[arg(long, value_name = "FILE", help_heading = "Checkpoints")]
    checkpoint: Option<PathBuf>,
    /// Steps from one checkpoint to the next; changes no result [default: about a minute]
    #[arg(long, value_name = "STEPS", help_heading = "Checkpoints", value_parser = options::whole::<u64>(1..=1_000_000_000))]
    checkpoint_every: Option<u64>,
    /// Continue from the checkpoint, bit for bit as if the run had never stopped
    #[arg(long, help_heading = "Checkpoints")]
    resume: bool,
}

/// The options that a model to go on from has decided about.
const FIXED_BY_A_MODEL: [&str; 26] = [
    "tokens",
    "vocab",
    "board",
    "flash",
    "ram",
    "context",
    "width",
    "layers",
    "loops",
    "experts",
    "active_experts",
    "bigrams",
    "per_layer_embeddings",
    "no_per_layer_embeddings",
    "latent",
    "latent_rotary",
    "heads",
    "kv_heads",
    "hidden",
    "position",
    "rotary_base",
    "norm",
    "mlp",
    "bias",
    "untied",
    "no_residual",
];

/// Memory of the program itself, with its threads.
const PROGRAM_BYTES: usize = 14 << 20;
/// Copies of the weights that are made besides those of the steps: a checkpoint's four tensors of each parameter, first by
/// themselves and then as a file, the best weights, and the weights as they are rounded.
const SAVED_TENSORS: usize = 10;

impl Train {
    pub(super) fn run(self) -> Result<()> {
        self.files().check()?;
        self.shape.check()?;
        let data = self.data()?;
        let config = &data.plan.config;
        let mut training = Training::new(config, data.run.hyper_parameters, self.recipe.seed)?;
        if let Some(start) = &data.start {
            training.parameters.clone_from(&start.parameters);
        }
        training.quantization = data.run.quantization(data.plan.precision);
        self.announce(config, &data);

        let started = Instant::now();
        let learned = parallel::with_pool(training.threads, || self.learn(&mut training, &data))?;
        let seconds = started.elapsed().as_secs_f64();
        let steps = training.steps;
        let tokens = steps * (self.recipe.batch * config.context) as u64;
        say!(
            "\nlearned {} tokens in {} steps and {}",
            human::count(tokens),
            human::count(steps),
            human::seconds(seconds)
        );
        training.return_to_best();
        if training.steps < steps {
            say!(
                "the weights that are kept are those after {} steps, which predicted the held-out text best (--keep last)",
                human::count(training.steps)
            );
        }
        self.export(&training, &data, learned)
    }

    fn files(&self) -> Files {
        let mut files = Files::default();
        self.source.note(&mut files);
        if let Some(path) = &self.from {
            files.reads("--from", path);
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
        let validation = if data.held_out {
            format!("{} to validate with", human::count(data.validation.tokens.len() as u64))
        } else {
            "none kept back: the losses called validation are of the same tokens".into()
        };
        say!("{}: {} tokens to learn from, {validation}", data.name, human::count(data.tokens as u64));
        say!("{}", data.plan.describe());
        let training = Training::bytes(config, self.recipe.batch, config.context, parallel::available());
        let besides = SAVED_TENSORS * Parameters::<f32>::bytes(config) + data.bytes();
        let most = PROGRAM_BYTES + data.reading_bytes.max(training + besides);
        say!("training takes about {} MiB of memory, reading included", human::count(most as u64 >> 20));
    }
}

#[cfg(test)]
mod tests {
    use clap::Command;

    use super::*;

    #[test]
    fn a_model_to_go_on_from_has_decided_about_every_option_of_the_shape() {
        let command = Train::augment_args(Command::new("train"));
        let shape = command.get_arguments().filter(|option| {
            matches!(option.get_help_heading(), Some("Shape" | "Board")) && option.get_id() != "precision"
        });
        let free: Vec<&str> = shape
            .map(|option| option.get_id().as_str())
            .filter(|id| !FIXED_BY_A_MODEL.contains(id))
            .collect();
        assert!(free.is_empty(), "{free:?}");
    }
}
