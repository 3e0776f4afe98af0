//! Requests and their answers.

use anyhow::{Context, Result, bail, ensure};
use pipsqueak::{Config, Generator, Precision, Sampling};
use pipsqueak_talk::flash::manifest::{Entry, Manifest};
use pipsqueak_trainer::explain::candidates::candidates;
use pipsqueak_trainer::explain::{Part, Sampled, explain};
use pipsqueak_trainer::export::decoding::OwnedMemory;
use pipsqueak_trainer::export::model_file::ModelFile;
use pipsqueak_trainer::export::passes::{Passes, Task};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::run::{Kind, Run};
use crate::{board, shape, view};

/// The longest text that a tab learns from: its tokens and their counts stay well below a tab's memory.
const TEXT_MAX: usize = 16 << 20;
/// The largest model file that is opened.
const MODEL_MAX: usize = 64 << 20;
/// The most tokens of one text.
const TOKENS_MAX: u32 = 2000;
/// The most texts that one is chosen from.
const PASSES_MAX: u16 = 32;

/// How a text is begun and sampled.
#[derive(Debug, Clone, Deserialize)]
pub struct Writing {
    prompt: String,
    tokens: u32,
    temperature: f32,
    top_k: u16,
    top_p: f32,
    seed: u64,
}

impl Writing {
    fn sampling(&self) -> Sampling {
        Sampling {
            temperature: self.temperature,
            top_k: self.top_k,
            top_p: self.top_p,
            repetition_penalty: 1.0,
        }
    }
}

/// A request of the worker's.
#[derive(Debug, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum Request {
    /// Begin to train on a text, which comes as bytes.
    Start {
        /// The toy, or a model for one's own text.
        kind: Kind,
        /// The text's name.
        name: String,
        /// Seed of the first weights and of the order of the text.
        seed: u64,
        /// The shape of a model for one's own text, if it is not the usual one.
        shape: Option<Box<Config>>,
    },
    /// A shape's parameters, flash, RAM and instructions.
    Shape {
        /// The shape.
        config: Box<Config>,
    },
    /// Train this many steps.
    Step {
        /// Steps to take.
        count: u64,
    },
    /// Measure the loss on held-out text.
    Validate,
    /// Everything that the run needs to go on, as bytes.
    Checkpoint,
    /// Go on from a checkpoint, which comes as bytes, of the run that was just started.
    Restore,
    /// Hold the run's present weights as a model file, and return that as bytes.
    Model {
        /// Number format of the matrices.
        precision: Precision,
    },
    /// Hold a model file, which comes as bytes.
    Open,
    /// Write a text with the model that is held.
    Write(Writing),
    /// Write a text, and tell of every token what it was chosen among.
    Trace(Writing),
    /// Write several texts, and keep the one that the model finds likeliest.
    Think {
        /// The text to write; the seed is the first text's.
        writing: Writing,
        /// The number of texts.
        passes: u16,
        /// Whether each is written behind the one before, which the model then sees.
        feeds_back: bool,
    },
    /// Every number behind a token.
    Explain {
        /// The text that the token is in.
        writing: Writing,
        /// The tokens that are written before it.
        after: u32,
        /// One layer, or all.
        layer: Option<usize>,
    },
    /// Compare this machine's kernels with the portable ones, and the golden run of the model that is held with its file's.
    SelfTest,
    /// The numbers that the run has learned so far: vocabulary, embeddings, positions.
    Learned,
    /// The boards that the model fits.
    Boards {
        /// The firmware that the page has.
        firmware: Manifest,
    },
    /// A file with firmware, whose image comes as bytes, and the model that is held.
    FlashFile {
        /// The board that it is for.
        board: Box<Entry>,
    },
}

/// JSON, and bytes behind it.
#[derive(Debug)]
pub struct Answer {
    /// The answer.
    pub json: Value,
    /// A file, if one was asked for.
    pub bytes: Vec<u8>,
}

impl Answer {
    pub(crate) fn of_json(json: Value) -> Answer {
        Answer { json, bytes: Vec::new() }
    }
}

/// A run in training, and a model to write with.
#[derive(Default)]
pub struct Engine {
    run: Option<Run>,
    model: Option<ModelFile>,
}

impl Engine {
    /// Without run or model.
    pub const fn new() -> Engine {
        Engine { run: None, model: None }
    }

    /// As [`Engine::answer`], of a request as JSON.
    ///
    /// # Errors
    /// Also if it is no request.
    pub fn answer_json(&mut self, json: &[u8], bytes: &[u8]) -> Result<Answer> {
        let request =
            serde_json::from_slice(json).context("the worker's request is none that the engine knows")?;
        self.answer(request, bytes)
    }

    /// Does what is asked.
    ///
    /// # Errors
    /// One sentence: a text or a file that can't be used, or a request before its time.
    pub fn answer(&mut self, request: Request, bytes: &[u8]) -> Result<Answer> {
        Ok(Answer::of_json(match request {
            Request::Start { kind, name, seed, shape } => {
                let text = text_of(bytes, &name)?;
                let run = self.run.insert(Run::start(kind, shape.as_deref(), text, &name, seed)?);
                run.describe()
            }
            Request::Shape { config } => shape::describe(&config)?,
            Request::Step { count } => self.run()?.step(count)?,
            Request::Validate => self.run()?.validate()?,
            Request::Checkpoint => return Ok(Answer { json: Value::Null, bytes: self.run()?.checkpoint()? }),
            Request::Restore => self.run()?.restore(bytes)?,
            Request::Model { precision } => {
                let file = self.model.insert(self.run.as_ref().context(NO_RUN)?.model(precision)?);
                return Ok(Answer { json: view::model(file)?, bytes: file.bytes().to_vec() });
            }
            Request::Open => {
                let file = opened(bytes)?;
                let seen = view::model(&file)?;
                self.model = Some(file);
                seen
            }
            Request::Write(writing) => self.write(&writing)?,
            Request::Trace(writing) => self.trace(&writing)?,
            Request::Think { writing, passes, feeds_back } => {
                self.think(&writing, Passes { count: passes, feeds_back })?
            }
            Request::Explain { writing, after, layer } => self.explain(&writing, after, layer)?,
            Request::SelfTest => self.self_test()?,
            Request::Boards { firmware } => board::list(self.model()?, &firmware)?,
            Request::FlashFile { board } => return board::file_for(&board, bytes, self.model()?),
            Request::Learned => return view::learned(self.run()?),
        }))
    }

