//! From a prompt to text, for as long as asked.

use crate::Error;
use crate::decoder::{Decoder, Slice};
use crate::memory::Buffers;
use crate::model::Model;
use crate::observer::Observer;
use crate::random::SplitMix64;
use crate::sampler::{self, Sampling};
use crate::text::{Piece, Utf8Stream};
use crate::window::Window;

/// A model that generates text.
///
/// ```
/// use pipsqueak::{Sampling, include_model};
///
/// # fn main() -> Result<(), pipsqueak::Error> {
/// let generator = include_model!("../models/tiny.pip").generator()?;
/// generator.start("Once upon a time", Sampling::default(), 42)?;
/// let mut story = String::from("Once upon a time");
/// while let Some(piece) = generator.next_piece() {
///     story += piece;
/// #   if story.len() > 400 { break }
/// }
/// # assert!(story.len() > 100, "{story}");
/// # Ok(())
/// # }
/// ```
pub struct Generator<'a, 'm> {
    pub(crate) decoder: Decoder<'a, 'm>,
    pub(crate) window: Window<'m>,
    /// Whether the decoder's logits are those of the token after the window.
    pub(crate) predicted: bool,
    /// Tokens that the decoder has begun to read.
    reading: usize,
    pub(crate) sampling: Sampling,
    pub(crate) random: SplitMix64,
    pub(crate) stream: Utf8Stream,
    piece: Piece,
    pub(crate) tokens: u32,
    pub(crate) fingerprint: u32,
    ended: bool,
}

/// The result of a call of [`Generator::advance`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress<'g> {
    /// A part of the work for the next token is done, and there is more to do.
    Working,
    /// The next piece of text, which is empty while a character is unfinished.
    Piece(&'g str),
    /// The model has ended its text.
    Ended,
}

impl<'a, 'm> Generator<'a, 'm> {
    /// Lays out `buffers` for `model`, and starts an empty text.
    ///
    /// ```
    /// use pipsqueak::{Config, Generator, Memory, Model};
    /// # #[repr(align(16))] struct Aligned<T: ?Sized>(T);
    /// # let file = &Aligned(*include_bytes!("../models/tiny.pip")).0;
    ///
    /// # fn run(file: &[u8]) -> Result<(), pipsqueak::Error> {
    /// let model = Model::load(file)?;
    /// let mut memory = Memory::<40_000>::new();
    /// let generator = Generator::new(model, memory.buffers())?;
    /// # Ok(())
    /// # }
    /// # run(file).unwrap();
    /// ```
    ///
    /// # Errors
    /// [`Error::MemoryTooSmall`].
    pub fn new(model: Model<'a>, buffers: Buffers<'m>) -> Result<Self, Error> {
        buffers.check(model.config().memory_bytes(model.precision()))?;
        Ok(Self::lay_out(model, buffers))
    }

    /// As [`new`](Self::new), of buffers that are long enough.
    #[inline(always)]
    pub(crate) fn lay_out(model: Model<'a>, buffers: Buffers<'m>) -> Self {
        let begin = model.tokenizer().vocabulary().begin;
        let (decoder, window) = Decoder::lay_out(model, buffers);
        Generator {
            decoder,
            window: Window::new(window, begin),
            predicted: false,
            reading: 0,
            sampling: Sampling::default(),
            random: SplitMix64::new(0),
            stream: Utf8Stream::default(),
            piece: Piece::new(),
            tokens: 0,
            fingerprint: FINGERPRINT_START,
            ended: false,
        }
    }

