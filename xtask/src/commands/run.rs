//! `cargo xtask run`: a model on an emulated board, at this terminal.

use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::board::Board;
use crate::firmware::{Options, Pins};
use crate::packages::Consent;
use crate::qemu::{self, Boot, Port};
use crate::toolchain::{Toolchain, own_cargo};
use crate::{firmware, paths, process, terminal};

/// Runs the same command again, with an xtask that can decode the log.
fn run_with_log_decoder() -> Result<()> {
    eprintln!("Building the log's decoder…");
    let mut cargo = own_cargo();
    cargo.args(["run", "--quiet", "--package", "xtask", "--features", "log", "--manifest-path"]);
    cargo.arg(paths::root().join("Cargo.toml")).arg("--").args(std::env::args_os().skip(1));
    process::replace_by(&mut cargo)
}

/// The program that is run.
#[derive(Clone, Copy)]
pub enum Program<'p> {
    /// The prompt, linked with its model.
    Prompt(Options),
    /// One that uses the board's pins, linked with its model.
    Pins(Pins<'p>),
    /// The prompt for any model, which lies in flash or is still to come.
    AnyModel,
}

/// The board's end that is talked to.
#[derive(Clone, Copy)]
pub struct End {
    /// A Pico's USB socket, in place of its UART.
    pub usb: bool,
    /// As a pseudo-terminal for other programs, in place of this terminal.
    pub pty: bool,
}

impl End {
    fn port(self) -> Port {
        match (self.usb, self.pty) {
            (false, _) => Port::Uart,
            (true, false) => Port::Usb,
            (true, true) => Port::UsbCable,
        }
    }
}

/// Builds the firmware with `model`, or with the demo's last one, and boots it.
pub fn run(board: Board, model: Option<PathBuf>, program: Program<'_>, end: End) -> Result<()> {
    let options = if let Program::Prompt(options) = program { options } else { Options::default() };
    if end.pty && cfg!(windows) {
        bail!("Windows has no pseudo-terminals; leave --pty out.");
    }
    if options.log && !board.has_log() {
        bail!("{} has no second serial port, and so no log; leave --log out.", board.name());
    }
    if options.blue_pill_memory && board != Board::Mps2An385 {
        bail!("--blue-pill-memory is for --board mps2-an385, and this is {}.", board.name());
    }
    if end.usb && board != Board::Pico {
        bail!("--usb is for --board pico, whose USB socket is emulated, and this is {}.", board.name());
    }
    if options.log && !cfg!(feature = "log") {
        return run_with_log_decoder();
    }
    let model = match (model, program) {
        (None, Program::AnyModel) => None,
        (model, _) => Some(existing(model.unwrap_or_else(paths::demo_model))?),
    };
    let toolchain = Toolchain::find_or_install(board.target(), Consent::new(false))?;
    qemu::find_or_install(board, Consent::new(false))?;
    let image = match (program, &model) {
        (Program::Prompt(options), Some(model)) => firmware::build_with(&toolchain, board, model, options)?,
        (Program::Pins(pins), Some(model)) => firmware::build_with_pins(&toolchain, board, model, pins)?,
        _ => firmware::build_any_model(&toolchain, board)?,
    };
    // A model that is linked in is not put into flash again.
    let model = model.as_deref().filter(|_| matches!(program, Program::AnyModel));
    let boot = Boot { model, port: end.port(), ..Boot::new(board, &image) };
    if end.pty { qemu::serve(&boot) } else { terminal::interact(boot, options.log) }
}

fn existing(model: PathBuf) -> Result<PathBuf> {
    if !model.is_file() {
        bail!(
            "There is no model {}; make one with `cargo xtask demo`, or name one with --model FILE.",
            model.display()
        );
    }
    Ok(model)
}
