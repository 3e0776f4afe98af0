//! `pipsqueak`: trains small language models for microcontrollers, and runs them with the board's arithmetic.

use std::error::Error;
use std::process::ExitCode;

use clap::Parser;
use clap::error::{ContextKind, ErrorKind};
use pipsqueak_trainer::cli::Command;
use pipsqueak_trainer::cli::output::remark_line;

/// Trains small transformer language models for microcontrollers, and runs them with the board's arithmetic: the same file,
/// prompt and random seed give the same text on both, bit for bit.
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
  pipsqueak eval --model diary.pip --text other.txt      how well it predicts another text

`pipsqueak COMMAND --help` explains a command's options.";

fn main() -> ExitCode {
    sigpipe::reset();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => match out_of_range(&error) {
            Some(sentence) => return fail(&sentence),
            None => error.exit(),
        },
    };
    match arguments.command.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => fail(&format!("{error:#}")),
    }
}

fn fail(sentence: &str) -> ExitCode {
    remark_line(format_args!("error: {sentence}"));
    ExitCode::FAILURE
}

/// One sentence about an option whose value is out of its range.
fn out_of_range(error: &clap::Error) -> Option<String> {
    let rule = error.source().filter(|_| error.kind() == ErrorKind::ValueValidation)?;
    let option = error.get(ContextKind::InvalidArg)?.to_string();
    let value = error.get(ContextKind::InvalidValue)?;
    let name = option.split([' ', '=']).next().unwrap_or(&option);
    Some(format!("{name} is {value}; {rule}"))
}

/// Whether the program that reads the output, such as `head`, has stopped reading.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let cause = error.root_cause().downcast_ref::<std::io::Error>();
    cause.is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}
