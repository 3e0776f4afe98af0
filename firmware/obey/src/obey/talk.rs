//! The prompt's end of a servant: it thinks in slices, and the pin is set before the answer is shown.

use core::convert::Infallible;

use heapless::String;
use pipsqueak::{Progress, Sampling, Score};
use pipsqueak_firmware::{Put, Show, TextSource};
use pipsqueak_obey::{Panel, Refusal, Servant};

/// A refusal at the prompt.
pub(crate) struct Sentence<'a>(pub(crate) Refusal<'a>);

impl Show for Sentence<'_> {
    fn show(&self, out: &mut impl Put) {
        for part in self.0.parts() {
            out.put(part);
        }
    }
}

/// The most bytes of what is printed for a prompt.
const ANSWER_BYTES: usize = 128;

/// A servant at the prompt, with a panel of `N` outputs.
pub(crate) struct Talk<'p, const N: usize, const TOKENS: usize, const COUNT: usize> {
    servant: Servant<'static, 'static, 'static, 'static, 'static, TOKENS, COUNT>,
    panel: Panel<'p, N>,
    /// Whether the answer is out.
    is_done: bool,
    said: String<ANSWER_BYTES>,
}

impl<'p, const N: usize, const TOKENS: usize, const COUNT: usize> Talk<'p, N, TOKENS, COUNT> {
    pub(crate) fn new(
        servant: Servant<'static, 'static, 'static, 'static, 'static, TOKENS, COUNT>,
        panel: Panel<'p, N>,
    ) -> Self {
        Talk { servant, panel, is_done: false, said: String::new() }
    }

    /// Sets the pin, and keeps what there is to say.
    fn obey(&mut self, answer: &'static str) {
        self.is_done = true;
        self.said.clear();
        let result = self.panel.obey(answer);
        let refusal = result.err().map(|refusal| refusal.parts());
        let lead = refusal.map(|_| "\nNot done: ");
        for part in [answer].into_iter().chain(lead).chain(refusal.into_iter().flatten()) {
            // A part for which there is no room is left out.
            _ = self.said.push_str(part);
        }
    }
}

impl<const N: usize, const TOKENS: usize, const COUNT: usize> TextSource for Talk<'_, N, TOKENS, COUNT> {
    type Error = Infallible;

    fn introduce(&self, out: &mut impl Put) {
        out.put("obeys at:");
        for name in self.panel.names() {
            out.put(" ").put(name);
        }
        out.put("\n");
    }

    fn start(&mut self, prompt: &str, _: Sampling, _: u64) -> Result<(), Infallible> {
        self.servant.hear(prompt);
        self.is_done = false;
        Ok(())
    }

    fn start_behind(&mut self, prompt: &str, sampling: Sampling, seed: u64) -> Result<(), Infallible> {
        self.start(prompt, sampling, seed)
    }

    fn unreadable(&self, prompt: &str) -> impl Iterator<Item = char> {
        self.servant.generator().model().tokenizer().unreadable(prompt)
    }

    fn advance(&mut self) -> Progress<'_> {
        if self.is_done {
            return Progress::Ended;
        }
        let Some(answer) = self.servant.think() else { return Progress::Working };
        self.obey(answer);
        Progress::Piece(&self.said)
    }

    fn advance_scored(&mut self, _: &mut Score) -> Progress<'_> {
        self.advance()
    }

    fn self_test(&mut self) -> Result<(), impl Show> {
        self.servant.generator_mut().self_test()
    }

    fn tokens(&self) -> u32 {
        self.servant.generator().tokens()
    }

    fn fingerprint(&self) -> u32 {
        self.servant.generator().fingerprint()
    }
}
