//! Every number on the way from a text to the token that follows, as the core computes it: in f32, or in the integers of a board.

pub mod candidates;
pub mod html;

use anyhow::{Result, ensure};
use pipsqueak::internal::Parameter;
use pipsqueak::internal::float::sinusoid::add_sinusoid;
use pipsqueak::{Config, Generator, Model, Observer, Place, Position, Tokenizer, Values, Vector};
use serde::Serialize;

use crate::export::dequantize;
use crate::human;
use candidates::{Candidate, candidates};

/// The most numbers that an explanation holds: about 100 MB of JSON.
const NUMBERS_MAX: usize = 8 << 20;
/// Weights of a model that is explained with them.
const WEIGHTS_MAX: usize = 120_000;

/// A vector's numbers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// The numbers themselves.
    pub values: Vec<f32>,
    /// The integers that the model computes with, each of which counts `unit`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub integers: Vec<i32>,
    /// 1 where there are no integers.
    pub unit: f32,
}

impl Row {
    fn of(values: Values<'_>) -> Row {
        Row {
            values: values.iter().collect(),
            integers: (0..values.len()).filter_map(|i| values.integer(i)).collect(),
            unit: values.unit(),
        }
    }

    fn of_floats(values: Vec<f32>) -> Row {
        Row { values, integers: Vec::new(), unit: 1.0 }
    }
}

/// A vector for each position.
pub type Table = Vec<Row>;

/// A query head of a layer.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Head {
    /// From 0.
    pub index: usize,
    /// The key head that it looks at.
    pub key_head: usize,
    /// `[positions, head]`.
    pub queries: Table,
    /// `[positions, head]`.
    pub keys: Table,
    /// `[positions, head]`.
    pub values: Table,
    /// `[position, position + 1]`: a triangle.
    pub scores: Table,
    /// As `scores`.
    pub weights: Table,
}

/// The expert that a token went to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Expert {
    /// From 0.
    pub index: usize,
    /// Its result is multiplied by this.
    pub probability: f32,
}

/// A layer, at all positions. The tables are those of [`Vector`], by their names. Where two experts are active, these, and the units,
/// activated units and outputs of the MLP, have two rows for each position.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct Layer {
    /// Counted through all loops, from 0.
    pub index: usize,
    /// The layer whose weights it has: another's than its own only in a model with loops.
    pub block: usize,
    pub attention_input: Table,
    pub heads: Vec<Head>,
    pub attended: Table,
    pub attention_output: Table,
    pub attention_residual: Table,
    pub mlp_input: Table,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub router: Table,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub experts: Vec<Expert>,
    pub units: Table,
    pub activated: Table,
    pub mlp_output: Table,
    pub mlp_residual: Table,
}

/// A parameter of a small model, to put into formulas.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Weights {
    /// See [`Parameter::name`].
    pub name: &'static str,
    /// `[layers, rows, columns]`; of integers, the values that they stand for.
    pub layers: Vec<Vec<Vec<f32>>>,
}

/// The numbers behind one token.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// Its shape.
    pub config: Config,
    /// Number format of the matrices.
    pub precision: &'static str,
    /// The tokens that the model looks at, by position.
    pub tokens: Vec<u16>,
    /// Their texts.
    pub pieces: Vec<String>,
    /// `[positions, width]`.
    pub token_embeddings: Table,
    /// `[positions, width]`; empty where positions are rotary or none.
    pub position_vectors: Table,
    /// The sum of the two.
    pub embedding: Table,
    /// Those that were asked for.
    pub layers: Vec<Layer>,
    /// `[positions, width]`: what the logits are computed from.
    pub final_input: Table,
    /// The last position's, `[vocab]`.
    pub logits: Row,
    /// How the next token is chosen.
    pub sampling: Sampled,
    /// The candidates for the next token, the likeliest first.
    pub candidates: Vec<Candidate>,
    /// The token that was chosen, and its text.
    pub next: Option<(u16, String)>,
    /// All weights of a small model; empty for others.
    pub weights: Vec<Weights>,
}

/// The settings of [`Sampling`](pipsqueak::Sampling).
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct Sampled {
    pub temperature: f32,
    pub top_k: u16,
    pub top_p: f32,
    pub repetition_penalty: f32,
    pub seed: u64,
}

