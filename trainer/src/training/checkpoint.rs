//! Checkpoints: everything a run needs to continue as if it had never stopped, in a safetensors file that other tools can
//! read too.
//!
//! The file holds a tensor for each parameter, under its name, and two more for its moments, with `first.` and `second.`
//! before the name; and one more with `best.`, where some weights have been found to be the best. The metadata hold one key, `pipsqueak`, with JSON: the version, the run's identity (corpus, vocabulary,
//! shape, recipe), its progress, which weights are the best, and a CRC-32 of all tensors.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{Read, Write};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use pipsqueak::internal::file::CRC;
use pipsqueak::{Config, Precision};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::data::vocabulary::OwnedVocabulary;
use crate::files::{self, CHECKPOINT_HEADER_MAX, CHECKPOINT_KEY, Kind};
use crate::optimizer::Moments;
use crate::training::curve::Curve;
use crate::training::parameters::Parameters;
use crate::training::{Best, Quantization, Training, rounded};

/// Version 1 had no best weights.
const VERSION: u32 = 2;
/// Limit while the shape is not yet known: more parameters than any microcontroller's model has.
const PARAMETERS_MAX: usize = 1 << 28;

/// The settings that a run's result depends on, by name. A checkpoint continues only a run with the same ones.
pub type Identity = Map<String, Value>;

/// The progress of a run, beside what [`Training`] holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Steps done.
    pub steps: u64,
    /// State of the random generator that chooses the windows.
    pub random: u64,
    /// The loss curve so far.
    pub curve: Curve,
}

#[derive(Serialize, Deserialize)]
struct Metadata {
    version: u32,
    run: Identity,
    progress: Progress,
    #[serde(default)]
    best: Option<BestNote>,
    crc: u32,
}

/// A [`Best`] without its weights.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct BestNote {
    steps: u64,
    loss: f64,
}

/// Writes a checkpoint as a whole or not at all: until it is complete, an earlier one of that name stays.
///
/// # Errors
/// If the file cannot be written, or training has diverged.
pub fn save(path: &Path, run: &Identity, progress: &Progress, training: &Training) -> Result<()> {
    let bytes = to_bytes(run, progress, training)?;
    files::write(path, Kind::Checkpoint, |out| out.write_all(&bytes))
}

/// The bytes of a checkpoint.
///
/// # Errors
/// If training has diverged.
pub fn to_bytes(run: &Identity, progress: &Progress, training: &Training) -> Result<Vec<u8>> {
    let best = training.best.as_ref();
    let tensors = tensors(&training.parameters, &training.moments, best.map(|best| &best.parameters));
    let best = best.map(|&Best { steps, loss, .. }| BestNote { steps, loss });
    let progress = Progress { steps: training.steps, ..progress.clone() };
    let metadata = Metadata { version: VERSION, run: run.clone(), progress, best, crc: checksum(&tensors) };
    let metadata = HashMap::from([(CHECKPOINT_KEY.to_string(), serde_json::to_string(&metadata)?)]);
    let views = tensors
        .iter()
        .map(|(name, shape, bytes)| Ok((name, TensorView::new(Dtype::F32, shape.clone(), bytes)?)));
    let views = views.collect::<Result<Vec<_>>>()?;
    Ok(safetensors::serialize(views, Some(metadata))?)
}

/// Fills `training` from a checkpoint of the run that `run` describes.
///
/// # Errors
/// If the file cannot be read, is damaged, or is no checkpoint of this run. `training` may then be half filled.
pub fn load(path: &Path, run: &Identity, training: &mut Training) -> Result<Progress> {
    let bytes = read(path, training.parameters.len());
    let progress = bytes.and_then(|bytes| from_bytes(&bytes, run, training));
    progress.with_context(|| format!("cannot resume from {}", path.display()))
}

