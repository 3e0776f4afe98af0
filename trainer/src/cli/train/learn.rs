//! The steps of a run, with what is shown and saved between them.

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::super::interrupt::stop_on_ctrl_c;
use super::super::shell::quoted_path;
use super::recipe::Keep;
use super::start::Start;
use super::{Data, Train};
use crate::cli::output::{remark, say};
use crate::cli::{export, progress};
use crate::data::batches::Batches;
use crate::human;
use crate::random::SplitMix64;
use crate::training::checkpoint::{self, Identity, Progress};
use crate::training::curve::Curve;
use crate::training::{StepReport, Training};

/// Tokens that are validated with while training.
const GLANCE_TOKENS: usize = 16_384;
/// How often a run reports the validation loss.
const REPORTS: u64 = 10;
/// How often it looks at that loss from one report to the next.
const LOOKS_A_REPORT: u64 = 3;
/// A run stops when for this share of its steps it has got no better,
const PATIENCE: f64 = 0.4;
/// and is worse than its best by this factor, so that chance alone does not stop it.
const WORSE: f64 = 1.02;
/// Tokens of the sample that is printed with each validation.
const GLIMPSE_TOKENS: u32 = 30;
/// Time between checkpoints without --checkpoint-every.
const CHECKPOINT_INTERVAL: Duration = Duration::from_secs(60);
/// Training has diverged if, after the first steps, the running loss is this many times that of a uniform guess.
const DIVERGED: f64 = 1.5;
const FIRST_STEPS: u64 = 50;

/// When a run looks at the validation loss.
struct Looks {
    /// Steps from one look to the next,
    interval: u64,
    /// and from one report to the next.
    report_interval: u64,
    steps: u64,
}

impl Looks {
    fn of(steps: u64) -> Looks {
        let report_interval = steps.div_ceil(REPORTS);
        Looks { interval: report_interval.div_ceil(LOOKS_A_REPORT), report_interval, steps }
    }

    fn are_due(&self, step: u64) -> bool {
        step.is_multiple_of(self.interval) || self.are_reported(step)
    }

    fn are_reported(&self, step: u64) -> bool {
        step.is_multiple_of(self.report_interval) || step == self.steps
    }
}

/// The checkpoints of a run: their file, their content, and when they are due.
struct Checkpoints {
    /// `None` if the model is written to a pipe.
    path: Option<PathBuf>,
    run: Identity,
    every: Option<u64>,
    last: Instant,
    /// Steps of this run that the file was given last.
    kept: Option<u64>,
    /// Why it could not be written the last time.
    problem: Option<String>,
}

/// The outcome of the steps.
pub(super) struct Learned {
    pub(super) curve: Curve,
    /// The files that are left if the model can't be written.
    pub(super) rescue: Option<Rescue>,
}

/// A checkpoint, with advice how to get at what has been learned.
pub(super) enum Rescue {
    /// All of it.
    Whole(String),
    /// The checkpoint of the first steps.
    Part(String),
}

