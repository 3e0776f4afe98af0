//! The output of the commands.
//!
//! A training must not end because its report can't be written: if the disk under the standard output is full, the program says
//! so when the work is done. A line that the error stream can't take is lost, since nobody could be told.

use std::fmt::Arguments;
use std::io::{self, Write};
use std::sync::OnceLock;

use anyhow::{Context, Result};

/// The first failure of [`say!`].
static FAILURE: OnceLock<io::Error> = OnceLock::new();

/// Prints a line on the standard output, as `println!` does. A failure is kept for [`check`].
macro_rules! say {
    ($($text:tt)*) => { $crate::cli::output::print(format_args!($($text)*)) };
}
/// Prints a line on the error stream, as `eprintln!` does.
macro_rules! remark {
    ($($text:tt)*) => { $crate::cli::output::remark_line(format_args!($($text)*)) };
}
pub(crate) use {remark, say};

pub(crate) fn print(text: Arguments<'_>) {
    if let Err(error) = writeln!(io::stdout(), "{text}") {
        _ = FAILURE.set(error);
    }
}

/// As `eprintln!`, but a failure is ignored.
pub fn remark_line(text: Arguments<'_>) {
    _ = writeln!(io::stderr(), "{text}");
}

/// Writes text that is itself the result, and stops at the first failure.
pub(super) fn write(write: impl FnOnce(&mut io::StdoutLock<'static>) -> io::Result<()>) -> Result<()> {
    let mut out = io::stdout().lock();
    write(&mut out).and_then(|()| out.flush()).context(PROBLEM)
}

/// An error if any line could not be printed.
pub(super) fn check() -> Result<()> {
    match FAILURE.get() {
        // The kind is kept, since `main` treats a reader that has gone away in its own way.
        Some(error) => Err(io::Error::new(error.kind(), error.to_string()))
            .context("the work is done, but not all of the report could be written to the standard output"),
        None => io::stdout().flush().context(PROBLEM),
    }
}

const PROBLEM: &str = "cannot write to the standard output";
