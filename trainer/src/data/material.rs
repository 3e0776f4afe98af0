//! The text or the pairs that a run learns from, and the part that is kept back to validate with.

use anyhow::{Context, Result};

use crate::data::Progress;
use crate::data::batches::Split;
use crate::data::encoder::BpeDropout;
use crate::data::pairs::{self, Pair, Purpose};
use crate::data::text::Corpus;
use crate::data::vocabulary::OwnedVocabulary;

/// The most tokens to validate with, so that it does not take longer than the training.
const VALIDATION_TOKENS_MAX: usize = 131_072;

/// A text or pairs, and which part of them is kept back.
pub struct Material {
    /// All of it, from which the vocabulary is made.
    pub corpus: Corpus,
    parts: Parts,
}

enum Parts {
    Text { training: Corpus, validation: Option<Corpus> },
    Pairs { training: Vec<Pair>, kept: Vec<Pair> },
}

/// The tokens of both parts.
pub struct Encoded {
    /// To learn from.
    pub training: Split,
    /// To validate with: what is kept back, or else what is learned from; of a long text some, spread over all of it.
    pub validation: Split,
    /// Mean bytes per token of the validation text.
    pub bytes_per_token: f64,
}

impl Material {
    /// A text of which the last `share` is kept back; nothing where that is 0.
    ///
    /// # Errors
    /// If there is too little text to divide.
    pub fn of_text(corpus: Corpus, share: f64) -> Result<Material> {
        let (training, validation) = if share == 0.0 {
            (corpus.clone(), None)
        } else {
            let (training, validation) = corpus.split(share)?;
            (training, Some(validation))
        };
        Ok(Material { corpus, parts: Parts::Text { training, validation } })
    }

    /// Pairs of which about `share` is kept back, chosen by `seed`; none where that is 0.
    ///
    /// # Errors
    /// None that [`pairs::read`] has not met.
    pub fn of_pairs(pairs: Vec<Pair>, name: &str, share: f64, seed: u64) -> Result<Material> {
        let corpus = pairs::corpus(&pairs, name)?;
        let (training, kept) = pairs::keep_back(pairs, share, seed);
        Ok(Material { corpus, parts: Parts::Pairs { training, kept } })
    }

    /// Whether a part is kept back to validate with.
    pub fn keeps_some_back(&self) -> bool {
        match &self.parts {
            Parts::Text { validation, .. } => validation.is_some(),
            Parts::Pairs { kept, .. } => !kept.is_empty(),
        }
    }

    /// The number of pairs to learn from, and those that are kept back; `None` of a text.
    pub fn pairs(&self) -> Option<(usize, &[Pair])> {
        match &self.parts {
            Parts::Text { .. } => None,
            Parts::Pairs { training, kept } => Some((training.len(), kept)),
        }
    }

    /// A prompt as the model will know it: the first pair's, or the first words of the text.
    pub fn example_prompt(&self) -> String {
        match &self.parts {
            Parts::Pairs { training, .. } => {
                training.first().map(|pair| pair.prompt.clone()).unwrap_or_default()
            }
            Parts::Text { training, .. } => {
                let line = training.documents().flat_map(str::lines).find(|line| !line.trim().is_empty());
                let words = line.unwrap_or_default().split_whitespace().take(3);
                words.map(|word| word.chars().take(24).collect::<String>()).collect::<Vec<_>>().join(" ")
            }
        }
    }

    /// Appends the text that is learned from to its own `tokens` again, cut in other ways: as often as a run that goes through
    /// it `passes` times has use for. Pairs stay as they are, since a prompt will be cut in one way only.
    ///
    /// # Errors
    /// None that [`Material::encode`] has not met.
    pub fn vary(
        &self,
        training: &mut Split,
        vocabulary: &OwnedVocabulary,
        passes: f64,
        mut dropout: BpeDropout,
        progress: &dyn Progress,
    ) -> Result<()> {
        let Parts::Text { training: corpus, .. } = &self.parts else { return Ok(()) };
        for _ in 1..passes.clamp(1.0, VARIANTS_MAX) as usize {
            let beside = Beside { progress, held: 2 * training.tokens.len() };
            training.tokens.extend(vocabulary.encode_with(corpus, &mut dropout, &beside)?);
        }
        Ok(())
    }

    /// The tokens of both parts, for a model of this context.
    ///
    /// # Errors
    /// If a pair does not fit into the context.
    pub fn encode(
        &self,
        vocabulary: &OwnedVocabulary,
        context: usize,
        progress: &dyn Progress,
    ) -> Result<Encoded> {
        match &self.parts {
            Parts::Text { training, validation } => {
                encode_text(training, validation.as_ref(), vocabulary, context, progress)
            }
            Parts::Pairs { training, kept } => {
                let validation = if kept.is_empty() { training } else { kept };
                encode_pairs(training, validation, vocabulary, context)
                    .with_context(|| format!("cannot learn from {}", self.corpus.name()))
            }
        }
    }
}

/// Adds the tokens that are held during a pass to the memory that it takes.
struct Beside<'p> {
    progress: &'p dyn Progress,
    held: usize,
}

impl Progress for Beside<'_> {
    fn begin(&self, what: &'static str, total: u64) {
        self.progress.begin(what, total);
    }

    fn advance(&self, more: u64) {
        self.progress.advance(more);
    }

    fn takes(&self, bytes: usize) {
        self.progress.takes(self.held + bytes);
    }
}

/// Ways to cut the text for [`Material::vary`]: beyond this many, more do not help.
const VARIANTS_MAX: f64 = 8.0;

fn encode_text(
    training: &Corpus,
    validation: Option<&Corpus>,
    vocabulary: &OwnedVocabulary,
    context: usize,
    progress: &dyn Progress,
) -> Result<Encoded> {
    let tokens = vocabulary.encode(training, progress)?;
    let beside = Beside { progress, held: 2 * tokens.len() };
    let (validated, validation) = match validation {
        Some(corpus) => (corpus, vocabulary.encode(corpus, &beside)?),
        None => (training, tokens.clone()),
    };
    beside.takes(2 * validation.len());
    let bytes_per_token = validated.text_bytes() as f64 / validation.len() as f64;
    let validation = Split::of_text(validation).spread(VALIDATION_TOKENS_MAX, context);
    Ok(Encoded { training: Split::of_text(tokens), validation, bytes_per_token })
}

fn encode_pairs(
    training: &[Pair],
    validation: &[Pair],
    vocabulary: &OwnedVocabulary,
    context: usize,
) -> Result<Encoded> {
    let bytes: usize = validation.iter().map(|pair| pair.answer.len()).sum();
    let training = pairs::encode(training, vocabulary, context, Purpose::Learn)?;
    let validation = pairs::encode(validation, vocabulary, context, Purpose::Validate)?;
    Ok(Encoded { training, bytes_per_token: bytes as f64 / validation.weight(), validation })
}
