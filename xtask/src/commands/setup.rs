//! `cargo xtask setup`: a compiler for the chip and an emulator of it.

use anyhow::Result;

use crate::board::{Board, Emulator};
use crate::packages::Consent;
use crate::qemu;
use crate::toolchain::Toolchain;

/// Installs what is missing, and says what is used.
pub fn setup(board: Board, consent: Consent) -> Result<Toolchain> {
    let toolchain = Toolchain::find_or_install(board.target(), consent)?;
    eprintln!("Compiler for {}: {}.", board.target(), toolchain.describe());
    let emulator = match board.emulator() {
        Emulator::Qemu(program, _) => program,
        Emulator::Rp2040js => "rp2040js",
        Emulator::Own => "xtask's own",
        Emulator::Unicorn => "Unicorn, with models of the chip's registers",
    };
    qemu::find_or_install(board, consent)?;
    eprintln!("Emulator: {emulator}.");
    Ok(toolchain)
}
