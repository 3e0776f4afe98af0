//! `pipsqueak import --calibrate`: rounding by what the model does with a text.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use pipsqueak::internal::file::Provenance;
use pipsqueak::internal::packing::Format;
use pipsqueak::{Config, Precision};

use super::progress::{self, Passes};
use super::source;
use super::words;
use crate::calibration::{bytes_per_token, calibrate, steps};
use crate::cli::output::say;
use crate::data::batches::{Split, consecutive};
use crate::data::text::{self, Corpus, Documents, Reading};
use crate::data::vocabulary::{self, OwnedVocabulary, Read};
use crate::export::decoding::loss_over;
use crate::export::model_file::{self, ModelFile};
use crate::human;
use crate::training::parameters::Parameters;

/// More tokens gain little: for stories260K in int4, four times 16,384 lowered the loss by 0.004 nats.
const TOKENS_MAX: usize = 65_536;
/// Fewer say too little about a matrix.
const TOKENS_MIN: usize = 1000;
/// Memory for the text's activations.
const BYTES_MAX: usize = 256 << 20;
/// Bytes that are read for each token; few tokenizers have longer ones on average.
const BYTES_OF_TOKEN: usize = 8;
/// One part of the text in so many is held back.
const PARTS: usize = 10;
/// Weights that the measurement of one loss multiplies by, at most; but it takes 256 tokens, and never more than 8,192.
const PRODUCTS_MAX: usize = 1 << 36;

/// An f32 model that is about to be rounded.
pub(super) struct Imported<'a> {
    /// Of the checkpoint.
    pub(super) path: &'a Path,
    pub(super) config: &'a Config,
    pub(super) precision: Precision,
    pub(super) vocabulary: &'a OwnedVocabulary,
    pub(super) provenance: Provenance<'a>,
    pub(super) parameters: Parameters<f32>,
}

/// The beginning of a text, and the number format to round to.
pub(super) struct Calibration {
    corpus: Corpus,
    has_more: bool,
    format: Format,
}

/// A text's tokens to calibrate with, and those that are held back to measure with.
struct Text {
    used: Vec<u16>,
    held_back: Vec<u16>,
    /// Of the windows that the model reads.
    length: usize,
}

impl Calibration {
    /// With as much of the text at `path` as may be used.
    ///
    /// # Errors
    /// A text that cannot be read; f32, to which nothing is rounded.
    pub(super) fn new(path: &Path, precision: Precision) -> Result<Calibration> {
        let format = precision.format().context(
            "--calibrate rounds weights, and --precision f32 does not; leave one of them out, or name int8, int4 or ternary",
        )?;
        let (text, has_more) = text::read_beginning(path, TOKENS_MAX * BYTES_OF_TOKEN)?;
        let reading =
            Reading { documents: Documents::Auto, joins_lines: true, leaves_out_library_text: true };
        let corpus = Corpus::from_file(text, &text::file_name(path), reading)?;
        source::print_changes(&corpus, false);
        Ok(Calibration { corpus, has_more, format })
    }

    /// Rounds a model by what it does with the text; or to the nearest values, where that predicts the part better that is held
    /// back.
    ///
    /// # Errors
    /// A text that is too short, weights that are no numbers, activations that overflow.
    pub(super) fn round(&self, imported: Imported<'_>) -> Result<ModelFile> {
        let Imported { path, config, precision, vocabulary, provenance, mut parameters } = imported;
        let rounded = model_file::build(config, precision, vocabulary, provenance, |p| parameters.get(p))
            .with_context(|| super::import::damaged(path))?;
        let text = self.text(&rounded, config)?;
        let shown = PRODUCTS_MAX.div_ceil(parameters.len()).clamp(256, 8192);
        let bar = progress::matrices(steps(config) as u64);
        let batch =
            consecutive(&text.used, usize::MAX, text.length).next().context("a text of some windows")?;
        let scales = calibrate(config, &mut parameters, batch.windows(), self.format, &|| bar.inc(1))?;
        bar.finish_and_clear();
        let calibrated =
            model_file::build_rounded(config, precision, vocabulary, provenance, parameters, &scales)?;
        let files = [&rounded, &calibrated];
        say!("{:<27} {:>14} {:>12}", "loss, nats a token", "to the nearest", "calibrated");
        print_losses("the text calibrated with", &text.used, shown, files)?;
        let [before, after] = print_losses("its end, held back", &text.held_back, shown, files)?;
        if after < before {
            return Ok(calibrated);
        }
        say!(
            "calibration does not pay here, so the weights are rounded to the nearest; try a text more like the model's"
        );
        Ok(rounded)
    }

    /// The tokens of the text.
    fn text(&self, file: &ModelFile, config: &Config) -> Result<Text> {
        let name = self.corpus.name();
        let read = vocabulary::read(file.model()?.tokenizer(), &self.corpus, &Passes::default())?;
        let Read { mut tokens, unseen, .. } = read;
        if !unseen.is_empty() {
            let listed = words::list(&unseen);
            say!("{name} has characters that the model has no token for, replaced or left out: {listed}");
        }
        ensure!(
            tokens.len() >= TOKENS_MIN,
            "{name} has {} for --calibrate; it takes {} or more: name a longer text",
            human::counted(tokens.len(), "token"),
            human::count(TOKENS_MIN as u64)
        );
        let most = TOKENS_MAX.min(BYTES_MAX / bytes_per_token(config)).max(TOKENS_MIN);
        let which = if self.has_more || tokens.len() > most { "the first " } else { "" };
        tokens.truncate(most);
        let held_back = tokens.split_off(tokens.len() - tokens.len() / PARTS);
        say!(
            "calibration    {which}{} tokens of {name}, and {} behind them held back to measure with",
            human::count(tokens.len() as u64),
            human::count(held_back.len() as u64)
        );
        let length = config.context.min(tokens.len() / PARTS);
        Ok(Text { used: tokens, held_back, length })
    }
}

/// Prints and returns the losses of both files over about the first `count` of some tokens.
fn print_losses(what: &str, tokens: &[u16], count: usize, files: [&ModelFile; 2]) -> Result<[f64; 2]> {
    let split = Split::of_text(tokens[..tokens.len().min(count)].to_vec());
    let mut losses = [0.0; 2];
    for (loss, file) in losses.iter_mut().zip(files) {
        let bar = progress::tokens(split.tokens.len() as u64 - 1);
        *loss = loss_over(&file.model()?, &split, |tokens| bar.inc(tokens))?;
        bar.finish_and_clear();
    }
    say!("{what:<27} {:>14.4} {:>12.4}", losses[0], losses[1]);
    Ok(losses)
}
