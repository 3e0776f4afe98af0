//! `cargo xtask run` as a person meets it, at a pseudo-terminal, and as a script does, through a pipe.
#![cfg(unix)]

#[allow(dead_code)]
mod common;

use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use self::common::{Person, arguments, child_of, is_running, program, signal, tokens};

/// More than the serial port and the board keep of what is typed ahead.
const AHEAD_BYTES: usize = 3000;
/// More than the board prints behind a setting before a text begins.
const BEGUN_BYTES: usize = 200;

/// A person who has started `xtask run`.
fn sits_down() -> Person {
    Person::sits_down_at(pty_process::blocking::Command::new(program()).args(arguments()))
}

#[test]
fn every_line_typed_is_taken() {
    let mut person = sits_down();
    person.sees("or :help");
    person.types(b":length 5\r");
    person.sees("length 5 tokens");
    person.types(b"Once\r");
    assert_eq!(tokens(&person.sees("tokens, ")), 5);
    person.types("grüße\x7f\x7f\x7f\x7f\x7f:stats\r".as_bytes());
    person.sees("last text: 5 tokens");
    person.types(b":quit\r");
    assert!(person.leaves().0.success());
}

#[test]
fn lines_typed_ahead_are_taken_in_their_turn() {
    let mut person = sits_down();
    person.types(b":length 6\rOnce\r:length 7\rOnce\r:stats\r");
    person.sees("length 6 tokens");
    assert_eq!(tokens(&person.sees("tokens, ")), 6);
    person.sees("length 7 tokens");
    assert_eq!(tokens(&person.sees("tokens, ")), 7);
    person.sees("last text: 7 tokens");
    person.types(b"\x04");
    assert!(person.leaves().0.success());
}

#[test]
fn ctrl_c_stops_the_text_and_the_session_goes_on() {
    let mut person = sits_down();
    person.sees("or :help");
    person.types(b":length 20000\r");
    person.sees("length 20000 tokens");
    person.types(b"Once\r");
    person.sees("Once\r\n");
    person.sees_bytes(BEGUN_BYTES);
    person.types(&[b'x'; AHEAD_BYTES]);
    person.types(b"\x03");
    assert!(tokens(&person.sees("tokens, ")) < 20_000);
    person.sees("fingerprint");
    person.types(b":seed 3\r");
    person.sees("tokens, seed 3");
    // Before the next prompt the line would be typed ahead, and Ctrl-C forgets that unseen.
    person.sees("> ");
    person.types(b"taken back\x03");
    // The editor forgets what is typed before it has taken a line back.
    person.sees("taken back\r\n");
    person.sees("> ");
    person.types(b":seed 4\r");
    person.sees("length 20000 tokens, seed 4");
    // Typed while the board writes.
    person.types(b":length 2000\rOnce\r\x04");
    assert!(person.leaves().0.success());
}

#[test]
fn arrow_keys_edit_the_line_and_fetch_earlier_ones() {
    let mut person = sits_down();
    person.sees("or :help");
    person.types(b":seed 14\x1b[D\x1b[D2\r");
    person.sees("tokens, seed 214");
    person.types(b":seed 5\r");
    person.sees("tokens, seed 5");
    person.types(b"\x1b[A\x1b[A0\r");
    person.sees("tokens, seed 2140");
    person.types(b":quit\r");
    assert!(person.leaves().0.success());
}

#[test]
fn keys_that_are_no_text_and_bytes_that_are_none_leave_the_session_as_it_is() {
    let mut person = sits_down();
    person.sees("or :help");
    // Home, Delete, End, F1, F5, Page Up, Insert, and the marks around what is pasted.
    person.types(b"\x1b[200~x:seed 3\x1b[201~\x1b[H\x1b[3~\x1b[F\x1bOP\x1b[15~\x1b[5~\x1b[2~1\r");
    person.sees("tokens, seed 31");
    person.types(b":seed\t32\r");
    person.sees("There is no command :seed\t32");
    person.types(b":seed 33\x1b");
    person.sees(":seed 33");
    // Longer than the editor waits for the rest of a key that begins so.
    std::thread::sleep(Duration::from_secs(2));
    person.types(b"\r");
    person.sees("tokens, seed 33");
    person.types(b"half \xff a line");
    person.sees("That is not UTF-8, and is left out.");
    person.types(b":seed 34\r");
    person.sees("tokens, seed 34");
    person.types(b":quit\r");
    assert!(person.leaves().0.success());
}

#[test]
fn a_signal_ends_all_of_it() {
    let mut person = sits_down();
    person.sees("> ");
    let qemu = child_of(person.program.id());
    signal("TERM", person.program.id());
    let (status, _) = person.leaves();
    assert_eq!(status.signal(), Some(15));
    assert!(!is_running(qemu), "QEMU {qemu} goes on");
}

#[test]
fn a_board_that_dies_gets_a_sentence() {
    for typed in ["", "half a line"] {
        let mut person = sits_down();
        person.sees("> ");
        person.types(typed.as_bytes());
        person.sees(typed);
        signal("KILL", child_of(person.program.id()));
        let (status, seen) = person.leaves();
        assert_eq!(status.code(), Some(1));
        let sentence = "\nerror: QEMU has ended (signal: 9 (SIGKILL)), and the board with it.";
        assert!(seen.contains(sentence), "{seen}");
    }
}

/// The output of `xtask run` when `first` is piped to it and, as soon as the output is as `far` wants it, `then`.
fn piped(first: &[u8], far: impl Fn(&str) -> bool, then: &[u8]) -> String {
    let mut command = Command::new(program());
    let mut child = command.args(arguments()).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut input, mut output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    input.write_all(first).unwrap();
    let (mut printed, mut buffer) = (Vec::new(), [0; 4096]);
    while !far(&String::from_utf8_lossy(&printed)) {
        let count = output.read(&mut buffer).unwrap();
        assert_ne!(count, 0, "ended too soon: {}", String::from_utf8_lossy(&printed));
        printed.extend(&buffer[..count]);
    }
    input.write_all(then).unwrap();
    drop(input);
    output.read_to_end(&mut printed).unwrap();
    assert!(child.wait().unwrap().success());
    String::from_utf8_lossy(&printed).into_owned()
}

#[test]
fn a_pipe_of_any_length_is_taken_line_by_line() {
    let lines: String = (0..300).map(|i| format!(":seed {i}{}\n", " ".repeat(50))).collect();
    let printed =
        piped(lines.as_bytes(), |printed| printed.contains("seed 299\n"), b":seed 300\n:length 3\nOnce");
    for i in 0..=300 {
        assert!(printed.contains(&format!("length 200 tokens, seed {i}\n")), "{i} is missing in {printed}");
    }
    assert!(printed.contains("\n[3 tokens, "), "{printed}");
}

#[test]
fn ctrl_c_through_a_pipe_stops_a_text_too() {
    let ahead = "x".repeat(AHEAD_BYTES) + "\n:seed 1\n";
    let writes = |printed: &str| {
        printed.split_once("length 20000 tokens").is_some_and(|(_, text)| text.len() > BEGUN_BYTES)
    };
    let then = [ahead.as_bytes(), b"half\x03:seed 2\n"].concat();
    let printed = piped(b":length 20000\nOnce\n", writes, &then);
    let (text, rest) = printed.split_once(", fingerprint ").unwrap();
    assert!(tokens(text) < 20_000);
    assert!(rest.contains("seed 2\n") && !rest.contains("seed 1\n"), "{rest}");
}