/// As [`load`], of a file in memory.
///
/// # Errors
/// If it is damaged, or is no checkpoint of this run. `training` may then be half filled.
pub fn from_bytes(bytes: &[u8], run: &Identity, training: &mut Training) -> Result<Progress> {
    let tensors = SafeTensors::deserialize(bytes).map_err(|error| damaged(&error.to_string()))?;
    let metadata = metadata(bytes)?;
    compare(&metadata.run, run)?;
    training.best = fill(&mut training.parameters, &mut training.moments, &tensors, &metadata)?;
    training.steps = metadata.progress.steps;
    let steps = training.hyper_parameters.schedule.steps;
    ensure!(training.steps <= steps, damaged(&format!("it is at step {} of {steps}", training.steps)));
    let best_steps = training.best.as_ref().map_or(0, |best| best.steps);
    ensure!(best_steps <= training.steps, damaged(&format!("its best weights are of step {best_steps}")));
    metadata.progress.curve.check(training.steps).map_err(|error| damaged(&error.to_string()))?;
    Ok(metadata.progress)
}

/// A model read from a checkpoint.
#[derive(Debug)]
pub struct TrainedModel {
    /// Identity of its run.
    pub run: Identity,
    /// Steps after which it had these weights.
    pub steps: u64,
    /// The model's shape.
    pub config: Config,
    /// Its tokenizer.
    pub vocabulary: OwnedVocabulary,
    /// The run's quantisation-aware training.
    pub quantization: Option<Quantization>,
    /// The unrounded weights.
    pub parameters: Parameters<f32>,
}

impl TrainedModel {
    /// The number format that it was trained for.
    pub fn precision(&self) -> Precision {
        self.quantization.map_or(Precision::Int8, |quantization| quantization.precision)
    }

    /// The weights to export: rounded, where training has rounded them.
    pub fn weights(&self) -> Cow<'_, Parameters<f32>> {
        rounded(&self.parameters, self.quantization.and_then(|quantization| quantization.at(self.steps)))
    }
}

/// Reads the model in a checkpoint, whatever its run: the best weights that it holds, or the `last`.
///
/// # Errors
/// If the file cannot be read, is damaged or is no checkpoint.
pub fn read_model(path: &Path, last: bool) -> Result<TrainedModel> {
    let model = read(path, PARAMETERS_MAX).and_then(|bytes| model_in(&bytes, last));
    model.with_context(|| format!("cannot read the model in {}", path.display()))
}

/// As [`read_model`], of a file in memory.
///
/// # Errors
/// If it is damaged or is no checkpoint.
pub fn model_in(bytes: &[u8], last: bool) -> Result<TrainedModel> {
    let tensors = SafeTensors::deserialize(bytes).map_err(|error| damaged(&error.to_string()))?;
    let metadata = metadata(bytes)?;
    let run = &metadata.run;
    let config: Config = named(run, None)?;
    config.check()?;
    let needs = 3 * Parameters::<f32>::bytes(&config);
    ensure!(needs <= bytes.len(), damaged("it is shorter than its tensors"));
    let (mut parameters, mut moments) = (Parameters::zeros(&config), Moments::zeros(&config));
    let best = fill(&mut parameters, &mut moments, &tensors, &metadata)?;
    let vocabulary = named::<OwnedVocabulary>(run, Some("vocabulary"))?.of_size(config.vocab);
    let quantization = named(run, Some("quantisation"))?;
    let steps = metadata.progress.steps;
    let (steps, parameters) = match best.filter(|_| !last) {
        Some(best) => (best.steps, best.parameters),
        None => (steps, parameters),
    };
    Ok(TrainedModel { run: metadata.run, steps, config, vocabulary, quantization, parameters })
}

/// The value under `name` in an identity, or all of it.
fn named<T: serde::de::DeserializeOwned>(run: &Identity, name: Option<&str>) -> Result<T> {
    let value = match name {
        Some(name) => run.get(name).cloned().unwrap_or_default(),
        None => Value::Object(run.clone()),
    };
    serde_json::from_value(value).map_err(|error| damaged(&error.to_string()))
}