/// The part of a model that is explained.
#[derive(Debug, Clone, Copy, Default)]
pub struct Part {
    /// One layer, or all.
    pub layer: Option<usize>,
    /// One query head, or all.
    pub head: Option<usize>,
}

impl Part {
    fn has_layer(self, layer: usize) -> bool {
        self.layer.is_none_or(|one| one == layer)
    }

    fn has_head(self, head: usize) -> bool {
        self.head.is_none_or(|one| one == head)
    }

    fn check(self, config: &Config, positions: usize) -> Result<()> {
        for (name, asked, limit) in [("layer", self.layer, config.depth()), ("head", self.head, config.heads)]
        {
            if let Some(asked) = asked {
                ensure!(
                    asked < limit,
                    "the model has {}, from 0: there is no {name} {asked}",
                    human::counted(limit, name)
                );
            }
        }
        let layers = self.layer.map_or(config.depth(), |_| 1);
        let heads = self.head.map_or(config.heads, |_| 1);
        let a_layer = 8 * config.width
            + config.up_width()
            + config.hidden
            + heads * (3 * config.head_size() + positions);
        let numbers = positions * (4 * config.width + layers * a_layer) + config.vocab;
        ensure!(
            numbers <= NUMBERS_MAX,
            "{} in {} are {} numbers, and at most {} are shown: choose one with --layer, or a shorter prompt",
            human::counted(positions, "position"),
            human::counted(layers, "layer"),
            human::count(numbers as u64),
            human::count(NUMBERS_MAX as u64)
        );
        Ok(())
    }
}

/// Explains the token that `generator` writes next, by `sampling` from `seed`, and lets it write that. See [`Generator::start`].
///
/// # Errors
/// If the model has no such layer or head, or if there are too many numbers to look at.
pub fn explain(generator: &mut Generator<'_, '_>, sampled: Sampled, part: Part) -> Result<Explanation> {
    let model = generator.model().clone();
    part.check(model.config(), generator.window().len().max(1))?;
    let mut watcher = Watcher::new(model.config(), part);
    generator.observe(&mut watcher);
    let tokens = generator.window().to_vec();
    let sampling = (&sampled).into();
    let candidates = candidates(model.tokenizer(), &watcher.logits.values, &tokens, &sampling);
    let next = generator.next_token().map(|token| (token, piece(model.tokenizer(), token)));
    Ok(Explanation {
        config: model.config().clone(),
        precision: model.precision().name(),
        pieces: tokens.iter().map(|&token| piece(model.tokenizer(), token)).collect(),
        token_embeddings: tokens
            .iter()
            .map(|&token| row_of(&model, Parameter::Embedding, token.into()))
            .collect(),
        position_vectors: (0..tokens.len())
            .filter_map(|position| position_vector(&model, position))
            .collect(),
        tokens,
        embedding: watcher.embedding,
        layers: watcher.layers,
        final_input: watcher.final_input,
        logits: watcher.logits,
        sampling: sampled,
        candidates,
        next,
        weights: weights(&model),
    })
}

impl Sampled {
    /// `sampling`, with the random seed.
    pub fn of(sampling: &pipsqueak::Sampling, seed: u64) -> Self {
        let &pipsqueak::Sampling { temperature, top_k, top_p, repetition_penalty } = sampling;
        Sampled { temperature, top_k, top_p, repetition_penalty, seed }
    }
}

impl From<&Sampled> for pipsqueak::Sampling {
    fn from(sampled: &Sampled) -> Self {
        let &Sampled { temperature, top_k, top_p, repetition_penalty, .. } = sampled;
        pipsqueak::Sampling { temperature, top_k, top_p, repetition_penalty }
    }
}

fn piece(tokenizer: &Tokenizer<'_>, token: u16) -> String {
    String::from_utf8_lossy(&tokenizer.decode(token)).into_owned()
}

/// A row of a matrix, and its integers if it has such.
fn row_of(model: &Model<'_>, parameter: Parameter, row: usize) -> Row {
    let (matrix, width) = (model.matrix(parameter, 0), model.config().width);
    if model.precision().format().is_none() {
        let mut values = vec![0.0; width];
        matrix.row(row, &mut values);
        return Row::of_floats(values);
    }
    let mut integers = vec![0; width];
    let unit = matrix.integer_row(row, &mut integers);
    Row { values: integers.iter().map(|&q| q as f32 * unit).collect(), integers, unit }
}

