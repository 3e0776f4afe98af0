//! Parses a typed line.

#[cfg(feature = "think")]
use crate::thinking::Passes;
use crate::{Decimal, Put, Show};

/// A line, understood. Lines that do not start with a colon are prompts, and so are those that start with two: the first
/// is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command<'l> {
    /// Text to continue.
    Prompt(&'l str),
    /// `:temperature X`.
    Temperature(Decimal),
    /// `:top-k N`; 0 keeps every token.
    TopK(u16),
    /// `:top-p X`.
    TopP(Decimal),
    /// `:penalty X`.
    Penalty(Decimal),
    /// `:seed N`.
    Seed(u64),
    /// `:length N`, in tokens.
    Length(u32),
    /// `:think N` and `:best-of N`.
    #[cfg(feature = "think")]
    Passes(Passes),
    /// `:show-passes on|off`.
    #[cfg(feature = "think")]
    ShowPasses(bool),
    /// `:echo on|off`.
    Echo(bool),
    /// `:settings`.
    Settings,
    /// `:stats`.
    Stats,
    /// `:selftest`.
    SelfTest,
    /// `:help`.
    Help,
    /// `:quit`.
    Quit,
}

/// The longest answer, in tokens.
const LENGTH_MAX: u32 = 1_000_000;

/// Puts what `:help` says.
#[cfg(feature = "every-model")]
pub(crate) fn put_help(out: &mut impl Put) {
    out.put(HELP).put(HELP_TO_THINK);
}

/// Puts what `:help` says where flash is short: the commands and their values.
#[cfg(not(feature = "every-model"))]
pub(crate) fn put_help(out: &mut impl Put) {
    out.put("Type the beginning of a text, or a command:\n");
    COMMANDS.iter().for_each(|entry| _ = out.put(entry.name).put("  ").put(entry.wants).put("\n"));
}

#[cfg(feature = "every-model")]
const HELP: &str = "\
Type the beginning of a text and press Enter; the model goes on from there, and Ctrl-C stops it.
::TEXT          a text that begins with a colon
:temperature X  how freely it chooses; 0 always takes the likeliest token
:top-k N        choose among the N likeliest tokens; 0 for all
:top-p X        choose among the likeliest with a probability of X together; 1 for all
:penalty X      make tokens that came lately less likely; 1 is off
:seed N         the same seed gives the same text
:length N       tokens to write
:echo on|off    print back what is typed
:settings       the present settings
:stats          speed, RAM and flash
:selftest       whether the chip computes what the model's file says; forgets the text
:quit           end the emulator
";

/// The end of `:help`, in an image that can think.
#[cfg(all(feature = "every-model", feature = "think"))]
const HELP_TO_THINK: &str = "\
:think N        write N texts, each behind the one before, and keep the likeliest; 1 is off
:best-of N      the same with texts that know nothing of each other
:show-passes on|off   write all N texts
";
#[cfg(all(feature = "every-model", not(feature = "think")))]
const HELP_TO_THINK: &str = "";

/// Why a line starting with a colon is no command. Shown as the sentence to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal<'l> {
    /// No command has this name.
    Unknown(&'l str),
    /// The command exists, its value does not do.
    Value {
        /// The command, with its colon.
        name: &'l str,
        /// The text typed after the command's name.
        value: &'l str,
        /// The values that the command takes.
        wants: &'static str,
    },
}

impl Show for Refusal<'_> {
    fn show(&self, out: &mut impl Put) {
        match self {
            Refusal::Unknown(name) => {
                out.put("There is no command ").put(name);
                out.put("; :help lists all. To begin a text with a colon, type two.")
            }
            Refusal::Value { name, value: "", wants } => out.put(name).put(" needs ").put(wants).put("."),
            Refusal::Value { name, value, wants } => {
                out.put(name).put(" takes ").put(wants).put(", not \"").put(value).put("\".")
            }
        };
    }
}

/// A command that begins with a colon.
struct Entry {
    name: &'static str,
    /// Reads the value that was typed; none if it does not do.
    read: fn(&str) -> Option<Command<'static>>,
    wants: &'static str,
}

/// A table takes less flash than code that compares the names one after the other.
const COMMANDS: &[Entry] = &[
    entry(":temperature", |value| Decimal::parse(value).map(Command::Temperature), "a number, such as 0.8"),
    entry(":top-k", |value| whole(value).map(Command::TopK), "a whole number, such as 40"),
    entry(":top-p", |value| Decimal::parse(value).map(Command::TopP), "a number, such as 0.9"),
    entry(":penalty", |value| Decimal::parse(value).map(Command::Penalty), "a number, such as 1.1"),
    entry(":seed", |value| whole(value).map(Command::Seed), "a whole number below 2^64, such as 42"),
    entry(
        ":length",
        |value| length(value).map(Command::Length),
        "a whole number from 1 to 1000000, such as 200",
    ),
    #[cfg(feature = "think")]
    entry(":think", |value| passes(value).map(Passes::thinking).map(Command::Passes), PASSES),
    #[cfg(feature = "think")]
    entry(":best-of", |value| passes(value).map(Passes::best_of).map(Command::Passes), PASSES),
    #[cfg(feature = "think")]
    entry(":show-passes", |value| on_or_off(value).map(Command::ShowPasses), "on or off"),
    entry(":echo", |value| on_or_off(value).map(Command::Echo), "on or off"),
    entry(":settings", |_| Some(Command::Settings), ""),
    entry(":stats", |_| Some(Command::Stats), ""),
    entry(":selftest", |_| Some(Command::SelfTest), ""),
    entry(":help", |_| Some(Command::Help), ""),
    entry(":quit", |_| Some(Command::Quit), ""),
];

