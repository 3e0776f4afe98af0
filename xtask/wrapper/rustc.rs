//! Stands between cargo and rustc when an image is built. cargo marks a crate with a hash of the folder that it lies in, the
//! mark is part of every symbol's name, and names order functions. So the same source in two folders would give
//! images that differ. Here our crates are marked with their names instead.

use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let Some(rustc) = arguments.next() else { return ExitCode::FAILURE };
    let package = std::env::var("CARGO_PKG_NAME").unwrap_or_default();
    let ours = package.starts_with("pipsqueak");
    let mark = format!("metadata={package}");
    let arguments = arguments.map(|argument| match argument.to_str() {
        Some(text) if ours && text.starts_with("metadata=") => mark.clone().into(),
        _ => argument,
    });
    match Command::new(&rustc).args(arguments).status() {
        // A signal has no code.
        Ok(status) => ExitCode::from(status.code().map_or(1, |code| code as u8)),
        Err(error) => {
            eprintln!("error: {} can't be started: {error}", rustc.to_string_lossy());
            ExitCode::FAILURE
        }
    }
}
