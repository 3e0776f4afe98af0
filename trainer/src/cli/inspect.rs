//! `pipsqueak inspect`.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use pipsqueak::internal::Parameter;
use pipsqueak::{Config, Model, Precision};

use super::options;
use super::plan::Plan;
use super::shape::{Chip, PrecisionName, Shape};
use crate::cli::output::say;
use crate::export::model_file::ModelFile;
use crate::human;
use crate::sizing::boards::{BOARDS, FIRMWARE_FLASH_BYTES, FIRMWARE_RAM_BYTES, Footprint};
use crate::sizing::budget;
use crate::sizing::shape::weights;

/// Show a model's shape, its parameters, its flash and RAM to the byte, and which boards it fits.
///
/// Without a model file, the same of a shape that is not trained yet, or of the shape that `train` would choose for a board;
/// the text of its vocabulary, which the file holds too, is then not counted.
#[derive(Debug, Args)]
#[command(allow_negative_numbers = true)]
#[command(after_help = "\
Examples:
  pipsqueak inspect --model stories.pip
  pipsqueak inspect --width 64 --layers 5 --vocab 512 --context 256
  pipsqueak inspect --board 'Raspberry Pi Pico'")]
pub struct Inspect {
    /// The model file
    #[arg(long, value_name = "FILE", conflicts_with_all = ["vocab", "precision", "Chip", "Shape"])]
    model: Option<PathBuf>,
    /// Number of tokens [default: 512, or what suits a --board]
    #[arg(long, value_name = "TOKENS", value_parser = options::whole::<usize>(2..=65_535))]
    vocab: Option<usize>,
    /// Number format [default: int8, or what suits a --board best]
    #[arg(long, value_enum)]
    precision: Option<PrecisionName>,
    #[command(flatten)]
    chip: Chip,
    #[command(flatten)]
    shape: Shape,
}

impl Inspect {
    pub(super) fn run(self) -> Result<()> {
        if let Some(path) = self.model {
            let file = ModelFile::read(&path)?;
            let model = file.model()?;
            say!("file           {}", path.display());
            print_provenance(&model);
            print_footprint(model.config(), model.precision(), model.file_bytes() as u64);
        } else {
            let plan = Plan::without_text(&self.chip, &self.shape, self.vocab, self.precision)?;
            print_footprint(&plan.config, plan.precision, budget::tensor_bytes(&plan.config, plan.precision));
        }
        Ok(())
    }
}

fn print_provenance(model: &Model<'_>) {
    let provenance = model.provenance();
    say!("trained on     {}, {} steps", provenance.corpus, human::count(provenance.steps.into()));
    if !provenance.licence.is_empty() {
        say!("licence        {}", provenance.licence);
    }
    for (name, loss) in [("f32", provenance.loss_f32), (model.precision().name(), provenance.loss)] {
        if loss.is_finite() {
            say!("loss {name:9} {loss:.4} nats a token{}", bits_per_byte(loss, provenance.bytes_per_token));
        }
    }
}

fn bits_per_byte(loss: f32, bytes_per_token: f32) -> String {
    let bits = loss / bytes_per_token / std::f32::consts::LN_2;
    if bytes_per_token > 0.0 { format!(", {bits:.4} bits per byte") } else { String::new() }
}

/// Prints shape, parameters, sizes and boards.
pub(super) fn print_footprint(config: &Config, precision: Precision, model_bytes: u64) {
    let parameters = weights(config);
    let Config { vocab, context, width, layers, heads, kv_heads, hidden, .. } = *config;
    let (layers, heads) = (human::counted(layers, "layer"), human::counted(heads, "head"));
    say!("shape          {layers}, width {width}, {heads} ({kv_heads} for keys), hidden {hidden}");
    if config.loops > 1 {
        say!("               gone through {} times: as deep as {} layers", config.loops, config.depth());
    }
    if config.experts > 1 {
        let of_token = Config { experts: config.active_experts, active_experts: 1, ..config.clone() };
        let routers = [&of_token, config].map(|config| Parameter::Router.shape(config).len());
        let token = weights(&of_token) - routers[0] + routers[1];
        let token = human::count(token as u64);
        say!(
            "               {} experts a layer, {} for a token, which goes through {token} parameters",
            config.experts,
            config.active_experts
        );
    }
    if config.bigrams > 0 {
        say!("               embeddings of pairs of tokens: {} rows", human::count(config.bigrams as u64));
    }
    if config.per_layer_embeddings {
        say!("               embeddings of its own for each layer");
    }
    if config.latent > 0 {
        say!(
            "               latent attention: {} values and {} for positions stand for all heads' keys and values",
            config.latent,
            config.latent_rotary
        );
    }
    say!("               {vocab} tokens, context {context}");
    say!(
        "               {:?} positions, {:?} norm, {:?} MLP with {:?}{}{}{}",
        config.position,
        config.norm,
        config.mlp,
        config.activation,
        if config.bias { ", biases" } else { "" },
        if config.tied { ", tied head" } else { "" },
        if config.residual { "" } else { ", no residuals" },
    );
    say!("parameters     {}, {}", human::count(parameters as u64), precision.name());
    let footprint = Footprint::of(config, precision, model_bytes);
    say!("flash          {} model", human::bytes(footprint.model_bytes));
    say!(
        "               {} with the firmware, of about {} KiB",
        human::bytes(footprint.flash_bytes()),
        FIRMWARE_FLASH_BYTES / 1024
    );
    say!("RAM            {} memory", human::bytes(footprint.memory_bytes));
    say!(
        "               {} with the firmware and its stack, of about {} KiB",
        human::bytes(footprint.ram_bytes()),
        FIRMWARE_RAM_BYTES / 1024
    );
    print_boards(&footprint);
}

fn print_boards(footprint: &Footprint) {
    say!("\nboard                  flash KiB  RAM KiB");
    for board in &BOARDS {
        let verdict = footprint.lacks(board).unwrap_or("fits".into());
        say!("{:<22} {:>9} {:>8}  {verdict}", board.name, board.flash_bytes / 1024, board.ram_bytes / 1024);
    }
}