const fn entry(name: &'static str, read: fn(&str) -> Option<Command<'static>>, wants: &'static str) -> Entry {
    Entry { name, read, wants }
}

impl<'l> Command<'l> {
    /// Reads a line, without its line ending.
    pub fn parse(line: &'l str) -> Result<Command<'l>, Refusal<'l>> {
        let Some(command) = line.strip_prefix(':') else { return Ok(Command::Prompt(line)) };
        if command.starts_with(':') {
            return Ok(Command::Prompt(command));
        }
        let space = line.bytes().position(|byte| byte == b' ');
        let (name, value) = space.and_then(|space| line.split_at_checked(space)).unwrap_or((line, ""));
        let value = value.trim_ascii();
        let known = COMMANDS.iter().find(|entry| entry.name == name).ok_or(Refusal::Unknown(name))?;
        (known.read)(value).ok_or(Refusal::Value { name, value, wants: known.wants })
    }
}

#[cfg(feature = "think")]
const PASSES: &str = "a whole number from 1 to 1000, such as 4";

#[cfg(feature = "think")]
fn passes(value: &str) -> Option<u16> {
    whole(value).filter(|passes| (1..=1000).contains(passes))
}

fn length(value: &str) -> Option<u32> {
    whole(value).filter(|length| (1..=LENGTH_MAX).contains(length))
}

/// Reads a number without a sign.
fn whole<N: TryFrom<u64>>(value: &str) -> Option<N> {
    N::try_from(digits(value)?).ok()
}

fn digits(value: &str) -> Option<u64> {
    let digit = |byte: u8| byte.checked_sub(b'0').filter(|digit| *digit < 10);
    let append = |number: u64, byte| number.checked_mul(10)?.checked_add(digit(byte)?.into());
    Some(value).filter(|value| !value.is_empty())?.bytes().try_fold(0, append)
}

fn on_or_off(value: &str) -> Option<bool> {
    match value {
        "on" => Some(true),
        "off" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::tests::shown;
    use std::format;

    fn refused(line: &str) -> std::string::String {
        shown(Command::parse(line).unwrap_err())
    }

    #[test]
    fn every_line_without_a_colon_is_a_prompt() {
        for line in ["", " ", "Once upon a time", " :seed 1", "ö"] {
            assert_eq!(Command::parse(line), Ok(Command::Prompt(line)));
        }
    }

    #[test]
    fn a_prompt_that_begins_with_a_colon_has_a_second_one() {
        assert_eq!(Command::parse("::) hello"), Ok(Command::Prompt(":) hello")));
        assert_eq!(Command::parse(":::"), Ok(Command::Prompt("::")));
        assert_eq!(Command::parse("::quit"), Ok(Command::Prompt(":quit")));
    }

    #[test]
    fn values_are_read() {
        assert_eq!(Command::parse(":temperature 0.8"), Ok(Command::Temperature(Decimal::new(8, 1))));
        assert_eq!(Command::parse(":temperature 0"), Ok(Command::Temperature(Decimal::new(0, 0))));
        assert_eq!(Command::parse(":top-k   65535 "), Ok(Command::TopK(65535)));
        assert_eq!(Command::parse(":seed 18446744073709551615"), Ok(Command::Seed(u64::MAX)));
        assert_eq!(Command::parse(":echo on"), Ok(Command::Echo(true)));
    }

    #[test]
    fn bad_values_are_refused_with_what_would_do() {
        assert_eq!(refused(":top-k 65536"), ":top-k takes a whole number, such as 40, not \"65536\".");
        assert_eq!(refused(":top-p x"), ":top-p takes a number, such as 0.9, not \"x\".");
        assert_eq!(refused(":length"), ":length needs a whole number from 1 to 1000000, such as 200.");
        for line in [
            ":temperature -1",
            ":temperature NaN",
            ":penalty 1e1",
            ":length 1000001",
            ":length 0",
            ":seed -1",
            ":echo maybe",
        ] {
            assert!(matches!(Command::parse(line), Err(Refusal::Value { .. })), "{line}");
        }
    }

    #[test]
    fn unknown_commands_are_named() {
        let hint = "; :help lists all. To begin a text with a colon, type two.";
        assert_eq!(refused(":sed 4"), format!("There is no command :sed{hint}"));
        assert_eq!(refused(":"), format!("There is no command :{hint}"));
    }

    #[test]
    fn help_names_every_command() {
        let lines = HELP.lines().chain(HELP_TO_THINK.lines());
        let lines: std::vec::Vec<_> = lines.filter(|line| line.starts_with(':')).collect();
        for line in &lines {
            let name = line.split(' ').next().unwrap();
            assert!(!matches!(Command::parse(name), Err(Refusal::Unknown(_))), "{name}");
        }
        // Two colons are no command, and :help is not in its own list.
        assert_eq!(lines.len(), COMMANDS.len());
    }
}