/// A tensor's name, shape and bytes.
type Tensor = (String, Vec<usize>, Vec<u8>);

fn checksum(tensors: &[Tensor]) -> u32 {
    let mut digest = CRC.digest();
    tensors.iter().for_each(|(_, _, bytes)| digest.update(bytes));
    digest.finalize()
}

/// Parameters, then first and second moments, then the best parameters.
fn tensors(parameters: &Parameters<f32>, moments: &Moments, best: Option<&Parameters<f32>>) -> Vec<Tensor> {
    let all = [("", parameters), ("first.", &moments.first), ("second.", &moments.second)];
    let named = all.into_iter().chain(best.map(|best| ("best.", best))).flat_map(|(prefix, tensors)| {
        tensors.walk().map(move |(parameter, shape, values)| {
            let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            (prefix.to_string() + parameter.name(), vec![shape.layers, shape.rows, shape.columns], bytes)
        })
    });
    named.collect()
}

/// Reads a file no larger than a checkpoint of this many parameters can be.
fn read(path: &Path, parameters: usize) -> Result<Vec<u8>> {
    let largest = (4 * parameters * size_of::<f32>() + CHECKPOINT_HEADER_MAX) as u64;
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(largest + 1).read_to_end(&mut bytes)?;
    ensure!(bytes.len() as u64 <= largest, "it is larger than a checkpoint of this model can be");
    Ok(bytes)
}

fn metadata(bytes: &[u8]) -> Result<Metadata> {
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(|error| damaged(&error.to_string()))?;
    let json = header.metadata().as_ref().and_then(|metadata| metadata.get(CHECKPOINT_KEY));
    let json = json.context("it is no checkpoint of Pipsqueak's: its metadata lack the key «pipsqueak»")?;
    let value: Value = serde_json::from_str(json).map_err(|error| damaged(&error.to_string()))?;
    ensure!(
        value["version"].as_u64().is_some_and(|version| (1..=VERSION.into()).contains(&version)),
        "its version is {}, and this program knows 1 to {VERSION}; train anew",
        value["version"]
    );
    serde_json::from_value(value).map_err(|error| damaged(&error.to_string()))
}

/// Refuses a checkpoint of another run, naming the first setting that differs.
fn compare(saved: &Identity, run: &Identity) -> Result<()> {
    for (name, is) in run {
        match saved.get(name).unwrap_or(&Value::Null) {
            was if was == is => {}
            Value::Array(_) | Value::Object(_) => bail!("it is of another run: the {name} differs"),
            was => bail!("it is of another run: there {name} is {was}, here it is {is}"),
        }
    }
    // Settings of the shape that most runs lack.
    for name in
        ["loops", "experts", "bigrams", "per_layer_embeddings", "latent", "latent_rotary", "active_experts"]
    {
        if let (Some(was), None) = (saved.get(name), run.get(name)) {
            bail!("it is of another run: there {name} is {was}, and here it is not set");
        }
    }
    Ok(())
}

fn fill(
    parameters: &mut Parameters<f32>,
    moments: &mut Moments,
    saved: &SafeTensors<'_>,
    metadata: &Metadata,
) -> Result<Option<Best>> {
    fill_one("", parameters, saved)?;
    fill_one("first.", &mut moments.first, saved)?;
    fill_one("second.", &mut moments.second, saved)?;
    let mut best = None;
    if let Some(BestNote { steps, loss }) = metadata.best {
        let mut parameters = parameters.clone();
        fill_one("best.", &mut parameters, saved)?;
        best = Some(Best { steps, loss, parameters });
    }
    let tensors = tensors(parameters, moments, best.as_ref().map(|best| &best.parameters));
    let (has, needs) = (saved.len(), tensors.len());
    ensure!(has == needs, damaged(&format!("it has {has} tensors, not {needs}")));
    ensure!(checksum(&tensors) == metadata.crc, damaged("its checksum does not fit"));
    Ok(best)
}