impl Train {
    /// Takes all steps, or those until Ctrl-C is pressed.
    pub(super) fn learn(&self, training: &mut Training, data: &Data) -> Result<Learned> {
        let stopped = stop_on_ctrl_c();
        let Train { recipe, checkpoint_every, .. } = self;
        let mut batches = Batches::of(&data.training, recipe.batch, training.config.context, recipe.seed)
            .context("the text is shorter than the context")?
            .with_document_starts(recipe.document_starts, data.vocabulary.begin)?;
        training.names = recipe.names(&data.vocabulary.tokenizer()?)?;
        let run = self.identity(training, data)?;
        let mut curve = self.begin(&run, training, &mut batches)?;
        let mut checkpoints = Checkpoints {
            path: self.checkpoint(),
            run: self.with_notes(run, data),
            every: *checkpoint_every,
            last: Instant::now(),
            kept: (training.steps > 0).then_some(training.steps),
            problem: None,
        };
        let first = training.steps;
        let glance = data.validation.spread(GLANCE_TOKENS, training.config.context);
        let looks = Looks::of(data.run.steps());
        let tokens_a_step = (recipe.batch * training.config.context) as f64;
        let steps = data.run.steps();
        let bar = progress::steps(steps);
        let started = Instant::now();
        while training.steps < steps && !stopped.load(Ordering::Relaxed) && !stalls(training, &curve) {
            let report = training.step(&batches.next().context("batches never end")?);
            let loss = curve.note(training.steps, steps, report.loss);
            if let Some(problem) = divergence(training, report, loss) {
                bar.abandon();
                bail!("{problem}; {}", Self::advice(data, checkpoints.kept().is_some()));
            }
            let speed = tokens_a_step * (training.steps - first) as f64 / started.elapsed().as_secs_f64();
            bar.set_message(format!("loss {loss:.3}  {} tokens/s", human::count(speed as u64)));
            bar.set_position(training.steps);
            if looks.are_due(training.steps) {
                let validation = training.loss_over_split(&glance, training.rounding())?;
                curve.validation.push((training.steps, validation));
                if self.keeps_best(data) {
                    training.note_validation(validation);
                }
                if looks.are_reported(training.steps) {
                    let report = self.report(training, data, [loss, validation], speed)?;
                    bar.suspend(|| say!("{report}"));
                }
            }
            if checkpoints.are_due(training.steps) {
                bar.suspend(|| checkpoints.save(training, &batches, &curve));
            }
        }
        bar.finish_and_clear();
        if training.steps > first {
            checkpoints.save(training, &batches, &curve);
        }
        if stalls(training, &curve) {
            say!(
                "stopped after {} of {steps} steps: it was long ago that the held-out text was predicted best (--keep last goes on)",
                training.steps
            );
        } else if training.steps < steps {
            say!("stopped after {} of {steps} steps; --resume goes on", training.steps);
        }
        Ok(Learned { curve, rescue: checkpoints.rescue(training.steps) })
    }

    /// Whether the best weights are kept: there must be a text to find out which these are.
    fn keeps_best(&self, data: &Data) -> bool {
        self.recipe.keep == Keep::Best && data.held_out
    }

    /// Starts a run, or restores it from the checkpoint; returns the losses so far.
    fn begin(&self, run: &Identity, training: &mut Training, batches: &mut Batches<'_>) -> Result<Curve> {
        let path = self.checkpoint();
        if !self.resume {
            if let Some(path) = path.filter(|path| path.exists()) {
                say!("{} is of an earlier run, and will be replaced", path.display());
            }
            return Ok(Curve::default());
        }
        let path = path.context("--resume needs --checkpoint FILE, since --out names no file")?;
        let progress = checkpoint::load(&path, run, training)?;
        batches.random = SplitMix64::new(progress.random);
        say!("resumed from {} at step {}", path.display(), training.steps);
        Ok(progress.curve)
    }

    /// Two lines of progress: losses, speed and time left, and a sample of the model's text.
    fn report(&self, training: &Training, data: &Data, losses: [f64; 2], speed: f64) -> Result<String> {
        let [loss, validation] = losses;
        let (steps, tokens_a_step) = (training.steps, self.recipe.batch * training.config.context);
        let left = human::seconds((data.run.steps() - steps) as f64 * tokens_a_step as f64 / speed);
        let speed = human::count(speed as u64);
        let sample = self.glimpse(training, data, GLIMPSE_TOKENS)?;
        let sample = sample.trim().replace('\n', " ");
        Ok(format!(
            "step {steps:>6}  training {loss:.4}  validation {validation:.4}  {speed} tokens/s  {left} left\n\
             \x20            «{sample}»"
        ))
    }

