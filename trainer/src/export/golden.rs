//! The golden run of a model file: what the model generates here, for every other machine to compare with.

use anyhow::Result;
use pipsqueak::internal::file::Golden;
use pipsqueak::{Error, Generator, Model};

use crate::export::decoding::OwnedMemory;

/// Tokens of the prompt.
const PROMPT_TOKENS: u32 = 8;
const SEED: u64 = 42;

/// A golden run, as [`Golden`] borrows it.
#[derive(Debug, Default)]
pub struct Recording {
    prompt: String,
    tokens: Vec<u8>,
    fingerprints: Vec<u8>,
}

impl Recording {
    /// Lets `model` generate.
    pub fn of(model: &Model<'_>) -> Result<Self, Error> {
        let mut memory = OwnedMemory::of(model);
        let mut generator = Generator::new(model.clone(), memory.buffers())?;
        let mut recording = Recording { prompt: opening(&mut generator)?, ..Recording::default() };
        generator.start(&recording.prompt, Golden::SAMPLING, SEED)?;
        for _ in 0..Golden::TOKENS {
            let Some(token) = generator.next_token() else { break };
            recording.tokens.extend(token.to_le_bytes());
            recording.fingerprints.extend(generator.fingerprint().to_le_bytes());
        }
        Ok(recording)
    }

    /// For a model file.
    pub fn golden(&self) -> Golden<'_> {
        let Recording { prompt, tokens, fingerprints } = self;
        Golden { prompt, seed: SEED, tokens, fingerprints }
    }
}

/// How the model begins a text of its own: a prompt that needs no corpus. Empty where the model's tokens do not make
/// up text that it can read again.
fn opening(generator: &mut Generator<'_, '_>) -> Result<String, Error> {
    generator.start("", Golden::SAMPLING, SEED)?;
    let mut opening = String::new();
    while generator.tokens() < PROMPT_TOKENS {
        let Some(piece) = generator.next_piece() else { break };
        opening += piece;
    }
    let readable = generator.model().tokenizer().encode(&opening).all(|token| token.is_ok());
    Ok(if readable { opening } else { String::new() })
}