    fn run(&mut self) -> Result<&mut Run> {
        self.run.as_mut().context(NO_RUN)
    }

    fn model(&self) -> Result<&ModelFile> {
        self.model.as_ref().context("there is no model yet: train one, or open a file")
    }

    fn write(&self, writing: &Writing) -> Result<Value> {
        with_generator(self.model()?, writing, |generator| Ok(written(generator, writing)))
    }

    /// `ok`, or the first difference.
    fn self_test(&self) -> Result<Value> {
        let model = self.model()?.model()?;
        let mut memory = OwnedMemory::of(&model);
        let tested = Generator::new(model, memory.buffers())?.self_test();
        Ok(tested.map_or_else(|difference| difference.to_string(), |()| "ok".into()).into())
    }

    fn think(&self, writing: &Writing, passes: Passes) -> Result<Value> {
        ensure!(
            (2..=PASSES_MAX).contains(&passes.count),
            "it can be chosen among 2 to {PASSES_MAX} texts, and {} were asked for",
            passes.count
        );
        with_generator(self.model()?, writing, |generator| {
            let tokenizer = *generator.model().tokenizer();
            let (prompt, sampling) = (tokenizer.trimmed(&writing.prompt), writing.sampling());
            let task = Task { prompt, sampling, seed: writing.seed, length: writing.tokens };
            let mut tried = Vec::new();
            let kept = passes.best(generator, &task, |_, text, score| {
                tried.push(json!({ "text": text, "score": score.mean() }));
            })?;
            Ok(json!({ "passes": tried, "kept": kept, "written": written(generator, writing) }))
        })
    }

    fn explain(&self, writing: &Writing, after: u32, layer: Option<usize>) -> Result<Value> {
        with_generator(self.model()?, writing, |generator| explained(generator, writing, after, layer))
    }

    fn trace(&self, writing: &Writing) -> Result<Value> {
        with_generator(self.model()?, writing, |generator| {
            let mut steps = Vec::new();
            while generator.tokens() < writing.tokens {
                let (logits, window) = (generator.logits().to_vec(), generator.window().to_vec());
                let Some(token) = generator.next_token() else { break };
                let tokenizer = generator.model().tokenizer();
                let candidates = candidates(tokenizer, &logits, &window, &writing.sampling());
                steps.push(json!({ "candidates": candidates, "token": token }));
            }
            Ok(json!({ "steps": steps, "fingerprint": format!("{:08x}", generator.fingerprint()) }))
        })
    }
}

/// The text goes on for `after` tokens, and the next is explained.
fn explained(
    generator: &mut Generator<'_, '_>,
    writing: &Writing,
    after: u32,
    layer: Option<usize>,
) -> Result<Value> {
    while generator.tokens() < after {
        ensure!(generator.next_token().is_some(), "the text ends before token {after}");
    }
    let sampled = Sampled::of(&writing.sampling(), writing.seed);
    Ok(serde_json::to_value(explain(generator, sampled, Part { layer, head: None })?)?)
}

/// Goes on with the text that was started.
fn written(generator: &mut Generator<'_, '_>, writing: &Writing) -> Value {
    let mut text = String::new();
    while generator.tokens() < writing.tokens {
        let Some(piece) = generator.next_piece() else { break };
        text += piece;
    }
    json!({
        "text": text,
        "tokens": generator.tokens(),
        "fingerprint": format!("{:08x}", generator.fingerprint()),
    })
}

const NO_RUN: &str = "nothing is being trained: give a text first";

fn with_generator(
    file: &ModelFile,
    writing: &Writing,
    work: impl FnOnce(&mut Generator<'_, '_>) -> Result<Value>,
) -> Result<Value> {
    ensure!(
        (1..=TOKENS_MAX).contains(&writing.tokens),
        "a text can have 1 to {TOKENS_MAX} tokens, and {} were asked for",
        writing.tokens
    );
    let model = file.model()?;
    let mut memory = OwnedMemory::of(&model);
    let mut generator = Generator::new(model.clone(), memory.buffers())?;
    generator.start(&writing.prompt, writing.sampling(), writing.seed)?;
    work(&mut generator)
}

fn text_of(bytes: &[u8], name: &str) -> Result<String> {
    ensure!(
        bytes.len() <= TEXT_MAX,
        "{name} has {} bytes, and a tab learns from at most {TEXT_MAX}: use a part of it, or `pipsqueak train` on a PC",
        bytes.len()
    );
    match String::from_utf8(bytes.to_vec()) {
        Ok(text) if !text.contains('\0') => Ok(text),
        _ => bail!("{name} is no text in UTF-8: save it as UTF-8 in a text editor, and drop it again"),
    }
}

fn opened(bytes: &[u8]) -> Result<ModelFile> {
    ensure!(
        bytes.len() <= MODEL_MAX,
        "the file has {} bytes, and a tab opens models of at most {MODEL_MAX}",
        bytes.len()
    );
    let file = ModelFile::from_bytes(bytes);
    file.model().context("this is no model that can be used")?;
    Ok(file)
}
