//! Answers from a list, and no others.

use core::iter;

use heapless::Vec;

use crate::Error;
use crate::generator::Generator;
use crate::tokenizer::Tokenizer;

/// The answers that a model may give, as tokens, for [`Generator::choose`]. `N` is the sum of their tokens, and one
/// for each answer.
#[derive(Debug, Clone)]
pub struct Choices<const N: usize> {
    /// Each answer as its length, followed by its tokens.
    answers: Vec<u16, N>,
    end: Option<u16>,
}

impl<const N: usize> Choices<N> {
    /// Answers by a model with this `tokenizer`. Each goes on from the prompt, so that where words begin with a space an
    /// answer does, too.
    ///
    /// ```
    /// use pipsqueak::{Choices, include_model};
    ///
    /// # fn main() -> Result<(), pipsqueak::Error> {
    /// let model = include_model!("../models/tiny.pip").model()?;
    /// let choices = Choices::<32>::new(model.tokenizer(), &[" on", " off", " a bit brighter"])?;
    /// let error = Choices::<4>::new(model.tokenizer(), &[" on", " off", " a bit brighter"]).unwrap_err();
    /// assert!(error.to_string().ends_with("this is a Choices<4>: make it larger"), "{error}");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::NoChoices`] for no answers; [`Error::UnknownCharacter`]; [`Error::ChoicesTooLong`] for `N`;
    /// [`Error::ChoiceBegins`] if an answer begins another and the model has no end token, by which it tells that it has said all.
    pub fn new(tokenizer: &Tokenizer<'_>, answers: &[&str]) -> Result<Self, Error> {
        let (mut choices, mut needs) = (Choices { answers: Vec::new(), end: tokenizer.vocabulary().end }, 0);
        for answer in answers {
            let length =
                tokenizer.continuation(answer).try_fold(0, |count, token| token.map(|_| count + 1))?;
            needs += length + 1;
            // Tokens beyond the capacity are dropped here, but counted: the error says how many there are.
            for value in iter::once(length as u16).chain(tokenizer.continuation(answer).flatten()) {
                _ = choices.answers.push(value);
            }
        }
        match () {
            () if needs == 0 => Err(Error::NoChoices),
            () if needs > N => Err(Error::ChoicesTooLong { needs, has: N }),
            () => choices.check().map(|()| choices),
        }
    }

    /// Refuses an answer that begins another, where there is no end token.
    fn check(&self) -> Result<(), Error> {
        let begins =
            |answer: &[u16]| self.answers().any(|other| other != answer && other.starts_with(answer));
        match self.answers().position(begins) {
            Some(answer) if self.end.is_none() => Err(Error::ChoiceBegins { answer }),
            _ => Ok(()),
        }
    }

    fn answers(&self) -> impl Iterator<Item = &[u16]> {
        let mut rest = self.answers.as_slice();
        iter::from_fn(move || {
            let (&length, tokens) = rest.split_first()?;
            let (answer, after) = tokens.split_at_checked(length.into())?;
            rest = after;
            Some(answer)
        })
    }

    /// An answer of which nothing is said yet, for [`Generator::advance_choice`], which has an example.
    pub fn begin(&self) -> Choosing<'_, N> {
        Choosing { choices: self, so_far: &[] }
    }

    /// The continuation of `so_far` in each answer that begins with it: a token, or `None` for a complete answer.
    fn nexts(&self, so_far: &[u16]) -> impl Iterator<Item = Option<u16>> {
        let rests = self.answers().filter_map(move |answer| answer.strip_prefix(so_far));
        rests.map(|rest| rest.first().copied())
    }

    /// The option after `so_far`, if there is only one.
    fn only_option(&self, so_far: &[u16]) -> Option<Option<u16>> {
        let mut nexts = self.nexts(so_far);
        let first = nexts.next().unwrap_or_default();
        nexts.all(|next| next == first).then_some(first)
    }

    /// The options after `so_far`, each once.
    fn options(&self, so_far: &[u16]) -> Vec<Option<u16>, N> {
        let mut options = Vec::new();
        for option in self.nexts(so_far) {
            if !options.contains(&option) {
                // There are no more options than answers.
                _ = options.push(option);
            }
        }
        options
    }

    /// `so_far` and `token`, as an answer has them.
    fn extend(&self, so_far: &[u16], token: u16) -> &[u16] {
        let longer =
            |answer: &&[u16]| answer.strip_prefix(so_far).is_some_and(|rest| rest.first() == Some(&token));
        self.answers().find(longer).and_then(|answer| answer.get(..so_far.len() + 1)).unwrap_or_default()
    }
}

/// An answer in the making: what [`Generator::advance_choice`] has written of it.
#[derive(Debug, Clone)]
pub struct Choosing<'c, const N: usize> {
    choices: &'c Choices<N>,
    so_far: &'c [u16],
}

impl<const N: usize> Choosing<'_, N> {
    /// The place in the list of what is written, an answer.
    fn place(&self) -> usize {
        self.choices.answers().position(|answer| answer == self.so_far).unwrap_or_default()
    }
}

