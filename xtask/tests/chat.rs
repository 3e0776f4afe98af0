//! `pipsqueak chat`, typed at by a person, with the emulated board of `cargo xtask run --pty` at the other end.
#![cfg(target_os = "linux")]

#[allow(dead_code)]
mod common;

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use self::common::{Person, arguments, endless, folder, hears_a_text, pipsqueak, program, tokens};

/// An emulated micro:bit v1, plugged in.
struct Board(Child);

impl Board {
    /// Its port is then the link `port`.
    fn plug_in(port: &Path) -> Board {
        let mut command = Command::new(program());
        command.args(arguments()).args(["--board", "microbit-v1", "--pty"]).stdout(Stdio::piped());
        // The keys of its terminal reach all that runs in it.
        let mut child = command.process_group(0).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let name = lines.find_map(|line| {
            let (_, rest) = line.split_once("redirected to ")?;
            Some(rest.split(' ').next()?.to_string())
        });
        let _ = fs::remove_file(port);
        symlink(name.expect("QEMU names the port"), port).unwrap();
        Board(child)
    }

    /// Ends all of it, as Ctrl-C at its terminal does.
    fn unplug(&mut self) {
        let group = format!("-{}", self.0.id());
        assert!(Command::new("kill").args(["-s", "INT", "--", &group]).status().unwrap().success());
        self.0.wait().unwrap();
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        if self.0.try_wait().is_ok_and(|status| status.is_none()) {
            self.unplug();
        }
    }
}

#[test]
fn a_person_talks_to_an_emulated_board_stops_a_text_and_pulls_the_cable() {
    let folder = folder("chat");
    let port = folder.join("port");
    let mut board = Board::plug_in(&port);
    let command = pty_process::blocking::Command::new(pipsqueak()).arg("chat").arg("--port").arg(&port);
    let mut person = Person::sits_down_at(command.env("HOME", &folder));
    person.sees("Talking to the board at ");
    hears_a_text(&mut person, &endless());

    person.types(b":length 20000\rOnce\r");
    person.sees("length 20000 tokens");
    person.sees("Once\r\n");
    person.sees_bytes(200);
    person.types(b"\x03");
    assert!(tokens(&person.sees("tokens, ")) < 20_000);
    person.types(b":help\r");
    person.sees(":selftest");

    board.unplug();
    person.sees("is gone; waiting for it.");
    let _board = Board::plug_in(&port);
    person.sees("The board is back, at ");
    hears_a_text(&mut person, &endless());
    person.types(b"\x04");
    assert!(person.leaves().0.success());
    fs::remove_dir_all(folder).unwrap();
}
