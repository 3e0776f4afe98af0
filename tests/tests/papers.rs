//! The project's papers point to files that exist, and say the same where they say a thing twice.

use std::fs;
use std::path::PathBuf;

/// The folders that a path in a paper begins with.
const FOLDERS: [&str; 9] =
    ["benches", "core", "docs", "firmware", "pretrained", "scripts", "stories", "tests", "trainer"];

fn project() -> PathBuf {
    xtask::paths::root()
}

/// Every paper: Markdown files of the project, its documents and its crates.
fn papers() -> Vec<PathBuf> {
    let folders = ["", "docs", "core", "firmware", "stories", "trainer"];
    let files = folders.iter().flat_map(|folder| fs::read_dir(project().join(folder)).unwrap());
    let papers = files.map(|file| file.unwrap().path());
    papers.filter(|path| path.extension().is_some_and(|extension| extension == "md")).collect()
}

/// The parts of `text` between `open` and the next `close`.
fn between<'t>(text: &'t str, open: &'t str, close: char) -> impl Iterator<Item = &'t str> {
    text.split(open).skip(1).filter_map(move |rest| rest.split_once(close)).map(|(part, _)| part)
}

#[test]
fn links_lead_somewhere() {
    let papers = papers();
    assert!(papers.len() >= 10, "{papers:?}");
    for paper in papers {
        let text = fs::read_to_string(&paper).unwrap();
        for link in between(&text, "](", ')').filter(|link| !link.contains("://") && !link.starts_with('#')) {
            let file = link.split('#').next().unwrap();
            assert!(paper.parent().unwrap().join(file).exists(), "{}: {link}", paper.display());
        }
    }
}

/// A link whose text is a name in the code, and which leads to a Rust file: the name is in that file.
#[test]
fn links_to_code_find_what_they_name() {
    let text = fs::read_to_string(project().join("docs/architecture.md")).unwrap();
    let links: Vec<_> = between(&text, "[`", ')').filter_map(|link| link.split_once("`](")).collect();
    assert!(links.len() >= 40, "{links:?}");
    for (name, file) in links.into_iter().filter(|(name, _)| !name.ends_with(".rs")) {
        let code = fs::read_to_string(project().join("docs").join(file)).unwrap();
        let last = name.rsplit("::").next().unwrap();
        let defined = ["fn", "struct", "enum", "trait", "macro_rules!"].iter().any(|kind| {
            between(&code, kind, '\n').any(|rest| {
                let rest = rest.trim_start().strip_prefix(last);
                rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
            })
        });
        assert!(defined, "{file} has no `{name}`");
    }
}

#[test]
fn files_that_are_named_exist() {
    for paper in papers() {
        let text = fs::read_to_string(&paper).unwrap();
        for name in text.split('`').filter(|name| is_path(name)) {
            assert!(project().join(name).exists(), "{}: `{name}`", paper.display());
        }
    }
}

fn is_path(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    let folder = name.split_once('/').map(|(folder, _)| folder);
    name.chars().all(plain) && folder.is_some_and(|folder| FOLDERS.contains(&folder))
}

/// The core's own tests compile and run the program.
#[test]
fn the_readme_has_the_core_s_program() {
    let programs = ["README.md", "core/README.md"].map(|file| {
        let text = fs::read_to_string(project().join(file)).unwrap();
        let (_, program) = text.split_once("\n```rust\n").unwrap_or_else(|| panic!("{file} has no program"));
        program.split_once("\n```").unwrap().0.to_string()
    });
    assert_eq!(programs[0], programs[1]);
}

#[test]
fn one_oldest_rust() {
    let of = |file: &str, before: &'static str, after| {
        let text = fs::read_to_string(project().join(file)).unwrap();
        between(&text, before, after).next().unwrap_or_else(|| panic!("{file} has none")).to_string()
    };
    let promised = of("Cargo.toml", "\nrust-version = \"", '"');
    assert_eq!(of("firmware/Cargo.toml", "\nrust-version = \"", '"'), promised);
    assert_eq!(of("README.md", "Rust](https://rustup.rs) ", ' '), promised);
}