    /// The settings that `--resume` compares.
    fn identity(&self, training: &Training, data: &Data) -> Result<Identity> {
        let mut run = Identity::new();
        let mut note = |name: &str, value| run.insert(name.to_string(), value);
        let schedule = training.hyper_parameters.schedule;
        note("batch", self.recipe.batch.into());
        note("BPE-dropout", data.run.bpe_dropout.into());
        note("clip", training.hyper_parameters.clip.into());
        note("corpus checksum", data.crc.into());
        note("decay", serde_json::to_value(schedule.decay)?);
        note("dropout", training.hyper_parameters.dropout.into());
        note("documents", format!("{:?}", self.source.reading.documents).into());
        note("final learning rate", schedule.minimum.into());
        note("keeps the best", self.keeps_best(data).into());
        note("from", data.start.as_ref().map(Start::checksum).into());
        note("learning rate", schedule.maximum.into());
        note("optimizer", serde_json::to_value(training.hyper_parameters.optimizer)?);
        note("quantisation", serde_json::to_value(training.quantization)?);
        note("seed", self.recipe.seed.into());
        note("steps", schedule.steps.into());
        note("validation share", self.source.share().into());
        note("vocabulary", serde_json::to_value(data.vocabulary.borrow())?);
        note("warm-up", schedule.warmup.into());
        if self.recipe.document_starts > 0.0 {
            note("document starts", self.recipe.document_starts.into());
        }
        if self.recipe.name_weight > 0.0 {
            note("name weight", self.recipe.name_weight.into());
        }
        if let serde_json::Value::Object(shape) = serde_json::to_value(&training.config)? {
            run.extend(shape);
        }
        Ok(run)
    }

    /// Adds the notes that an export needs, which may differ between the halves of a run, such as the corpus' name.
    fn with_notes(&self, mut run: Identity, data: &Data) -> Identity {
        run.insert(export::CORPUS.into(), data.name.as_str().into());
        run.insert(export::LICENCE.into(), self.licence().into());
        run.insert(export::BYTES_PER_TOKEN.into(), data.bytes_per_token.into());
        run
    }

    fn advice(data: &Data, kept: bool) -> String {
        let rate = data.run.hyper_parameters.schedule.maximum;
        let kept = if kept { "; the last checkpoint is kept" } else { "" };
        format!("lower --learning-rate, which is {rate}, or raise --warmup{kept}")
    }
}

/// Whether held-out text has for long been predicted no better, and is now predicted worse.
fn stalls(training: &Training, curve: &Curve) -> bool {
    let (Some(best), Some(&(step, loss))) = (&training.best, curve.validation.last()) else { return false };
    let patience = PATIENCE * training.hyper_parameters.schedule.steps as f64;
    step.saturating_sub(best.steps) as f64 > patience && loss > WORSE * best.loss
}

/// Describes how training has gone wrong, if it has.
fn divergence(training: &Training, report: StepReport, running_loss: f64) -> Option<String> {
    let steps = training.steps;
    if !report.loss.is_finite() || !report.gradient_norm.is_finite() {
        return Some(format!("the loss is no longer a number after {steps} steps"));
    }
    let nothing_known = (training.config.vocab as f64).ln();
    (steps >= FIRST_STEPS && running_loss > DIVERGED * nothing_known).then(|| {
        format!("training has diverged: after {steps} steps the loss is {running_loss:.2} nats a token")
    })
}

impl Checkpoints {
    fn are_due(&self, step: u64) -> bool {
        self.every.map_or(self.last.elapsed() >= CHECKPOINT_INTERVAL, |every| step.is_multiple_of(every))
    }

    /// Saves a checkpoint. If it cannot be written, training goes on and the previous checkpoint is kept. A problem is told
    /// once for as long as it lasts.
    fn save(&mut self, training: &Training, batches: &Batches<'_>, curve: &Curve) {
        let Some(path) = &self.path else { return };
        let progress =
            Progress { steps: training.steps, random: batches.random.state(), curve: curve.clone() };
        match checkpoint::save(path, &self.run, &progress, training) {
            Ok(()) => {
                if self.problem.take().is_some() {
                    remark!("{} is written again", path.display());
                }
                self.kept = Some(training.steps);
            }
            Err(error) => {
                let problem = format!("{error:#}");
                if self.problem.as_ref() != Some(&problem) {
                    remark!("warning: {problem}; {}", self.consequence());
                }
                self.problem = Some(problem);
            }
        }
        self.last = Instant::now();
    }

    /// Steps of this run that the file holds, if nobody has removed it.
    fn kept(&self) -> Option<u64> {
        self.kept.filter(|_| self.path.as_ref().is_some_and(|path| path.exists()))
    }