fn position_vector(model: &Model<'_>, position: usize) -> Option<Row> {
    match model.config().position {
        Position::Learned => Some(row_of(model, Parameter::Positions, position)),
        Position::Sinusoidal => {
            let mut values = vec![0.0; model.config().width];
            add_sinusoid(&mut values, position);
            Some(Row::of_floats(values))
        }
        Position::None | Position::Rotary => None,
    }
}

/// All weights of a model that has few.
fn weights(model: &Model<'_>) -> Vec<Weights> {
    let count: usize = Parameter::ALL.iter().map(|parameter| parameter.shape(model.config()).len()).sum();
    if count > WEIGHTS_MAX {
        return Vec::new();
    }
    let parameters = dequantize::parameters(model);
    let present = parameters.walk().filter(|(_, shape, _)| !shape.is_empty());
    let nested = present.map(|(parameter, shape, values)| Weights {
        name: parameter.name(),
        layers: values
            .chunks(shape.rows * shape.columns)
            .map(|layer| layer.chunks(shape.columns).map(<[f32]>::to_vec).collect())
            .collect(),
    });
    nested.collect()
}

/// Writes down what the core shows.
struct Watcher<'c> {
    config: &'c Config,
    embedding: Table,
    layers: Vec<Layer>,
    final_input: Table,
    logits: Row,
    /// Keys and values of the position and layer that are being computed, by key head.
    keys: Vec<Row>,
    values: Vec<Row>,
}

impl<'c> Watcher<'c> {
    fn new(config: &'c Config, part: Part) -> Self {
        let heads = (0..config.heads).filter(|&head| part.has_head(head));
        let heads = heads.map(|index| Head { index, key_head: index / config.group(), ..Head::default() });
        let layer = Layer { heads: heads.collect(), ..Layer::default() };
        let layers = (0..config.depth()).filter(|&layer| part.has_layer(layer));
        let layers = layers.map(|index| Layer { index, block: index % config.layers, ..layer.clone() });
        Watcher {
            config,
            embedding: Table::new(),
            layers: layers.collect(),
            final_input: Table::new(),
            logits: Row::of_floats(Vec::new()),
            keys: Vec::new(),
            values: Vec::new(),
        }
    }

    /// A query head's row: the key and value of the key head that it looks at come with it.
    fn see_query(&mut self, layer: usize, head: usize, query: Row) {
        let key_head = head / self.config.group();
        let (key, value) = (self.keys[key_head].clone(), self.values[key_head].clone());
        if let Some(head) = self.layers[layer].heads.iter_mut().find(|one| one.index == head) {
            head.queries.push(query);
            head.keys.push(key);
            head.values.push(value);
        }
    }
}

impl Observer for Watcher<'_> {
    fn see(&mut self, place: Place, values: Values<'_>) {
        let row = Row::of(values);
        match place.vector {
            Vector::Embedding => return self.embedding.push(row),
            Vector::Final => return self.final_input.push(row),
            Vector::Logits => return self.logits = row,
            _ => {}
        }
        let Some(at) = self.layers.iter().position(|layer| layer.index == place.layer) else { return };
        let layer = &mut self.layers[at];
        match place.vector {
            Vector::Key { head: 0 } => (self.keys, self.values) = (vec![row], Vec::new()),
            Vector::Key { .. } => self.keys.push(row),
            Vector::Value { .. } => self.values.push(row),
            Vector::Query { head } => self.see_query(at, head, row),
            Vector::Scores { head } => layer
                .heads
                .iter_mut()
                .filter(|one| one.index == head)
                .for_each(|one| one.scores.push(row.clone())),
            Vector::Weights { head } => layer
                .heads
                .iter_mut()
                .filter(|one| one.index == head)
                .for_each(|one| one.weights.push(row.clone())),
            Vector::AttentionInput => layer.attention_input.push(row),
            Vector::Heads => layer.attended.push(row),
            Vector::AttentionOutput => layer.attention_output.push(row),
            Vector::AttentionResidual => layer.attention_residual.push(row),
            Vector::MlpInput => layer.mlp_input.push(row),
            Vector::Router => layer.router.push(row),
            Vector::Expert { index } => layer.experts.push(Expert { index, probability: row.values[0] }),
            Vector::Units => layer.units.push(row),
            Vector::Activated => layer.activated.push(row),
            Vector::MlpOutput => layer.mlp_output.push(row),
            Vector::MlpResidual => layer.mlp_residual.push(row),
            _ => {}
        }
    }
}
