//! `cargo xtask run`: a model on an emulated board, at this terminal.

use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::board::Board;
use crate::firmware::{Options, Pins};
use crate::packages::Consent;
use crate::qemu::{self, Port};
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

/// Builds the firmware with `model`, or with the demo's last one, and boots it; with `pins`, the one that uses them. Its serial port
/// `port` is at this terminal; without, the UART is a pseudo-terminal.
pub fn run(
    board: Board,
    model: Option<PathBuf>,
    pins: Option<Pins<'_>>,
    options: Options,
    port: Option<Port>,
) -> Result<()> {
    let model = model.unwrap_or_else(paths::demo_model);
    let Options { log, .. } = options;
    if port.is_none() && cfg!(windows) {
        bail!("Windows has no pseudo-terminals; leave --pty out.");
    }
    if log && !board.has_log() {
        bail!("{} has no second serial port, and so no log; leave --log out.", board.name());
    }
    if options.blue_pill_memory && board != Board::Mps2An385 {
        bail!("--blue-pill-memory is for --board mps2-an385, and this is {}.", board.name());
    }
    if port == Some(Port::Usb) && board != Board::Pico {
        bail!("--usb is for --board pico, whose USB socket is emulated, and this is {}.", board.name());
    }
    if log && !cfg!(feature = "log") {
        return run_with_log_decoder();
    }
    if !model.is_file() {
        bail!(
            "There is no model {}; make one with `cargo xtask demo`, or name one with --model FILE.",
            model.display()
        );
    }
    let toolchain = Toolchain::find_or_install(board.target(), Consent::new(false))?;
    qemu::find_or_install(board, Consent::new(false))?;
    let image = match pins {
        Some(pins) => firmware::build_with_pins(&toolchain, board, &model, pins)?,
        None => firmware::build_with(&toolchain, board, &model, options)?,
    };
    if let Some(port) = port {
        return terminal::interact(board, &image, log, port);
    }
    eprintln!("QEMU names the port; talk to it with: pipsqueak chat --port PORT. Ctrl-C ends it.");
    let status = qemu::serve(board, &image)?;
    if !status.success() {
        bail!("QEMU has ended ({status}), and the board with it.");
    }
    Ok(())
}
