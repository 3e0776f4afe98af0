//! The model to train: its shape and number format, as the options say or a board's budget decides.

use anyhow::Result;
use pipsqueak::{Config, Precision};

use super::shape::{Chip, PrecisionName, Shape};
use super::source::TokenOptions;
use crate::data::Progress;
use crate::data::text::Corpus;
use crate::data::vocabulary::OwnedVocabulary;
use crate::human;
use crate::sizing::boards::Footprint;
use crate::sizing::budget::{self, Budget};
use crate::sizing::shape::weights;

/// Tokens of a BPE vocabulary without an option or a board.
const VOCAB: usize = 512;

/// A model's shape and number format, and the budget that they were chosen for, if any.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) config: Config,
    pub(super) precision: Precision,
    budget: Option<Budget>,
    footprint: Footprint,
}

impl Plan {
    /// The vocabulary of a corpus, and the plan of a model for it.
    ///
    /// # Errors
    /// A shape that makes no sense, or that does not fit the chip.
    pub(super) fn make(
        corpus: &Corpus,
        chip: &Chip,
        shape: &Shape,
        tokens: &TokenOptions,
        precision: Option<PrecisionName>,
        progress: &dyn Progress,
    ) -> Result<(OwnedVocabulary, Plan)> {
        let text_bytes = corpus.text_bytes() as u64;
        let budget = chip.budget(text_bytes)?;
        let (vocab, precision) = settle(budget.as_ref(), shape, tokens.vocab, precision);
        let vocabulary = OwnedVocabulary::of_corpus(corpus, tokens.tokens, vocab, progress)?;
        let plan = Plan::of(budget, shape, text_bytes, vocabulary.vocab(), vocabulary.bytes(), precision)?;
        Ok((vocabulary, plan))
    }

    /// The plan of a model whose text is not known yet: its vocabulary is as large as it may be.
    ///
    /// # Errors
    /// As [`Plan::make`].
    pub(super) fn without_text(
        chip: &Chip,
        shape: &Shape,
        vocab: Option<usize>,
        precision: Option<PrecisionName>,
    ) -> Result<Plan> {
        shape.check()?;
        let budget = chip.budget(u64::MAX)?;
        let (vocab, precision) = settle(budget.as_ref(), shape, vocab, precision);
        Plan::of(budget, shape, u64::MAX, vocab, budget::MERGE_BYTES * vocab as u64, precision)
    }

    /// The plan to go on with a model as it is.
    pub(super) fn to_continue(config: &Config, precision: Precision, vocabulary_bytes: u64) -> Plan {
        let bytes = budget::file_bytes(config, precision, vocabulary_bytes);
        let footprint = Footprint::of(config, precision, bytes);
        Plan { config: config.clone(), precision, budget: None, footprint }
    }

    fn of(
        budget: Option<Budget>,
        shape: &Shape,
        text_bytes: u64,
        vocab: usize,
        vocabulary_bytes: u64,
        precision: Precision,
    ) -> Result<Plan> {
        let config = match &budget {
            Some(budget) => budget.choose(&shape.partial(), vocab, vocabulary_bytes, precision)?,
            None => shape.config(vocab, text_bytes)?,
        };
        let bytes = budget::file_bytes(&config, precision, vocabulary_bytes);
        let footprint = Footprint::of(&config, precision, bytes);
        Ok(Plan { config, precision, budget, footprint })
    }

    /// Describes the plan in a line or two, before the wait.
    pub(super) fn describe(&self) -> String {
        let Config { vocab, context, width, layers, hidden, loops, .. } = self.config;
        let weights = human::count(weights(&self.config) as u64);
        let looped = if loops > 1 { format!(", {loops} times each,") } else { String::new() };
        let layers = human::counted(layers, "layer");
        let shape = format!(
            "{layers}{looped} of width {width} (hidden {hidden}), {vocab} tokens, context {context}{}: {weights} parameters, {}",
            tables(&self.config),
            self.precision.name()
        );
        let Some(budget) = &self.budget else { return shape };
        format!(
            "{shape}\nfor {}: at most {} of its {} KiB of flash and {} of its {} KiB of RAM, firmware included",
            budget.name,
            self.footprint.flash_bytes().div_ceil(1024),
            budget.flash_bytes / 1024,
            self.footprint.ram_bytes().div_ceil(1024),
            budget.ram_bytes / 1024
        )
    }
}

/// Names the tables of embeddings that a model has, to follow its sizes; empty where there is none.
pub(super) fn tables(config: &Config) -> String {
    let per_layer = if config.per_layer_embeddings { ", embeddings for each layer" } else { "" };
    let pairs = match config.bigrams {
        0 => String::new(),
        rows => format!(", {} rows for pairs", human::count(rows as u64)),
    };
    format!("{per_layer}{pairs}")
}

/// The size of the vocabulary and the number format: from the options, or else what suits the board.
pub(super) fn settle(
    budget: Option<&Budget>,
    shape: &Shape,
    vocab: Option<usize>,
    precision: Option<PrecisionName>,
) -> (usize, Precision) {
    let suitable = || budget.map_or(Precision::Int8, |budget| budget.precision(&shape.partial(), vocab));
    let precision = precision.map_or_else(suitable, Precision::from);
    (vocab.unwrap_or_else(|| budget.map_or(VOCAB, |budget| budget.vocab(precision))), precision)
}
