//! Python, and what PyPI has for it, in environments of their own under target/.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use crate::packages::{self, Consent, Manager};
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

    /// Like [`Environment::find`], but makes the environment where it is missing; `wanted` is what pip is told to install.
    pub fn find_or_install(&self, wanted: &[&str], consent: Consent) -> Result<PathBuf> {
        if let Some(python) = self.find() {
            return Ok(python);
        }
        eprintln!("Installing {} from PyPI into {}…", self.module, self.folder().display());
        if self.make().is_err() {
            let Some(manager) = Manager::find() else {
                bail!("Python with its module venv is missing; install it from https://www.python.org");
            };
            packages::install("Python with its module venv", manager, manager.python(), consent)?;
            self.make()?;
        }
        let python = self.python();
        process::run(Command::new(&python).args(["-m", "pip", "install", "--quiet"]).args(wanted))?;
        Ok(python)
    }

    /// Makes an environment that has pip alone.
    fn make(&self) -> Result<()> {
        process::run(
            Command::new(system_python()).args(["-m", "venv"]).arg(self.folder()).stdout(std::io::stderr()),
        )
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
