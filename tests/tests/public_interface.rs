//! The core's public interface: few names, and each method and constant in an example.

use std::collections::HashSet;
use std::fs;

/// The Rust files of a folder of the core, in one text.
fn sources(folder: &str) -> String {
    let entries = fs::read_dir(xtask::paths::root().join("core").join(folder)).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let rust = paths.filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    rust.map(|path| fs::read_to_string(path).unwrap()).collect()
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

/// `lib.rs` up to the module that is hidden.
fn front() -> &'static str {
    let library = include_str!("../../core/src/lib.rs");
    library.split_once("#[doc(hidden)]\npub mod internal").unwrap().0
}

/// The names that `pub use` brings to the top.
fn names() -> HashSet<&'static str> {
    let uses = front().split("\npub use ").skip(1).map(|rest| rest.split_once(';').unwrap().0);
    uses.flat_map(|path| words(path.split_once("::").unwrap().1)).collect()
}

/// The methods and constants of the types at the top, but those that are hidden.
fn items(source: &str) -> Vec<&str> {
    let (names, mut items) = (names(), Vec::new());
    let (mut is_public, mut is_hidden) = (false, false);
    for line in source.lines() {
        if line.starts_with("impl") {
            is_public = !line.contains(" for ") && words(line).any(|word| names.contains(word));
        } else if line == "}" {
            is_public = false;
        }
        is_hidden |= line == "    #[doc(hidden)]";
        if let Some(item) = line.strip_prefix("    pub ") {
            let name = words(item).find(|word| !["const", "fn"].contains(word));
            items.extend(name.filter(|_| is_public && !is_hidden));
            is_hidden = false;
        }
    }
    items
}

#[test]
fn about_two_dozen_names_and_no_module_are_public() {
    assert!((15..=28).contains(&names().len()), "{:?}", names());
    assert!(!front().contains("pub mod"), "a public module");
}

#[test]
fn every_method_is_in_an_example() {
    let source = sources("src");
    let comments = source.lines().filter_map(|line| line.trim_start().strip_prefix("///"));
    let documentation = comments.collect::<Vec<_>>().join("\n") + include_str!("../../core/README.md");
    // Text between two fences is code.
    let code = documentation.split("```").skip(1).step_by(2).collect::<String>() + &sources("examples");
    let shown: HashSet<&str> = words(&code).collect();
    let items = items(&source);
    assert!(items.len() > 40, "{items:?}");
    let missing: Vec<_> = items.into_iter().filter(|item| !shown.contains(item)).collect();
    assert!(missing.is_empty(), "in no example: {missing:?}");
}
