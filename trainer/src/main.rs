//! `pipsqueak`: trains small language models for microcontrollers, and runs them as the board will.

use std::process::ExitCode;

use clap::Parser;
use pipsqueak_trainer::cli::Command;

/// Trains small transformer language models for microcontrollers, and runs them here as the board will: the same file,
/// prompt and seed give the same text, bit for bit.
#[derive(Parser)]
#[command(version, after_help = EXAMPLES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  pipsqueak train --text diary.txt --out diary.pip       learn from a text file
  pipsqueak generate --model diary.pip --prompt 'Today'  write as the board will
  pipsqueak inspect --model diary.pip                    its size, and the boards it fits
  pipsqueak eval --model diary.pip --text other.txt      how well it foretells another text";

fn main() -> ExitCode {
    sigpipe::reset();
    match Arguments::parse().command.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whoever read the output, as `head` does, has had enough.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let cause = error.root_cause().downcast_ref::<std::io::Error>();
    cause.is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}
