//! Running other programs, with errors that are a sentence.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// The command as one would type it.
pub fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| quoted(&word.to_string_lossy())).collect::<Vec<_>>().join(" ")
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_=./:+,@".contains(c);
    if !word.is_empty() && word.chars().all(plain) { word.into() } else { format!("'{word}'") }
}

/// Runs a command on this terminal, and fails unless it succeeds.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("`{}` can't be started", shown(command)))?;
    if !status.success() {
        bail!("`{}` failed ({status}); what it printed says why.", shown(command));
    }
    Ok(())
}

/// Runs a command in this program's place; on Windows, where there is no such thing, waits for its end.
pub fn replace_by(command: &mut Command) -> Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::process::CommandExt;
        let error = command.exec();
        Err(error).with_context(|| format!("`{}` can't be started", shown(command)))
    }
    #[cfg(not(unix))]
    run(command)
}

/// Keeps a command, when it is started, out of the reach of the terminal's Ctrl-C.
pub fn set_apart(command: &mut Command) {
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(command, 0);
    #[cfg(windows)]
    {
        const CREATE_NEW_PROCESS_GROUP: u32 = 0x200;
        std::os::windows::process::CommandExt::creation_flags(command, CREATE_NEW_PROCESS_GROUP);
    }
}

/// Runs a `cargo build`, and returns the path of the program `name`, which may be a binary, an example or a benchmark. A
/// benchmark's build makes its package's binaries too, in any order.
pub fn build(command: &mut Command, name: &str) -> Result<PathBuf> {
    command.arg("--message-format=json-render-diagnostics").stderr(Stdio::inherit());
    let output = output(command)?;
    if !output.status.success() {
        bail!("`{}` failed ({}); what it printed says why.", shown(command), output.status);
    }
    program_named(name, &output.stdout)
        .with_context(|| format!("`{}` built no program {name}", shown(command)))
}

/// The path of the program `name` in cargo's messages.
fn program_named(name: &str, messages: &[u8]) -> Option<PathBuf> {
    let messages = serde_json::Deserializer::from_slice(messages).into_iter::<serde_json::Value>();
    let named = messages.flatten().filter(|message| message["target"]["name"] == name);
    named.filter_map(|message| Some(message["executable"].as_str()?.into())).last()
}

/// Runs a command and returns what it printed, whether it succeeded or not.
pub fn output(command: &mut Command) -> Result<Output> {
    command.stdin(Stdio::null()).output().with_context(|| format!("`{}` can't be started", shown(command)))
}

/// Whether a command succeeds within `patience`, without a word.
pub fn succeeds_quietly(command: &mut Command, patience: Duration) -> bool {
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let Ok(mut child) = child else { return false };
    // Its errors are read so that it never waits to print them.
    let errors = child.stderr.take();
    std::thread::spawn(move || errors.map(|mut errors| errors.read_to_end(&mut Vec::new())));
    let deadline = Instant::now() + patience;
    while Instant::now() < deadline {
        match child.try_wait() {
            Ok(Some(status)) => return status.success(),
            Ok(None) => std::thread::sleep(Duration::from_millis(50)),
            Err(_) => return false,
        }
    }
    let _ = child.kill();
    let _ = child.wait();
    false
}

/// Whether a program is in the PATH.
pub fn exists(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    find_in(std::env::split_paths(&path), program).is_some()
}

/// The file of a program in the first of `folders` that has it.
pub fn find_in(folders: impl IntoIterator<Item = PathBuf>, program: &str) -> Option<PathBuf> {
    let file = format!("{program}{}", std::env::consts::EXE_SUFFIX);
    folders.into_iter().map(|folder| folder.join(&file)).find(|path| is_program(path))
}

fn is_program(path: &Path) -> bool {
    // Programs of Windows' store, such as winget, are links that can be started but not followed.
    path.is_file() || cfg!(windows) && path.symlink_metadata().is_ok_and(|link| !link.is_dir())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_shown_as_typed() {
        let mut command = Command::new("cargo");
        command.args(["run", "--", "Once upon", ""]);
        assert_eq!(shown(&command), "cargo run -- 'Once upon' ''");
    }

    #[test]
    fn the_program_asked_for_is_found_among_others() {
        let messages = br#"{"target":{"name":"step_time"},"executable":null}
            {"target":{"name":"step_time"},"executable":"deps/step_time-1"}
            {"target":{"name":"pipsqueak"},"executable":"pipsqueak"}"#;
        assert_eq!(program_named("step_time", messages), Some("deps/step_time-1".into()));
        assert_eq!(program_named("absent", messages), None);
    }

    #[test]
    fn a_program_is_a_file_in_the_first_folder_that_has_it() {
        let ours = std::env::current_exe().unwrap();
        let folder = ours.parent().unwrap().to_path_buf();
        let name = ours.file_name().unwrap().to_str().unwrap();
        let name = name.strip_suffix(std::env::consts::EXE_SUFFIX).unwrap();
        let folders = [folder.join("absent"), folder.clone()];
        assert_eq!(find_in(folders.clone(), name), Some(ours.clone()));
        assert_eq!(find_in(folders, "no-such-program"), None);
        let parent = folder.parent().unwrap().to_path_buf();
        assert_eq!(find_in([parent], folder.file_name().unwrap().to_str().unwrap()), None, "a folder");
    }

    #[test]
    fn a_failure_is_a_sentence() {
        let error = run(Command::new("cargo").arg("--nonsense").stderr(Stdio::null())).unwrap_err();
        assert!(error.to_string().starts_with("`cargo --nonsense` failed (exit "), "{error}");
        let error = run(&mut Command::new("no-such-program")).unwrap_err();
        assert_eq!(error.to_string(), "`no-such-program` can't be started");
    }

    #[test]
    #[cfg(unix)]
    fn patience_ends() {
        assert!(succeeds_quietly(&mut Command::new("true"), Duration::from_secs(10)));
        assert!(!succeeds_quietly(&mut Command::new("false"), Duration::from_secs(10)));
        assert!(!succeeds_quietly(Command::new("sleep").arg("10"), Duration::from_millis(100)));
    }
}
