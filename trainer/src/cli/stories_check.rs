//! `pipsqueak stories-check`.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use pipsqueak::{Generator, Sampling};
use pipsqueak_stories::{Cohesion, Stories};

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

impl StoriesCheck {
    pub(super) fn run(self) -> Result<()> {
        let file = ModelFile::read(&self.model)?;
        let model = file.model()?;
        let prompt = model.tokenizer().trimmed(&self.prompt);
        let tokens = vocabulary::read_prompt(model.tokenizer(), prompt);
        let sampling = Sampling { temperature: self.temperature, top_p: self.top_p, ..Sampling::default() };
        let mut memory = OwnedMemory::of(&model);
        let mut generator = Generator::new(model.clone(), memory.buffers())?;
        let mut found = Cohesion::default();
        for seed in 1..=self.stories {
            generator.start_with(tokens.iter().copied(), sampling, seed.into())?;
            let mut story = prompt.to_string();
            while generator.tokens() < LENGTH {
                let Some(piece) = generator.next_piece() else { break };
                story += piece;
            }
            found.count(&story);
        }
        let mut corpus = Cohesion::default();
        Stories::new(1).take(self.stories as usize).for_each(|story| corpus.count(&story));
        say!("stories           first-named person in the last third    more than three people");
        print("of the model", &found);
        print("of the corpus", &corpus);
        Ok(())
    }
}

fn print(whose: &str, found: &Cohesion) {
    let share = 100.0 * f64::from(found.returns) / f64::from(found.stories);
    let (returns, crowded) = (
        format!("{} of {}", found.returns, found.stories),
        format!("{} of {}", found.crowded, found.stories),
    );
    say!("{whose:<18}{share:>5.1} %  ({returns}){crowded:>width$}", width = 51 - returns.len());
}
