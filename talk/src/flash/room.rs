//! The room that a board has for a model, which this program looks at before it writes anything.

use anyhow::{Result, anyhow, bail};
use pipsqueak::internal::file::needs;
use pipsqueak::internal::parts;

/// The most that a model may take and have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Flash, in bytes.
    pub flash_bytes: u64,
    /// RAM, in bytes.
    pub ram_bytes: u64,
    /// The [`parts`] of models that the firmware runs.
    pub parts: u32,
}

/// The number formats' bits, and their names on the command line.
const FORMATS: [(u32, &str); 4] =
    [(parts::INT8, "int8"), (parts::INT4, "int4"), (parts::TERNARY, "ternary"), (parts::F32, "f32")];

impl Room {
    /// Refuses a model file that takes more than there is on `board`, or has parts that the firmware there leaves out.
    ///
    /// # Errors
    /// With the figures or the part's name, and the remedy; and for what is no model file.
    pub fn check(&self, board: &str, model: &[u8]) -> Result<()> {
        check_bytes(board, "flash", model.len(), self.flash_bytes)?;
        let (of_model, memory_bytes) = needs(model).map_err(|error| anyhow!("{error}"))?;
        if let Some((bit, part)) = parts::first(of_model & !self.parts) {
            bail!("the model has {part}, which the firmware of {board} leaves out; {}", self.remedy(bit));
        }
        check_bytes(board, "RAM", memory_bytes, self.ram_bytes)
    }

    /// The way to a model without this part.
    fn remedy(&self, part: u32) -> String {
        let runs = FORMATS.iter().filter(|(format, _)| self.parts & format != 0);
        let names: Vec<_> = runs.map(|(_, name)| *name).collect();
        let is_format = FORMATS.iter().any(|(format, _)| *format == part);
        if is_format && !names.is_empty() {
            return format!("train or export it with --precision {}", names.join(" or "));
        }
        "train one with the default shape and tokens of `pipsqueak train`, or build a firmware for this model: \
         cargo xtask build --board NAME --model FILE"
            .into()
    }
}

fn check_bytes(board: &str, what: &str, needs: usize, has: u64) -> Result<()> {
    if needs as u64 > has {
        bail!(
            "the model takes {needs} bytes of {what}, and {board} has {has} for one; train one with a smaller --width or fewer --layers"
        );
    }
    Ok(())
}
