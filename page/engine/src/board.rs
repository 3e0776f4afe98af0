//! From a model to a file that a board takes.

use anyhow::{Context, Result, bail};
use pipsqueak_talk::flash::manifest::{Entry, Manifest};
use pipsqueak_trainer::export::model_file::ModelFile;
use pipsqueak_trainer::sizing::boards::{self, BOARDS, Board, Footprint};
use serde_json::{Value, json};

use crate::engine::Answer;

/// The boards to buy, what each lacks for the model, and for those in `firmware` why it gets no file; sizes in bytes.
pub(crate) fn list(file: &ModelFile, firmware: &Manifest) -> Result<Value> {
    let model = file.model()?;
    let footprint = Footprint::of(model.config(), model.precision(), model.file_bytes() as u64);
    let row = |board: &Board| {
        let image = firmware.boards.iter().find(|entry| is_for(entry, board));
        let refusal = image.and_then(|entry| check(entry, file).err()).map(|error| format!("{error:#}"));
        json!({
            "name": board.name,
            "chip": board.chip,
            "flash": board.flash_bytes,
            "ram": board.ram_bytes,
            "lacks": footprint.lacks(board),
            "firmware": image.map(|entry| &entry.name),
            "refusal": refusal,
        })
    };
    let for_sale = BOARDS.iter().filter(|board| !board.name.ends_with("(QEMU)"));
    let boards: Vec<Value> = for_sale.map(row).collect();
    Ok(json!({ "flash": footprint.flash_bytes(), "ram": footprint.ram_bytes(), "boards": boards }))
}

fn is_for(entry: &Entry, board: &Board) -> bool {
    boards::find(&entry.name).is_ok_and(|found| found.name == board.name)
}

fn check(entry: &Entry, file: &ModelFile) -> Result<()> {
    let model = file.model()?;
    entry.check(&file.bytes()[..model.file_bytes()])
}

/// `image`, the firmware of `board` for any model, and the model, as a file to drop onto the board's drive.
pub(crate) fn file_for(board: &Entry, image: &[u8], file: &ModelFile) -> Result<Answer> {
    check(board, file)?;
    let ending = match (&board.uf2, board.hex_drive) {
        (Some(_), _) => "uf2",
        (None, true) => "hex",
        _ => bail!("{} shows no drive: flash it with `pipsqueak flash`", board.name),
    };
    let model = file.bytes().get(..file.model()?.file_bytes()).context("the model's file is cut off")?;
    let parts = board.parts(image.to_vec(), model.to_vec())?;
    Ok(Answer { json: json!({ "ending": ending }), bytes: board.encode(&parts, ending)? })
}
