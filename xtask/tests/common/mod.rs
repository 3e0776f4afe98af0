//! A person in front of a terminal, in which a program has been started that is tested.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use nix::sys::termios::{Termios, tcgetattr};
use pipsqueak::{Precision, Sampling};
use pipsqueak_tests::{SMALL, generate, random_model};
use pipsqueak_trainer::export::model_file::ModelFile;
use pty_process::blocking::{Pts, Pty};

/// A program that has not answered by then is stuck; no test passes or fails by a shorter time.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// xtask, which cargo builds beside the tests. Not by its path at compile time, because the checkout may have moved.
pub(crate) fn program() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.parent().unwrap().parent().unwrap().join("xtask")
}

/// The program `pipsqueak`, which cargo builds with the whole workspace.
pub(crate) fn pipsqueak() -> PathBuf {
    let pipsqueak = program().with_file_name("pipsqueak");
    assert!(pipsqueak.is_file(), "{} is missing; cargo test --workspace builds it", pipsqueak.display());
    pipsqueak
}

/// A folder for one test's files.
pub(crate) fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("pipsqueak-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// A model of random weights, whose texts never end by themselves.
pub(crate) fn endless() -> ModelFile {
    random_model(&SMALL, Precision::Int8)
}

/// `xtask run` with the model [`endless`].
pub(crate) fn arguments() -> [String; 3] {
    static FILE: LazyLock<String> = LazyLock::new(|| {
        let path = program().with_file_name("endless.pip");
        std::fs::write(&path, endless().bytes()).unwrap();
        path.display().to_string()
    });
    ["run".into(), "--model".into(), FILE.clone()]
}

/// A person in front of a terminal.
pub(crate) struct Person {
    keyboard: Arc<Pty>,
    screen: Receiver<Vec<u8>>,
    /// The part of the screen that no test has looked at yet.
    unseen: String,
    pub(crate) program: Child,
    terminal: Pts,
    as_found: Termios,
}

impl Person {
    /// Starts this program.
    pub(crate) fn sits_down_at(command: pty_process::blocking::Command) -> Person {
        let (pty, terminal) = pty_process::blocking::open().unwrap();
        let as_found = tcgetattr(&terminal).unwrap();
        let program = { command }.spawn_borrowed(&terminal).unwrap();
        let keyboard = Arc::new(pty);
        let screen = watch(keyboard.clone());
        Person { keyboard, screen, unseen: String::new(), program, terminal, as_found }
    }

    pub(crate) fn types(&self, keys: &[u8]) {
        (&*self.keyboard).write_all(keys).unwrap();
    }

    /// Waits until `wanted` is on the screen; returns all that has come up to it.
    pub(crate) fn sees(&mut self, wanted: &str) -> String {
        self.waits(wanted, |unseen| unseen.contains(wanted));
        let end = self.unseen.find(wanted).unwrap() + wanted.len();
        self.unseen.drain(..end).collect()
    }

    /// Waits until so many bytes more are on the screen, and leaves them unseen.
    pub(crate) fn sees_bytes(&mut self, count: usize) {
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
    pub(crate) fn leaves(mut self) -> (ExitStatus, String) {
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

/// Asks a board with this model for a text, which must have the PC's tokens and logits.
pub(crate) fn hears_a_text(person: &mut Person, file: &ModelFile) {
    person.types(b":seed 5\r:length 60\rOnce\r");
    person.sees("length 60 tokens, seed 5");
    let expected = generate(file, "Once", Sampling::default(), 5, 60);
    assert_eq!(tokens(&person.sees("tokens, ")), expected.tokens);
    person.sees(&format!("fingerprint {:08x}]", expected.fingerprint));
}

/// The number of tokens in the line that ends a text.
pub(crate) fn tokens(text: &str) -> u32 {
    let (_, numbers) = text.rsplit_once('[').unwrap();
    numbers.split(' ').next().unwrap().parse().unwrap()
}

pub(crate) fn signal(name: &str, process: u32) {
    let kill = Command::new("kill").args(["-s", name, &process.to_string()]).status();
    assert!(kill.unwrap().success());
}

pub(crate) fn is_running(process: u32) -> bool {
    let ps = Command::new("ps").args(["-p", &process.to_string()]).stdout(Stdio::null()).status();
    ps.unwrap().success()
}

/// The only process that a process has started.
pub(crate) fn child_of(process: u32) -> u32 {
    let ps = Command::new("ps").args(["-A", "-o", "pid=,ppid="]).output().unwrap();
    let table = String::from_utf8(ps.stdout).unwrap();
    let numbers = |line: &str| line.split_whitespace().map(|n| n.parse().unwrap()).collect::<Vec<u32>>();
    let children = table.lines().map(numbers).filter(|row| row[1] == process).map(|row| row[0]);
    let [child] = children.collect::<Vec<_>>()[..] else { panic!("{process} has not one child: {table}") };
    child
}
