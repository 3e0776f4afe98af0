//! Tokens of a model on this PC, as fast as they come; `cargo xtask bench pc` runs and counts it.
//!
//! `speed MODEL KERNEL POSITIONS PASSES` continues a prompt with the likeliest tokens over positions 0 to `POSITIONS - 1`,
//! that many times, and prints `hash H seconds S`: a hash of the tokens and of the last logits' bits, and the fastest
//! pass. With a fourth word, `LANES`, the text so written is then read as a prompt, `LANES` positions at a time. `speed`
//! alone prints the kernels that this machine runs, the slowest first.

use std::error::Error;
use std::time::Instant;

use pipsqueak::internal::Decoder;
use pipsqueak::internal::memory::memory_bytes_with_lanes;
use pipsqueak::internal::sampler::argmax;
use pipsqueak::{Buffers, Model};

const PROMPT: &str = "Once upon a time";

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (model, kernel, positions, passes, lanes) = match arguments.as_slice() {
        [model, kernel, positions, passes] => (model, kernel, positions, passes, None),
        [model, kernel, positions, passes, lanes] => (model, kernel, positions, passes, Some(lanes.parse()?)),
        _ => {
            kernels().iter().for_each(|kernel| println!("{kernel}"));
            return Ok(());
        }
    };
    if !force(kernel) {
        return Err(format!("this machine has no kernel {kernel}; it has: {}", kernels().join(", ")).into());
    }
    let file = Aligned::read(model)?;
    let model = Model::load(file.bytes())?;
    let tokenizer = *model.tokenizer();
    let mut prompt: Vec<u16> = tokenizer.vocabulary().begin.into_iter().collect();
    for token in tokenizer.encode(PROMPT) {
        prompt.push(token?);
    }
    let bytes = memory_bytes_with_lanes(model.config(), model.precision(), lanes.unwrap_or(1));
    let mut memory = vec![0; bytes + 3];
    let (mut decoder, _) = Decoder::new(model, Buffers::from(&mut memory[..]))?;
    let (positions, mut seconds, mut hash) = (positions.parse()?, f64::INFINITY, 0);
    let text = if lanes.is_some() { write(&mut decoder, &prompt, positions)? } else { vec![] };
    for _ in 0..passes.parse()? {
        let start = Instant::now();
        let text = if lanes.is_some() {
            read(&mut decoder, &text)?
        } else {
            write(&mut decoder, &prompt, positions)?
        };
        seconds = start.elapsed().as_secs_f64().min(seconds);
        hash = text.iter().fold(0x811c_9dc5, |hash, &token| mix(hash, token.into()));
        hash = decoder.logits().iter().fold(hash, |hash, logit| mix(hash, logit.to_bits()));
    }
    println!("hash {hash:08x} seconds {seconds}");
    Ok(())
}

#[cfg(target_arch = "x86_64")]
fn kernels() -> Vec<&'static str> {
    use pipsqueak::internal::kernels::x86::Kernel;
    Kernel::ALL.into_iter().filter(|kernel| kernel.runs_here()).map(Kernel::name).collect()
}

#[cfg(target_arch = "x86_64")]
fn force(name: &str) -> bool {
    use pipsqueak::internal::kernels::x86::Kernel;
    Kernel::ALL.into_iter().any(|kernel| kernel.name() == name && kernel.force())
}

#[cfg(not(target_arch = "x86_64"))]
fn kernels() -> Vec<&'static str> {
    vec!["portable"]
}

#[cfg(not(target_arch = "x86_64"))]
fn force(name: &str) -> bool {
    kernels().contains(&name)
}

/// The prompt's and the likeliest tokens, of `positions` positions.
fn write(
    decoder: &mut Decoder<'_, '_>,
    prompt: &[u16],
    positions: usize,
) -> Result<Vec<u16>, pipsqueak::Error> {
    let mut text = vec![prompt[0]];
    for position in 0..positions {
        decoder.forward(text[position], position)?;
        let likeliest = argmax(decoder.logits());
        text.push(prompt.get(position + 1).copied().unwrap_or(likeliest));
    }
    text.truncate(positions);
    Ok(text)
}

/// Reads a text up to the logits of the token after it.
fn read(decoder: &mut Decoder<'_, '_>, text: &[u16]) -> Result<Vec<u16>, pipsqueak::Error> {
    if let Some((&last, prompt)) = text.split_last() {
        decoder.prefill(prompt, 0)?;
        decoder.forward(last, prompt.len())?;
    }
    Ok(text.to_vec())
}

fn mix(hash: u32, word: u32) -> u32 {
    (hash ^ word).wrapping_mul(0x0100_0193)
}

/// A file's bytes, from a multiple of 16 on.
struct Aligned {
    bytes: Vec<u8>,
    start: usize,
}

impl Aligned {
    fn read(path: &str) -> std::io::Result<Self> {
        let file = std::fs::read(path)?;
        let mut bytes = vec![0; file.len() + 15];
        let start = bytes.as_ptr().align_offset(16);
        bytes[start..start + file.len()].copy_from_slice(&file);
        Ok(Aligned { bytes, start })
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[self.start..]
    }
}
