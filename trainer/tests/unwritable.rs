//! Disks that are full or read-only, folders that can't be written or are gone, and an output that takes nothing: a sentence
//! says so, no file is damaged, and no training is thrown away.
#![cfg(target_os = "linux")]

mod common;

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use common::{folder, llama2c_checkpoint, names, program, succeed};

const TINY: &str = "--width 16 --layers 1 --heads 2 --context 16 --steps 20 --batch 4 --vocab 100";
/// A run that doesn't end by itself.
const ENDLESS: &str = "--width 16 --layers 1 --heads 2 --context 16 --steps 100000000 --batch 4 --vocab 100 --checkpoint-every 5";
const SEARCH: &str = "--flash 256K --ram 32K --context 16 --time 2s";

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn an_output_that_takes_nothing_ends_no_work_and_is_told() {
    let folder = folder("full-output");
    succeed(&folder, "corpus --bytes 60K --out s.txt");
    succeed(&folder, &format!("train --text s.txt --out m.pip --f32-out f32.pip {TINY}"));
    let run = |arguments: &str| {
        let mut command = Command::new(program());
        command.current_dir(&folder).args(arguments.split_whitespace());
        command.stdout(File::options().write(true).open("/dev/full").unwrap()).output().unwrap()
    };
    for arguments in [
        &format!("train --text s.txt --out n.pip {TINY}"),
        "generate --model m.pip",
        "eval --model m.pip --text s.txt",
        "eval --model f32.pip --text s.txt --precision all",
        "inspect --model m.pip",
        "corpus --bytes 30K",
        "export --checkpoint m.checkpoint.safetensors --out e.pip",
        &format!("sweep --text s.txt --out w.svg {SEARCH}"),
    ] {
        let output = run(arguments);
        let message = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{arguments}: {message}");
        assert!(
            message.contains("to the standard output: No space left on device"),
            "{arguments}: {message}"
        );
        assert_eq!(message.lines().count(), 1, "{arguments}: {message}");
    }
    let read = |name: &str| fs::read(folder.join(name)).unwrap();
    assert!(read("n.pip") == read("m.pip"), "another model");
    succeed(&folder, "inspect --model e.pip");
    assert!(folder.join("w.svg").exists());
    for arguments in ["--help", "--version", "train --help"] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments}");
        assert_eq!(
            stderr(&output),
            "error: cannot write to the standard output: No space left on device (os error 28)\n"
        );
    }
    // Nobody is told, but the model is there.
    let shell = format!("exec {} train --text s.txt --out o.pip {TINY} >/dev/full 2>/dev/full", program());
    let status = Command::new("sh").current_dir(&folder).args(["-c", &shell]).status().unwrap();
    assert_eq!(status.code(), Some(1));
    assert!(read("o.pip") == read("m.pip"), "another model");
}

/// Root may write anywhere, so the program runs as another user.
#[test]
fn a_folder_of_another_user_is_told_before_any_work() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    succeed(folder.path(), "corpus --bytes 60K --out s.txt");
    succeed(folder.path(), &format!("train --text s.txt --out m.pip {TINY}"));
    fs::write(at("secret.txt"), "of nobody's business").unwrap();
    fs::copy(program(), at("pipsqueak")).unwrap();
    let allow = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    allow(&at("secret.txt"), 0);
    allow(folder.path(), 0o555);
    let is_root = File::open(at("secret.txt")).is_ok();
    let run = |arguments: &str| {
        let mut command = Command::new(if is_root { "setpriv".into() } else { at("pipsqueak") });
        if is_root {
            command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(at("pipsqueak"));
        }
        command.current_dir(folder.path()).args(arguments.split_whitespace()).output().unwrap()
    };
    let before = names(folder.path());
    for (arguments, expected) in [
        (&*format!("train --text s.txt --out n.pip {TINY}"), "cannot write n.pip: Permission denied"),
        (&*format!("train --text s.txt --out m.pip {TINY}"), "cannot write m.pip: Permission denied"),
        ("export --checkpoint m.checkpoint.safetensors --out n.pip", "cannot write n.pip: Permission denied"),
        ("corpus --bytes 60K --out c.txt", "cannot write c.txt: Permission denied"),
        (&*format!("sweep --text s.txt --out w.svg {SEARCH}"), "cannot write w.svg: Permission denied"),
        ("eval --model m.pip --text secret.txt", "cannot read the text secret.txt: Permission denied"),
        ("generate --model secret.txt", "cannot read the model secret.txt: Permission denied"),
    ] {
        let output = run(arguments);
        let message = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{arguments}: {message}");
        assert!(message.starts_with(&format!("error: {expected} (os error 13)")), "{arguments}: {message}");
        assert!(
            !expected.contains("write") || message.ends_with("; name a file in a folder of your own\n"),
            "{message}"
        );
        assert_eq!(message.lines().count(), 1, "{message}");
    }
    assert_eq!(names(folder.path()), before);
    allow(folder.path(), 0o755);
}