    /// Of a checkpoint that can't be written.
    fn consequence(&self) -> String {
        let goes_on = "training goes on, and tries again at the next checkpoint";
        match self.kept() {
            Some(steps) => format!("{goes_on}; that of step {steps} is kept"),
            None => goes_on.into(),
        }
    }

    /// The part of all `steps` that the file holds.
    fn rescue(&self, steps: u64) -> Option<Rescue> {
        let (path, kept) = (quoted_path(self.path.as_ref()?), self.kept()?);
        Some(if kept == steps {
            Rescue::Whole(format!(
                "what was learned is kept: pipsqueak export --checkpoint {path} --out ANOTHER_NAME"
            ))
        } else {
            Rescue::Part(format!(
                "what was learned in the first {kept} steps is kept in {path}: the same command with --resume goes on from there"
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimizer::schedule::{Decay, Schedule};
    use crate::optimizer::{AdamW, Optimizer};
    use crate::sizing::presets::GPT;
    use crate::training::HyperParameters;

    #[test]
    fn a_run_stops_when_it_has_long_got_worse() {
        let schedule = Schedule { maximum: 1e-2, minimum: 0.0, decay: Decay::Linear, warmup: 2, steps: 100 };
        let hyper_parameters = HyperParameters {
            schedule,
            optimizer: Optimizer::AdamW(AdamW::DEFAULT),
            clip: 1.0,
            dropout: 0.0,
        };
        let mut training = Training::new(&GPT, hyper_parameters, 1).unwrap();
        let mut curve = Curve::default();
        let mut look = |step, loss| {
            training.steps = step;
            training.note_validation(loss);
            curve.validation.push((step, loss));
            stalls(&training, &curve)
        };
        let looks = [(10, 2.0), (20, 2.1), (40, 2.2), (50, 2.01), (60, 2.2), (70, 1.9), (100, 2.0)];
        let stopped = looks.map(|(step, loss)| look(step, loss));
        assert_eq!(stopped, [false, false, false, false, true, false, false]);
    }

    #[test]
    fn the_last_step_is_always_looked_at_and_reported() {
        for steps in [1, 2, 29, 30, 31, 700, 3000] {
            let looks = Looks::of(steps);
            let due: Vec<u64> = (1..=steps).filter(|&step| looks.are_due(step)).collect();
            let reported: Vec<u64> = (1..=steps).filter(|&step| looks.are_reported(step)).collect();
            assert!(due.len() as u64 <= (LOOKS_A_REPORT + 1) * REPORTS, "{due:?}");
            assert!(due.last() == Some(&steps) && reported.len() as u64 <= REPORTS, "{reported:?}");
            assert!(reported.iter().all(|step| due.contains(step)) && reported.last() == Some(&steps));
        }
    }

    #[test]
    fn divergence_is_told_from_a_hard_beginning() {
        let schedule = Schedule { maximum: 1e-2, minimum: 1e-3, decay: Decay::Linear, warmup: 2, steps: 400 };
        let hyper_parameters = HyperParameters {
            schedule,
            optimizer: Optimizer::AdamW(AdamW::DEFAULT),
            clip: 1.0,
            dropout: 0.0,
        };
        let mut training = Training::new(&GPT, hyper_parameters, 1).unwrap();
        let report = |loss| StepReport { loss, gradient_norm: 1.0, learning_rate: 1e-2 };
        training.steps = 10;
        assert_eq!(divergence(&training, report(7.0), 7.0), None);
        assert!(
            divergence(&training, report(f64::NAN), 7.0)
                .unwrap()
                .contains("no longer a number after 10 steps")
        );
        training.steps = 100;
        assert_eq!(divergence(&training, report(7.0), 4.2), None);
        assert!(
            divergence(&training, report(7.0), 7.0)
                .unwrap()
                .contains("training has diverged: after 100 steps")
        );
        let norm = StepReport { gradient_norm: f64::INFINITY, ..report(1.0) };
        assert!(divergence(&training, norm, 1.0).is_some());
    }
}
