//! `pipsqueak eval --pairs`: how many prompts a model answers as it should, with one answer of a list.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::Args;
use pipsqueak::internal::Decoder;
use pipsqueak::{Generator, Model};

use super::options::{number, whole};
use super::words;
use crate::cli::output::say;
use crate::cli::progress;
use crate::data::encoder::Encoder;
use crate::data::pairs::{self, Pair};
use crate::data::unseen::{Found, Unseen};
use crate::export::answers::{self, Answers, shares};
use crate::export::decoding::OwnedMemory;
use crate::human;
use crate::training::parallel;

/// Pairs that a thread takes at once.
const AT_ONCE: usize = 16;
/// The most kinds of mistakes that are listed.
const MISTAKES: usize = 8;

/// Which pairs to measure, and what may be answered.
#[derive(Debug, Args)]
#[command(next_help_heading = "Pairs")]
pub(super) struct PairsOptions {
    /// Prompts with the answers that they should get: lines of a prompt, a tab and an answer
    #[arg(long, value_name = "FILE.tsv")]
    pairs: Option<PathBuf>,
    /// The answers that the model may give, one a line [default: all that the pairs have]
    #[arg(long, value_name = "FILE.txt", requires = "pairs")]
    answers: Option<PathBuf>,
    /// Measure only the pairs that `train` with this --validation and this --seed kept back
    #[arg(long, value_name = "SHARE", requires = "pairs", value_parser = number::<f64>(0.0..=0.9))]
    validation: Option<f64>,
    /// The random seed that `train` had
    #[arg(long, requires = "validation", default_value_t = 1, value_parser = whole::<u64>(0..=u64::MAX))]
    seed: u64,
}

/// Prompts, the answer of each by its place in the list, and the list.
pub(super) struct Questions {
    pairs: Vec<(Pair, usize)>,
    answers: Answers,
}

/// The answer to one prompt.
#[derive(Debug, Clone, Copy, Default)]
struct Answered {
    /// As the board chooses.
    chosen: usize,
    /// The likeliest as a whole.
    likeliest: usize,
    /// The right answer's share of the probability of all.
    share: f64,
}

/// How well one model answers.
pub(super) struct Score {
    answered: Vec<Answered>,
}

impl PairsOptions {
    /// The questions for `model`, if there are any; says which characters of them it never saw, or refuses those if `strict`.
    ///
    /// # Errors
    /// A file that can't be read, or an answer that is not in the list.
    pub(super) fn read(&self, model: &Model<'_>, strict: bool) -> Result<Option<Questions>> {
        let Some(path) = &self.pairs else { return Ok(None) };
        let name = path.display();
        let encoder = Encoder::new(*model.tokenizer().vocabulary());
        let mut found = Found::new();
        let all = pairs::readable(pairs::read(path)?, |c| encoder.knows(c), &mut found);
        if !found.is_empty() {
            let unseen: Vec<Unseen> = found.into_values().collect();
            let listed = words::list(&unseen);
            ensure!(
                !strict,
                "{name} has characters that the model never saw: {listed}; without --strict they are replaced or left out"
            );
            say!("{name} has characters that the model never saw: {listed}");
        }
        let texts = match &self.answers {
            Some(path) => answers::read(path)?,
            None => distinct(&all),
        };
        let answers = Answers::new(texts, model.tokenizer())?;
        let asked = match self.validation {
            Some(share) => pairs::keep_back(all, share, self.seed).1,
            None => all,
        };
        ensure!(!asked.is_empty(), "--validation keeps none of {name} back; leave it out to measure all");
        let place = |pair: Pair| {
            let place = answers.place(&pair.answer);
            let place = place.with_context(|| {
                format!("{name}, line {}: «{}» is not among the --answers", pair.line, pair.answer)
            })?;
            Ok((pair, place))
        };
        let pairs = asked.into_iter().map(place).collect::<Result<Vec<_>>>()?;
        Ok(Some(Questions { pairs, answers }))
    }
}

/// Every answer once, in the order in which they come.
fn distinct(pairs: &[Pair]) -> Vec<String> {
    let mut answers: Vec<String> = Vec::new();
    for pair in pairs {
        if !answers.contains(&pair.answer) {
            answers.push(pair.answer.clone());
        }
    }
    answers
}

