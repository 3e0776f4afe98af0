//! `cargo xtask bench chips`: instructions that the core takes on emulated chips.

use anyhow::{Result, bail};

use super::setup::setup;
use crate::board::Board;
use crate::chips::{Chips, Weights};
use crate::packages::Consent;
use crate::trainer::{self, Profile};

/// The use of the counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// They are printed beside the rivals'.
    Print,
    /// Those that have risen above the committed table's fail.
    Check,
    /// They become the committed table's.
    Update,
}

/// Counts on `boards`.
pub fn chips(boards: &[Board], outcome: Outcome, consent: Consent) -> Result<()> {
    if let Some(board) = boards.iter().find(|board| !Board::COUNTED.contains(board)) {
        bail!(
            "Instructions are counted on {}, and this is {}; take the one with its processor, {}.",
            Board::COUNTED.map(Board::name).join(", "),
            board.name(),
            board.chip()
        );
    }
    trainer::build()?;
    count(boards, outcome, Profile::Release, consent)
}

/// As [`chips`], with a trainer that is built in this profile. What is compared with other machines' counts is measured with random
/// weights.
pub(super) fn count(boards: &[Board], outcome: Outcome, profile: Profile, consent: Consent) -> Result<()> {
    let weights = if outcome == Outcome::Print { Weights::at_hand() } else { Weights::Random };
    let with_toolchain = |&board: &Board| Ok((board, setup(board, consent)?));
    let with_toolchains = boards.iter().map(with_toolchain).collect::<Result<Vec<_>>>()?;
    let chips = Chips::measure(&with_toolchains, &weights, profile)?;
    println!("Measured with {}.", weights.describe());
    chips.print(boards);
    match outcome {
        Outcome::Print => {}
        Outcome::Check => chips.check()?,
        Outcome::Update => println!("Written: {}", chips.update()?.display()),
    }
    Ok(())
}
