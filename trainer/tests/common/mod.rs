//! Running `pipsqueak` in a folder of its own.
#![allow(dead_code, reason = "each test program uses a part")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The program, which cargo builds beside the tests. Its place is not taken at compile time, because a checkout may move.
pub(crate) fn program() -> String {
    let test = std::env::current_exe().unwrap();
    let name = format!("pipsqueak{}", std::env::consts::EXE_SUFFIX);
    test.parent().unwrap().with_file_name(name).to_str().unwrap().into()
}

/// A folder of its own for a test, empty at its start.
pub(crate) fn folder(name: &str) -> PathBuf {
    let folder = Path::new(&program()).with_file_name("tmp").join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder).unwrap();
    }
    fs::create_dir_all(&folder).unwrap();
    folder
}

pub(crate) fn pipsqueak(folder: &Path, arguments: &str) -> Output {
    let mut command = Command::new(program());
    command.current_dir(folder).args(arguments.split_whitespace()).output().unwrap()
}

pub(crate) fn succeed(folder: &Path, arguments: &str) -> String {
    let output = pipsqueak(folder, arguments);
    assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The one sentence that a failing command prints; checks that it left nothing behind.
pub(crate) fn fail(folder: &Path, arguments: &str) -> String {
    let before = names(folder);
    let output = pipsqueak(folder, arguments);
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{arguments}: {message}");
    assert_eq!(message.lines().count(), 1, "{arguments}: {message}");
    assert!(message.starts_with("error: "), "{message}");
    assert_eq!(names(folder), before, "{arguments} left something behind");
    message
}

pub(crate) fn names(folder: &Path) -> Vec<String> {
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(name).collect();
    names.sort();
    names
}
