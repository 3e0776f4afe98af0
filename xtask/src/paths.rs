//! Where things lie.
//!
//! A checkout may be moved or copied after it has been built, so no path is taken at compile time.

use std::path::{Path, PathBuf};

/// The workspace's folder.
pub fn root() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let program = std::env::current_exe().ok();
    let here = std::env::current_dir().ok();
    // cargo names the package that it runs; a program that was started without cargo lies in the target folder.
    let places = [package, program, here].into_iter().flatten();
    let found =
        places.filter_map(|place| place.ancestors().find(|folder| is_root(folder)).map(Path::to_path_buf));
    found.into_iter().next().unwrap_or_else(|| ".".into())
}

fn is_root(folder: &Path) -> bool {
    ["Cargo.toml", "firmware/Cargo.toml", "xtask/Cargo.toml"].iter().all(|file| folder.join(file).is_file())
}

/// The firmware's folder, a workspace of its own.
pub fn firmware() -> PathBuf {
    root().join("firmware")
}

/// The example for embassy, a workspace of its own too.
pub fn embassy() -> PathBuf {
    firmware().join("embassy")
}

/// The firmware whose answers drive pins, a workspace of its own too.
pub fn obey() -> PathBuf {
    firmware().join("obey")
}

/// The emulator of chips whose processor Unicorn executes.
pub fn unicorn() -> PathBuf {
    root().join("xtask").join("unicorn")
}

/// The folder of the Raspberry Pi Pico's emulator.
pub fn rp2040js() -> PathBuf {
    root().join("xtask").join("rp2040js")
}

/// The page's folder.
pub fn page() -> PathBuf {
    root().join("page")
}

/// The fuzz targets' folder, a workspace of its own too.
pub fn fuzz() -> PathBuf {
    root().join("fuzz")
}

/// Where the fuzz targets are built, and keep what they find.
pub fn fuzz_target() -> PathBuf {
    target().join("fuzz")
}

/// The model that the demo trained last.
pub fn demo_model() -> PathBuf {
    root().join("models").join("demo.pip")
}

/// The model of the built-in stories that comes with the project.
pub fn pretrained_model() -> PathBuf {
    root().join("pretrained").join("stories.pip")
}

/// The model of English that comes with the project, to go on from.
pub fn pretrained_english() -> PathBuf {
    root().join("pretrained").join("english.pip")
}

/// Where cargo builds: CARGO_TARGET_DIR, else `target`.
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |dir| root().join(dir))
}

/// The lines that were typed at `cargo xtask run`.
pub fn run_history() -> PathBuf {
    target().join("run-history")
}
