//! Firmware that others write: the one of `docs/own-firmware.md`, made from that page alone, and the example for embassy.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use pipsqueak::Sampling;
use pipsqueak_tests::{Generated, generate, pretrained};
use xtask::board::Board;
use xtask::toolchain::Toolchain;
use xtask::{paths, process, qemu};

/// An emulator that has not ended by then is stuck; no test passes or fails by a shorter time.
const PATIENCE: Duration = Duration::from_secs(300);
const PROMPT: &str = "Once upon a time";

/// A folder outside the workspace, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        let folder = std::env::temp_dir().join(format!("pipsqueak-storyteller-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Folder(folder)
    }

    fn write(&self, file: &str, contents: impl AsRef<[u8]>) {
        let path = self.0.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, contents).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The files of a page: a name in bold, and the block of code before the next one.
fn files(page: &str) -> Vec<(&str, &str)> {
    let parts = page.split("\n**`").skip(1).filter_map(|part| part.split_once("`**"));
    parts.filter_map(|(name, text)| Some((name, code(text)?))).collect()
}

fn code(text: &str) -> Option<&str> {
    let (_, fenced) = text.split_once("\n```")?;
    let (_, code) = fenced.split_once('\n')?;
    Some(code.split_once("```\n")?.0)
}

fn cargo(subcommand: &str, board: Board, folder: &Path) -> Command {
    let toolchain = Toolchain::find(board.target()).expect("cargo xtask setup has been run");
    let mut cargo = toolchain.cargo(subcommand, board.target());
    cargo.arg("--quiet").current_dir(folder);
    cargo
}

/// Downloads what the `Cargo.lock` in `folder` names and this PC has not.
fn fetch(folder: &Path, board: Board) {
    process::run(cargo("fetch", board, folder).arg("--locked")).unwrap();
}

/// Builds the package `name` in `folder` for a board, downloading nothing, for one model or for any; returns the image.
fn build(name: &str, folder: &Path, board: Board, only: Option<&Path>, arguments: &[&str]) -> PathBuf {
    let mut cargo = cargo("build", board, folder);
    cargo.env_remove("PIPSQUEAK_MODEL").envs(only.map(|model| ("PIPSQUEAK_MODEL", model)));
    cargo.args(["--release", "--offline"]).args(arguments);
    cargo.env("CARGO_TARGET_DIR", paths::target().join("own-firmware"));
    process::build(&mut cargo, name).unwrap()
}

/// The output of the image, without the CR of a terminal.
fn run(board: Board, image: &Path) -> String {
    let (succeeded, text) = qemu::run(board, image, PATIENCE).unwrap();
    assert!(succeeded, "{}: {text}", board.name());
    text.replace('\r', "")
}

/// The first lines that both programs must print.
fn story(length: u32) -> String {
    let Generated { text, fingerprint, .. } =
        generate(&pretrained(), PROMPT, Sampling::default(), 42, length);
    format!("{PROMPT}{text}\n[fingerprint {fingerprint:08x}]\n")
}

#[test]
fn a_firmware_made_from_the_page_alone_tells_the_pc_s_story() {
    let page = fs::read_to_string(paths::root().join("docs/own-firmware.md")).unwrap();
    let folder = Folder::new();
    for (name, contents) in files(&page) {
        folder.write(name, contents);
    }
    let program = fs::read_to_string(folder.0.join("src/main.rs")).unwrap();
    assert!(program.lines().count() <= 40, "{} lines", program.lines().count());
    folder.write("story.pip", pretrained().bytes());
    // The versions that the firmware has; and the crate, which may not be published yet.
    folder.write("Cargo.lock", fs::read(paths::firmware().join("Cargo.lock")).unwrap());
    let patch = format!("patch.crates-io.pipsqueak.path={:?}", paths::root().join("core"));
    for board in [Board::Mps2An385M0, Board::Mps2An386] {
        fetch(&paths::firmware(), board);
        let model = folder.0.join("story.pip");
        let sizes = [None, Some(&*model)].map(|only| {
            let image = build("storyteller", &folder.0, board, only, &["--config", &patch]);
            assert_eq!(run(board, &image), story(50), "{}", board.name());
            fs::metadata(&image).unwrap().len()
        });
        assert!(sizes[1] < sizes[0], "a program for one model alone is smaller: {sizes:?}");
    }
}

#[test]
fn an_led_blinks_on_time_while_embassy_s_other_task_tells_a_story() {
    let board = Board::Mps2An386;
    fetch(&paths::embassy(), board);
    let image = build("pipsqueak-embassy", &paths::embassy(), board, None, &[]);
    let printed = run(board, &image);
    let (told, led) = printed.split_once("[the LED changed ").unwrap();
    assert_eq!(told, story(100));
    let numbers: Vec<u32> = led.split(' ').filter_map(|word| word.parse().ok()).collect();
    let [changes, micros_late] = numbers[..] else { panic!("{led}") };
    // 100 tokens take 90 ms, one of them 900 us, and the LED changes every 5 ms.
    assert!(changes >= 15, "{led}");
    assert!(micros_late <= 300, "{led}");
}
