//! From a prompt to text, for as long as asked.
//!
//! **When the context is full, the window slides**: the older half of its tokens is forgotten, and the newer half is
//! read again from position 0 (behind the vocabulary's `begin`, if it has one). This suits every kind of position and
//! costs, on the mean, one more step a token.

use heapless::Vec;

use crate::Error;
use crate::decoder::Decoder;
use crate::memory::Buffers;
use crate::model::Model;
use crate::random::SplitMix64;
use crate::sampler::{self, Sampling};
use crate::text::{Piece, Utf8Stream};

/// A model at work on a text.
pub struct Generator<'a, 'm> {
    decoder: Decoder<'a, 'm>,
    /// The tokens that are or will be in the cache, by position; `[context]`, of which the first `length` count.
    window: &'m mut [u16],
    length: usize,
    /// How many tokens of the window the decoder has read.
    read: usize,
    sampling: Sampling,
    random: SplitMix64,
    stream: Utf8Stream,
    piece: Piece,
    tokens: u32,
    fingerprint: u32,
    ended: bool,
}

impl<'a, 'm> Generator<'a, 'm> {
    /// Lays out `buffers` for `model`.
    ///
    /// # Errors
    /// [`Error::MemoryTooSmall`].
    pub fn new(model: Model<'a>, buffers: Buffers<'m>) -> Result<Self, Error> {
        let (decoder, window) = Decoder::new(model, buffers)?;
        Ok(Generator {
            decoder,
            window,
            length: 0,
            read: 0,
            sampling: Sampling::default(),
            random: SplitMix64::new(0),
            stream: Utf8Stream::default(),
            piece: Piece::new(),
            tokens: 0,
            fingerprint: FINGERPRINT_START,
            ended: false,
        })
    }

    /// The model.
    pub fn model(&self) -> &Model<'a> {
        self.decoder.model()
    }

    /// Reads a prompt and forgets what was before. A prompt longer than the context is read to its end, as a text is
    /// generated. An empty one begins with the vocabulary's `begin`, or with token 0.
    ///
    /// # Errors
    /// Settings out of range; a character that the model has no token for: nothing is read then.
    pub fn start(&mut self, prompt: &str, sampling: Sampling, seed: u64) -> Result<(), Error> {
        sampling.check()?;
        let tokenizer = *self.model().tokenizer();
        tokenizer.encode(prompt, |_| Ok(()))?;
        (self.sampling, self.random) = (sampling, SplitMix64::new(seed));
        (self.length, self.read, self.tokens) = (0, 0, 0);
        (self.fingerprint, self.ended) = (FINGERPRINT_START, false);
        self.stream.clear();
        if let Some(begin) = tokenizer.vocabulary().begin {
            self.append(begin);
        }
        tokenizer.encode(prompt, |token| {
            self.append(token);
            Ok(())
        })?;
        if self.length == 0 {
            self.append(0);
        }
        Ok(())
    }

    /// The next token; `None` once the model has ended its text.
    pub fn next_token(&mut self) -> Option<u16> {
        if self.ended || self.length == 0 {
            return None;
        }
        self.read_window().ok()?;
        self.fingerprint =
            self.decoder.logits().iter().fold(self.fingerprint, |hash, x| mix(hash, x.to_bits()));
        let recent = &self.window[..self.length];
        let token = sampler::sample(self.decoder.logits(), recent, &self.sampling, &mut self.random);
        self.fingerprint = mix(self.fingerprint, token.into());
        self.tokens += 1;
        self.ended = self.model().tokenizer().vocabulary().end == Some(token);
        if self.ended {
            return None;
        }
        self.append(token);
        Some(token)
    }

    /// The next piece of text, which is empty while a character is unfinished; `None` once the model has ended its
    /// text.
    pub fn next_piece(&mut self) -> Option<&str> {
        let token = self.next_token()?;
        let mut bytes = Vec::new();
        self.model().tokenizer().decode(token, &mut bytes);
        self.piece.clear();
        self.stream.push(&bytes, &mut self.piece);
        Some(&self.piece)
    }

    /// Tokens generated since the start, the one that ended the text included.
    pub fn tokens(&self) -> u32 {
        self.tokens
    }

    /// A hash of the bits of every logit that a token was chosen by, and of every token chosen, since the start: two
    /// machines that agree in it agree in everything.
    pub fn fingerprint(&self) -> u32 {
        self.fingerprint
    }

    /// Adds a token to the window, and slides that if it is full.
    fn append(&mut self, token: u16) {
        if self.length == self.window.len() {
            self.slide();
        }
        self.window[self.length] = token;
        self.length += 1;
    }

    fn slide(&mut self) {
        let begin = self.model().tokenizer().vocabulary().begin;
        let kept = self.length / 2;
        let start = usize::from(begin.is_some() && kept > 0);
        if let Some(begin) = begin {
            self.window[0] = begin;
        }
        self.window.copy_within(self.length - (kept - start)..self.length, start);
        (self.length, self.read) = (kept, 0);
    }

    /// Lets the decoder read what it has not read yet, up to the logits of the next token.
    fn read_window(&mut self) -> Result<(), Error> {
        let Some((&last, prompt)) = self.window[self.read..self.length].split_last() else { return Ok(()) };
        self.decoder.prefill(prompt, self.read)?;
        self.decoder.forward(last, self.length - 1)?;
        self.read = self.length;
        Ok(())
    }
}

const FINGERPRINT_START: u32 = 0x811c_9dc5;

/// A step of FNV-1a (Fowler, Noll and Vo), by words.
fn mix(hash: u32, word: u32) -> u32 {
    (hash ^ word).wrapping_mul(0x0100_0193)
}