/// Runs until the error stream says `text`.
fn wait_for(errors: &Path, text: &str) {
    while !fs::read_to_string(errors).unwrap().contains(text) {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

#[test]
fn a_folder_removed_in_the_middle_is_told_and_can_be_made_again() {
    let folder = folder("removed");
    succeed(&folder, "corpus --bytes 60K --out s.txt");
    fs::write(folder.join("m.pip"), "a diary").unwrap();
    for made_again in [false, true] {
        fs::create_dir(folder.join("sub")).unwrap();
        let errors = folder.join("err.txt");
        let mut command = Command::new(program());
        command
            .current_dir(&folder)
            .args(format!("train --text s.txt --out sub/m.pip {ENDLESS}").split_whitespace());
        command.stdout(File::create(folder.join("out.txt")).unwrap()).stderr(File::create(&errors).unwrap());
        let mut child = command.spawn().unwrap();
        while !folder.join("sub/m.checkpoint.safetensors").exists() {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        // A file may come to be while the folder is being removed.
        while folder.join("sub").exists() {
            _ = fs::remove_dir_all(folder.join("sub"));
        }
        wait_for(
            &errors,
            "warning: cannot write sub/m.checkpoint.safetensors: there is no folder sub; make it",
        );
        if made_again {
            fs::create_dir(folder.join("sub")).unwrap();
            wait_for(&errors, "sub/m.checkpoint.safetensors is written again");
        }
        Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
        let status = child.wait().unwrap();
        let message = fs::read_to_string(&errors).unwrap();
        assert_eq!(status.success(), made_again, "{message}");
        if made_again {
            succeed(&folder, "inspect --model sub/m.pip");
        } else {
            let error = "error: cannot write sub/m.pip: there is no folder sub; make it, or name a file in another; \
                the model is in m-2.pip instead\n";
            assert!(message.ends_with(error), "{message}");
            succeed(&folder, "inspect --model m-2.pip");
        }
    }
    assert_eq!(fs::read_to_string(folder.join("m.pip")).unwrap(), "a diary");
}

/// Runs a shell's lines in a folder `disk` that is a disk of its own, of some KiB, and is gone at their end; `$p` is the program,
/// and `$t` a folder outside for temporary files. Nothing where this system lets nobody mount a disk.
fn on_a_small_disk(folder: &Path, kib: u32, lines: &str) -> Option<Output> {
    let in_namespace = |script: &str| {
        let mut command = Command::new("unshare");
        command.current_dir(folder).args(["--user", "--map-root-user", "--mount", "sh", "-c", script]);
        command.env("p", program()).env("t", folder.join("tmp")).output()
    };
    for name in ["disk", "tmp"] {
        fs::create_dir_all(folder.join(name)).unwrap();
    }
    let mount = format!("mount -t tmpfs -o size={kib}k tmpfs disk");
    if !in_namespace(&mount).is_ok_and(|output| output.status.success()) {
        println!(
            "Not tested: this system lets no user mount a disk (unshare --user --map-root-user --mount)."
        );
        return None;
    }
    Some(in_namespace(&format!("{mount} && cd disk && {{ {lines}\n}}")).unwrap())
}

/// The fault of a disk.
#[derive(Clone, Copy, PartialEq)]
enum Fault {
    Full,
    ReadOnly,
}

impl Fault {
    /// Makes it so, in a shell. A full disk still has room for a file without content.
    fn line(self) -> &'static str {
        match self {
            Fault::Full => "cat /dev/zero >fill 2>/dev/null",
            Fault::ReadOnly => "mount -o remount,ro tmpfs .",
        }
    }

    fn sentence(self) -> &'static str {
        match self {
            Fault::Full => {
                "No space left on device (os error 28); make room there, or name a file on another disk"
            }
            Fault::ReadOnly => "Read-only file system (os error 30); name a file in a folder of your own",
        }
    }
}

/// Files of every kind, in a folder outside of any small disk.
fn files(name: &str) -> std::path::PathBuf {
    let folder = folder(name);
    succeed(&folder, "corpus --bytes 60K --out s.txt");
    succeed(&folder, &format!("train --text s.txt --out m.pip --f32-out f.pip {TINY}"));
    llama2c_checkpoint(&folder);
    succeed(&folder, &format!("sweep --text s.txt --out w.svg {SEARCH}"));
    folder
}

#[test]
fn a_full_or_read_only_disk_keeps_what_it_has() {
    let folder = files("small-disk");
    let train = format!("train --text ../s.txt {TINY}");
    for fault in [Fault::Full, Fault::ReadOnly] {
        for (arguments, file) in [
            (format!("{train} --out m.pip"), "m.pip"),
            (format!("{train} --out ../n.pip --f32-out f.pip"), "f.pip"),
            ("export --checkpoint ../m.checkpoint.safetensors --out m.pip".into(), "m.pip"),
            ("import ../c.bin --tokenizer ../t.bin --out m.pip".into(), "m.pip"),
            ("corpus --bytes 60K --out s.txt".into(), "s.txt"),
            (format!("sweep --text ../s.txt --out w.svg {SEARCH}"), "w.svg"),
        ] {
            // With the file of an earlier run, which stays, and without one.
            for earlier in ["", "cp ../m.pip ../f.pip ../s.txt ../w.svg .\n"] {
                let lines = format!(
                    "{earlier}{}\nls -A >../before\nTMPDIR=$t $p {arguments} >../out.txt; code=$?\n\
                     ls -A | diff ../before - >&2 || exit 9\n\
                     [ ! -e {file} ] || cmp {file} ../{file} >&2 || exit 8\nexit $code",
                    fault.line()
                );
                let Some(output) = on_a_small_disk(&folder, 400, &lines) else { return };
                let message = stderr(&output);
                assert_eq!(output.status.code(), Some(1), "{arguments}: {message}");
                let error = format!("error: cannot write {file}: {}", fault.sentence());
                assert!(message.lines().last().unwrap().starts_with(&error), "{arguments}: {message}");
                // A model that no checkpoint holds is somewhere else.
                let elsewhere = message.split_once("; the model is in ").map(|(_, rest)| rest);
                let learned = fault == Fault::Full && arguments == format!("{train} --out m.pip");
                assert_eq!(elsewhere.is_some(), learned, "{arguments}: {message}");
                if let Some(place) = elsewhere.and_then(|rest| rest.strip_suffix(" instead\n")) {
                    succeed(&folder, &format!("inspect --model {place}"));
                }
            }
        }
    }
    assert!(folder.join("n.pip").exists(), "the model whose f32 file could not be written");
}

/// The disk has room for the model and not for a checkpoint.
#[test]
fn a_full_disk_ends_no_training() {
    let folder = files("full-disk");
    let lines = format!(
        "$p train --text ../s.txt --out m.pip {TINY} --checkpoint-every 5 && cp m.pip ../n.pip && ls -A"
    );
    let Some(output) = on_a_small_disk(&folder, 24, &lines) else { return };
    let message = stderr(&output);
    assert!(output.status.success(), "{message}");
    let warning = format!("warning: cannot write m.checkpoint.safetensors: {}", Fault::Full.sentence());
    assert!(message.starts_with(&warning) && message.matches("warning:").count() == 1, "{message}");
    assert!(fs::read(folder.join("n.pip")).unwrap() == fs::read(folder.join("m.pip")).unwrap());
    let said = String::from_utf8(output.stdout).unwrap();
    let files: Vec<&str> = said.lines().rev().take_while(|line| line.starts_with("m.")).collect();
    assert_eq!(files, ["m.svg", "m.pip"], "{said}");
    // A plot is not worth a failure.
    let lines =
        format!("{}\n$p train --text ../s.txt --out ../q.pip --plot q.svg {TINY}", Fault::Full.line());
    let output = on_a_small_disk(&folder, 24, &lines).unwrap();
    let message = stderr(&output);
    assert!(output.status.success(), "{message}");
    assert_eq!(message, format!("warning: cannot write q.svg: {}\n", Fault::Full.sentence()));
}
