//! Installing programs with the system's package manager, never without leave.

use std::io::{IsTerminal, Write};
use std::process::Command;

use anyhow::{Result, bail};

use crate::process;

/// Whether xtask may install packages.
#[derive(Clone, Copy, Debug)]
pub struct Consent {
    /// `--yes`, or a machine for continuous integration: nobody is asked.
    pub yes: bool,
}

impl Consent {
    /// `--yes` as given, or CI=true in the environment.
    pub fn new(yes: bool) -> Consent {
        Consent { yes: yes || std::env::var("CI").is_ok_and(|value| value == "true" || value == "1") }
    }
}

/// A system's package manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manager {
    /// Debian, Ubuntu and their kin.
    Apt,
    /// Fedora and its kin.
    Dnf,
    /// Arch Linux.
    Pacman,
    /// openSUSE.
    Zypper,
    /// Homebrew, on macOS and elsewhere.
    Brew,
}

impl Manager {
    /// The one that this machine has.
    pub fn find() -> Option<Manager> {
        use Manager::{Apt, Brew, Dnf, Pacman, Zypper};
        let all = [(Apt, "apt-get"), (Dnf, "dnf"), (Pacman, "pacman"), (Zypper, "zypper"), (Brew, "brew")];
        all.into_iter().find(|(_, program)| process::exists(program)).map(|(manager, _)| manager)
    }

    /// The name of the package with QEMU's `program`: `qemu-system-arm` or `qemu-system-riscv32`.
    pub fn qemu(self, program: &str) -> &'static str {
        let arm = program == "qemu-system-arm";
        match self {
            Manager::Apt if arm => "qemu-system-arm",
            Manager::Apt => "qemu-system-misc",
            Manager::Dnf | Manager::Pacman if arm => "qemu-system-arm",
            Manager::Dnf | Manager::Pacman => "qemu-system-riscv",
            Manager::Zypper if arm => "qemu-arm",
            Manager::Zypper => "qemu-extra",
            Manager::Brew => "qemu",
        }
    }

    /// The name of the package with a C++ compiler.
    pub fn cpp(self) -> &'static str {
        match self {
            Manager::Apt => "g++",
            Manager::Dnf | Manager::Zypper => "gcc-c++",
            Manager::Pacman | Manager::Brew => "gcc",
        }
    }

    /// The commands that install `packages`, in order; those before the last may fail.
    fn commands(self, packages: &[&str]) -> Vec<Vec<String>> {
        let install = match self {
            Manager::Apt => "apt-get install -y --no-install-recommends",
            Manager::Dnf => "dnf install -y",
            Manager::Pacman => "pacman -S --needed --noconfirm",
            Manager::Zypper => "zypper --non-interactive install",
            Manager::Brew => "brew install",
        };
        let words = |line: &str| line.split(' ').map(String::from).collect::<Vec<_>>();
        let install = words(&format!("{install} {}", packages.join(" ")));
        let mut commands = if self == Manager::Apt { vec![words("apt-get update")] } else { vec![] };
        commands.push(install);
        let sudo = self != Manager::Brew && !is_root();
        if sudo {
            commands.iter_mut().for_each(|command| command.insert(0, "sudo".into()));
        }
        commands
    }
}

/// Installs `packages`, which are missing, if that is allowed; else says what to type.
pub fn install(what: &str, manager: Manager, packages: &[&str], consent: Consent) -> Result<()> {
    let commands = manager.commands(packages);
    let typed = commands.iter().map(|words| words.join(" ")).collect::<Vec<_>>().join(" && ");
    if !(consent.yes || is_root() || asked(what, &typed)?) {
        bail!("{what} is missing; install it with: {typed}");
    }
    eprintln!("{what} is missing; running: {typed}");
    let (last, first) = commands.split_last().expect("there is always a command that installs");
    for words in first {
        // A list of packages that can't be refreshed may still be good enough.
        if let Err(error) = process::run(&mut command(words)) {
            eprintln!("{error}");
        }
    }
    process::run(&mut command(last))
}

fn command(words: &[String]) -> Command {
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).env("DEBIAN_FRONTEND", "noninteractive").stdout(std::io::stderr());
    command
}

fn asked(what: &str, typed: &str) -> Result<bool> {
    if !std::io::stdin().is_terminal() {
        return Ok(false);
    }
    eprint!("{what} is missing. Run `{typed}`? [Y/n] ");
    std::io::stderr().flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "" | "y" | "yes"))
}

fn is_root() -> bool {
    let id = process::output(Command::new("id").arg("-u"));
    id.is_ok_and(|id| id.stdout.trim_ascii() == b"0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn apt_refreshes_its_list_first() {
        let commands = Manager::Apt.commands(&["qemu-system-arm"]);
        let lines: Vec<_> = commands.iter().map(|words| words.join(" ").replace("sudo ", "")).collect();
        let install = "apt-get install -y --no-install-recommends qemu-system-arm";
        assert_eq!(lines, ["apt-get update", install]);
    }

    #[test]
    fn homebrew_never_takes_sudo() {
        assert_eq!(Manager::Brew.commands(&["qemu"]), [["brew", "install", "qemu"]]);
    }
}