    /// The model.
    pub fn model(&self) -> &Model<'a> {
        self.decoder.model()
    }

    /// Starts another text with `prompt`; an empty one begins with the vocabulary's `begin`, or with token 0. A prompt
    /// longer than the context is read to its end, as a text is generated. The same prompt, `sampling` and `seed` give the
    /// same text, on every machine. Characters that the model never saw are replaced or left out, as
    /// [`Tokenizer::read`](crate::Tokenizer::read) says.
    ///
    /// # Errors
    /// Settings out of range. The text before goes on then.
    pub fn start(&mut self, prompt: &str, sampling: Sampling, seed: u64) -> Result<(), Error> {
        sampling.check()?;
        let tokenizer = *self.model().tokenizer();
        self.window.clear();
        tokenizer.read(prompt).for_each(|token| self.window.push(token));
        self.begin_by(sampling, seed);
        Ok(())
    }

    /// As [`start`](Self::start), of a prompt's tokens, which a PC has its own, faster ways to find. Those that the model
    /// does not have are left out.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    #[doc(hidden)]
    pub fn start_with(
        &mut self,
        tokens: impl Iterator<Item = u16>,
        sampling: Sampling,
        seed: u64,
    ) -> Result<(), Error> {
        sampling.check()?;
        self.window.clear();
        let vocab = self.model().config().vocab;
        tokens.filter(|&token| usize::from(token) < vocab).for_each(|token| self.window.push(token));
        self.begin_by(sampling, seed);
        Ok(())
    }

    /// Lets the window's text go on by `sampling` and `seed`, with no token generated yet.
    pub(crate) fn begin_by(&mut self, sampling: Sampling, seed: u64) {
        (self.sampling, self.random) = (sampling, SplitMix64::new(seed));
        (self.tokens, self.fingerprint) = (0, FINGERPRINT_START);
        self.changed();
    }

    /// Adds `text` to the present one, as if the model had generated it.
    ///
    /// # Errors
    /// [`Error::UnknownCharacter`]; nothing is added then.
    pub fn append(&mut self, text: &str) -> Result<(), Error> {
        let tokenizer = *self.model().tokenizer();
        tokenizer.continuation(text).try_for_each(|token| token.map(drop))?;
        tokenizer.continuation(text).flatten().for_each(|token| self.window.push(token));
        self.changed();
        Ok(())
    }

    /// The text is another than the logits were predicted for, and goes on.
    pub(crate) fn changed(&mut self) {
        (self.predicted, self.reading, self.ended) = (false, 0, false);
        self.stream.clear();
    }

    /// Does a slice of the work for the next piece of text: half a layer, or a part of the logits. The other tasks of a
    /// chip, such as a watchdog or a radio, can run between two slices. [`next_piece`](Self::next_piece) does all slices of
    /// a piece, with the same bits.
    ///
    /// ```
    /// # fn main() -> Result<(), pipsqueak::Error> {
    /// # use pipsqueak::{Progress, Sampling};
    /// let generator = pipsqueak::include_model!("../models/tiny.pip").generator()?;
    /// generator.start("Once upon a time", Sampling::default(), 42)?;
    /// let mut slices = 0;
    /// let first = loop {
    ///     match generator.advance() {
    ///         Progress::Working => slices += 1, // feed the watchdog here
    ///         Progress::Piece(piece) => break piece,
    ///         Progress::Ended => break "",
    ///     }
    /// };
    /// println!("«{first}» in {slices} slices");
    /// # assert!(slices > 3 && !first.is_empty());
    /// # Ok(())
    /// # }
    /// ```
    pub fn advance(&mut self) -> Progress<'_> {
        self.advance_with(|_| ())
    }

    /// As [`advance`](Self::advance), with a say in what comes next: `filter` sees the logits of the next token, by id,
    /// and may change them before one is chosen. A token with a logit of `f32::NEG_INFINITY` is never chosen; if
    /// all have it, the text ends.
    ///
    /// ```
    /// # fn main() -> Result<(), pipsqueak::Error> {
    /// # use pipsqueak::{Progress, Sampling};
    /// let generator = pipsqueak::include_model!("../models/tiny.pip").generator()?;
    /// generator.start("Once upon a time", Sampling::GREEDY, 0)?;
    /// let dot = generator.model().tokenizer().encode(".").flatten().next();
    /// let no_dot = |logits: &mut [f32]| {
    ///     if let Some(logit) = dot.and_then(|dot| logits.get_mut(usize::from(dot))) {
    ///         *logit = f32::NEG_INFINITY;
    ///     }
    /// };
    /// while generator.tokens() < 20 {
    ///     if let Progress::Piece(piece) = generator.advance_with(no_dot) {
    ///         assert!(!piece.contains('.'));
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn advance_with(&mut self, filter: impl FnOnce(&mut [f32])) -> Progress<'_> {
        if self.ended {
            Progress::Ended
        } else if !self.predict_slice() {
            Progress::Working
        } else {
            match self.choose_token(filter) {
                Some(token) => Progress::Piece(self.write(token)),
                None => Progress::Ended,
            }
        }
    }

    /// The next token; `None` once the model has ended its text.
    ///
    /// ```
    /// # fn main() -> Result<(), pipsqueak::Error> {
    /// # use pipsqueak::{Progress, Sampling};
    /// let generator = pipsqueak::include_model!("../models/tiny.pip").generator()?;
    /// generator.start("Once upon a", Sampling::GREEDY, 0)?;
    /// let token = generator.next_token().unwrap();
    /// assert_eq!(&generator.model().tokenizer().decode(token)[..], b" time");
    /// # Ok(())
    /// # }
    /// ```
    pub fn next_token(&mut self) -> Option<u16> {
        self.next_token_with(|_| ())
    }

    /// As [`next_token`](Self::next_token), with a `filter` as [`advance_with`](Self::advance_with) takes it.
    ///
    /// ```
    /// # fn main() -> Result<(), pipsqueak::Error> {
    /// # use pipsqueak::Sampling;
    /// let generator = pipsqueak::include_model!("../models/tiny.pip").generator()?;
    /// generator.start("Once upon a", Sampling::GREEDY, 0)?;
    /// let time = generator.model().tokenizer().continuation(" time").flatten().next().unwrap();
    /// let token = generator.next_token_with(|logits| logits[usize::from(time)] = f32::NEG_INFINITY);
    /// assert_ne!(token, Some(time));
    /// # Ok(())
    /// # }
    /// ```
    pub fn next_token_with(&mut self, filter: impl FnOnce(&mut [f32])) -> Option<u16> {
        if self.ended { None } else { self.choose_token(filter) }
    }

    /// The next piece of text, which is empty while a character is unfinished; `None` once the model has ended its
    /// text.
    pub fn next_piece(&mut self) -> Option<&str> {
        let token = self.next_token()?;
        Some(self.write(token))
    }

    /// The logits of the next token `[vocab]`: what the model thinks of each, before any sampling.
    ///
    /// ```
    /// # fn main() -> Result<(), pipsqueak::Error> {
    /// # use pipsqueak::{Progress, Sampling};
    /// let generator = pipsqueak::include_model!("../models/tiny.pip").generator()?;
    /// generator.start("Once upon a", Sampling::GREEDY, 0)?;
    /// let logits = generator.logits();
    /// let likeliest = (0..logits.len()).max_by(|&a, &b| logits[a].total_cmp(&logits[b])).unwrap();
    /// assert_eq!(Some(likeliest as u16), generator.next_token());
    /// # Ok(())
    /// # }
    /// ```
    pub fn logits(&mut self) -> &[f32] {
        self.predict();
        self.decoder.logits()
    }

    /// The tokens that the model sees when it computes the [`logits`](Self::logits), by their positions: the newest of the prompt
    /// and the text, as many as the context has room for. When it is full, the older half is forgotten.
    ///
    /// ```
    /// # fn main() -> Result<(), pipsqueak::Error> {
    /// # use pipsqueak::Sampling;
    /// let generator = pipsqueak::include_model!("../models/tiny.pip").generator()?;
    /// generator.start("Once", Sampling::GREEDY, 0)?;
    /// let token = generator.next_token();
    /// assert_eq!(generator.window().last().copied(), token);
    /// # Ok(())
    /// # }
    /// ```
    pub fn window(&self) -> &[u16] {
        self.window.tokens()
    }

    /// Reads the whole [`window`](Self::window) again and shows `observer` every vector on the way to the logits, which are
    /// the same, bit for bit, as without.
    ///
    /// ```
    /// use pipsqueak::{Observer, Place, Sampling, Values, Vector};
    ///
    /// /// How much the last token of a text looks at each of those before it.
    /// struct LooksBack(Vec<f32>);
    ///
    /// impl Observer for LooksBack {
    ///     fn see(&mut self, place: Place, values: Values<'_>) {
    ///         if place.layer == 0 && place.vector == (Vector::Weights { head: 0 }) {
    ///             self.0 = values.iter().collect();
    ///         }
    ///     }
    /// }
    ///
    /// # fn main() -> Result<(), pipsqueak::Error> {
    /// let generator = pipsqueak::include_model!("../models/tiny.pip").generator()?;
    /// generator.start("Once upon a time", Sampling::GREEDY, 0)?;
    /// let mut looks_back = LooksBack(Vec::new());
    /// generator.observe(&mut looks_back);
    /// assert_eq!(looks_back.0.len(), generator.window().len());
    /// assert!((looks_back.0.iter().sum::<f32>() - 1.0).abs() < 1e-3);
    /// # Ok(())
    /// # }
    /// ```
    pub fn observe(&mut self, observer: &mut impl Observer) {
        if self.window.len() == 0 {
            self.window.push(0);
        }
        for (position, &token) in self.window.tokens().iter().enumerate() {
            // Tokens of the window are in the vocabulary, and its positions in the context.
            if self.decoder.begin(&[token], position, true).is_ok() {
                while self.decoder.advance_observed(observer).is_some() {}
            }
        }
        self.window.mark_read(self.window.len());
        (self.reading, self.predicted) = (0, true);
    }

    /// Whether the model has ended its text.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended
    }

    /// Tokens generated since the start, the one that ended the text included.
    pub fn tokens(&self) -> u32 {
        self.tokens
    }

    /// A hash of the bits of every logit that a token was chosen by, and of every token chosen, since the start: two
    /// machines that agree in it agree in everything.
    ///
    /// ```
    /// # fn main() -> Result<(), pipsqueak::Error> {
    /// # use pipsqueak::{Progress, Sampling};
    /// let generator = pipsqueak::include_model!("../models/tiny.pip").generator()?;
    /// let mut twice = [0; 2];
    /// for fingerprint in &mut twice {
    ///     generator.start("Once upon a time", Sampling::default(), 42)?;
    ///     while generator.tokens() < 20 && generator.next_piece().is_some() {}
    ///     *fingerprint = generator.fingerprint();
    /// }
    /// assert_eq!(twice[0], twice[1]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn fingerprint(&self) -> u32 {
        self.fingerprint
    }

    /// Brings the logits up to the token after the window.
    pub(crate) fn predict(&mut self) {
        while !self.predict_slice() {}
    }

    /// Does one slice of [`predict`](Self::predict); returns whether the logits are complete.
    pub(crate) fn predict_slice(&mut self) -> bool {
        if self.predicted || self.reading == 0 && !self.begin() {
            return true;
        }
        let slice = self.decoder.advance();
        if slice != Some(Slice::Part) {
            self.window.mark_read(self.reading);
            self.reading = 0;
        }
        self.predicted = slice == Some(Slice::Logits);
        self.predicted
    }

    /// Begins to read what the decoder has not read: a batch of the prompt, or its last token, whose logits are wanted.
    /// The window holds no token and no position that the model does not have, so that this can't fail.
    fn begin(&mut self) -> bool {
        if self.window.len() == 0 {
            self.window.push(0);
        }
        self.window.reread_last();
        let (tokens, position) = self.window.unread();
        let (tokens, is_last) = match tokens {
            [prompt @ .., _] if !prompt.is_empty() => (prompt, false),
            _ => (tokens, true),
        };
        self.reading = self.decoder.begin(tokens, position, is_last).unwrap_or_default();
        self.reading > 0
    }

    /// Chooses a token by the logits and appends it; `None` ends the text.
    pub(crate) fn choose_token(&mut self, filter: impl FnOnce(&mut [f32])) -> Option<u16> {
        filter(self.logits_to_choose_by());
        self.take_token()
    }

    // Not inlined, and not generic, so that it is in the program once; as what it calls.
    #[inline(never)]
    fn take_token(&mut self) -> Option<u16> {
        self.predicted = false;
        let Generator { decoder, window, sampling, random, .. } = self;
        let token = sampler::sample(decoder.logits(), window.tokens(), sampling, random);
        self.ended = token.is_none() || token == self.model().tokenizer().vocabulary().end;
        if self.ended {
            token.into_iter().for_each(|end| self.count(end));
            return None;
        }
        token.inspect(|&token| self.push(token))
    }

    /// The logits, with their hash in the fingerprint.
    #[inline(never)]
    pub(crate) fn logits_to_choose_by(&mut self) -> &mut [f32] {
        self.predict();
        let logits = self.decoder.logits();
        self.fingerprint = logits.iter().fold(self.fingerprint, |hash, logit| mix(hash, logit.to_bits()));
        logits
    }

    /// Samples from `logits` of any set of tokens; returns an index into them.
    pub(crate) fn sample(&mut self, logits: &mut [f32]) -> Option<u16> {
        sampler::sample(logits, &[], &self.sampling, &mut self.random)
    }

    /// Appends a token that was chosen.
    pub(crate) fn push(&mut self, token: u16) {
        self.window.push(token);
        self.predicted = false;
        self.count(token);
    }

    fn count(&mut self, token: u16) {
        self.fingerprint = mix(self.fingerprint, token.into());
        self.tokens += 1;
    }

    /// The text that a new token completes.
    // Not inlined, so that its frame is gone when the next token is computed.
    #[inline(never)]
    pub(crate) fn write(&mut self, token: u16) -> &str {
        let bytes = self.model().tokenizer().decode(token);
        self.piece.clear();
        self.stream.push(&bytes, &mut self.piece);
        &self.piece
    }
}

const FINGERPRINT_START: u32 = 0x811c_9dc5;

/// A step of FNV-1a (Fowler, Noll and Vo), by words.
pub(crate) fn mix(hash: u32, word: u32) -> u32 {
    (hash ^ word).wrapping_mul(0x0100_0193)
}
