//! The commands of `pipsqueak`, a file each, and what they share.
#![deny(clippy::print_stdout, clippy::print_stderr)] // See `output`.

mod beginning;
mod calibrate;
pub mod chart;
mod chat;
mod corpus;
mod eval;
mod eval_pairs;
mod explain;
mod export;
mod flash;
mod generate;
mod import;
mod inspect;
mod interrupt;
pub mod options;
pub mod output;
mod plan;
pub mod progress;
mod shape;
mod shell;
mod source;
mod stories_check;
mod sweep;
pub mod sweep_chart;
mod train;
mod words;

use anyhow::Result;
use clap::Subcommand;

/// A subcommand with its options.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Learn from a text, and write a model file
    Train(Box<train::Train>),
    /// Find the best shape for a board by trial
    Sweep(Box<sweep::Sweep>),
    /// Write a text with a model, as the board will
    Generate(generate::Generate),
    /// Measure how well a model predicts a text
    Eval(eval::Eval),
    /// Show how a model comes to its next token, number by number
    Explain(explain::Explain),
    /// Show a model's shape, its flash and RAM to the byte, and the boards it fits
    Inspect(inspect::Inspect),
    /// Write the built-in corpus of children's stories
    Corpus(corpus::Corpus),
    /// Measure how well the stories of a model of the built-in corpus hold together
    StoriesCheck(stories_check::StoriesCheck),
    /// Make a model file or a Hugging Face folder from a checkpoint of `train`
    Export(export::Export),
    /// Make a model file from a checkpoint of another program
    Import(import::Import),
    /// Put a model onto a board
    Flash(flash::Flash),
    /// Talk to a board
    Chat(chat::Chat),
}

impl Command {
    /// Runs the command.
    ///
    /// # Errors
    /// In a sentence for the user, also if the command's report could not be printed.
    pub fn run(self) -> Result<()> {
        match self {
            Command::Train(command) => command.run(),
            Command::Sweep(command) => command.run(),
            Command::Generate(command) => command.run(),
            Command::Eval(command) => command.run(),
            Command::Explain(command) => command.run(),
            Command::Inspect(command) => command.run(),
            Command::Corpus(command) => command.run(),
            Command::StoriesCheck(command) => command.run(),
            Command::Export(command) => command.run(),
            Command::Import(command) => command.run(),
            Command::Flash(command) => command.run(),
            Command::Chat(command) => command.run(),
        }?;
        output::check()
    }
}
