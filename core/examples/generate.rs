//! A story. On a PC: `cargo run --example generate -- Once upon a time`.
//!
//! The loop is the one that a firmware has, with its serial port in the place of `print!`.

use std::io::{Write, stdout};

use pipsqueak::{Embedded, Error, Sampling, include_model};

// The file is checked, and its memory reserved, by the compiler.
static STORIES: &Embedded = include_model!("../models/tiny.pip");

/// Tokens of the longest story.
const LENGTH: u32 = 120;

fn main() -> Result<(), Error> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let prompt = if words.is_empty() { "Once upon a time".into() } else { words.join(" ") };
    let generator = STORIES.generator()?;
    // The seed decides: 42 tells the same story on every machine, and 43 another one.
    generator.start(&prompt, Sampling::default(), 42)?;

    print!("{prompt}");
    while generator.tokens() < LENGTH {
        let Some(piece) = generator.next_piece() else { break };
        print!("{piece}");
        _ = stdout().flush();
    }
    println!("\n\n{} tokens, fingerprint {:08x}", generator.tokens(), generator.fingerprint());
    Ok(())
}
