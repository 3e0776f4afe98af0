//! `pipsqueak sweep`.

use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use clap::Args;
use pipsqueak::internal::file::Provenance;
use pipsqueak::{Config, Precision};

use super::interrupt::stop_on_ctrl_c;
use super::plan::{settle, tables};
use super::progress::Passes;
use super::shape::{Chip, PrecisionName, Shape};
use super::shell::quoted;
use super::source::{Source, TokenOptions};
use super::train::recipe::{Amount, Recipe};
use crate::cli::output::say;
use crate::cli::{progress, sweep_chart};
use crate::data::batches::{Batches, Split};
use crate::data::material::{Encoded, Material};
use crate::data::text::{Corpus, file_name};
use crate::data::vocabulary::{OwnedVocabulary, Tokens};
use crate::export::decoding;
use crate::export::model_file;
use crate::files::{self, Files, Kind};
use crate::human::{self, Seconds};
use crate::optimizer::schedule::Schedule;
use crate::sizing::budget::Budget;
use crate::sizing::shape::weights;
use crate::sizing::sweep::{self, Candidate, KEEP, Trial, VocabularySize};
use crate::training::{HyperParameters, Training, parallel};

/// Bytes of the kept-back text that trials are compared on.
const VALIDATION_BYTES: f64 = 16_384.0;
/// Steps that are timed, after a first one that allocates.
const TIMED_STEPS: u32 = 3;
/// The warm-up is at most one in this many steps of a short training.
const WARMUP_SHARE: u64 = 4;
/// Share of the time that measuring speeds may take before candidates are given up.
const TIMING_SHARE: f64 = 0.1;

/// Find the best shape for a board by trial.
///
/// Shapes of every depth, and of several vocabularies, that fill the board's flash are trained for a short while; the best
/// third anew for longer, and so on until the time is over. Ctrl-C ends it early and keeps what is found. Sizes that are
/// given as options (--layers, --vocab, --context, …) are fixed and not searched.
#[derive(Debug, Args)]
#[command(allow_negative_numbers = true)]
#[command(after_help = "\
Examples:
  pipsqueak sweep --text diary.txt --board 'Raspberry Pi Pico' --time 30m
  pipsqueak sweep --pairs orders.tsv --board 'micro:bit v2' --context 64
  pipsqueak sweep --built-in --flash 256K --ram 32K --time 10m --out shapes.svg")]
pub struct Sweep {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    tokens: TokenOptions,
    /// How long to search: 90s, 10m or 2h
    #[arg(long, default_value = "10m")]
    time: Seconds,
    /// The plot to write
    #[arg(long, value_name = "FILE.svg", default_value = "sweep.svg")]
    out: PathBuf,
    /// Number format of the model [default: the one that suits the board best]
    #[arg(long, value_enum)]
    precision: Option<PrecisionName>,
    #[command(flatten)]
    chip: Chip,
    #[command(flatten)]
    shape: Shape,
    #[command(flatten)]
    recipe: Recipe,
}

/// The text or the pairs in the tokens of one vocabulary.
struct Text {
    vocabulary: OwnedVocabulary,
    encoded: Encoded,
    /// The shortest context that every pair fits into; 1 for a text.
    context_min: usize,
}

/// A running sweep.
struct Search<'a> {
    command: &'a Sweep,
    precision: Precision,
    texts: Vec<Text>,
    stopped: &'a AtomicBool,
    started: Instant,
}

impl Sweep {
    pub(super) fn run(self) -> Result<()> {
        self.check_files()?;
        self.shape.check()?;
        let chip = "name the board with --board, or a chip with --flash and --ram";
        self.chip.budget(u64::MAX)?.context(chip)?;
        let stopped = stop_on_ctrl_c();
        let started = Instant::now();
        let material = self.source.read(self.recipe.seed, None)?;
        let budget = self.chip.budget(material.corpus.text_bytes() as u64)?.context(chip)?;
        let (vocab, precision) = settle(Some(&budget), &self.shape, self.tokens.vocab, self.precision);
        let passes = Passes::default();
        let vocabularies = self.vocabularies(&material.corpus, vocab, &passes)?;
        let size = |vocabulary: &OwnedVocabulary| VocabularySize {
            vocab: vocabulary.vocab(),
            bytes: vocabulary.bytes(),
        };
        let sizes: Vec<VocabularySize> = vocabularies.iter().map(size).collect();
        let partial = self.shape.partial();
        let mut candidates = sweep::candidates(&budget, &partial, &sizes, precision);
        if candidates.is_empty() {
            let first = sizes[0];
            budget.choose(&partial, first.vocab, first.bytes, precision)?;
        }
        let longest = candidates.iter().map(|candidate| candidate.config.context).max().unwrap_or(1);
        let text = |vocabulary| Text::of(vocabulary, &material, longest, &passes);
        let texts = vocabularies.into_iter().map(text).collect::<Result<Vec<Text>>>()?;
        drop((material, passes));
        let fits =
            |candidate: &Candidate| candidate.config.context >= texts[candidate.vocabulary].context_min;
        candidates.retain(fits);
        ensure!(
            !candidates.is_empty(),
            "no shape that fits has a context as long as the longest pair, {} tokens; use --context {0} with less --width",
            texts[0].context_min
        );
        let search = Search { command: &self, precision, texts, stopped, started };
        parallel::with_pool(parallel::available(), || search.run(&mut candidates))?;
        self.conclude(&budget, precision, &candidates)
    }

