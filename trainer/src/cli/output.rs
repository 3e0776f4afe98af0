//! What the commands print.
//!
//! A training must not end because its report can't be written: a full disk under the standard output is told when the
//! work is done. What can't be written to the error stream is lost, since nobody could be told.

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

/// Says whether all that was printed has arrived.
pub(super) fn check() -> Result<()> {
    match FAILURE.get() {
        // The kind tells a reader that has gone away from a disk that is full.
        Some(error) => Err(io::Error::new(error.kind(), error.to_string())).context(
            "the work is done, but not all that was to be told could be written to the standard output",
        ),
        None => io::stdout().flush().context(PROBLEM),
    }
}

const PROBLEM: &str = "cannot write to the standard output";
