//! The texts that a run learns from and validates with.

use anyhow::{Result, bail, ensure};

use super::super::plan::Plan;
use super::super::progress::Passes;
use super::Train;
use super::recipe::{Amount, Run};
use super::start::Start;
use crate::data::batches::Split;
use crate::data::encoder::BpeDropout;
use crate::data::material::Encoded;
use crate::data::vocabulary::OwnedVocabulary;
use crate::human::counted;
use crate::random::SplitMix64;

/// The least tokens that a model can learn from.
const TOKENS_MIN: usize = 16;

/// Tokens to learn from and to validate with. The text itself is no longer held.
pub(super) struct Data {
    pub(super) vocabulary: OwnedVocabulary,
    pub(super) training: Split,
    /// Tokens of what there is to learn, each part of it counted once.
    pub(super) tokens: usize,
    pub(super) validation: Split,
    /// Whether the validation split is kept out of the training.
    pub(super) held_out: bool,
    /// Mean bytes per token of the validation text.
    pub(super) bytes_per_token: f64,
    /// The corpus' name in messages.
    pub(super) name: String,
    /// CRC-32 of the corpus.
    pub(super) crc: u32,
    /// Shape and number format of the model.
    pub(super) plan: Plan,
    /// The model that it is to go on from, if any.
    pub(super) start: Option<Start>,
    /// How it is to be learned.
    pub(super) run: Run,
    /// An example of a prompt.
    pub(super) prompt: String,
    /// The most memory that reading has taken, in bytes.
    pub(super) reading_bytes: usize,
}

impl Data {
    /// Memory of the tokens, in bytes.
    pub(super) fn bytes(&self) -> usize {
        [&self.training, &self.validation]
            .map(|split| 2 * split.tokens.len() + 4 * split.weights.len())
            .iter()
            .sum()
    }
}

impl Train {
    /// Reads the text or the pairs, makes a vocabulary, and plans the model.
    pub(super) fn data(&self) -> Result<Data> {
        let start = self.from.as_deref().map(Start::read).transpose()?;
        let known = start.as_ref().map(|start| &start.vocabulary);
        let material = self.source.read(self.recipe.seed, known)?;
        let corpus = &material.corpus;
        let passes = Passes::default();
        let (vocabulary, plan) = match &start {
            Some(start) => (start.vocabulary.clone(), start.plan(self.precision)),
            None => Plan::make(corpus, &self.chip, &self.shape, &self.tokens, self.precision, &passes)?,
        };
        let context = plan.config.context;
        let Encoded { mut training, validation, bytes_per_token } =
            material.encode(&vocabulary, context, &passes)?;
        check_length(corpus.name(), training.tokens.len(), context)?;
        ensure!(
            validation.weight() > 0.0,
            "{}: the part that is kept back is less than two tokens; use a longer text, or more --validation",
            corpus.name()
        );
        let tokens = training.tokens.len();
        let amount =
            Amount { tokens: material.pairs().is_none().then_some(tokens), goes_on: start.is_some() };
        let run = self.recipe.run(amount, &plan.config);
        if run.bpe_dropout > 0.0 {
            let dropout =
                BpeDropout { probability: run.bpe_dropout, random: SplitMix64::new(self.recipe.seed) };
            material.vary(&mut training, &vocabulary, run.passes, dropout, &passes)?;
        }
        Ok(Data {
            training,
            tokens,
            run,
            start,
            validation,
            prompt: material.example_prompt(),
            held_out: material.keeps_some_back(),
            bytes_per_token,
            name: corpus.name().to_string(),
            crc: corpus.crc(),
            vocabulary,
            plan,
            reading_bytes: corpus.file_bytes() + passes.most_bytes(),
        })
    }
}

fn check_length(name: &str, tokens: usize, context: usize) -> Result<()> {
    if tokens > context {
        return Ok(());
    }
    if tokens < TOKENS_MIN {
        bail!(
            "{name} is too short to learn from: it has {}, and {TOKENS_MIN} are the least",
            counted(tokens, "token")
        );
    }
    bail!(
        "{name} has {tokens} tokens to learn from, too few for a context of {context}: use a longer text or --context {}",
        tokens / 2
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_is_advised_where_it_helps() {
        let refusal = |tokens, context| check_length("x", tokens, context).unwrap_err().to_string();
        assert!(refusal(100, 128).ends_with("use a longer text or --context 50"));
        assert!(refusal(2, 1024).ends_with("it has 2 tokens, and 16 are the least"));
        assert!(refusal(1, 1024).ends_with("it has 1 token, and 16 are the least"));
        assert!(check_length("x", 129, 128).is_ok());
    }
}
