//! `pipsqueak stories-check`.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use pipsqueak::{Generator, Sampling};
use pipsqueak_stories::{Stories, names};

use super::options::whole;
use crate::cli::output::say;
use crate::data::vocabulary;
use crate::export::decoding::OwnedMemory;
use crate::export::model_file::ModelFile;

/// Measure how well the stories of a model of the built-in corpus hold together.
///
/// Prints in how many the person who is named first comes again in the last third, and how many name more than three people; the
/// corpus's own stories beside them. People are those who have one of the corpus's names; a story in which nobody is named has
/// nobody who comes again.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pipsqueak stories-check --model pretrained/stories.pip
  pipsqueak stories-check --model mine.pip --stories 1000 --top-p 0.8")]
pub struct StoriesCheck {
    /// The model file
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// Stories to tell, with the seeds from 1 on
    #[arg(long, value_name = "COUNT", default_value_t = 200, value_parser = whole::<u32>(1..=100_000))]
    stories: u32,
    /// The beginning of every story
    #[arg(long, value_name = "TEXT", default_value = "Once upon a time")]
    prompt: String,
    /// How boldly tokens are chosen, as of `generate`
    #[arg(long, default_value_t = Sampling::default().temperature, value_parser = super::options::number::<f32>(0.0..=100.0))]
    temperature: f32,
    /// Choose among the likeliest tokens that make up this share of the probability, as of `generate`
    #[arg(long, value_name = "SHARE", default_value_t = Sampling::default().top_p, value_parser = super::options::share::<f32>)]
    top_p: f32,
}

/// A story that has not ended by then is measured as it is.
const LENGTH: u32 = 500;

/// Counts over some stories.
#[derive(Debug, Default, PartialEq)]
struct Found {
    stories: u32,
    returns: u32,
    crowded: u32,
}

impl StoriesCheck {
    pub(super) fn run(self) -> Result<()> {
        let file = ModelFile::read(&self.model)?;
        let model = file.model()?;
        let prompt = model.tokenizer().trimmed(&self.prompt);
        let tokens = vocabulary::read_prompt(model.tokenizer(), prompt);
        let sampling = Sampling { temperature: self.temperature, top_p: self.top_p, ..Sampling::default() };
        let mut memory = OwnedMemory::of(&model);
        let mut generator = Generator::new(model.clone(), memory.buffers())?;
        let mut found = Found::default();
        for seed in 1..=self.stories {
            generator.start_with(tokens.iter().copied(), sampling, seed.into())?;
            let mut story = prompt.to_string();
            while generator.tokens() < LENGTH {
                let Some(piece) = generator.next_piece() else { break };
                story += piece;
            }
            found.count(&story);
        }
        let mut corpus = Found::default();
        Stories::new(1).take(self.stories as usize).for_each(|story| corpus.count(&story));
        say!("stories           first-named person in the last third    more than three people");
        found.print("of the model");
        corpus.print("of the corpus");
        Ok(())
    }
}

impl Found {
    fn count(&mut self, story: &str) {
        let people = people(story);
        let returns = people.first().is_some_and(|&(_, first)| {
            people.iter().any(|&(at, name)| name == first && 3 * at >= 2 * story.len())
        });
        let mut distinct: Vec<&str> = people.iter().map(|&(_, name)| name).collect();
        distinct.sort_unstable();
        distinct.dedup();
        self.stories += 1;
        self.returns += u32::from(returns);
        self.crowded += u32::from(distinct.len() > 3);
    }

    fn print(&self, whose: &str) {
        let share = 100.0 * f64::from(self.returns) / f64::from(self.stories);
        let (returns, crowded) = (
            format!("{} of {}", self.returns, self.stories),
            format!("{} of {}", self.crowded, self.stories),
        );
        say!("{whose:<18}{share:>5.1} %  ({returns}){crowded:>width$}", width = 51 - returns.len());
    }
}

/// The names in a story, and where in its bytes each stands.
fn people(story: &str) -> Vec<(usize, &str)> {
    let starts = story.char_indices().filter(|&(at, c)| {
        c.is_ascii_uppercase() && !story[..at].ends_with(|before: char| before.is_alphanumeric())
    });
    let words = starts.map(|(at, _)| {
        let rest = &story[at..];
        (at, &rest[..rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len())])
    });
    words.filter(|(_, word)| names().any(|name| name == *word)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(story: &str) -> (u32, u32) {
        let mut found = Found::default();
        found.count(story);
        (found.returns, found.crowded)
    }

    #[test]
    fn people_are_the_corpus_s_names_and_nothing_else() {
        assert_eq!(
            people("Dan met Mama. \"Pip!\" said Dan's friend. Danny sat."),
            [(0, "Dan"), (15, "Pip"), (26, "Dan")]
        );
    }

    #[test]
    fn who_returns_and_who_is_too_many_is_counted() {
        assert_eq!(found("A boy named Dan sat down and thought. Then Dan slept."), (1, 0));
        assert_eq!(found("A boy named Dan sat by Dan and Mia for the whole of the day. He slept."), (0, 0));
        assert_eq!(found("Nobody was there."), (0, 0));
        assert_eq!(found("Dan, Tom, Ben and Max met. Dan slept."), (1, 1));
        assert_eq!(found("Dan, Tom and Ben met. Dan slept."), (1, 0));
    }

    #[test]
    fn the_corpus_holds_together() {
        let mut corpus = Found::default();
        Stories::new(1).take(1000).for_each(|story| corpus.count(&story));
        assert!(corpus.returns >= 960 && corpus.crowded == 0, "{corpus:?}");
    }
}
