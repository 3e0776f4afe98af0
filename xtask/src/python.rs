//! Python, and what PyPI has for it, in environments of their own under target/.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::{paths, process};

/// A module of Python's, in an environment that has it.
pub struct Environment {
    /// The environment's folder under target/.
    pub name: &'static str,
    /// The module that is imported.
    pub module: &'static str,
}

impl Environment {
    /// The environment's Python, if it has the module.
    pub fn find(&self) -> Option<PathBuf> {
        let python = self.python();
        let import = format!("import {}", self.module);
        let imported = process::output(Command::new(&python).args(["-c", &import]));
        imported.is_ok_and(|output| output.status.success()).then_some(python)
    }

    /// Like [`Environment::find`], but makes the environment where it is missing; `packages` is what pip is told to install.
    pub fn find_or_install(&self, packages: &[&str]) -> Result<PathBuf> {
        if let Some(python) = self.find() {
            return Ok(python);
        }
        let folder = self.folder();
        eprintln!("Installing {} from PyPI into {}…", self.module, folder.display());
        let made = process::run(Command::new(system_python()).args(["-m", "venv"]).arg(&folder));
        made.context(
            "Python with its module venv is needed; install it from https://www.python.org (Debian: python3-venv)",
        )?;
        let python = self.python();
        process::run(Command::new(&python).args(["-m", "pip", "install", "--quiet"]).args(packages))?;
        Ok(python)
    }

    fn folder(&self) -> PathBuf {
        paths::target().join(self.name)
    }

    fn python(&self) -> PathBuf {
        self.folder().join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python3" })
    }
}

/// A Python that leaves no files beside the scripts that it runs.
pub fn command(python: &Path) -> Command {
    let mut command = Command::new(python);
    command.arg("-B");
    command
}

fn system_python() -> &'static str {
    if cfg!(windows) { "python" } else { "python3" }
}
