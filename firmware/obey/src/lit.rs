//! A source of text for the prompt, with an LED that breathes while it works, and perhaps a display.

use embedded_hal::i2c::I2c;
use embedded_hal::pwm::SetDutyCycle;
use pipsqueak::{Progress, Sampling, Score};
use pipsqueak_firmware::{Put, Show, TextSource};

use crate::{Breath, Screen};

/// Where texts are shown, beside the serial port.
pub trait Surface {
    /// A text begins with `prompt`; the one before is no more.
    fn begin(&mut self, prompt: &str);

    /// The text goes on.
    fn go_on(&mut self, piece: &str);
}

/// Nowhere.
impl Surface for () {
    fn begin(&mut self, _: &str) {}
    fn go_on(&mut self, _: &str) {}
}

/// On a display; if it is unplugged, the text goes on at the serial port.
impl<I: I2c> Surface for Screen<I> {
    fn begin(&mut self, prompt: &str) {
        _ = self.clear();
        _ = self.write(prompt);
    }

    fn go_on(&mut self, piece: &str) {
        _ = self.write(piece);
    }
}

impl<S: Surface> Surface for Option<S> {
    fn begin(&mut self, prompt: &str) {
        self.iter_mut().for_each(|surface| surface.begin(prompt));
    }

    fn go_on(&mut self, piece: &str) {
        self.iter_mut().for_each(|surface| surface.go_on(piece));
    }
}

/// A source of text, an LED by a clock, and a surface.
pub struct Lit<T, P, S> {
    source: T,
    led: Breath<P>,
    clock: fn() -> u32,
    surface: S,
}

impl<T, P, S> Lit<T, P, S> {
    /// Lights for `source`; `clock` is what `led` breathes by.
    pub fn new(source: T, led: Breath<P>, clock: fn() -> u32, surface: S) -> Self {
        Lit { source, led, clock, surface }
    }
}

/// Shows what there is; a pin or a display that fails stops no text.
fn show<'p, P: SetDutyCycle>(
    progress: Progress<'p>,
    led: &mut Breath<P>,
    clock: fn() -> u32,
    surface: &mut impl Surface,
) -> Progress<'p> {
    match &progress {
        Progress::Ended => _ = led.rest(),
        Progress::Piece(piece) => surface.go_on(piece),
        Progress::Working => _ = led.breathe(clock()),
    }
    progress
}

impl<T: TextSource, P: SetDutyCycle, S: Surface> TextSource for Lit<T, P, S> {
    type Error = T::Error;

    const IS_REPLACEABLE: bool = T::IS_REPLACEABLE;

    fn introduce(&self, out: &mut impl Put) {
        self.source.introduce(out);
    }

    fn start(&mut self, prompt: &str, sampling: Sampling, seed: u64) -> Result<(), T::Error> {
        self.surface.begin(prompt);
        self.source.start(prompt, sampling, seed)
    }

    fn start_behind(&mut self, prompt: &str, sampling: Sampling, seed: u64) -> Result<(), T::Error> {
        self.surface.begin(prompt);
        self.source.start_behind(prompt, sampling, seed)
    }

    fn unreadable(&self, prompt: &str) -> impl Iterator<Item = char> {
        self.source.unreadable(prompt)
    }

    fn advance(&mut self) -> Progress<'_> {
        show(self.source.advance(), &mut self.led, self.clock, &mut self.surface)
    }

    fn advance_scored(&mut self, score: &mut Score) -> Progress<'_> {
        show(self.source.advance_scored(score), &mut self.led, self.clock, &mut self.surface)
    }

    fn rest(&mut self) {
        _ = self.led.rest();
        self.source.rest();
    }

    fn self_test(&mut self) -> Result<(), impl Show> {
        self.source.self_test()
    }

    fn tokens(&self) -> u32 {
        self.source.tokens()
    }

    fn fingerprint(&self) -> u32 {
        self.source.fingerprint()
    }
}
