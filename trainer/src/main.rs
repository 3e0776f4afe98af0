//! `pipsqueak`: trains small language models for microcontrollers, and runs them with the board's arithmetic.

use std::error::Error;
use std::io::Write;
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
  pipsqueak flash --board microbit-v2 diary.pip          onto a board
  pipsqueak chat                                         talk to the board

`pipsqueak COMMAND --help` explains a command's options.";

fn main() -> ExitCode {
    sigpipe::reset();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => match out_of_range(&error) {
            Some(sentence) => return fail(&sentence),
            None => return show(&error),
        },
    };
    match arguments.command.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => fail(&format!("{error:#}")),
    }
}

/// Prints the help or the version that was asked for, or what is wrong with the options.
fn show(message: &clap::Error) -> ExitCode {
    let shown = message.print().and_then(|()| std::io::stdout().flush());
    match shown {
        Err(error) if !message.use_stderr() => fail(&format!("cannot write to the standard output: {error}")),
        _ => ExitCode::from(message.exit_code() as u8),
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
    Some(format!("{name} is {}; {rule}", shortened(&value.to_string())))
}

/// The beginning of a value's first line, if it is long or has several.
fn shortened(value: &str) -> String {
    const SHOWN_MAX: usize = 60;
    let shown: String = value.chars().take(SHOWN_MAX).take_while(|c| !c.is_control()).collect();
    if shown.len() < value.len() { shown + "…" } else { shown }
}

/// Whether the program that reads the output, such as `head`, has stopped reading.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let cause = error.root_cause().downcast_ref::<std::io::Error>();
    cause.is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}
