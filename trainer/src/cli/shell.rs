//! Commands as a person can copy them into a shell.

use std::path::Path;

/// An argument as a shell reads it back.
pub(super) fn quoted(argument: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./=,:+".contains(c);
    if !argument.is_empty() && argument.chars().all(plain) {
        argument.into()
    } else if cfg!(windows) {
        format!("\"{}\"", argument.replace('"', "\\\""))
    } else {
        format!("'{}'", argument.replace('\'', "'\\''"))
    }
}

/// A file's name likewise; one that begins with a hyphen does not look like an option.
pub(super) fn quoted_path(path: &Path) -> String {
    let name = path.display().to_string();
    quoted(&if name.starts_with('-') { format!("./{name}") } else { name })
}

#[cfg(all(test, not(windows)))]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_back_what_is_quoted() {
        assert_eq!(quoted("--board"), "--board");
        assert_eq!(quoted("Raspberry Pi"), "'Raspberry Pi'");
        assert_eq!(quoted("it's"), "'it'\\''s'");
        assert_eq!(quoted("a$b"), "'a$b'");
        assert_eq!(quoted(""), "''");
        assert_eq!(quoted_path(Path::new("my notes.pip")), "'my notes.pip'");
        assert_eq!(quoted_path(Path::new("-x.pip")), "./-x.pip");
    }
}
