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
    /// Alpine Linux.
    Apk,
    /// Homebrew, on macOS and elsewhere.
    Brew,
    /// Windows.
    Winget,
}

impl Manager {
    /// The one that this machine has.
    pub fn find() -> Option<Manager> {
        Manager::choose(std::env::consts::OS, process::exists)
    }

    /// The one for `system`, as Rust names it, where `exists` says which programs there are. Windows may have a pacman
    /// too, whose packages are for a shell of its own.
    fn choose(system: &str, exists: impl Fn(&str) -> bool) -> Option<Manager> {
        use Manager::{Apk, Apt, Brew, Dnf, Pacman, Winget, Zypper};
        let all: &[(Manager, &str)] = match system {
            "windows" => &[(Winget, "winget")],
            "macos" => &[(Brew, "brew")],
            _ => &[
                (Apt, "apt-get"),
                (Dnf, "dnf"),
                (Pacman, "pacman"),
                (Zypper, "zypper"),
                (Apk, "apk"),
                (Brew, "brew"),
            ],
        };
        all.iter().find(|(_, program)| exists(program)).map(|&(manager, _)| manager)
    }

    /// The name of the package with QEMU's `program`: `qemu-system-arm` or `qemu-system-riscv32`.
    pub fn qemu(self, program: &str) -> &'static str {
        let arm = program == "qemu-system-arm";
        match self {
            Manager::Apt | Manager::Dnf | Manager::Pacman | Manager::Apk if arm => "qemu-system-arm",
            // The name of the program stands for the package that has it, which is not the same in every Debian.
            Manager::Apt | Manager::Apk => "qemu-system-riscv32",
            Manager::Dnf | Manager::Pacman => "qemu-system-riscv",
            Manager::Zypper if arm => "qemu-arm",
            Manager::Zypper => "qemu-extra",
            Manager::Brew => "qemu",
            Manager::Winget => "SoftwareFreedomConservancy.QEMU",
        }
    }

    /// The name of the package with a C++ compiler.
    pub fn cpp(self) -> &'static str {
        match self {
            Manager::Apt | Manager::Apk => "g++",
            Manager::Winget => "LLVM.LLVM",
            Manager::Dnf | Manager::Zypper => "gcc-c++",
            Manager::Pacman | Manager::Brew => "gcc",
        }
    }

    /// The names of the packages with Node.js and npm.
    pub fn node(self) -> &'static [&'static str] {
        match self {
            Manager::Apt | Manager::Pacman | Manager::Apk => &["nodejs", "npm"],
            Manager::Dnf => &["nodejs", "nodejs-npm"],
            Manager::Zypper => &["nodejs22", "npm22"],
            Manager::Brew => &["node"],
            Manager::Winget => &["OpenJS.NodeJS.LTS"],
        }
    }

    /// The names of the packages with Python and its module venv.
    pub fn python(self) -> &'static [&'static str] {
        match self {
            Manager::Apt => &["python3", "python3-venv"],
            Manager::Dnf | Manager::Zypper | Manager::Apk => &["python3"],
            Manager::Pacman | Manager::Brew => &["python"],
            Manager::Winget => &["Python.Python.3.13"],
        }
    }

    /// The commands that install `packages`, in order; those before the last may fail.
    fn commands(self, packages: &[&str], root: bool) -> Vec<Vec<String>> {
        let install = match self {
            Manager::Apt => "apt-get install -y --no-install-recommends",
            Manager::Dnf => "dnf install -y",
            Manager::Pacman => "pacman -S --needed --noconfirm",
            Manager::Zypper => "zypper --non-interactive install",
            Manager::Apk => "apk add",
            Manager::Brew => "brew install",
            Manager::Winget => {
                "winget install --exact --accept-source-agreements --accept-package-agreements --id"
            }
        };
        let words = |line: &str| line.split(' ').map(String::from).collect::<Vec<_>>();
        let install = words(&format!("{install} {}", packages.join(" ")));
        let mut commands = if self == Manager::Apt { vec![words("apt-get update")] } else { vec![] };
        commands.push(install);
        if !root && !matches!(self, Manager::Brew | Manager::Winget) {
            commands.iter_mut().for_each(|command| command.insert(0, "sudo".into()));
        }
        commands
    }
}

/// Installs `packages`, which are missing, if that is allowed; else says what to type.
pub fn install(what: &str, manager: Manager, packages: &[&str], consent: Consent) -> Result<()> {
    let commands = manager.commands(packages, is_root());
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

    fn line(manager: Manager, program: &str, root: bool) -> String {
        let commands = manager.commands(&[manager.qemu(program)], root);
        commands.iter().map(|words| words.join(" ")).collect::<Vec<_>>().join(" && ")
    }

    #[test]
    fn each_system_has_its_own_manager() {
        let choose =
            |system, programs: &[&str]| Manager::choose(system, |program| programs.contains(&program));
        assert_eq!(choose("linux", &["apt-get", "brew"]), Some(Manager::Apt));
        assert_eq!(choose("linux", &["dnf"]), Some(Manager::Dnf));
        assert_eq!(choose("linux", &["pacman"]), Some(Manager::Pacman));
        assert_eq!(choose("linux", &["zypper"]), Some(Manager::Zypper));
        assert_eq!(choose("linux", &["apk"]), Some(Manager::Apk));
        assert_eq!(choose("linux", &["brew"]), Some(Manager::Brew));
        assert_eq!(choose("macos", &["apt-get", "brew"]), Some(Manager::Brew), "an apt of another system");
        assert_eq!(choose("windows", &["pacman", "winget"]), Some(Manager::Winget), "a pacman of a shell");
        assert_eq!(choose("windows", &["pacman"]), None);
        assert_eq!(choose("linux", &[]), None);
    }

    #[test]
    fn qemu_is_installed_by_what_a_person_would_type() {
        let apt = "apt-get install -y --no-install-recommends";
        assert_eq!(
            line(Manager::Apt, "qemu-system-arm", false),
            format!("sudo apt-get update && sudo {apt} qemu-system-arm")
        );
        assert_eq!(
            line(Manager::Apt, "qemu-system-riscv32", true),
            format!("apt-get update && {apt} qemu-system-riscv32")
        );
        assert_eq!(line(Manager::Dnf, "qemu-system-riscv32", true), "dnf install -y qemu-system-riscv");
        assert_eq!(
            line(Manager::Pacman, "qemu-system-riscv32", false),
            "sudo pacman -S --needed --noconfirm qemu-system-riscv"
        );
        assert_eq!(
            line(Manager::Zypper, "qemu-system-arm", true),
            "zypper --non-interactive install qemu-arm"
        );
        assert_eq!(line(Manager::Apk, "qemu-system-riscv32", true), "apk add qemu-system-riscv32");
    }

    #[test]
    fn homebrew_and_winget_never_take_sudo() {
        assert_eq!(line(Manager::Brew, "qemu-system-riscv32", false), "brew install qemu");
        assert_eq!(
            line(Manager::Winget, "qemu-system-arm", false),
            "winget install --exact --accept-source-agreements --accept-package-agreements \
             --id SoftwareFreedomConservancy.QEMU"
        );
    }
}
