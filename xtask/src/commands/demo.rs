//! `cargo xtask demo`: trains, generates on the PC and on an emulated board, and compares.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::setup::setup;
use crate::board::Board;
use crate::compare::{show_difference, side_by_side};
use crate::packages::Consent;
use crate::qemu::Session;
use crate::trainer::{self, Generated, Generation};
use crate::{firmware, paths};

/// How long the board may take for its text; QEMU runs some hundred million instructions a second.
const PATIENCE: Duration = Duration::from_secs(600);
const TITLES: [&str; 2] = ["PC", "board"];

/// Where the demo's model comes from.
pub enum Source {
    /// The model that comes with the project.
    Pretrained,
    /// A model trained for the demo.
    Training {
        /// The text to train on, if not the built-in corpus.
        text: Option<PathBuf>,
        /// The trainer's own.
        options: Vec<OsString>,
    },
}

/// Fails if the board's text is another than the PC's.
pub fn demo(board: Board, source: Source, consent: Consent) -> Result<()> {
    let model = paths::demo_model();
    let source = source.checked()?;
    let toolchain = setup(board, consent)?;
    trainer::build()?;
    std::fs::create_dir_all(model.parent().unwrap_or(&model))?;
    source.put_at(&model)?;
    let on_pc = trainer::generate(&model, &Generation::DEMO)?;
    eprintln!("Building the firmware for {}…", board.name());
    let image = firmware::build_with(&toolchain, board, &model, firmware::Options::default())?;
    let on_board = generate_on_board(&mut Session::boot(board, &image)?, &Generation::DEMO)?;
    compare(board, &on_pc, &on_board)
}

impl Source {
    /// Says of a text that is not there before anything is built.
    fn checked(self) -> Result<Source> {
        let Source::Training { text: Some(text), options } = self else { return Ok(self) };
        let text = std::path::absolute(text)?;
        if !text.is_file() {
            bail!("There is no text file {}; name one that exists, or leave --text out.", text.display());
        }
        Ok(Source::Training { text: Some(text), options })
    }

    fn put_at(&self, model: &Path) -> Result<()> {
        match self {
            Source::Training { text, options } => trainer::train(text.as_deref(), model, options),
            Source::Pretrained => {
                let pretrained = paths::pretrained_model();
                let copied = std::fs::copy(&pretrained, model);
                copied.with_context(|| format!("The model {} can't be copied", pretrained.display()))?;
                eprintln!("Taking the model {}…", pretrained.display());
                Ok(())
            }
        }
    }
}

/// Types the settings and the prompt, and reads the text.
fn generate_on_board(session: &mut Session, generation: &Generation) -> Result<Generated> {
    let Generation { prompt, temperature, top_k, seed, length } = generation;
    let lines = [
        format!(":temperature {temperature}"),
        format!(":top-k {top_k}"),
        format!(":seed {seed}"),
        format!(":length {length}"),
    ];
    session.read_until("> ", PATIENCE)?;
    for line in lines {
        session.send_line(&line)?;
        session.read_until("\n> ", PATIENCE)?;
    }
    session.send_line(prompt)?;
    let mut answer = session.read_until(", fingerprint ", PATIENCE)?;
    answer += &session.read_until("]\n", PATIENCE)?;
    Ok(split_answer(prompt, &answer))
}

/// Parts the text from the line of numbers that ends it, and puts the prompt before it, as the PC does.
fn split_answer(prompt: &str, answer: &str) -> Generated {
    let (text, numbers) = answer.trim_end().rsplit_once("\n[").unwrap_or((answer, ""));
    Generated { text: format!("{prompt}{text}"), numbers: numbers.trim_end_matches(']').into() }
}

fn compare(board: Board, on_pc: &Generated, on_board: &Generated) -> Result<()> {
    // A program's last line ends; the board's text need not.
    let texts = [on_pc.text.trim_end_matches('\n'), on_board.text.trim_end_matches('\n')];
    println!("\n{}", side_by_side(TITLES, texts, textwrap::termwidth()));
    println!("PC:    {}\nboard: {} ({} in QEMU)", on_pc.numbers, on_board.numbers, board.name());
    match show_difference(TITLES, texts) {
        None => println!("identical"),
        Some(difference) => bail!("{difference}"),
    }
    match (fingerprint(&on_pc.numbers), fingerprint(&on_board.numbers)) {
        (Some(pc), Some(board)) if pc != board => {
            bail!(
                "The texts are the same, the logits are not: fingerprint {pc} on the PC, {board} on the board."
            )
        }
        _ => Ok(()),
    }
}

/// The eight hexadecimal digits after the word.
fn fingerprint(numbers: &str) -> Option<&str> {
    let (_, after) = numbers.split_once("fingerprint ")?;
    after.get(..8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_board_s_answer_is_parted() {
        let answer = split_answer(
            "So",
            " there was\n[a] mouse\n[2 tokens, 3 instructions/token, fingerprint 00c0ffee]\n",
        );
        assert_eq!(answer.text, "So there was\n[a] mouse");
        assert_eq!(fingerprint(&answer.numbers), Some("00c0ffee"));
    }

    #[test]
    fn a_difference_fails() {
        let generated =
            |text: &str, hash: &str| Generated { text: text.into(), numbers: format!("fingerprint {hash}") };
        let pc = generated("a mouse\n", "00000001");
        let board = Board::Mps2An386;
        assert!(compare(board, &pc, &generated("a mouse", "00000001")).is_ok());
        assert!(compare(board, &pc, &generated("a house", "00000001")).is_err());
        assert!(compare(board, &pc, &generated("a mouse", "00000002")).is_err());
    }
}
