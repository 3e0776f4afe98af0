//! `pipsqueak flash` into files and onto drives, from a folder of firmware.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// A small model, and the RAM that it needs.
const MODEL: &[u8] = include_bytes!("tiny.pip");
const FIRMWARE: [u8; 1000] = [7; 1000];
const MODEL_START: u32 = 0x1004_0000;

/// A folder with firmware for two boards, and a model.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let board = |name: &str, model_bytes: usize, ram_bytes: usize, more: &str| {
        format!(
            r#"{{"name": "{name}", "chip": "a chip", "image": "{name}.bin", "flash_start": 268435456,
            "model_start": {MODEL_START}, "model_bytes": {model_bytes}, "ram_bytes": {ram_bytes}, {more}}}"#
        )
    };
    let pico = board(
        "raspberry-pi-pico",
        1 << 20,
        1 << 18,
        r#""uf2": {"family": 3834380118, "board_id": "RPI-RP2"}"#,
    );
    let boards = [
        pico,
        board("microbit-v2", 1 << 20, 1 << 17, r#""hex_drive": true"#),
        board("esp32c3", 1 << 20, 1 << 17, r#""esptool_chip": "esp32c3""#),
        board("little-flash", MODEL.len() - 1, 1 << 18, r#""hex_drive": true"#),
        board("little-ram", 1 << 20, 100, r#""hex_drive": true"#),
    ];
    fs::write(folder.path().join("manifest.json"), format!(r#"{{"boards": [{}]}}"#, boards.join(",")))
        .unwrap();
    for name in ["raspberry-pi-pico", "microbit-v2", "esp32c3"] {
        fs::write(folder.path().join(name).with_extension("bin"), FIRMWARE).unwrap();
    }
    fs::write(folder.path().join("story.pip"), MODEL).unwrap();
    folder
}

/// The command's output, or its error.
fn flash(folder: &Path, board: &str, more: &[&str]) -> Result<String, String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pipsqueak"));
    command.arg("flash").arg(folder.join("story.pip")).args(["--board", board]).arg("--firmware").arg(folder);
    let output = command.args(more).output().unwrap();
    let said =
        String::from_utf8(if output.status.success() { output.stdout } else { output.stderr }).unwrap();
    if output.status.success() { Ok(said) } else { Err(said) }
}

fn path(folder: &TempDir, name: &str) -> (PathBuf, String) {
    let path = folder.path().join(name);
    (path.clone(), path.display().to_string())
}

#[test]
fn firmware_and_model_go_into_a_uf2_file() {
    let folder = folder();
    let (out, name) = path(&folder, "story.uf2");
    let said = flash(folder.path(), "Raspberry Pi Pico", &["--out", &name]).unwrap();
    assert!(said.contains("at 0x10000000") && said.contains("at 0x10040000"), "{said}");
    let file = fs::read(out).unwrap();
    // The firmware takes a sector, which is erased as a whole.
    let blocks = 16 + MODEL.len().div_ceil(256);
    assert_eq!(file.len(), 512 * blocks);
    let model: Vec<u8> = file.chunks(512).skip(16).flat_map(|block| block[32..288].to_vec()).collect();
    assert_eq!(model[..MODEL.len()], *MODEL);
    flash(folder.path(), "raspberry-pi-pico", &["--out", &name, "--model-only"]).unwrap();
    assert_eq!(fs::read(&name).unwrap().len(), 512 * MODEL.len().div_ceil(256));
}

#[test]
fn nothing_but_an_earlier_flash_file_is_written_over() {
    let folder = folder();
    let (out, name) = path(&folder, "story.hex");
    let model = fs::read(folder.path().join("story.pip")).unwrap();
    for text in [&b"my diary"[..], b":-) my diary", b":020000040000FB\n", &model] {
        fs::write(&out, text).unwrap();
        let refused = flash(folder.path(), "microbit-v2", &["--out", &name]).unwrap_err();
        assert!(
            refused.contains("the file there is no UF2, Intel HEX or esptool file, and would be lost"),
            "{refused}"
        );
        assert_eq!(fs::read(&out).unwrap(), text);
    }
    fs::remove_file(&out).unwrap();
    flash(folder.path(), "microbit-v2", &["--out", &name]).unwrap();
    flash(folder.path(), "microbit-v2", &["--out", &name, "--model-only"]).unwrap();
    let (_, name) = path(&folder, "story.uf2");
    flash(folder.path(), "raspberry-pi-pico", &["--out", &name]).unwrap();
    flash(folder.path(), "raspberry-pi-pico", &["--out", &name]).unwrap();
}

#[test]
fn firmware_and_model_go_into_a_file_for_esptool() {
    let folder = folder();
    let (out, name) = path(&folder, "story.bin");
    let said = flash(folder.path(), "ESP32-C3", &["--out", &name]).unwrap();
    assert!(
        said.contains(&format!("with: esptool --chip esp32c3 write-flash 0x10000000 {name}\n")),
        "{said}"
    );
    let file = fs::read(&out).unwrap();
    let place = (MODEL_START - 0x1000_0000) as usize;
    assert_eq!(file[..FIRMWARE.len()], FIRMWARE);
    assert!(file[FIRMWARE.len()..place].iter().all(|byte| *byte == 0xff));
    assert_eq!(file[place..], *MODEL);
    let (_, name) = path(&folder, "model.bin");
    let refused = flash(folder.path(), "esp32c3", &["--out", &name, "--model-only"]).unwrap_err();
    assert!(refused.contains("write the file ") && refused.contains("itself, at 0x10040000"), "{refused}");
    let (_, name) = path(&folder, "story.hex");
    assert!(flash(folder.path(), "esp32c3", &["--out", &name]).unwrap_err().contains("write a .bin"));
    let said = flash(folder.path(), "esp32c3", &["--dry-run"]).unwrap();
    assert!(said.ends_with("would go into the flash of esp32c3 by esptool\n"), "{said}");
}

/// A program of that name, which keeps what it is called with and the files.
#[cfg(unix)]
#[test]
fn esptool_writes_firmware_and_model() {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder();
    let programs = folder.path().join("programs");
    fs::create_dir(&programs).unwrap();
    let script = "#!/bin/sh\ncd \"${0%/*}\" && echo \"$1 $2 $3 $4 $6\" > called && cat \"$5\" > firmware && cat \"$7\" > model\n";
    fs::write(programs.join("esptool"), script).unwrap();
    fs::set_permissions(programs.join("esptool"), fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_pipsqueak"));
    command.arg("flash").arg(folder.path().join("story.pip")).args(["--board", "esp32c3"]);
    command.arg("--firmware").arg(folder.path()).env("PATH", format!("{}:/usr/bin:/bin", programs.display()));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let held = |name| fs::read(programs.join(name)).unwrap();
    assert_eq!(held("called"), b"--chip esp32c3 write-flash 0x10000000 0x10040000\n");
    assert_eq!((held("firmware"), held("model")), (FIRMWARE.to_vec(), MODEL.to_vec()));
    let output = command.env("PATH", folder.path()).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("esptool can't be started; install it with `pip install esptool`"), "{said}");
}

#[test]
fn a_dry_run_says_where_and_writes_nothing() {
    let folder = folder();
    let (out, name) = path(&folder, "story.hex");
    let said = flash(folder.path(), "microbit-v2", &["--out", &name, "--dry-run"]).unwrap();
    assert!(said.contains("firmware") && said.contains(&format!("would go into {name}")), "{said}");
    assert!(!out.exists());
}

#[test]
fn the_drive_of_the_right_board_gets_the_file() {
    let folder = folder();
    let (drive, name) = path(&folder, "drive");
    fs::create_dir(&drive).unwrap();
    let refused = flash(folder.path(), "raspberry-pi-pico", &["--drive", &name]).unwrap_err();
    assert!(refused.ends_with("drive is not the drive of a board: it has no INFO_UF2.TXT\n"), "{refused}");
    fs::write(drive.join("INFO_UF2.TXT"), "UF2 Bootloader v1.0\nBoard-ID: RP2350\n").unwrap();
    let refused = flash(folder.path(), "raspberry-pi-pico", &["--drive", &name]).unwrap_err();
    assert!(refused.ends_with("drive is the drive of RP2350, and the file is for RPI-RP2\n"), "{refused}");
    fs::write(drive.join("INFO_UF2.TXT"), "UF2 Bootloader v3.0\nBoard-ID: RPI-RP2\n").unwrap();
    flash(folder.path(), "raspberry-pi-pico", &["--drive", &name]).unwrap();
    assert!(drive.join("story.uf2").is_file());
    fs::write(drive.join("DETAILS.TXT"), "").unwrap();
    flash(folder.path(), "microbit-v2", &["--drive", &name]).unwrap();
    let hex = fs::read_to_string(drive.join("story.hex")).unwrap();
    assert!(hex.starts_with(":020000041000EA\n:20000000070707"), "{}", &hex[..60]);
}

#[test]
fn what_has_no_room_and_what_is_not_there_gets_a_sentence() {
    let folder = folder();
    let refused = |board, more: &[&str]| flash(folder.path(), board, more).unwrap_err();
    let bytes = MODEL.len();
    let said = refused("little-flash", &[]);
    assert!(
        said.contains(&format!("takes {bytes} bytes of flash, and little-flash has {}", bytes - 1)),
        "{said}"
    );
    let said = refused("little-ram", &[]);
    assert!(said.contains("bytes of RAM, and little-ram has 100"), "{said}");
    assert!(
        refused("6502", &[])
            .contains("there is no firmware for '6502'; there is for raspberry-pi-pico, microbit-v2")
    );
    let (_, name) = path(&folder, "story.txt");
    assert!(refused("microbit-v2", &["--out", &name]).ends_with("must end in .uf2, .hex or .bin\n"));
    let (_, name) = path(&folder, "story.uf2");
    assert!(refused("microbit-v2", &["--out", &name]).contains("takes no UF2 files"));
    let said = flash(&folder.path().join("none"), "microbit-v2", &[]).unwrap_err();
    assert!(said.starts_with("error: "), "{said}");
}
