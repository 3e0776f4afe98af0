//! `pipsqueak chat` as a person meets it, at a pseudo-terminal, with a board at another.
#![cfg(target_os = "linux")]

use std::fs;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use pty_process::blocking::{Pts, Pty, open};

/// A program that has not answered by then is stuck; no test passes or fails by a shorter time.
const PATIENCE: Duration = Duration::from_secs(120);
const CTRL_C: u8 = 3;
const CTRL_D: u8 = 4;
const ENQ: u8 = 5;

/// Plugs in a board, whose port is then the link `port`. It repeats lines, writes at `endless` until Ctrl-C, and its cable is pulled
/// at `unplug`.
fn plug_in(port: &Path) -> JoinHandle<()> {
    plug_in_starting(port, 0)
}

/// As [`plug_in`], a board that is starting and does not hear the first `deaf_bytes`.
fn plug_in_starting(port: &Path, deaf_bytes: usize) -> JoinHandle<()> {
    let (mut pty, pts) = open().unwrap();
    let name = fs::read_link(format!("/proc/self/fd/{}", pts.as_raw_fd())).unwrap();
    let _ = fs::remove_file(port);
    symlink(name, port).unwrap();
    std::thread::spawn(move || {
        pty.read_exact(&mut vec![0; deaf_bytes]).unwrap();
        run_board(pty, &pts);
    })
}

/// `_port` keeps the port open, whether somebody talks to it or not.
fn run_board(mut pty: Pty, _port: &Pts) {
    let (mut line, mut writes, mut byte) = (Vec::new(), false, [0]);
    while let Ok(1) = pty.read(&mut byte) {
        let answer = match byte[0] {
            CTRL_C if std::mem::take(&mut writes) => "stopped\n".into(),
            CTRL_C => String::new(),
            ENQ if writes => continue,
            ENQ => "> \x06".into(),
            b'\n' => match String::from_utf8(std::mem::take(&mut line)).unwrap().as_str() {
                "unplug" => return,
                ":echo off" => "settings\n".into(),
                "endless" => {
                    writes = true;
                    "on and on\n".into()
                }
                line => format!("said: {line}\n"),
            },
            byte => {
                line.push(byte);
                continue;
            }
        };
        if byte[0] == CTRL_C {
            line.clear();
        }
        pty.write_all(answer.as_bytes()).unwrap();
    }
}

/// A person in front of a terminal, in which `pipsqueak chat` has been started.
struct Person {
    keyboard: Arc<Pty>,
    screen: Receiver<Vec<u8>>,
    /// The part of the screen that no test has looked at yet.
    unseen: String,
    program: Child,
    _terminal: Pts,
}

impl Person {
    fn sits_down(port: &Path) -> Person {
        let (pty, terminal) = open().unwrap();
        let mut command = pty_process::blocking::Command::new(env!("CARGO_BIN_EXE_pipsqueak"));
        command = command.arg("chat").arg("--port").arg(port).env("HOME", port.parent().unwrap());
        let program = command.spawn_borrowed(&terminal).unwrap();
        let keyboard = Arc::new(pty);
        let screen = watch(keyboard.clone());
        Person { keyboard, screen, unseen: String::new(), program, _terminal: terminal }
    }

    fn types(&self, keys: &[u8]) {
        (&*self.keyboard).write_all(keys).unwrap();
    }

    /// Waits until `wanted` is on the screen; returns all that has come up to it.
    fn sees(&mut self, wanted: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        while !self.unseen.contains(wanted) {
            match self.screen.recv_timeout(Duration::from_secs(1)) {
                Ok(more) => self.unseen += &String::from_utf8_lossy(&more),
                Err(_) if Instant::now() < deadline && self.program.try_wait().unwrap().is_none() => {}
                Err(_) => panic!("{wanted:?} does not come: {:?}", self.unseen),
            }
        }
        let end = self.unseen.find(wanted).unwrap() + wanted.len();
        self.unseen.drain(..end).collect()
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        // Has ended, unless the test has failed.
        let _ = self.program.kill();
    }
}

/// All that comes to the screen.
fn watch(pty: Arc<Pty>) -> Receiver<Vec<u8>> {
    let (sender, screen) = channel();
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = (&*pty).read(&mut buffer) {
            if sender.send(buffer[..count].to_vec()).is_err() {
                return;
            }
        }
    });
    screen
}

#[test]
fn a_person_talks_stops_a_text_and_pulls_the_cable() {
    let folder = tempfile::tempdir().unwrap();
    let port = folder.path().join("port");
    let board = plug_in(&port);
    let mut person = Person::sits_down(&port);
    person.sees("Talking to the board at ");
    person.types(b"hello\r");
    let seen = person.sees("said: hello");
    assert!(!seen.contains("settings"), "{seen}");
    person.types(b"endless\r");
    person.sees("on and on");
    person.types(&[CTRL_C]);
    person.sees("stopped");
    person.types(b"unplug\r");
    person.sees("is gone; waiting for it.");
    board.join().unwrap();
    let _board = plug_in(&port);
    person.sees("The board is back, at ");
    person.types(b"once more\r");
    person.sees("said: once more");
    // Up twice: the lines typed before.
    person.types(b"\x1b[A\x1b[A\x1b[A\r");
    person.sees("on and on");
    person.types(&[CTRL_C]);
    person.sees("stopped");
    person.types(&[CTRL_D]);
    assert!(person.program.wait().unwrap().success());
}

#[test]
fn a_pipe_is_taken_line_by_line_to_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let port = folder.path().join("port");
    let _board = plug_in(&port);
    let mut command = Command::new(env!("CARGO_BIN_EXE_pipsqueak"));
    command.arg("chat").arg("--port").arg(&port).env("HOME", folder.path());
    let mut chat =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    chat.stdin.take().unwrap().write_all(b"one\ntwo").unwrap();
    let output = chat.wait_with_output().unwrap();
    assert!(output.status.success());
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "said: one\n> said: two\n> ");
}

#[test]
fn a_board_that_has_not_heard_the_greeting_is_greeted_again() {
    let folder = tempfile::tempdir().unwrap();
    let port = folder.path().join("port");
    let _board = plug_in_starting(&port, b"\x03:echo off\n\x05".len());
    let mut person = Person::sits_down(&port);
    person.types(b"hello\r");
    let seen = person.sees("said: hello");
    assert!(!seen.contains("settings"), "{seen}");
    person.types(&[CTRL_D]);
    assert!(person.program.wait().unwrap().success());
}

#[test]
fn a_port_that_is_missing_gets_a_sentence() {
    let output =
        Command::new(env!("CARGO_BIN_EXE_pipsqueak")).args(["chat", "--port", "/dev/none"]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && said.starts_with("error: /dev/none can't be opened: "), "{said}");
}
