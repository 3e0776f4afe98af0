//! The list of answers.

use heapless::Vec;
use pipsqueak::{Choices, Tokenizer};

use crate::Refusal;

/// The answers that a model may give: the lines of a file. `TOKENS` is as of [`Choices`]; `COUNT` is the most answers.
#[derive(Debug)]
pub struct Answers<'a, const TOKENS: usize, const COUNT: usize> {
    texts: Vec<&'a str, COUNT>,
    pub(crate) choices: Choices<TOKENS>,
}

impl<'a, const TOKENS: usize, const COUNT: usize> Answers<'a, TOKENS, COUNT> {
    /// The lines of `file` that are not blank, for a model with this `tokenizer`.
    ///
    /// # Errors
    /// Too many of them, or answers that the model can't give.
    pub fn new(tokenizer: &Tokenizer<'_>, file: &'a str) -> Result<Self, Refusal<'a>> {
        let mut texts: Vec<&'a str, COUNT> = Vec::new();
        for line in file.lines().map(str::trim).filter(|line| !line.is_empty()) {
            texts.push(line).map_err(|_| Refusal::TooMany)?;
        }
        let choices = Choices::new(tokenizer, &texts).map_err(Refusal::Core)?;
        Ok(Answers { texts, choices })
    }

    /// The answers, in their order.
    pub fn iter(&self) -> impl Iterator<Item = &'a str> {
        self.texts.iter().copied()
    }

    /// An answer by its place in the list.
    pub(crate) fn get(&self, place: usize) -> &'a str {
        self.texts.get(place).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pipsqueak::include_model;

    #[test]
    fn a_file_has_an_answer_a_line() {
        let model = include_model!("../lamp/lamp.pip").model().unwrap();
        let tokenizer = model.tokenizer();
        let answers = Answers::<64, 16>::new(tokenizer, "lamp on\r\n\n  fan off \nnothing").unwrap();
        assert!(answers.iter().eq(["lamp on", "fan off", "nothing"]));
        assert_eq!((answers.get(1), answers.get(3)), ("fan off", ""));
        let refusal = |file| Answers::<8, 2>::new(tokenizer, file).unwrap_err();
        assert_eq!(refusal("lamp on\nlamp off\nnothing\n"), Refusal::TooMany);
        assert_eq!(refusal(" \n"), Refusal::Core(pipsqueak::Error::NoChoices));
        assert_eq!(refusal("\u{1f42d}"), Refusal::Core(pipsqueak::Error::UnknownCharacter('\u{1f42d}')));
        let long = refusal("lamp on the table in the corner");
        assert!(matches!(long, Refusal::Core(pipsqueak::Error::ChoicesTooLong { has: 8, .. })), "{long}");
    }
}
