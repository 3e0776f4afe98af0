//! What a run learns from and validates with.

use anyhow::{Context, Result, bail, ensure};

use super::super::plan::Plan;
use super::Train;
use crate::data::batches::Split;
use crate::data::pairs::{self, Purpose};
use crate::data::text::Corpus;
use crate::data::vocabulary::OwnedVocabulary;

/// No more of the kept-back text is validated with, so that it does not take longer than the training.
const VALIDATION_TOKENS_MAX: usize = 131_072;

/// Tokens to learn from and to validate with. The text itself is let go.
pub(super) struct Data {
    pub(super) vocabulary: OwnedVocabulary,
    pub(super) training: Split,
    pub(super) validation: Split,
    /// Of the validation text.
    pub(super) bytes_per_token: f64,
    /// What messages call the corpus.
    pub(super) name: String,
    /// Of the corpus.
    pub(super) crc: u32,
    /// Of the model that is to learn it.
    pub(super) plan: Plan,
}

impl Train {
    pub(super) fn data(&self) -> Result<Data> {
        let data = if self.pairs.is_some() { self.pairs()? } else { self.text()? };
        let (name, context) = (&data.name, data.plan.config.context);
        let length = data.training.tokens.len();
        if length <= context {
            bail!(
                "{name} has {length} tokens to learn from, too few for a context of {context}: use a longer text or \
                 --context {}",
                (length / 2).max(1)
            );
        }
        let validation = data.validation.weight();
        ensure!(validation > 0.0, "{name}: the part to validate with has no text; use a longer text");
        Ok(data)
    }

    fn text(&self) -> Result<Data> {
        let corpus = match &self.text {
            Some(path) => Corpus::read(path, self.documents)?,
            None => Corpus::built_in(1, self.corpus_bytes.0)?,
        };
        let too_short = || format!("{} is too short to learn from", corpus.name());
        let (training, validation) = corpus.split(self.recipe.validation).with_context(too_short)?;
        let (vocabulary, plan) = self.plan(&corpus)?;
        let mut tokens = vocabulary.encode(&validation)?;
        let bytes_per_token = validation.text_bytes() as f64 / tokens.len() as f64;
        tokens.truncate(VALIDATION_TOKENS_MAX);
        Ok(Data {
            training: Split::of_text(vocabulary.encode(&training)?),
            validation: Split::of_text(tokens),
            bytes_per_token,
            vocabulary,
            name: corpus.name().to_string(),
            crc: corpus.crc(),
            plan,
        })
    }

    /// The corpus's vocabulary, and with it the model's shape.
    fn plan(&self, corpus: &Corpus) -> Result<(OwnedVocabulary, Plan)> {
        Plan::make(corpus, &self.chip, &self.shape, self.tokens, self.vocab, self.precision)
    }

    /// The last pairs are kept back, at least one.
    fn pairs(&self) -> Result<Data> {
        let path = self.pairs.as_deref().context("no pairs")?;
        let pairs = pairs::read(path)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let corpus = pairs::corpus(&pairs, &name)?;
        let (vocabulary, plan) = self.plan(&corpus)?;
        let kept = (pairs.len() as f64 * self.recipe.validation).ceil() as usize;
        let (training, validation) = pairs.split_at(pairs.len() - kept.clamp(1, pairs.len() - 1));
        let bytes: usize = validation.iter().map(|pair| pair.answer.len()).sum();
        let encode = |pairs, purpose| {
            let encoded = pairs::encode(pairs, &vocabulary, plan.config.context, purpose);
            encoded.with_context(|| format!("cannot learn from {}", path.display()))
        };
        let training = encode(training, Purpose::Learn)?;
        let validation = encode(validation, Purpose::Validate)?;
        Ok(Data {
            training,
            bytes_per_token: bytes as f64 / validation.weight(),
            validation,
            name,
            crc: corpus.crc(),
            vocabulary,
            plan,
        })
    }
}
