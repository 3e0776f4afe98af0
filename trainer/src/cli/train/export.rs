//! The results of a run: the model files, the loss curve, and a summary.

use std::io::{IsTerminal, Write};
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use clap::ValueEnum;
use pipsqueak::internal::file::Provenance;
use pipsqueak::{Generator, Precision, Sampling};

use super::super::inspect::print_footprint;
use super::super::shape::PrecisionName;
use super::super::shell::{quoted, quoted_path};
use super::learn::Learned;
use super::{Data, Train};
use crate::cli::output::{remark, say};
use crate::cli::{chart, progress};
use crate::export::decoding::{self, OwnedMemory};
use crate::export::model_file::{self, ModelFile};
use crate::files::{self, Kind};
use crate::network::rounding::Rounding;
use crate::training::Training;
use crate::training::curve::Curve;
use crate::training::parameters::Parameters;

/// A text that has gone by this often has little more to teach.
const OFTEN: f64 = 10.0;
/// Tokens of the sample in the summary.
const SAMPLE_TOKENS: u32 = 120;

impl Train {
    /// Writes the model files, and prints what has come of it.
    pub(super) fn export(&self, training: &Training, data: &Data, learned: Learned) -> Result<()> {
        let Learned { mut curve, rescue } = learned;
        say!("validating ...");
        let loss_f32 = training.loss_over_split(&data.validation, Rounding::None)?;
        let weights = training.weights();
        let chosen = data.plan.precision;
        let (mut lines, mut written) = (vec![("f32", loss_f32)], None);
        // A file in f32 that can't be written must not keep the model from being written.
        let mut f32_written = Ok(());
        for &name in PrecisionName::value_variants() {
            let precision = Precision::from(name);
            if precision == Precision::F32 && self.f32_out.is_none() && chosen != precision {
                continue;
            }
            let file = self.model_file(training, &weights, data, precision, loss_f32)?;
            if precision != Precision::F32 {
                lines.push((precision.name(), file.model()?.provenance().loss.into()));
            }
            if let (Precision::F32, Some(path)) = (precision, &self.f32_out) {
                f32_written = save(&file, path, rescue.as_deref());
            }
            if precision == chosen {
                save(&file, &self.out, rescue.as_deref())?;
                written = Some(file);
            }
        }
        let file = written.expect("the precision is one of those that there are");
        say!("\nvalidation     nats a token   bits per byte");
        for (name, loss) in lines {
            let bits = loss / data.bytes_per_token / std::f64::consts::LN_2;
            say!("  {name:<12} {loss:>12.4}   {bits:>13.4}");
        }
        if curve.validation.last().is_none_or(|&(step, _)| step < training.steps) {
            curve.validation.push((training.steps, loss_f32));
        }
        self.draw(&curve, training.steps, data)?;
        let model = file.model()?;
        say!("\nwritten        {}", self.out.display());
        print_footprint(model.config(), model.precision(), model.file_bytes() as u64);
        let sample = sample(&file, SAMPLE_TOKENS)?;
        say!("\na sample       {}", sample.trim().replace('\n', "\n               "));
        self.say_what_next(data);
        f32_written
    }

    /// The loss curve: a file beside the model, and on the terminal where this is one.
    fn draw(&self, curve: &Curve, written: u64, data: &Data) -> Result<()> {
        if let Some(path) = self.plot() {
            let svg = chart::svg(curve, &format!("{}: {}", self.out.display(), data.name), written)?;
            match files::write(&path, Kind::Plot, |out| out.write_all(svg.as_bytes())) {
                Ok(()) => say!("\nloss curve     {}", path.display()),
                Err(error) => remark!("warning: {error:#}"),
            }
        }
        if std::io::stdout().is_terminal() {
            let (_, columns) = console::Term::stdout().size();
            say!("{}", chart::terminal(curve, columns));
        }
        Ok(())
    }

    fn say_what_next(&self, data: &Data) {
        let model = quoted_path(&self.out);
        let prompt = quoted(&data.prompt);
        say!("\nnext           pipsqueak generate --model {model} --prompt {prompt}");
        say!("               pipsqueak eval --model {model} --text another.txt");
        say!("               cargo xtask run --model {model}   (on an emulated board)");
        let passes = data.run.passes;
        if passes >= OFTEN {
            say!(
                "               more text would help it most: this one went by {passes:.0} times (or --from a trained model)"
            );
        } else {
            say!(
                "               more --steps, or a larger --width where the board has room, would help it most"
            );
        }
    }

    /// Quantises, and notes the loss that the core's decoder then has.
    fn model_file(
        &self,
        training: &Training,
        weights: &Parameters<f32>,
        data: &Data,
        precision: Precision,
        loss_f32: f64,
    ) -> Result<ModelFile> {
        let file = self.build(training, weights, data, precision, [loss_f32, f64::NAN])?;
        let bar = progress::tokens(data.validation.tokens.len() as u64 - 1);
        let loss = decoding::loss_over(&file.model()?, &data.validation, |tokens| bar.inc(tokens))?;
        bar.finish_and_clear();
        self.build(training, weights, data, precision, [loss_f32, loss])
    }

    fn build(
        &self,
        training: &Training,
        weights: &Parameters<f32>,
        data: &Data,
        precision: Precision,
        [loss_f32, loss]: [f64; 2],
    ) -> Result<ModelFile> {
        let provenance = Provenance {
            corpus: &data.name,
            licence: self.licence(),
            corpus_crc: data.crc,
            steps: training.steps as u32,
            loss_f32: loss_f32 as f32,
            loss: loss as f32,
            bytes_per_token: data.bytes_per_token as f32,
        };
        model_file::build(&training.config, precision, &data.vocabulary, provenance, |p| weights.get(p))
            .context("training has diverged; lower --learning-rate")
    }

    /// Of the text.
    pub(super) fn licence(&self) -> &str {
        if self.source.built_in { "MIT OR Apache-2.0" } else { &self.licence }
    }

    /// A sample of the text that the model writes at this point.
    pub(super) fn glimpse(&self, training: &Training, data: &Data, tokens: u32) -> Result<String> {
        let precision = training.rounds_to().unwrap_or(Precision::F32);
        sample(&self.build(training, &training.weights(), data, precision, [f64::NAN; 2])?, tokens)
    }
}

/// Writes a model file, or says how to get at what is learned.
fn save(file: &ModelFile, path: &Path, rescue: Option<&str>) -> Result<()> {
    file.save(path).map_err(|error| match rescue {
        Some(rescue) => anyhow!("{error:#}; {rescue}"),
        None => error,
    })
}

fn sample(file: &ModelFile, tokens: u32) -> Result<String> {
    let model = file.model()?;
    let mut memory = OwnedMemory::of(&model);
    let mut generator = Generator::new(model, memory.buffers())?;
    generator.start("", Sampling::default(), 42)?;
    let mut text = String::new();
    while generator.tokens() < tokens {
        let Some(piece) = generator.next_piece() else { break };
        text += piece;
    }
    Ok(text)
}
