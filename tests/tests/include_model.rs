//! `include_model!` in a crate outside the workspace, which forbids `unsafe`: it runs, and what is no model of this
//! version stops the compiler with a sentence.

use std::path::PathBuf;
use std::process::Command;

use pipsqueak::internal::file::{CRC, File, checksum};
use pipsqueak::{Precision, Sampling};
use pipsqueak_tests::{SMALL, generate, random_model, temporary};

const MANIFEST: &str = r#"
[package]
name = "own"
version = "0.1.0"
edition = "2024"

[dependencies]
pipsqueak = { path = "CORE" }

[workspace]
"#;

const PROGRAM: &str = r#"
#![forbid(unsafe_code)]
use pipsqueak::{Embedded, Sampling, include_model};

static MODEL: &Embedded = include_model!(env!("MODEL"));

fn main() -> Result<(), pipsqueak::Error> {
    let generator = MODEL.generator()?;
    generator.start("Once", Sampling::default(), 42)?;
    while generator.tokens() < 20 && generator.next_token().is_some() {}
    println!("{:08x}", generator.fingerprint());
    Ok(())
}
"#;

fn project() -> PathBuf {
    xtask::paths::root()
}

/// Writes the crate; returns its folder.
fn own_crate() -> PathBuf {
    let folder = temporary("own");
    let core = project().join("core").canonicalize().unwrap();
    std::fs::create_dir_all(folder.join("src")).unwrap();
    std::fs::write(folder.join("Cargo.toml"), MANIFEST.replace("CORE", core.to_str().unwrap())).unwrap();
    std::fs::write(folder.join("src/main.rs"), PROGRAM).unwrap();
    // The versions that the workspace has, so that nothing is downloaded.
    std::fs::copy(project().join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    folder
}

/// The program's output, or the compiler's errors.
fn run(name: &str, file: &[u8]) -> Result<String, String> {
    let folder = own_crate();
    let model = folder.join(name);
    std::fs::write(&model, file).unwrap();
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .args(["run", "--quiet", "--offline"])
        .current_dir(&folder)
        .env("MODEL", &model)
        .env_remove("CARGO_TARGET_DIR");
    let output = cargo.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

/// The file with a change, and a checksum that fits.
fn changed(file: &[u8], change: impl Fn(&mut File<'_>)) -> Vec<u8> {
    let mut contents: File<'_> = postcard::from_bytes(file).unwrap();
    change(&mut contents);
    postcard::to_allocvec_crc32(&contents, CRC.digest()).unwrap()
}

/// One test, because all build in one folder.
#[test]
fn a_model_runs_and_what_is_none_does_not_compile() {
    let whole = random_model(&SMALL, Precision::Int8);
    let bytes = whole.bytes();
    let expected = generate(&whole, "Once", Sampling::default(), 42, 20).fingerprint;
    assert_eq!(run("whole.pip", bytes), Ok(format!("{expected:08x}\n")));

    let mut damaged = bytes.to_vec();
    damaged[bytes.len() / 2] ^= 1;
    assert_ne!(checksum(&damaged), checksum(bytes));
    let refusals = [
        ("text.pip", b"version https://git-lfs.github.com/spec/v1".to_vec(), "this is not a Pipsqueak model"),
        (
            "old.pip",
            changed(bytes, |file| file.header.version = 1),
            "has format version 1, and this program reads version 2",
        ),
        ("feature.pip", changed(bytes, |file| file.header.features = 1 << 20), "needs feature 20"),
        (
            "shape.pip",
            changed(bytes, |file| file.config.width = 33),
            "width is 33; it must be a multiple of heads (4)",
        ),
        ("cut.pip", bytes[..bytes.len() - 100].to_vec(), "damaged: it ends early"),
        ("damaged.pip", damaged, "damaged: its checksum does not fit its contents"),
    ];
    for (name, file, sentence) in refusals {
        let refusal = run(name, &file).expect_err(name);
        assert!(refusal.contains(sentence), "{name}: {refusal}");
    }
}
