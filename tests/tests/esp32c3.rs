//! The ESP32-C3's images in xtask's emulator of that chip.

use std::fs;
use std::process::Command;

use pipsqueak::{Precision, Sampling};
use pipsqueak_talk::flash::loader::Loader;
use pipsqueak_tests::chip::{Chip, PATIENCE};
use pipsqueak_tests::{SMALL, generate, random_model, temporary};
use pipsqueak_trainer::export::model_file::ModelFile;
use xtask::board::Board;
use xtask::firmware;
use xtask::qemu::Session;
use xtask::toolchain::Toolchain;

const BOARD: Board = Board::Esp32c3;
const SAMPLING: Sampling = Sampling { temperature: 0.9, top_k: 50, top_p: 0.95, repetition_penalty: 1.1 };

/// The first words of a board that has just started, up to its prompt; it knows a program at the other end then.
fn greeting(session: &mut Session) -> String {
    let words = session.read_until("> ", PATIENCE).unwrap();
    session.send(b"\x05").unwrap();
    session.read_until("\x06", PATIENCE).unwrap();
    words
}

/// Sends a model to the board, which starts again with it.
fn load(chip: &mut Chip, file: &ModelFile) {
    Loader::new(&mut chip.0).send(file.bytes(), |_| ()).unwrap();
    let words = greeting(&mut chip.0);
    assert!(words.contains("model: "), "{words}");
    assert_eq!(chip.generate("Once", SAMPLING, 5, 60), generate(file, "Once", SAMPLING, 5, 60));
    assert_eq!(chip.ask(":selftest"), "ok");
}

#[test]
fn an_empty_board_takes_models_by_turns_and_keeps_the_last_when_a_transfer_is_torn() {
    let image = firmware::build_any_model(&Toolchain::find(BOARD.target()).unwrap(), BOARD).unwrap();
    let mut session = Session::boot(BOARD, &image).unwrap();
    let words = greeting(&mut session);
    assert!(words.contains("no model: its place in flash is empty"), "{words}");
    let mut chip = Chip(session);
    // The second is longer than a page of the cache's, and goes to the other slot.
    let files =
        [Precision::Int4, Precision::Int8, Precision::F32].map(|precision| random_model(&SMALL, precision));
    files.iter().for_each(|file| load(&mut chip, file));
    println!("{}", chip.ask(":stats"));
}

#[test]
fn a_board_with_a_model_built_in_writes_what_the_pc_writes() {
    let file = random_model(&SMALL, Precision::Int8);
    let mut chip = Chip::boot(BOARD, "esp32c3", &file);
    assert_eq!(chip.generate("Once", SAMPLING, 5, 60), generate(&file, "Once", SAMPLING, 5, 60));
}
