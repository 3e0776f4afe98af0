//! Why an answer can't be obeyed.

use core::fmt::{self, Display, Formatter};

/// Why an answer, or the list of them, can't be obeyed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal<'a> {
    /// The answer is none of `NAME on`, `NAME off`, `NAME PERCENT` and `nothing`.
    NoOrder(&'a str),
    /// No output has this name.
    NoOutput(&'a str),
    /// The output with this name can only be on or off.
    OnlyOnOrOff(&'a str),
    /// The pin of this output has failed.
    PinFailed(&'a str),
    /// The list has more answers than an [`Answers`](crate::Answers) has room for.
    TooMany,
    /// The model has no token for the line end that stands between a prompt and its answer.
    NotTrainedOnPairs,
    /// The core refuses the answers.
    Core(pipsqueak::Error),
}

impl<'a> Refusal<'a> {
    /// The sentence, without its full stop, in parts.
    pub fn parts(&self) -> [&'a str; 3] {
        match *self {
            Refusal::NoOrder(answer) => {
                ["the answer \"", answer, "\" is no order: write NAME on, NAME off, NAME PERCENT or nothing"]
            }
            Refusal::NoOutput(name) => ["no output has the name \"", name, "\""],
            Refusal::OnlyOnOrOff(name) => ["the output \"", name, "\" can only be on or off"],
            Refusal::PinFailed(name) => ["the pin of \"", name, "\" has failed"],
            Refusal::TooMany => ["there are more answers than the program has room for", "", ""],
            Refusal::NotTrainedOnPairs => {
                ["the model has no token for a line end: train one with `pipsqueak train --pairs`", "", ""]
            }
            Refusal::Core(error) => ["the answers are none for this model: ", reason(&error), ""],
        }
    }
}

/// In a few words: the core's whole sentences would take flash.
fn reason(error: &pipsqueak::Error) -> &'static str {
    match error {
        pipsqueak::Error::UnknownCharacter(_) => "it never saw one of their characters",
        pipsqueak::Error::ChoiceBegins { .. } => "one begins another, and it has no end token",
        pipsqueak::Error::ChoicesTooLong { .. } => "they have more tokens than the program has room for",
        pipsqueak::Error::NoChoices => "there are none",
        _ => "they don't fit",
    }
}

impl Display for Refusal<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.parts().into_iter().try_for_each(|part| f.write_str(part))
    }
}
