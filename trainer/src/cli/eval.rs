//! `pipsqueak eval`.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Result, bail, ensure};
use clap::{Args, ValueEnum};
use pipsqueak::{Model, Precision};

use super::eval_pairs::{PairsOptions, Questions};
use super::options::whole;
use super::progress::Passes;
use super::shape::PrecisionName;
use super::source::{self, ReadingOptions};
use super::words;
use crate::cli::output::say;
use crate::cli::progress;
use crate::data::batches::Split;
use crate::data::unseen::{self, Unseen};
use crate::data::vocabulary::{self, OwnedVocabulary, Read};
use crate::data::{clean, text};
use crate::export::model_file::{self, ModelFile};
use crate::export::{decoding, dequantize};
use crate::files;
use crate::human;

/// Measure how well a model predicts a text, or how many prompts it answers as it should, with the code and the numbers that the
/// board runs.
///
/// Characters that the model never saw are read as their variants (curly quotes as straight ones, é as e) or left out, and
/// listed.
#[derive(Debug, Args)]
#[command(allow_negative_numbers = true)]
#[command(after_help = "\
Examples:
  pipsqueak eval --model stories.pip --text other.txt
  pipsqueak eval --model stories.pip --text other.txt --tokens 5000
  pipsqueak eval --model obey.pip --pairs orders.tsv --answers answers.txt
  pipsqueak eval --model obey.pip --pairs orders.tsv --validation 0.1   (of a model that train --validation 0.1 made)
  pipsqueak eval --model stories-f32.pip --text other.txt --precision all   (of a file that train --f32-out wrote)")]
pub struct Eval {
    /// The model file
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// The text
    #[arg(long, value_name = "FILE", required_unless_present = "pairs", conflicts_with = "pairs")]
    text: Option<PathBuf>,
    #[command(flatten)]
    pairs: PairsOptions,
    /// Measure only this many tokens from its beginning [default: all]
    #[arg(long, value_name = "COUNT", conflicts_with = "pairs", value_parser = whole::<usize>(2..=u64::from(u32::MAX)))]
    tokens: Option<usize>,
    #[command(flatten)]
    reading: ReadingOptions,
    /// Refuse a text with a character that the model never saw
    #[arg(long)]
    strict: bool,
    /// Number formats: the file's own, or all that an f32 model can be given
    #[arg(long, value_enum, default_value_t = Precisions::Own)]
    precision: Precisions,
}

/// Which number formats to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Precisions {
    /// The file's own
    Own,
    /// Every one, quantised from f32
    All,
}

/// Loss and speed of one model.
struct Measured {
    loss: f64,
    tokens_a_second: f64,
}

impl Eval {
    pub(super) fn run(self) -> Result<()> {
        let file = ModelFile::read(&self.model)?;
        let model = file.model()?;
        if self.precision == Precisions::All {
            refuse_integers(&model)?;
        }
        match (&self.text, self.pairs.read(&model, self.strict)?) {
            (_, Some(questions)) => self.ask(&model, &questions),
            (Some(text), None) => self.predict(&model, text),
            (None, None) => bail!("name what to measure with --text or --pairs"),
        }
    }

    /// Measures how well `model` answers.
    fn ask(&self, model: &Model<'_>, questions: &Questions) -> Result<()> {
        match self.precision {
            Precisions::Own => questions.print(model, &questions.ask(model)?),
            Precisions::All => {
                questions.print_head();
                each_precision(model, |model| {
                    questions.print_row(model, &questions.ask(model)?);
                    Ok(())
                })?;
            }
        }
        Ok(())
    }