    fn check_files(&self) -> Result<()> {
        let mut files = Files::default();
        self.source.note(&mut files);
        files.writes("--out", &self.out, Kind::Plot);
        files.check()
    }

    /// The vocabularies to try, the one that was asked for first.
    fn vocabularies(&self, corpus: &Corpus, vocab: usize, passes: &Passes) -> Result<Vec<OwnedVocabulary>> {
        let TokenOptions { tokens, vocab: fixed } = self.tokens;
        let sizes = match fixed {
            None if tokens == Tokens::Bpe => vec![vocab, vocab / 2, 2 * vocab],
            _ => vec![vocab],
        };
        let mut all: Vec<OwnedVocabulary> = Vec::new();
        for size in sizes {
            // A text may have more different bytes than half the tokens; only the first size must do.
            let vocabulary = match OwnedVocabulary::of_corpus(corpus, tokens, size, passes) {
                Err(_) if !all.is_empty() => continue,
                vocabulary => vocabulary?,
            };
            if !all.contains(&vocabulary) {
                all.push(vocabulary);
            }
        }
        Ok(all)
    }

    /// Prints the table, draws the plot, and prints the command that trains the best shape.
    fn conclude(&self, budget: &Budget, precision: Precision, candidates: &[Candidate]) -> Result<()> {
        let ranked = sweep::ranking(candidates);
        let Some(best) = ranked.first() else {
            say!("stopped before the first trial was over: nothing is found");
            return Ok(());
        };
        say!("\n{}", table(&ranked));
        let path = self.source.text.as_ref().or(self.source.pairs.as_ref());
        let name = path.map_or("built-in stories".into(), |path| file_name(path));
        let svg = sweep_chart::svg(candidates, &format!("{name}, {} for {}", precision.name(), budget.name))?;
        // The result is told whether or not the plot can be written.
        let drawn = files::write(&self.out, Kind::Plot, |out| out.write_all(svg.as_bytes()));
        if drawn.is_ok() {
            say!("plot           {}", self.out.display());
        }
        say!("\nnext           {}", train_command(&best.config, precision));
        drawn
    }
}

impl Text {
    /// How much there is to learn.
    fn amount(&self) -> Amount {
        let Split { tokens, starts, .. } = &self.encoded.training;
        Amount { tokens: starts.is_empty().then_some(tokens.len()), goes_on: false }
    }

    fn of(vocabulary: OwnedVocabulary, material: &Material, context: usize, passes: &Passes) -> Result<Text> {
        let encoded = material.encode(&vocabulary, context, passes)?;
        let context_min = encoded.training.starts.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(1);
        ensure!(
            encoded.validation.tokens.len() >= 2,
            "{} is too short to learn from",
            material.corpus.name()
        );
        Ok(Text { vocabulary, encoded, context_min })
    }
}

