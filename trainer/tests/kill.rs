//! Programs killed at random moments: nothing is lost, nothing is half-written, and training goes on as if nothing had been.
//!
//! `PIPSQUEAK_KILLS` sets the number of kills of each command that writes a file; a training is killed twice as often. The moments
//! are random; the checks hold after a kill at any moment.
#![cfg(unix)]

mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::{folder, llama2c_checkpoint, names, program, succeed};
use pipsqueak_trainer::random::SplitMix64;

const SHAPE: &str = "--width 16 --layers 1 --heads 2 --context 16 --batch 4 --vocab 100 --steps 300";

fn kills() -> usize {
    std::env::var("PIPSQUEAK_KILLS").map_or(5, |kills| kills.parse().expect("PIPSQUEAK_KILLS is a number"))
}

/// Runs a command and kills it at a random moment of the time that it takes as a whole.
fn kill(folder: &Path, arguments: &str, whole: Duration, random: &mut SplitMix64) {
    let mut command = Command::new(program());
    command.current_dir(folder).args(arguments.split_whitespace());
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    std::thread::sleep(whole * random.below(1000) as u32 / 1000);
    let signal = ["-KILL", "-KILL", "-KILL", "-INT", "-TERM"][random.below(5)];
    Command::new("kill").args([signal, &child.id().to_string()]).stderr(Stdio::null()).status().unwrap();
    child.wait().unwrap();
}

fn duration(command: impl FnOnce()) -> Duration {
    let started = Instant::now();
    command();
    started.elapsed()
}

/// No temporary file of a killed program stays once another has written into the folder.
fn assert_clean(folder: &Path) {
    let strays: Vec<_> = names(folder).into_iter().filter(|name| name.starts_with(".pipsqueak-")).collect();
    assert!(strays.is_empty(), "{strays:?} stay");
}

#[test]
fn a_killed_command_leaves_the_old_file_or_the_whole_new_one() {
    let folder = folder("kill-writers");
    succeed(&folder, "corpus --bytes 60K --out s.txt");
    succeed(&folder, &format!("train --text s.txt --out m.pip --seed 1 {SHAPE}"));
    llama2c_checkpoint(&folder);
    let mut random = SplitMix64::new(1);
    let commands = [
        ("corpus --bytes 4M --out", "out.txt", "corpus --bytes 50K --out"),
        (
            "export --checkpoint m.checkpoint.safetensors --out",
            "out.pip",
            "export --precision int4 --checkpoint m.checkpoint.safetensors --out",
        ),
        (
            "import c.bin --tokenizer t.bin --out",
            "out.pip",
            "import c.bin --precision int4 --tokenizer t.bin --out",
        ),
    ];
    for (new, out, old) in commands {
        succeed(&folder, &format!("{old} old"));
        let old = fs::read(folder.join("old")).unwrap();
        fs::remove_file(folder.join("old")).unwrap();
        let whole = duration(|| drop(succeed(&folder, &format!("{new} new"))));
        let new_bytes = fs::read(folder.join("new")).unwrap();
        fs::remove_file(folder.join("new")).unwrap();
        for i in 0..kills() {
            // Over an old file, and where there is none.
            let path = folder.join(out);
            if i % 2 == 0 {
                fs::write(&path, &old).unwrap();
            } else {
                _ = fs::remove_file(&path);
            }
            kill(&folder, &format!("{new} {out}"), whole, &mut random);
            let left = fs::read(&path).ok();
            let was = (i % 2 == 0).then_some(&old);
            assert!(left.as_ref() == was || left.as_ref() == Some(&new_bytes), "{new}: half-written");
            _ = fs::remove_file(&path);
        }
        succeed(&folder, &format!("{new} {out}"));
        assert_clean(&folder);
    }
}

/// The result of a sweep depends on the time that it has.
#[test]
fn a_killed_sweep_leaves_the_old_plot_or_a_whole_new_one() {
    let folder = folder("kill-sweep");
    succeed(&folder, "corpus --bytes 60K --out s.txt");
    let sweep = "sweep --text s.txt --flash 256K --ram 32K --context 16 --time 1s --out w.svg";
    let whole = duration(|| drop(succeed(&folder, sweep)));
    let old = fs::read(folder.join("w.svg")).unwrap();
    let mut random = SplitMix64::new(3);
    for _ in 0..kills() {
        fs::write(folder.join("w.svg"), &old).unwrap();
        kill(&folder, sweep, whole, &mut random);
        let plot = fs::read_to_string(folder.join("w.svg")).unwrap();
        assert!(plot.trim_end().ends_with("</svg>"), "a half plot");
    }
    succeed(&folder, "corpus --bytes 60K --out s.txt");
    assert_clean(&folder);
}

#[test]
fn a_training_killed_again_and_again_ends_in_the_same_model() {
    let folder = folder("kill-training");
    succeed(&folder, "corpus --bytes 60K --out s.txt");
    let options = format!("--text s.txt --checkpoint-every 3 {SHAPE}");
    let whole = duration(|| drop(succeed(&folder, &format!("train --out straight.pip {options}"))));
    let straight = fs::read(folder.join("straight.pip")).unwrap();
    let mut random = SplitMix64::new(2);
    let checkpoint = folder.join("m.checkpoint.safetensors");
    for _ in 0..2 * kills() {
        let resume = if checkpoint.exists() { "--resume" } else { "" };
        // A third of the whole, so that a run is killed several times on its way.
        kill(&folder, &format!("train --out m.pip {options} {resume}"), whole / 3, &mut random);
        // A checkpoint that is there is whole, and a model too, if only that of an interrupted run.
        if checkpoint.exists() {
            succeed(&folder, "export --checkpoint m.checkpoint.safetensors --keep last --out e.pip");
        }
        if let Ok(model) = fs::read(folder.join("m.pip")) {
            succeed(&folder, "inspect --model m.pip");
            if model == straight {
                // From the beginning again, for kills in the middle of a run.
                fs::remove_file(&checkpoint).unwrap();
                fs::remove_file(folder.join("m.pip")).unwrap();
            }
        }
        if let Ok(plot) = fs::read_to_string(folder.join("m.svg")) {
            assert!(plot.trim_end().ends_with("</svg>"), "a half plot");
        }
    }
    let resume = if checkpoint.exists() { "--resume" } else { "" };
    succeed(&folder, &format!("train --out m.pip {options} {resume}"));
    assert!(fs::read(folder.join("m.pip")).unwrap() == straight, "another model");
    assert_clean(&folder);
}
