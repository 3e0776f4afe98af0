//! The examples run and show what they promise. `cargo test` builds them; `cargo test --test examples` alone does not.

use std::path::PathBuf;
use std::process::Command;

/// Runs an example; returns its output.
fn run(name: &str) -> String {
    let test = std::env::current_exe().unwrap();
    let folder = test.ancestors().nth(2).unwrap().join("examples");
    let program: PathBuf = folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    let output = Command::new(&program).output().unwrap_or_else(|error| panic!("{program:?}: {error}"));
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_story_is_told_and_slices_tell_the_same() {
    let whole = run("generate");
    assert!(whole.starts_with("Once upon a time") && whole.contains("120 tokens, fingerprint "), "{whole}");
    let in_slices = run("slices");
    let (text, numbers) = in_slices.split_once("\n\n60 tokens in ").unwrap_or_else(|| panic!("{in_slices}"));
    assert!(whole.starts_with(text), "{whole} {text}");
    let slices: u32 = numbers.split(' ').next().unwrap().parse().unwrap();
    assert!(slices > 5 * 60, "{numbers}");
}

#[test]
fn probabilities_are_shown_and_answers_are_of_the_list() {
    let logits = run("logits");
    assert_eq!(logits.matches(" %  \"").count(), 15, "{logits}");
    assert!(logits.contains("\" time\"") || logits.contains("\" t"), "{logits}");
    let choose = run("choose");
    let drawn = choose.split_once("drawn a hundred times: [").unwrap().1.split_once(']').unwrap().0;
    let counts: Vec<u32> = drawn.split(", ").map(|count| count.parse().unwrap()).collect();
    assert_eq!(counts.iter().sum::<u32>(), 100, "{choose}");
    assert!(counts.iter().filter(|&&count| count > 0).count() > 1, "{choose}");
}
