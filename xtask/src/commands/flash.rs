//! `cargo xtask flash`: a board's firmware for any model, built here, and a model, onto the board.

use std::ffi::OsString;
use std::path::{Path, absolute};

use anyhow::{Context, Result, bail};

use super::dist;
use crate::board::Board;
use crate::packages::Consent;
use crate::{paths, trainer};

/// Builds the board's firmware, and has `pipsqueak flash` put it and `model` onto the board; `options` are that command's own.
pub fn flash(board: Board, model: &Path, options: &[OsString], consent: Consent) -> Result<()> {
    let name = board.name();
    if !model.is_file() {
        bail!("There is no model {}; make one with `pipsqueak train`.", model.display());
    }
    let model = absolute(model).with_context(|| format!("{} can't be found", model.display()))?;
    let firmware = paths::target().join("flash").join(name);
    dist::images(&firmware, &[board], consent)?;
    trainer::build()?;
    trainer::flash(name, &firmware, &model, options)
}
