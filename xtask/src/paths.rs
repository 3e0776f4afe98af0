//! Where things lie.

use std::path::{Path, PathBuf};

/// The workspace's folder.
pub fn root() -> PathBuf {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask).to_path_buf()
}

/// The firmware's folder, a workspace of its own.
pub fn firmware() -> PathBuf {
    root().join("firmware")
}

/// The model that the demo trained last.
pub fn demo_model() -> PathBuf {
    root().join("models").join("demo.pip")
}

/// The model of the built-in stories that comes with the project.
pub fn pretrained_model() -> PathBuf {
    root().join("pretrained").join("stories.pip")
}

/// Where cargo builds: CARGO_TARGET_DIR, else `target`.
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |dir| root().join(dir))
}