impl Search<'_> {
    /// Runs rounds until one candidate is left or Ctrl-C is pressed.
    fn run(&self, candidates: &mut Vec<Candidate>) -> Result<()> {
        self.time(candidates)?;
        let affordable = sweep::affordable(candidates, self.seconds_left());
        if affordable < candidates.len() {
            say!("there is time for {affordable} of {} shapes; a longer --time tries more", candidates.len());
            candidates.truncate(affordable);
        }
        let mut order: Vec<usize> = (0..candidates.len()).collect();
        let rounds = sweep::rounds(candidates.len());
        let mut before = 0;
        for round in 0..rounds {
            let seconds = self.seconds_left();
            let running: Vec<Candidate> = order.iter().map(|&i| candidates[i].clone()).collect();
            let most = running.iter().map(|candidate| self.steps(candidate)).max().unwrap_or(1);
            let steps = sweep::steps(&running, seconds, rounds - round, most);
            if steps <= before {
                say!("\nthere is no time for a longer round");
                return Ok(());
            }
            before = steps;
            say!("\nround {} of {rounds}: {} shapes, {steps} steps each", round + 1, order.len());
            for &i in &order {
                let Some(trial) = self.trial(&mut candidates[i], steps)? else { return Ok(()) };
                say!("  {:.4} bits per byte  {}", trial.bits, describe(&candidates[i].config));
                candidates[i].trials.push(trial);
            }
            let bits = |i: &usize| candidates[*i].trials[round].bits;
            order.sort_by(|a, b| bits(a).total_cmp(&bits(b)));
            order.truncate(order.len().div_ceil(KEEP));
        }
        Ok(())
    }

    fn seconds_left(&self) -> f64 {
        self.command.time.0 - self.started.elapsed().as_secs_f64()
    }

    /// Measures what a step and a validation of each candidate take; candidates that there is no time to measure are given up.
    fn time(&self, candidates: &mut Vec<Candidate>) -> Result<()> {
        let limit = TIMING_SHARE * self.command.time.0;
        let started = Instant::now();
        for i in 0..candidates.len() {
            if i > 0 && (started.elapsed().as_secs_f64() > limit || self.is_stopped()) {
                candidates.truncate(i);
                break;
            }
            let candidate = &mut candidates[i];
            let steps = self.steps(candidate);
            let (mut training, mut batches) = self.begin(candidate, steps)?;
            training.step(&batches.next().context("batches never end")?);
            let first = Instant::now();
            for batch in batches.take(TIMED_STEPS as usize) {
                training.step(&batch);
            }
            candidate.seconds_a_step = first.elapsed().as_secs_f64() / f64::from(TIMED_STEPS);
            self.bits(candidate, &training)?;
        }
        Ok(())
    }

    /// Trains a candidate from scratch and measures it; `None` after Ctrl-C.
    fn trial(&self, candidate: &mut Candidate, steps: u64) -> Result<Option<Trial>> {
        let (mut training, batches) = self.begin(candidate, steps)?;
        let bar = progress::steps(steps);
        let started = Instant::now();
        for batch in batches.take(steps as usize) {
            if self.is_stopped() {
                bar.finish_and_clear();
                return Ok(None);
            }
            let report = training.step(&batch);
            bar.set_message(format!("loss {:.3}", report.loss));
            bar.inc(1);
        }
        bar.finish_and_clear();
        candidate.seconds_a_step = started.elapsed().as_secs_f64() / steps as f64;
        let bits = self.bits(candidate, &training)?;
        Ok(Some(Trial { steps, bits }))
    }

    fn begin(&self, candidate: &Candidate, steps: u64) -> Result<(Training, Batches<'_>)> {
        let recipe = &self.command.recipe;
        let text = &self.texts[candidate.vocabulary];
        let context = candidate.config.context;
        let run = recipe.run_of(steps, text.amount(), &candidate.config);
        let warmup = run.hyper_parameters.schedule.warmup.min(steps / WARMUP_SHARE);
        let schedule = Schedule { warmup, ..run.hyper_parameters.schedule };
        let hyper_parameters = HyperParameters { schedule, ..run.hyper_parameters };
        let batches =
            Batches::of(&text.encoded.training, recipe.batch, context, recipe.seed).with_context(|| {
                format!("the text is shorter than the context of {context}; use a longer text")
            })?;
        let batches = batches.with_document_starts(recipe.document_starts, text.vocabulary.begin)?;
        let mut training = Training::new(&candidate.config, hyper_parameters, recipe.seed)?;
        training.names = recipe.names(&text.vocabulary.tokenizer()?)?;
        training.quantization = run.quantization(self.precision);
        Ok((training, batches))
    }

    /// The loss with the board's arithmetic, in bits per byte; infinite where training has diverged.
    fn bits(&self, candidate: &mut Candidate, training: &Training) -> Result<f64> {
        let started = Instant::now();
        let text = &self.texts[candidate.vocabulary];
        if training.parameters.values().iter().any(|value| !value.is_finite()) {
            return Ok(f64::INFINITY);
        }
        let provenance = Provenance {
            steps: training.steps as u32,
            bytes_per_token: text.encoded.bytes_per_token as f32,
            ..Provenance::UNKNOWN
        };
        let weights = training.weights();
        let file = model_file::build(
            &candidate.config,
            self.precision,
            &text.vocabulary,
            provenance,
            |parameter| weights.get(parameter),
        )?;
        let tokens = (VALIDATION_BYTES / text.encoded.bytes_per_token) as usize;
        let validation = text.encoded.validation.spread(tokens, candidate.config.context);
        let loss = decoding::loss_over(&file.model()?, &validation, |_| ())?;
        candidate.seconds_to_measure = started.elapsed().as_secs_f64();
        Ok(loss / text.encoded.bytes_per_token / std::f64::consts::LN_2)
    }

    /// Steps of a whole training.
    fn steps(&self, candidate: &Candidate) -> u64 {
        let text = &self.texts[candidate.vocabulary];
        self.command.recipe.run(text.amount(), &candidate.config).steps()
    }

    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }
}

