//! A checkout that was built and then moved or copied works where it now is.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A folder that looks like a checkout, with xtask built in its target folder.
fn copy_of_the_checkout(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let built = test.parent().unwrap().parent().unwrap();
    let root = built.join(name);
    for file in ["Cargo.toml", "firmware/Cargo.toml", "xtask/Cargo.toml"] {
        let path = root.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
    }
    let program = Path::new("xtask").with_extension(std::env::consts::EXE_EXTENSION);
    fs::create_dir_all(root.join("target/xtask")).unwrap();
    fs::copy(built.join(&program), root.join("target/xtask").join(&program)).unwrap();
    root
}

/// The error of the xtask in `root` for a model that is not there, which tells where it looks.
fn complaint(root: &Path, package: Option<PathBuf>) -> String {
    let mut command = Command::new(root.join("target/xtask/xtask"));
    command.arg("run").current_dir(std::env::temp_dir()).env_remove("CARGO_MANIFEST_DIR");
    if let Some(package) = package {
        command.env("CARGO_MANIFEST_DIR", package);
    }
    String::from_utf8(command.output().unwrap().stderr).unwrap()
}

#[test]
fn xtask_looks_in_the_checkout_that_it_lies_in() {
    let root = copy_of_the_checkout("moved");
    let model = root.join("models").join("demo.pip");
    for package in [None, Some(root.join("xtask"))] {
        let complaint = complaint(&root, package);
        assert!(complaint.contains(&format!("There is no model {}", model.display())), "{complaint}");
    }
}
