//! `cargo xtask run` as a person meets it, at a pseudo-terminal, and as a script does, through a pipe.
#![cfg(unix)]

use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use nix::sys::termios::{Termios, tcgetattr};
use pipsqueak::Precision;
use pipsqueak_tests::{SMALL, random_model};
use pty_process::blocking::{Pts, Pty};

/// A program that has not answered by then is stuck; no test passes or fails by a shorter time.
const PATIENCE: Duration = Duration::from_secs(120);
/// More than the serial port and the board keep of what is typed ahead.
const AHEAD_BYTES: usize = 3000;
/// More than the board prints behind a setting before a text begins.
const BEGUN_BYTES: usize = 200;

/// xtask, which cargo builds beside the tests. Not by its path at compile time, because the checkout may have moved.
fn program() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.parent().unwrap().parent().unwrap().join("xtask")
}

/// `xtask run` with a model of random weights, whose texts never end by themselves.
fn arguments() -> [String; 3] {
    static FILE: LazyLock<String> = LazyLock::new(|| {
        let path = program().with_file_name("endless.pip");
        std::fs::write(&path, random_model(&SMALL, Precision::Int8).bytes()).unwrap();
        path.display().to_string()
    });
    ["run".into(), "--model".into(), FILE.clone()]
}

/// A person in front of a terminal, in which `xtask run` has been started.
struct Person {
    keyboard: Arc<Pty>,
    screen: Receiver<Vec<u8>>,
    /// The part of the screen that no test has looked at yet.
    unseen: String,
    program: Child,
    terminal: Pts,
    as_found: Termios,
}

impl Person {
    fn sits_down() -> Person {
        let (pty, terminal) = pty_process::blocking::open().unwrap();
        let as_found = tcgetattr(&terminal).unwrap();
        let mut command = pty_process::blocking::Command::new(program()).args(arguments());
        let program = command.spawn_borrowed(&terminal).unwrap();
        let keyboard = Arc::new(pty);
        let screen = watch(keyboard.clone());
        Person { keyboard, screen, unseen: String::new(), program, terminal, as_found }
    }

    fn types(&self, keys: &[u8]) {
        (&*self.keyboard).write_all(keys).unwrap();
    }

    /// Waits until `wanted` is on the screen; returns all that has come up to it.
    fn sees(&mut self, wanted: &str) -> String {
        self.waits(wanted, |unseen| unseen.contains(wanted));
        let end = self.unseen.find(wanted).unwrap() + wanted.len();
        self.unseen.drain(..end).collect()
    }

    /// Waits until so many bytes more are on the screen, and leaves them unseen.
    fn sees_bytes(&mut self, count: usize) {
        self.waits(&format!("{count} bytes"), |unseen| unseen.len() >= count);
    }

    fn waits(&mut self, wanted: &str, are_there: impl Fn(&str) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !are_there(&self.unseen) {
            match self.screen.recv_timeout(Duration::from_secs(1)) {
                Ok(more) => self.unseen += &String::from_utf8_lossy(&more),
                Err(_) if Instant::now() < deadline && self.program.try_wait().unwrap().is_none() => {}
                Err(_) => panic!("{wanted:?} does not come: {:?}", self.unseen),
            }
        }
    }

    /// Waits for the program's end, which must leave the terminal as it was; returns what is left on the screen.
    fn leaves(mut self) -> (ExitStatus, String) {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline && self.program.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(20));
        }
        let status = self.program.try_wait().unwrap().expect("the program ends");
        assert_eq!(tcgetattr(&self.terminal).unwrap(), self.as_found, "the terminal is not as it was found");
        while let Ok(more) = self.screen.recv_timeout(Duration::from_millis(200)) {
            self.unseen += &String::from_utf8_lossy(&more);
        }
        (status, std::mem::take(&mut self.unseen))
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

/// The number of tokens in the line that ends a text.
fn tokens(text: &str) -> u32 {
    let (_, numbers) = text.rsplit_once('[').unwrap();
    numbers.split(' ').next().unwrap().parse().unwrap()
}

#[test]
fn every_line_typed_is_taken() {
    let mut person = Person::sits_down();
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
    let mut person = Person::sits_down();
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
    let mut person = Person::sits_down();
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
    let mut person = Person::sits_down();
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
    let mut person = Person::sits_down();
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
    let mut person = Person::sits_down();
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
        let mut person = Person::sits_down();
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

fn signal(name: &str, process: u32) {
    let kill = Command::new("kill").args(["-s", name, &process.to_string()]).status();
    assert!(kill.unwrap().success());
}

fn is_running(process: u32) -> bool {
    let ps = Command::new("ps").args(["-p", &process.to_string()]).stdout(Stdio::null()).status();
    ps.unwrap().success()
}

/// The only process that a process has started.
fn child_of(process: u32) -> u32 {
    let ps = Command::new("ps").args(["-A", "-o", "pid=,ppid="]).output().unwrap();
    let table = String::from_utf8(ps.stdout).unwrap();
    let numbers = |line: &str| line.split_whitespace().map(|n| n.parse().unwrap()).collect::<Vec<u32>>();
    let children = table.lines().map(numbers).filter(|row| row[1] == process).map(|row| row[0]);
    let [child] = children.collect::<Vec<_>>()[..] else { panic!("{process} has not one child: {table}") };
    child
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