impl Questions {
    /// Asks `model` all of them.
    ///
    /// # Errors
    /// A pair that does not fit into the context.
    pub(super) fn ask(&self, model: &Model<'_>) -> Result<Score> {
        let bar = progress::prompts(self.pairs.len() as u64);
        let mut answered: Vec<Result<Vec<Answered>>> = Vec::new();
        answered.resize_with(self.pairs.len().div_ceil(AT_ONCE), || Ok(Vec::new()));
        let work = self.pairs.chunks(AT_ONCE).zip(&mut answered);
        parallel::for_each(parallel::available(), work, |(pairs, answered)| {
            *answered = self.ask_some(model, pairs);
            bar.inc(pairs.len() as u64);
        });
        bar.finish_and_clear();
        let answered = answered.into_iter().collect::<Result<Vec<_>>>()?;
        Ok(Score { answered: answered.concat() })
    }

    fn ask_some(&self, model: &Model<'_>, pairs: &[(Pair, usize)]) -> Result<Vec<Answered>> {
        let [mut one, mut other] = [OwnedMemory::of(model), OwnedMemory::of(model)];
        let mut generator = Generator::new(model.clone(), one.buffers())?;
        let (mut decoder, _) = Decoder::new(model.clone(), other.buffers())?;
        let ask = |(pair, right): &(Pair, usize)| {
            let chosen = self.answers.choose(&mut generator, &pair.prompt)?;
            let log_probabilities = self
                .answers
                .log_probabilities(&mut decoder, &pair.prompt)
                .with_context(|| format!("line {}", pair.line))?;
            let likeliest = (0..log_probabilities.len())
                .max_by(|&a, &b| log_probabilities[a].total_cmp(&log_probabilities[b]))
                .unwrap_or_default();
            Ok(Answered { chosen, likeliest, share: shares(&log_probabilities)[*right] })
        };
        pairs.iter().map(ask).collect()
    }

    /// Prints how well `model` answers, and what it takes for what.
    pub(super) fn print(&self, model: &Model<'_>, score: &Score) {
        let percent = |right: usize| 100.0 * right as f64 / self.pairs.len() as f64;
        let (right, likeliest) = (self.right(score, |a| a.chosen), self.right(score, |a| a.likeliest));
        say!("pairs          {}", human::count(self.pairs.len() as u64));
        say!("answers        {}", human::count(self.answers.texts.len() as u64));
        say!("precision      {}", model.precision().name());
        say!("right          {}, {:.2} %", human::count(right as u64), percent(right));
        say!(
            "as a whole     {}, {:.2} %, if the likeliest whole answer is taken",
            human::count(likeliest as u64),
            percent(likeliest)
        );
        say!("loss           {:.4} nats an answer", self.loss(score));
        for ((right, chosen), count) in self.mistakes(score).into_iter().take(MISTAKES) {
            let [right, chosen] = [right, chosen].map(|place| &self.answers.texts[place]);
            say!("mistaken       {:>5}   «{right}» for «{chosen}»", human::count(count as u64));
        }
    }

    /// Prints a line of a table.
    pub(super) fn print_row(&self, model: &Model<'_>, score: &Score) {
        let right = self.right(score, |a| a.chosen);
        say!(
            "{:<9} {:>9} {:>9.2} % {:>18.4}",
            model.precision().name(),
            human::count(right as u64),
            100.0 * right as f64 / self.pairs.len() as f64,
            self.loss(score)
        );
    }

    /// Prints the head of a table of [`print_row`](Self::print_row).
    pub(super) fn print_head(&self) {
        say!("pairs          {}\n", human::count(self.pairs.len() as u64));
        say!("precision     right      right   nats an answer");
    }

    fn right(&self, score: &Score, answer: impl Fn(&Answered) -> usize) -> usize {
        self.pairs
            .iter()
            .zip(&score.answered)
            .filter(|((_, right), answered)| answer(answered) == *right)
            .count()
    }

    /// The mean of `-ln` of the right answer's share.
    fn loss(&self, score: &Score) -> f64 {
        // A share so small that it is 0 counts as the smallest number there is.
        let losses = score.answered.iter().map(|answered| -answered.share.max(f64::MIN_POSITIVE).ln());
        losses.sum::<f64>() / score.answered.len() as f64
    }

    /// The right answer and the chosen one, by the number of times that it came to this; the most frequent first.
    fn mistakes(&self, score: &Score) -> Vec<((usize, usize), usize)> {
        let mut counts: BTreeMap<(usize, usize), usize> = BTreeMap::new();
        for ((_, right), answered) in self.pairs.iter().zip(&score.answered) {
            if answered.chosen != *right {
                *counts.entry((*right, answered.chosen)).or_default() += 1;
            }
        }
        let mut mistakes: Vec<_> = counts.into_iter().collect();
        mistakes.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
        mistakes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_counted_once_in_their_order() {
        let pairs = pairs::from_text("a\tx\nb\ty\nc\tx\n".into(), "").unwrap();
        assert_eq!(distinct(&pairs), ["x", "y"]);
    }
}
