//! A model that answers with one of a list, in slices.

use pipsqueak::{Choosing, Generator, Sampling};

use crate::{Answers, Refusal};

/// A line end stands between a prompt and its answer, as in the pairs that the model was trained on.
const SEPARATOR: &str = "\n";

/// A model that answers each prompt with one of a list of answers: the likeliest.
///
/// ```
/// use pipsqueak::include_model;
/// use pipsqueak_obey::{Answers, Servant};
///
/// let generator = include_model!("../lamp/lamp.pip").generator()?;
/// let answers = Answers::<128, 32>::new(generator.model().tokenizer(), include_str!("../lamp/answers.txt")).unwrap();
/// let mut servant = Servant::new(generator, &answers).unwrap();
/// servant.hear("please dim the lamp to half");
/// let answer = loop {
///     if let Some(answer) = servant.think() {
///         break answer;
///     }
/// };
/// assert_eq!(answer, "lamp 50");
/// # Ok::<(), pipsqueak::Error>(())
/// ```
pub struct Servant<'g, 'm, 'b, 'c, 'a, const TOKENS: usize, const COUNT: usize> {
    generator: &'g mut Generator<'m, 'b>,
    answers: &'c Answers<'a, TOKENS, COUNT>,
    choosing: Choosing<'c, TOKENS>,
}

impl<'g, 'm, 'b, 'c, 'a, const TOKENS: usize, const COUNT: usize> Servant<'g, 'm, 'b, 'c, 'a, TOKENS, COUNT> {
    /// A model and its answers.
    ///
    /// # Errors
    /// [`Refusal::NotTrainedOnPairs`].
    pub fn new(
        generator: &'g mut Generator<'m, 'b>,
        answers: &'c Answers<'a, TOKENS, COUNT>,
    ) -> Result<Self, Refusal<'static>> {
        if generator.model().tokenizer().continuation(SEPARATOR).any(|token| token.is_err()) {
            return Err(Refusal::NotTrainedOnPairs);
        }
        Ok(Servant { generator, answers, choosing: answers.choices.begin() })
    }

    /// The model.
    pub fn generator(&self) -> &Generator<'m, 'b> {
        self.generator
    }

    /// The model, to be used for something else: a text, its self-test. The next prompt forgets that.
    pub fn generator_mut(&mut self) -> &mut Generator<'m, 'b> {
        self.generator
    }

    /// Takes a prompt, and forgets the one before.
    pub fn hear(&mut self, prompt: &str) {
        let prompt = self.generator.model().tokenizer().trimmed(prompt);
        // The core refuses settings alone, and characters that it does not know, which `new` has looked for.
        _ = self.generator.start(prompt, Sampling::GREEDY, 0);
        _ = self.generator.append(SEPARATOR);
        self.choosing = self.answers.choices.begin();
    }

    /// Does a slice of the work, less than half a layer's; the answer, once it is known. Other work can be done in between.
    pub fn think(&mut self) -> Option<&'a str> {
        let place = self.generator.advance_choice(&mut self.choosing)?;
        Some(self.answers.get(place))
    }
}