fn fill_one(prefix: &str, into: &mut Parameters<f32>, saved: &SafeTensors<'_>) -> Result<()> {
    let shapes: Vec<_> = into.walk().map(|(_, shape, _)| [shape.layers, shape.rows, shape.columns]).collect();
    for ((parameter, values), shape) in into.walk_mut().zip(shapes) {
        let name = prefix.to_string() + parameter.name();
        let tensor = saved.tensor(&name).map_err(|_| damaged(&format!("it lacks the tensor {name}")))?;
        let (dtype, has) = (tensor.dtype(), tensor.shape());
        let fits = dtype == Dtype::F32 && has == shape;
        ensure!(fits, damaged(&format!("its tensor {name} is {dtype:?} {has:?}, not F32 {shape:?}")));
        for (value, bytes) in values.iter_mut().zip(tensor.data().as_chunks().0) {
            *value = f32::from_le_bytes(*bytes);
            ensure!(value.is_finite(), damaged(&format!("its tensor {name} holds {value}")));
        }
    }
    Ok(())
}

fn damaged(how: &str) -> anyhow::Error {
    anyhow::anyhow!("it is damaged ({how}); use another checkpoint, or train anew")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::batches::Batches;
    use crate::optimizer::schedule::{Decay, Schedule};
    use crate::optimizer::{AdamW, Muon, Optimizer};
    use crate::random::SplitMix64;
    use crate::sizing::presets::STORIES_260K;
    use crate::training::{HyperParameters, Quantization};

    const RULES: [Optimizer; 3] =
        [Optimizer::AdamW(AdamW::DEFAULT), Optimizer::Muon(Muon::PLAIN), Optimizer::Muon(Muon::NORMUON)];
    const STEPS: u64 = 24;

    fn training(optimizer: Optimizer) -> Training {
        let config = Config { context: 8, width: 16, layers: 2, hidden: 12, vocab: 11, ..STORIES_260K };
        let schedule =
            Schedule { maximum: 1e-2, minimum: 1e-3, decay: Decay::Linear, warmup: 4, steps: STEPS };
        let hyper_parameters = HyperParameters { schedule, optimizer, clip: 1.0, dropout: 0.1 };
        let mut training = Training::new(&config, hyper_parameters, 1).unwrap();
        training.quantization = Some(Quantization { precision: Precision::Int4, from: STEPS / 2 });
        training
    }

    fn tokens() -> Vec<u16> {
        (0..500u32).map(|i| (i * i % 11) as u16).collect()
    }

    fn run() -> Identity {
        Identity::from_iter([("batch".into(), 3.into()), ("vocabulary".into(), Value::Array(vec![]))])
    }

    /// Trains until step `end`; returns the progress to save.
    fn advance(training: &mut Training, mut progress: Progress, end: u64) -> Progress {
        let tokens = tokens();
        let mut batches = Batches::new(&tokens, 3, 8, 0).unwrap();
        batches.random = SplitMix64::new(progress.random);
        while training.steps < end {
            let report = training.step(&batches.next().unwrap());
            progress.curve.note(training.steps, STEPS, report.loss);
            if training.steps.is_multiple_of(4) {
                training.note_validation(if training.steps == 12 { 0.5 } else { 1.0 });
            }
        }
        Progress { steps: end, random: batches.random.state(), curve: progress.curve }
    }

    fn fresh() -> Progress {
        Progress { steps: 0, random: 5, curve: Curve::default() }
    }

    /// A checkpoint after ten steps, in a folder that lives as long as the guard.
    fn saved() -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.safetensors");
        let mut training = training(RULES[2]);
        let progress = advance(&mut training, fresh(), 10);
        save(&path, &run(), &progress, &training).unwrap();
        (folder, path)
    }

    fn refusal(path: &Path) -> String {
        format!("{:#}", load(path, &run(), &mut training(RULES[2])).unwrap_err())
    }

    #[test]
    fn a_resumed_run_is_one_that_never_stopped() {
        for rule in RULES {
            let mut straight = training(rule);
            let end = advance(&mut straight, fresh(), STEPS);
            for stop in [1, 10, STEPS - 1] {
                let folder = tempfile::tempdir().unwrap();
                let path = folder.path().join("c.safetensors");
                let mut stopped = training(rule);
                let progress = advance(&mut stopped, fresh(), stop);
                save(&path, &run(), &progress, &stopped).unwrap();
                let mut resumed = training(rule);
                let progress = load(&path, &run(), &mut resumed).unwrap();
                assert_eq!(advance(&mut resumed, progress, STEPS), end);
                assert_eq!(resumed.parameters, straight.parameters);
                assert_eq!(resumed.moments, straight.moments);
                assert_eq!(resumed.best, straight.best);
                assert_eq!(resumed.best.unwrap().steps, 12);
            }
        }
    }

    /// Python reads the shape, and so will later versions.
    #[test]
    fn a_shape_is_written_in_numbers() {
        let json = serde_json::to_value(STORIES_260K).unwrap();
        assert_eq!(json["rotary_base"], 10_000.0);
        assert_eq!(serde_json::from_value::<Config>(json).unwrap(), STORIES_260K);
    }

    #[test]
    fn another_run_is_refused_by_name() {
        let (_folder, path) = saved();
        let mut other = run();
        other.insert("batch".into(), 4.into());
        let error = format!("{:#}", load(&path, &other, &mut training(RULES[2])).unwrap_err());
        assert!(error.ends_with("it is of another run: there batch is 3, here it is 4"), "{error}");
        let mut other = run();
        other.insert("vocabulary".into(), Value::Array(vec![1.into()]));
        let error = format!("{:#}", load(&path, &other, &mut training(RULES[2])).unwrap_err());
        assert!(error.ends_with("it is of another run: the vocabulary differs"), "{error}");
    }

    #[test]
    fn every_damage_is_found() {
        let (_folder, path) = saved();
        let whole = std::fs::read(&path).unwrap();
        assert!(load(&path, &run(), &mut training(RULES[2])).is_ok());
        let mut random = SplitMix64::new(3);
        for _ in 0..300 {
            let mut damaged = whole.clone();
            let at = random.below(whole.len());
            damaged[at] ^= 1 << random.below(8);
            std::fs::write(&path, &damaged).unwrap();
            // A flipped bit in a number of the metadata may make another number; any other flip must be noticed.
            let header = u64::from_le_bytes(whole[..8].try_into().unwrap()) as usize + 8;
            if at >= header {
                assert!(refusal(&path).contains("it is damaged ("), "byte {at}");
            } else {
                _ = load(&path, &run(), &mut training(RULES[2]));
            }
            std::fs::write(&path, &whole[..random.below(whole.len())]).unwrap();
            assert!(refusal(&path).contains("it is damaged ("));
        }
    }

    #[test]
    fn what_is_no_checkpoint_or_too_large_is_refused() {
        let (_folder, path) = saved();
        let huge = std::fs::File::create(&path).unwrap();
        huge.set_len(1 << 30).unwrap();
        assert!(refusal(&path).contains("larger than a checkpoint of this model can be"));
        let view = TensorView::new(Dtype::F32, vec![1], &[0; 4]).unwrap();
        std::fs::write(&path, safetensors::serialize([("x", view)], None).unwrap()).unwrap();
        assert!(refusal(&path).contains("it is no checkpoint of Pipsqueak's"), "{}", refusal(&path));
        std::fs::write(&path, u64::MAX.to_le_bytes()).unwrap();
        assert!(refusal(&path).contains("it is damaged ("));
        std::fs::remove_file(&path).unwrap();
        assert!(refusal(&path).starts_with("cannot resume from"), "{}", refusal(&path));
    }
}