impl Generator<'_, '_> {
    /// Goes on with one of the answers, chosen token by token with the sampler's settings; returns its place in the list.
    /// The model is only asked where answers part.
    ///
    /// ```
    /// use pipsqueak::{Choices, Sampling, include_model};
    ///
    /// # fn main() -> Result<(), pipsqueak::Error> {
    /// let generator = include_model!("../models/tiny.pip").generator()?;
    /// let answers = [" girl", " boy", " mouse"];
    /// let choices = Choices::<24>::new(generator.model().tokenizer(), &answers)?;
    /// generator.start("Once upon a time there was a little", Sampling::GREEDY, 42)?;
    /// let choice = generator.choose(&choices);
    /// println!("a little{}", answers[choice]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn choose<const N: usize>(&mut self, choices: &Choices<N>) -> usize {
        let mut answer = choices.begin();
        loop {
            if let Some(place) = self.advance_choice(&mut answer) {
                return place;
            }
        }
    }

    /// Does a slice of the work of [`choose`](Self::choose), as [`advance`](Self::advance) does of a piece of text; the place of
    /// the answer in the list once it is complete. A chip can do something else between two slices.
    ///
    /// ```
    /// # use pipsqueak::{Choices, Sampling, include_model};
    /// # fn main() -> Result<(), pipsqueak::Error> {
    /// let generator = include_model!("../models/tiny.pip").generator()?;
    /// let choices = Choices::<24>::new(generator.model().tokenizer(), &[" girl", " boy", " mouse"])?;
    /// generator.start("Once upon a time there was a little", Sampling::GREEDY, 42)?;
    /// let (mut answer, mut slices) = (choices.begin(), 0);
    /// let choice = loop {
    ///     slices += 1; // let the LED breathe here
    ///     if let Some(choice) = generator.advance_choice(&mut answer) {
    ///         break choice;
    ///     }
    /// };
    /// println!("answer {choice} in {slices} slices");
    /// # generator.start("Once upon a time there was a little", Sampling::GREEDY, 42)?;
    /// # assert!(slices > 3 && choice == generator.choose(&choices));
    /// # Ok(())
    /// # }
    /// ```
    pub fn advance_choice<const N: usize>(&mut self, answer: &mut Choosing<'_, N>) -> Option<usize> {
        let chosen = match answer.choices.only_option(answer.so_far) {
            Some(only) => only,
            None if !self.predict_slice() => return None,
            None => self.choose_among(answer),
        };
        let Some(token) = chosen else { return Some(answer.place()) };
        self.push(token);
        answer.so_far = answer.choices.extend(answer.so_far, token);
        None
    }

    /// Chooses by the logits of the options alone.
    // Not inlined, so that its frame does not lie under the forward pass.
    #[inline(never)]
    fn choose_among<const N: usize>(&mut self, answer: &Choosing<'_, N>) -> Option<u16> {
        let (options, end) = (answer.choices.options(answer.so_far), answer.choices.end);
        let logits = self.logits_to_choose_by();
        let mut among: Vec<f32, N> = Vec::new();
        // The end token stands for the option to stop.
        for option in &options {
            let logit = option.or(end).and_then(|token| logits.get(usize::from(token)));
            // There are no more options than answers.
            _ = among.push(logit.copied().unwrap_or(f32::NEG_INFINITY));
        }
        let place = self.sample(&mut among).unwrap_or_default();
        options.get(usize::from(place)).copied().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::{Pieces, Vocabulary};

    fn choices(answers: &[&str], end: Option<u16>) -> Result<Choices<16>, Error> {
        let vocabulary = Vocabulary { pieces: Pieces::Bytes, begin: None, end, prefix_space: false };
        Choices::new(&Tokenizer::new(vocabulary, 257).unwrap(), answers)
    }

    fn options(choices: &Choices<16>, so_far: &str) -> std::vec::Vec<Option<char>> {
        let so_far: std::vec::Vec<u16> = so_far.bytes().map(u16::from).collect();
        choices.options(&so_far).iter().map(|option| option.map(|token| char::from(token as u8))).collect()
    }

    #[test]
    fn only_answers_can_be_spelt() {
        let choices = choices(&["on", "off", "on"], None).unwrap();
        assert_eq!(options(&choices, ""), [Some('o')]);
        assert_eq!(options(&choices, "o"), [Some('n'), Some('f')]);
        assert_eq!(options(&choices, "on"), [None]);
        assert_eq!(options(&choices, "of"), [Some('f')]);
        assert_eq!(choices.extend(&[111], 102), [111, 102]);
    }

    #[test]
    fn an_answer_that_begins_another_needs_the_end_token() {
        assert_eq!(choices(&["of", "off"], None).unwrap_err(), Error::ChoiceBegins { answer: 0 });
        assert_eq!(choices(&["a", ""], None).unwrap_err(), Error::ChoiceBegins { answer: 1 });
        let choices = choices(&["of", "off"], Some(256)).unwrap();
        assert_eq!(options(&choices, "of"), [None, Some('f')]);
    }

    #[test]
    fn too_many_and_none_are_refused() {
        assert_eq!(choices(&[], None).unwrap_err(), Error::NoChoices);
        assert!(choices(&["seven..", "seven--"], None).is_ok());
        let error = choices(&["seven..", "seven--", "x"], None).unwrap_err();
        assert_eq!(error, Error::ChoicesTooLong { needs: 18, has: 16 });
    }
}
