//! The options of a text that is to be written: how it begins, and how its tokens are chosen.

use anyhow::{Result, bail};
use clap::Args;
use pipsqueak::{Error, Sampling, Tokenizer};

use super::options::{number, share, whole};
use super::output::remark;
use super::words;
use crate::data::encoder::Encoder;

/// A prompt, a random seed, and the settings of the sampler.
#[derive(Debug, Args)]
pub(super) struct Beginning {
    /// The beginning of the text
    #[arg(long, value_name = "TEXT", default_value = "", allow_hyphen_values = true)]
    prompt: String,
    /// Refuse a prompt with a character that the model never saw
    #[arg(long)]
    strict: bool,
    /// 0 always takes the likeliest token; higher values are bolder
    #[arg(long, default_value_t = Sampling::default().temperature, value_parser = number::<f32>(0.0..=100.0))]
    temperature: f32,
    /// Choose among this many of the likeliest tokens; 0 among all
    #[arg(long, value_name = "COUNT", default_value_t = Sampling::default().top_k, value_parser = whole::<u16>(0..=256))]
    top_k: u16,
    /// Choose among the likeliest tokens that make up this share of the probability
    #[arg(long, value_name = "SHARE", default_value_t = Sampling::default().top_p, value_parser = share::<f32>)]
    top_p: f32,
    /// Repetition penalty: values above 1 discourage repeating recent tokens
    #[arg(long, default_value_t = Sampling::default().repetition_penalty, value_parser = number::<f32>(0.1..=10.0))]
    penalty: f32,
    /// Random seed: the same seed writes the same text
    #[arg(long, default_value_t = 42, value_parser = whole::<u64>(0..=u64::MAX))]
    pub(super) seed: u64,
}

impl Beginning {
    /// How tokens are chosen.
    pub(super) fn sampling(&self) -> Sampling {
        let &Beginning { temperature, top_k, top_p, penalty, .. } = self;
        Sampling { temperature, top_k, top_p, repetition_penalty: penalty }
    }

    /// The prompt without the spaces at its end. Prints which of its characters are left out, or refuses it.
    pub(super) fn readable(&self, tokenizer: &Tokenizer<'_>) -> Result<&str> {
        if self.strict {
            self.refuse_unknown(tokenizer)?;
        }
        let left_out: Vec<String> = tokenizer.unreadable(&self.prompt).map(shown).collect();
        if !left_out.is_empty() {
            remark!("[left out: {}, which the model never saw]", left_out.join(", "));
        }
        Ok(tokenizer.trimmed(&self.prompt))
    }

    /// Refuses a prompt with a character that the model has no token for, and says where it stands.
    fn refuse_unknown(&self, tokenizer: &Tokenizer<'_>) -> Result<()> {
        let encoded = Encoder::new(*tokenizer.vocabulary()).encode(&self.prompt, &mut Vec::new(), |_| ());
        let Err(Error::UnknownCharacter(unknown)) = encoded else { return Ok(()) };
        let place = self.prompt.chars().take_while(|&c| c != unknown).count() + 1;
        bail!(
            "--prompt: the model never saw {}, which is character {place}; without --strict it is replaced or left out",
            shown(unknown)
        )
    }
}

fn shown(character: char) -> String {
    words::shown(character.encode_utf8(&mut [0; 4]))
}
