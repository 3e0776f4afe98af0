//! `pipsqueak generate`.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Result, ensure};
use clap::Args;
use pipsqueak::Generator;
use pipsqueak::internal::Decoder;

use super::beginning::Beginning;
use super::options::whole;
use crate::cli::output::{self, remark};
use crate::export::answers::{self, Answers, shares};
use crate::export::decoding::OwnedMemory;
use crate::export::model_file::ModelFile;
use crate::export::passes::{Passes, Task};
use crate::human;

/// The most answers that are printed with how likely they are.
const LIKELIEST: usize = 3;

/// Write a text with a model, with the code and the numbers that the board runs.
///
/// Characters of the prompt that the model never saw are read as their variants (curly quotes as straight ones, é as e) or
/// left out. Spaces at its end are left off, because they belong to the next word.
#[derive(Debug, Args)]
#[command(allow_negative_numbers = true)]
#[command(after_help = "\
Examples:
  pipsqueak generate --model stories.pip --prompt 'Once upon a time'
  pipsqueak generate --model stories.pip --temperature 0 --length 50
  pipsqueak generate --model stories.pip --top-k 0 --top-p 0.9 --seed 7
  pipsqueak generate --model stories.pip --prompt 'Once upon a time' --best-of 4 --show-passes
  pipsqueak generate --model obey.pip --answers answers.txt --prompt 'turn on the lamp'

--think and --best-of keep the text whose tokens were chosen with the highest mean log-probability (docs/thinking.md). Pass N has
the seed --seed + N - 1.")]
pub struct Generate {
    /// The model file
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// The most tokens to write
    #[arg(long, value_name = "TOKENS", default_value_t = 200, value_parser = whole::<u32>(0..=u64::from(u32::MAX)))]
    length: u32,
    #[command(flatten)]
    beginning: Beginning,
    /// Write so many texts, each behind the one before, and keep the likeliest
    #[arg(long, value_name = "PASSES", value_parser = whole::<u16>(1..=1000), conflicts_with = "best_of")]
    think: Option<u16>,
    /// Write so many texts that know nothing of each other, and keep the likeliest
    #[arg(long, value_name = "PASSES", value_parser = whole::<u16>(1..=1000))]
    best_of: Option<u16>,
    /// Answer the prompt with one of the lines of this file, the likeliest, and with nothing else; for a model that `train --pairs`
    /// made
    #[arg(long, value_name = "FILE.txt", requires = "prompt", conflicts_with_all = [
        "length", "temperature", "top_k", "top_p", "penalty", "seed", "think", "best_of",
    ])]
    answers: Option<PathBuf>,
    /// Also print every text that --think or --best-of tries, on the error stream
    #[arg(long)]
    show_passes: bool,
}

impl Generate {
    pub(super) fn run(self) -> Result<()> {
        let file = ModelFile::read(&self.model)?;
        let model = file.model()?;
        let prompt = self.beginning.readable(model.tokenizer())?;
        let mut memory = OwnedMemory::of(&model);
        let mut generator = Generator::new(model, memory.buffers())?;
        if let Some(path) = &self.answers {
            return answer(&mut generator, path, prompt);
        }
        let passes = self.passes();
        let task = Task {
            prompt,
            sampling: self.beginning.sampling(),
            seed: self.beginning.seed,
            length: self.length,
        };
        if passes.count > 1 {
            self.keep_best(passes, &mut generator, &task)?;
        } else {
            passes.start(&mut generator, &task, 0)?;
        }
        let written = Instant::now();
        output::write(|out| {
            write!(out, "{prompt}")?;
            while generator.tokens() < self.length {
                let Some(piece) = generator.next_piece() else { break };
                write!(out, "{piece}")?;
                out.flush()?;
            }
            writeln!(out)
        })?;
        let (tokens, seconds) = (generator.tokens(), written.elapsed().as_secs_f64());
        let speed = human::count((f64::from(tokens) / seconds) as u64);
        remark!("[{tokens} tokens, {speed} tokens/s, fingerprint {:08x}]", generator.fingerprint());
        Ok(())
    }

    fn passes(&self) -> Passes {
        match (self.think, self.best_of) {
            (Some(count), _) => Passes { count, feeds_back: true },
            (None, Some(count)) => Passes { count, feeds_back: false },
            (None, None) => Passes::ONE,
        }
    }

    /// Tries all passes, and starts the best one again.
    fn keep_best(&self, passes: Passes, generator: &mut Generator<'_, '_>, task: &Task<'_>) -> Result<()> {
        let best = passes.best(generator, task, |pass, text, score| {
            if self.show_passes {
                remark!("{}{text}", task.prompt);
            }
            remark!("[pass {}: {:.3} nats a token]", pass + 1, score.mean());
        })?;
        remark!("[pass {} is kept]", best + 1);
        Ok(())
    }
}

/// Prints the answer to `prompt`, and how likely the answers of the file `path` are.
fn answer(generator: &mut Generator<'_, '_>, path: &Path, prompt: &str) -> Result<()> {
    ensure!(!prompt.is_empty(), "--prompt: nothing is left of it to answer");
    let model = generator.model().clone();
    let answers = Answers::new(answers::read(path)?, model.tokenizer())?;
    let mut memory = OwnedMemory::of(&model);
    let (mut decoder, _) = Decoder::new(model.clone(), memory.buffers())?;
    let shares = shares(&answers.log_probabilities(&mut decoder, prompt)?);
    let chosen = answers.choose(generator, prompt)?;
    output::write(|out| writeln!(out, "{prompt}\n{}", answers.texts[chosen]))?;
    let mut likeliest: Vec<usize> = (0..shares.len()).collect();
    likeliest.sort_by(|&a, &b| shares[b].total_cmp(&shares[a]));
    let named = likeliest.iter().take(LIKELIEST);
    let named: Vec<String> =
        named.map(|&place| format!("{} {:.1} %", answers.texts[place], 100.0 * shares[place])).collect();
    remark!("[{}; fingerprint {:08x}]", named.join(", "), generator.fingerprint());
    Ok(())
}