fn describe(config: &Config) -> String {
    let Config { width, hidden, vocab, context, .. } = config;
    let layers = human::counted(config.layers, "layer");
    format!("{layers}, width {width}, hidden {hidden}, {vocab} tokens, context {context}{}", tables(config))
}

/// The longest bar in the table, in characters.
const BAR: f64 = 24.0;

/// A table of the candidates that were tried, the best first; a bar shows how much better than the worst of its round each is.
fn table(ranked: &[&Candidate]) -> String {
    let mut lines = String::from(
        "layers  width  hidden  vocab  context  per-layer   pairs  parameters   steps  bits per byte\n",
    );
    let last = |candidate: &Candidate| candidate.trials[candidate.trials.len() - 1];
    for candidate in ranked {
        let Config { layers, width, hidden, vocab, context, per_layer_embeddings, bigrams, .. } =
            candidate.config;
        let Trial { steps, bits } = last(candidate);
        let round = || ranked.iter().filter(|other| other.trials.len() == candidate.trials.len());
        let worst = round().map(|other| last(other).bits).fold(0.0, f64::max);
        let best = ranked.iter().map(|other| last(other).bits).fold(f64::INFINITY, f64::min);
        let share = if worst > best { ((worst - bits) / (worst - best)).clamp(0.0, 1.0) } else { 1.0 };
        lines += &format!(
            "{layers:>6} {width:>6} {hidden:>7} {vocab:>6} {context:>8} {:>10} {:>7} {:>11} {:>7} {bits:>14.4}  {}\n",
            if per_layer_embeddings { "yes" } else { "no" },
            human::count(bigrams as u64),
            human::count(weights(&candidate.config) as u64),
            human::count(steps),
            "▇".repeat((BAR * share).round() as usize)
        );
    }
    lines
}

/// The command that trains this shape: the sweep's own options, without those that only a sweep has, and the shape.
fn train_command(config: &Config, precision: Precision) -> String {
    const FLAGS: [&str; 2] = ["--per-layer-embeddings", "--no-per-layer-embeddings"];
    const SETTLED: [&str; 11] = [
        "--time",
        "--out",
        "--vocab",
        "--precision",
        "--context",
        "--width",
        "--layers",
        "--heads",
        "--kv-heads",
        "--hidden",
        "--bigrams",
    ];
    let mut given = std::env::args().skip(2);
    let mut kept = Vec::new();
    while let Some(argument) = given.next() {
        let name = argument.split('=').next().unwrap_or_default();
        if FLAGS.contains(&name) {
            continue;
        } else if !SETTLED.contains(&name) {
            kept.push(quoted(&argument));
        } else if !argument.contains('=') {
            given.next();
        }
    }
    let Config { vocab, context, width, layers, heads, kv_heads, hidden, bigrams, .. } = config;
    let per_layer = FLAGS[usize::from(!config.per_layer_embeddings)];
    format!(
        "pipsqueak train {} --vocab {vocab} --precision {} --context {context} --layers {layers} --width {width} \
         --heads {heads} --kv-heads {kv_heads} --hidden {hidden} --bigrams {bigrams} {per_layer} --out model.pip",
        kept.join(" "),
        precision.name()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sizing::presets::STORIES_260K;

    #[test]
    fn the_best_has_the_longest_bar() {
        let candidate = |bits: &[f64]| Candidate {
            config: STORIES_260K,
            vocabulary: 0,
            seconds_a_step: 0.1,
            seconds_to_measure: 1.0,
            trials: bits.iter().map(|&bits| Trial { steps: 1000, bits }).collect(),
        };
        let (best, other) = (candidate(&[1.5]), candidate(&[1.75]));
        let table = table(&[&best, &other]);
        let bars: Vec<usize> = table.lines().map(|line| line.matches('▇').count()).collect();
        assert_eq!(bars, [0, 24, 0]);
        assert!(table.contains("1,000") && table.contains("1.7500"), "{table}");
    }
}
