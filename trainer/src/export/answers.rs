//! Answers from a list, for models that were trained on prompts with answers: the choice that the board makes, and how likely each
//! answer is as a whole.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use pipsqueak::internal::Decoder;
use pipsqueak::{Choices, Generator, Sampling, Tokenizer};

use crate::data::clean;
use crate::data::pairs::SEPARATOR;
use crate::data::text::read_text;
use crate::data::vocabulary::read_prompt;
use crate::export::decoding::negative_log_likelihood;

/// The most tokens that all answers of a list may have, and one for each answer.
const TOKENS_MAX: usize = 16_384;

/// Reads a file of answers, one a line; blank lines are none.
///
/// # Errors
/// If it cannot be read, has no answers, or one of them twice.
pub fn read(path: &Path) -> Result<Vec<String>> {
    from_text(read_text(path)?, &path.display().to_string())
}

/// As [`read`], of a file's text; `name` is what messages call it.
fn from_text(text: String, name: &str) -> Result<Vec<String>> {
    let mut answers: Vec<String> = Vec::new();
    for (line, number) in clean::plain(text).lines().zip(1..) {
        let answer = line.trim();
        ensure!(!answer.contains('\t'), "{name}, line {number}: it has a tab; a line is one answer");
        ensure!(
            !answers.iter().any(|other| other == answer),
            "{name}, line {number}: «{answer}» comes twice"
        );
        if !answer.is_empty() {
            answers.push(answer.into());
        }
    }
    ensure!(!answers.is_empty(), "{name} has no answers in it; a line is one answer");
    Ok(answers)
}

/// The answers that a model may give.
pub struct Answers {
    /// As they are written.
    pub texts: Vec<String>,
    /// Each, with the end of the text behind it where the model has one.
    tokens: Vec<Vec<u16>>,
    choices: Choices<TOKENS_MAX>,
}

impl Answers {
    /// Answers by a model with this `tokenizer`.
    ///
    /// # Errors
    /// A character that the model never saw; too many answers; one that begins another where the model has no end token.
    pub fn new(texts: Vec<String>, tokenizer: &Tokenizer<'_>) -> Result<Self> {
        let mut tokens = Vec::new();
        for text in &texts {
            let answer: Result<Vec<u16>, _> = tokenizer.continuation(text).collect();
            let mut answer = answer.with_context(|| format!("the answer «{text}»"))?;
            answer.extend(tokenizer.vocabulary().end);
            tokens.push(answer);
        }
        let borrowed: Vec<&str> = texts.iter().map(String::as_str).collect();
        let choices = match Choices::new(tokenizer, &borrowed) {
            Err(pipsqueak::Error::ChoicesTooLong { needs, has }) => {
                bail!(
                    "the answers take {needs} tokens with one for each answer, and {has} at most; give fewer"
                )
            }
            Err(pipsqueak::Error::ChoiceBegins { answer }) => bail!(
                "the answer «{}» begins another one, and the model has no end token to tell them apart",
                texts[answer]
            ),
            choices => choices?,
        };
        Ok(Answers { texts, tokens, choices })
    }

    /// The place of `answer` in the list.
    pub fn place(&self, answer: &str) -> Option<usize> {
        self.texts.iter().position(|text| text == answer)
    }

    /// Answers `prompt` with the likeliest token at each place where answers part, as the board does; returns its place in the list.
    ///
    /// # Errors
    /// A model that has no token for the line end behind a prompt, as pairs have it.
    pub fn choose(&self, generator: &mut Generator<'_, '_>, prompt: &str) -> Result<usize> {
        let tokens = read_prompt(generator.model().tokenizer(), prompt);
        generator.start_with(tokens.into_iter(), Sampling::GREEDY, 0)?;
        generator.append(SEPARATOR).context(NO_LINE_END)?;
        Ok(generator.choose(&self.choices))
    }

    /// The natural logarithm of the probability of each answer to `prompt`: the sum of those of all its tokens, its end included.
    ///
    /// # Errors
    /// A prompt that does not fit into the context together with each answer; a model without a token for the line end.
    pub fn log_probabilities(&self, decoder: &mut Decoder<'_, '_>, prompt: &str) -> Result<Vec<f64>> {
        let (tokenizer, context) = (*decoder.model().tokenizer(), decoder.model().config().context);
        let mut before: Vec<u16> = tokenizer.vocabulary().begin.into_iter().collect();
        before.extend(read_prompt(&tokenizer, prompt));
        for token in tokenizer.continuation(SEPARATOR) {
            before.push(token.context(NO_LINE_END)?);
        }
        // The last token is only predicted, not read.
        let needs = before.len() + self.tokens.iter().map(Vec::len).max().unwrap_or(1) - 1;
        ensure!(
            needs <= context,
            "«{prompt}» and its answers take {needs} tokens, and the context is {context}"
        );
        let mut first = Vec::new();
        decoder.forward_each(&before, 0, |logits| first = logits.to_vec())?;
        let mut log_probability = |answer: &Vec<u16>| -> Result<f64> {
            let (mut logits, mut sum) = (first.clone(), 0.0);
            for (i, &token) in answer.iter().enumerate() {
                if i > 0 {
                    decoder.forward(answer[i - 1], before.len() + i - 1)?;
                    logits = decoder.logits().to_vec();
                }
                sum -= negative_log_likelihood(&logits, token.into());
            }
            Ok(sum)
        };
        self.tokens.iter().map(&mut log_probability).collect()
    }
}

const NO_LINE_END: &str = "the model has no token for a line end, and was not trained on pairs; `pipsqueak train --pairs` trains one";

/// The share of each answer in the probability of all.
pub fn shares(log_probabilities: &[f64]) -> Vec<f64> {
    let largest = log_probabilities.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers: Vec<f64> = log_probabilities.iter().map(|log| (log - largest).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.into_iter().map(|power| power / sum).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_an_answer_a_line() {
        assert_eq!(from_text("lamp on\r\n\n lamp off \n".into(), "").unwrap(), ["lamp on", "lamp off"]);
        let refusal = |text: &str| from_text(text.into(), "a.txt").unwrap_err().to_string();
        assert_eq!(refusal("on\noff\non\n"), "a.txt, line 3: «on» comes twice");
        assert_eq!(refusal("on\tlight on\n"), "a.txt, line 1: it has a tab; a line is one answer");
        assert!(refusal(" \n").starts_with("a.txt has no answers"));
    }

    #[test]
    fn shares_add_up_to_one() {
        let found = shares(&[-1000.0, -1000.0 + 3f64.ln()]);
        assert!((found[0] - 0.25).abs() < 1e-12 && (found[1] - 0.75).abs() < 1e-12, "{found:?}");
    }
}
