//! An emulated board, and what a test types at it.

use std::time::Duration;

use pipsqueak::Sampling;
use pipsqueak_trainer::export::model_file::ModelFile;
use xtask::board::Board;
use xtask::firmware::{self, Options};
use xtask::qemu::Session;

use crate::{Generated, temporary};

/// An emulator that does not answer for so long is stuck; no test passes or fails by a shorter time.
pub const PATIENCE: Duration = Duration::from_secs(300);

/// The board with a model, waiting at its prompt.
pub struct Chip(pub Session);

impl Chip {
    /// Boots a firmware that is built for this model. `name` tells a test's file from others'.
    pub fn boot(board: Board, name: &str, file: &ModelFile) -> Chip {
        Chip::boot_with(board, name, file, Options::default())
    }

    /// As [`Chip::boot`], with choices.
    pub fn boot_with(board: Board, name: &str, file: &ModelFile, options: Options) -> Chip {
        // A file of its own, since tests run side by side.
        let path = temporary(&format!("{name}-{}.pip", board.name()));
        file.save(&path).unwrap();
        let image = firmware::build(board, &path, options).unwrap();
        let mut session = Session::boot(board, &image).unwrap();
        session.read_until("> ", PATIENCE).unwrap();
        // An enquiry, so that real boards' firmware knows a program at the other end and does not echo.
        session.send(b"\x05").unwrap();
        session.read_until("\x06", PATIENCE).unwrap();
        Chip(session)
    }

    /// The board's output for a line, up to its next prompt.
    pub fn ask(&mut self, line: &str) -> String {
        self.0.send_line(line).unwrap();
        let answer = self.0.read_until("\n> ", PATIENCE).unwrap();
        answer.trim_end_matches("\n> ").replace("\r\n", "\n")
    }

    /// The board's answer to a prompt, in these settings.
    pub fn generate(&mut self, prompt: &str, sampling: Sampling, seed: u64, length: u32) -> Generated {
        let Sampling { temperature, top_k, top_p, repetition_penalty } = sampling;
        for setting in [
            format!(":temperature {temperature}"),
            format!(":top-k {top_k}"),
            format!(":top-p {top_p}"),
            format!(":penalty {repetition_penalty}"),
            format!(":seed {seed}"),
            format!(":length {length}"),
        ] {
            self.ask(&setting);
        }
        let answer = self.ask(prompt);
        let (text, numbers) = answer.rsplit_once("\n[").unwrap();
        let number = |before: &str, after: &str| {
            let (_, rest) = numbers.split_once(before).unwrap();
            rest.split_once(after).unwrap().0.to_string()
        };
        Generated {
            text: text.to_string(),
            tokens: numbers.split_once(' ').unwrap().0.parse().unwrap(),
            fingerprint: u32::from_str_radix(&number("fingerprint ", "]"), 16).unwrap(),
        }
    }
}