    /// Measures how well `model` predicts the text of the file `path`.
    fn predict(&self, model: &Model<'_>, path: &Path) -> Result<()> {
        let corpus = source::read_text(path, &self.reading)?;
        let Read { mut tokens, bytes, unseen } =
            vocabulary::read(model.tokenizer(), &corpus, &Passes::default())?;
        self.report(path, corpus.name(), unseen)?;
        let bytes_per_token = bytes as f64 / tokens.len() as f64;
        tokens.truncate(self.tokens.unwrap_or(usize::MAX));
        ensure!(
            tokens.len() >= 2,
            "{} has {} to predict; it takes 2",
            corpus.name(),
            human::counted(tokens.len(), "token")
        );
        let split = Split::of_text(tokens);
        match self.precision {
            Precisions::Own => print_one(model, &measure(model, &split)?, split.weight(), bytes_per_token),
            Precisions::All => print_all(model, &split, bytes_per_token)?,
        }
        Ok(())
    }

    /// Says which characters the model never saw, or refuses them.
    fn report(&self, path: &Path, name: &str, mut unseen: Vec<Unseen>) -> Result<()> {
        if unseen.is_empty() {
            return Ok(());
        }
        // Not of a pipe, which cannot be read twice.
        if !files::is_special(path) {
            unseen::place(&mut unseen, &clean::plain(text::read_text(path)?));
        }
        let listed = words::list(&unseen);
        ensure!(
            !self.strict,
            "{name} has characters that the model never saw: {listed}; without --strict they are replaced or left out"
        );
        say!("{name} has characters that the model never saw: {listed}");
        say!("train with a text that has them, or change the text, to measure them too");
        Ok(())
    }
}

fn measure(model: &Model<'_>, split: &Split) -> Result<Measured> {
    let bar = progress::tokens(split.tokens.len() as u64 - 1);
    let started = Instant::now();
    let loss = decoding::loss_over(model, split, |tokens| bar.inc(tokens))?;
    let tokens_a_second = split.weight() / started.elapsed().as_secs_f64();
    bar.finish_and_clear();
    Ok(Measured { loss, tokens_a_second })
}

fn print_one(model: &Model<'_>, measured: &Measured, tokens: f64, bytes_per_token: f64) {
    let Measured { loss, tokens_a_second } = *measured;
    say!("tokens         {}", human::count(tokens as u64));
    say!("precision      {}", model.precision().name());
    say!("loss           {loss:.4} nats a token");
    say!("bits per byte  {:.4}", loss / bytes_per_token / std::f64::consts::LN_2);
    say!("perplexity     {:.3}", loss.exp());
    say!("tokens/s       {}", human::count(tokens_a_second as u64));
}

/// A line for each number format, and how much larger its loss is than that of f32.
fn print_all(model: &Model<'_>, split: &Split, bytes_per_token: f64) -> Result<()> {
    let f32 = measure(model, split)?.loss;
    say!("tokens         {}\n", human::count(split.weight() as u64));
    say!("precision   nats a token   bits per byte   perplexity   against f32     tokens/s");
    each_precision(model, |model| {
        let Measured { loss, tokens_a_second } = measure(model, split)?;
        say!(
            "{:<9} {loss:>14.4} {:>15.4} {:>12.3} {:>+12.2} % {:>12}",
            model.precision().name(),
            loss / bytes_per_token / std::f64::consts::LN_2,
            loss.exp(),
            100.0 * (loss / f32 - 1.0),
            human::count(tokens_a_second as u64)
        );
        Ok(())
    })
}

fn refuse_integers(model: &Model<'_>) -> Result<()> {
    let name = model.precision().name();
    ensure!(
        model.precision() == Precision::F32,
        "the model is {name}, and only an f32 model can be given every precision: \
         `pipsqueak train --f32-out` writes one"
    );
    Ok(())
}

/// Calls `measure` with the f32 `model` in every number format.
fn each_precision(model: &Model<'_>, mut measure: impl FnMut(&Model<'_>) -> Result<()>) -> Result<()> {
    let parameters = dequantize::parameters(model);
    let vocabulary = OwnedVocabulary::of_model(model);
    for &name in PrecisionName::value_variants() {
        let precision = Precision::from(name);
        let provenance = *model.provenance();
        let file =
            model_file::build(model.config(), precision, &vocabulary, provenance, |p| parameters.get(p))?;
        measure(&file.model()?)?;
    }
    Ok(())
}
