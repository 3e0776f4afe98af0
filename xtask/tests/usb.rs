//! `pipsqueak flash` and `pipsqueak chat` at the USB socket of the emulated Pico of `cargo xtask run --usb --pty`, whose cable is pulled.
#![cfg(target_os = "linux")]

#[allow(dead_code)]
mod common;

use std::io::{BufRead, BufReader, Lines, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use pipsqueak::{Config, Precision};
use pipsqueak_tests::{SMALL, random_model};

use self::common::{Person, endless, folder, hears_a_text, pipsqueak, program, signal};

/// An emulated Pico, plugged in, with a cable that a line at its terminal pulls out and plugs in again.
struct Pico {
    xtask: Child,
    terminal: ChildStdin,
    says: Lines<BufReader<ChildStdout>>,
}

impl Pico {
    /// With the firmware for any model, and this one in its flash.
    fn start(model: &Path) -> Pico {
        let mut command = Command::new(program());
        command.args(["run", "--board", "pico", "--any-model", "--usb", "--pty", "--model"]).arg(model);
        let mut xtask = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let terminal = xtask.stdin.take().unwrap();
        let says = BufReader::new(xtask.stdout.take().unwrap()).lines();
        Pico { xtask, terminal, says }
    }

    fn touch_the_cable(&mut self) {
        self.terminal.write_all(b"\n").unwrap();
    }

    /// Waits until its port is there, or gone; returns the port.
    fn port_is(&mut self, what: &str) -> PathBuf {
        let said = self.says.next().expect("the emulator runs").unwrap();
        let name = said.strip_suffix(what).and_then(|name| name.strip_suffix(" is "));
        name.unwrap_or_else(|| panic!("{said:?}, and not {what:?}")).into()
    }
}

impl Drop for Pico {
    fn drop(&mut self) {
        signal("INT", self.xtask.id());
        self.xtask.wait().unwrap();
    }
}

/// Sends the model over the port; calls `on_percent` with each percentage that is reported.
fn flash(model: &Path, port: &Path, mut on_percent: impl FnMut(u32)) -> Result<(), String> {
    let mut command = Command::new(pipsqueak());
    command.arg("flash").arg(model).args(["--board", "pico", "--model-only", "--port"]).arg(port);
    let mut flash = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    for line in BufReader::new(flash.stderr.take().unwrap()).lines().map(Result::unwrap) {
        if let Some(percent) = line.strip_suffix(" %").and_then(|number| number.parse().ok()) {
            on_percent(percent);
        }
        said += &line;
        said.push('\n');
    }
    if flash.wait().unwrap().success() { Ok(()) } else { Err(said) }
}

#[test]
fn a_pico_takes_a_model_over_usb_although_the_cable_is_pulled_out() {
    let folder = folder("usb");
    let new = random_model(&Config { context: 32, ..SMALL }, Precision::Int8);
    let [old_path, new_path] = ["old.pip", "new.pip"].map(|name| folder.join(name));
    std::fs::write(&old_path, endless().bytes()).unwrap();
    std::fs::write(&new_path, new.bytes()).unwrap();
    let mut pico = Pico::start(&old_path);
    let port = pico.port_is("there");

    let mut is_torn = false;
    let refused = flash(&new_path, &port, |percent| {
        if percent >= 50 && !std::mem::replace(&mut is_torn, true) {
            pico.touch_the_cable();
        }
    });
    let refused = refused.unwrap_err();
    assert!(
        refused.contains("the port is gone; plug the board in and run the same command again"),
        "{refused}"
    );
    assert_eq!(pico.port_is("gone"), port);
    pico.touch_the_cable();
    pico.port_is("there");

    let mut first = None;
    flash(&new_path, &port, |percent| _ = first.get_or_insert(percent)).unwrap();
    assert!(first.is_some_and(|percent| percent >= 40), "goes on from {first:?} %");
    // The board starts again.
    pico.port_is("gone");
    pico.port_is("there");
    let command = pty_process::blocking::Command::new(pipsqueak()).arg("chat").arg("--port").arg(&port);
    let mut person = Person::sits_down_at(command.env("HOME", &folder));
    person.sees("Talking to the board at ");
    hears_a_text(&mut person, &new);

    // Somebody stumbles over the cable while a text is written.
    person.types(b":length 20000\rOnce\r");
    person.sees("length 20000 tokens");
    person.sees_bytes(200);
    pico.touch_the_cable();
    person.sees("is gone; waiting for it.");
    pico.touch_the_cable();
    person.sees("The board is back, at ");
    hears_a_text(&mut person, &new);
    person.types(b"\x04");
    assert!(person.leaves().0.success());
    std::fs::remove_dir_all(folder).unwrap();
}
