//! A serial port, a board and a model for the tests and the fuzz targets on the PC.

use core::cell::{Cell, RefCell};
use core::sync::atomic::AtomicU8;
use std::boxed::Box;
use std::collections::VecDeque;
use std::rc::Rc;
use std::string::String;
use std::vec::Vec;

use embedded_io::{ErrorKind, ErrorType, Write};
use pipsqueak::internal::file::Aligned;
use pipsqueak::{Progress, Sampling, Score};

use crate::loader::Limits;
use crate::{Board, Clock, FlashFailed, MemoryUse, ModelFlash, Received, Serial, Show, TextSource};

/// A port at which bytes are typed until it is closed; keeps the bytes written. Its clones are the same port.
#[derive(Clone)]
pub struct FakeSerial {
    typed: Rc<RefCell<VecDeque<u8>>>,
    /// The number of bytes that come each time that the prompt waits, and each time that it writes.
    at_once: [usize; 2],
    /// Whether there is no interrupt handler, so that a byte comes each time that the prompt looks.
    polled: bool,
    received: Rc<Received>,
    written: Rc<RefCell<Vec<u8>>>,
    written_max: usize,
}

impl FakeSerial {
    /// Bytes that are kept while nobody reads them.
    pub const RECEIVED_BYTES: usize = 64;

    fn new(bytes: &[u8], at_once: [usize; 2]) -> FakeSerial {
        let typed = Rc::new(RefCell::new(bytes.iter().copied().collect()));
        let received = Rc::new(Received::<[AtomicU8; FakeSerial::RECEIVED_BYTES]>::new());
        FakeSerial {
            typed,
            at_once,
            polled: false,
            received,
            written: Rc::default(),
            written_max: usize::MAX,
        }
    }

    /// A person who waits for each answer.
    pub fn typing(bytes: &[u8]) -> FakeSerial {
        FakeSerial::new(bytes, [1, 0])
    }

    /// A person who goes on typing, `each_write` bytes for everything that the board prints.
    pub fn typing_ahead(bytes: &[u8], each_write: usize) -> FakeSerial {
        FakeSerial::new(bytes, [1, each_write])
    }

    /// A program that sends so many bytes each time that the board waits.
    pub fn in_bursts(bytes: &[u8], each: usize) -> FakeSerial {
        FakeSerial::new(bytes, [each, 0])
    }

    /// A port without an interrupt handler.
    pub fn polled(bytes: &[u8]) -> FakeSerial {
        FakeSerial { polled: true, ..FakeSerial::typing(bytes) }
    }

    /// All at once.
    pub fn pasting(bytes: &[u8]) -> FakeSerial {
        FakeSerial::new(bytes, [usize::MAX, usize::MAX])
    }

    /// A port that fails once `bytes` have been written, as one that is unplugged.
    pub fn closing_after(self, bytes: usize) -> FakeSerial {
        FakeSerial { written_max: bytes, ..self }
    }

    /// The text written so far; it must be UTF-8.
    pub fn written(&self) -> String {
        String::from_utf8(self.written_bytes()).unwrap()
    }

    /// The bytes written so far.
    pub fn written_bytes(&self) -> Vec<u8> {
        self.written.borrow().clone()
    }

    /// Stands for the interrupt handler of a real port. Returns whether there was anything.
    fn receive(&self, count: usize) -> bool {
        let mut typed = self.typed.borrow_mut();
        let count = count.min(typed.len());
        typed.drain(..count).for_each(|byte| self.received.put(byte));
        count > 0
    }
}

impl ErrorType for FakeSerial {
    type Error = ErrorKind;
}

impl Serial for FakeSerial {
    fn received(&mut self) -> &Received {
        self.receive(usize::from(self.polled));
        &self.received
    }

    fn wait(&mut self) -> Result<(), ErrorKind> {
        if self.receive(self.at_once[0]) { Ok(()) } else { Err(ErrorKind::NotConnected) }
    }
}

impl Write for FakeSerial {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        self.receive(self.at_once[1]);
        if self.written.borrow().len() >= self.written_max {
            return Err(ErrorKind::BrokenPipe);
        }
        self.written.borrow_mut().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

/// Its counter goes one up each time it is read, and wraps during the first token.
pub struct FakeBoard {
    ticks: Cell<u32>,
    can_exit: bool,
}

impl Default for FakeBoard {
    fn default() -> FakeBoard {
        FakeBoard { ticks: Cell::new(u32::MAX - 3), can_exit: true }
    }
}

impl FakeBoard {
    /// One with nothing to quit to.
    pub fn chip() -> FakeBoard {
        FakeBoard { can_exit: false, ..FakeBoard::default() }
    }
}

impl Board for FakeBoard {
    const NAME: &'static str = "fake";
    const CLOCK: Clock = Clock::Instructions { per_tick: 40 };
    const ECHO: bool = false;

    fn ticks(&self) -> u32 {
        self.ticks.set(self.ticks.get().wrapping_add(1));
        self.ticks.get()
    }

    fn seed(&self) -> u64 {
        1
    }

    fn memory_use(&self) -> MemoryUse {
        MemoryUse { flash_bytes: 1, static_bytes: 2, stack_peak_bytes: 3, stack_room_bytes: 4 }
    }

    fn can_exit(&self) -> bool {
        self.can_exit
    }
}

/// Says the prompt again and again; just once if it is `end`, and not at all if it is `refuse`. Is well until it has spoken.
/// Behind other texts, it says a `'` more for each. The nearer its seed is to 6, the likelier it finds its words.
#[derive(Default)]
pub struct Parrot {
    words: String,
    tokens: u32,
    seed: u64,
    /// Texts that the present one is behind.
    behind: usize,
    /// A piece takes it two calls.
    halfway: bool,
    ended: bool,
}

impl TextSource for Parrot {
    type Error = &'static str;

    fn start(&mut self, prompt: &str, _: Sampling, seed: u64) -> Result<(), &'static str> {
        *self = Parrot { words: std::format!("{prompt} "), seed, ..Parrot::default() };
        if prompt == "refuse" { Err("the parrot has no beak") } else { Ok(()) }
    }

    fn start_behind(&mut self, prompt: &str, sampling: Sampling, seed: u64) -> Result<(), &'static str> {
        let behind = self.behind + 1;
        self.start(&std::format!("{prompt}{}", "'".repeat(behind)), sampling, seed)?;
        self.behind = behind;
        Ok(())
    }

    fn unreadable(&self, prompt: &str) -> impl Iterator<Item = char> {
        prompt.chars().filter(|c| !c.is_ascii())
    }

    fn advance(&mut self) -> Progress<'_> {
        assert!(!self.ended, "asked on after the end");
        self.halfway = !self.halfway;
        if self.halfway {
            return Progress::Working;
        }
        self.ended = self.words == "end " && self.tokens == 1;
        self.tokens += u32::from(!self.ended);
        if self.ended { Progress::Ended } else { Progress::Piece(&self.words) }
    }

    fn advance_scored(&mut self, score: &mut Score) -> Progress<'_> {
        let log2 = -(self.seed.abs_diff(6) as i64) << 16;
        let progress = self.advance();
        if progress != Progress::Working {
            score.count(log2);
        }
        progress
    }

    fn self_test(&mut self) -> Result<(), impl Show> {
        if self.tokens == 0 { Ok(()) } else { Err("the parrot is hoarse") }
    }

    fn tokens(&self) -> u32 {
        self.tokens
    }

    fn fingerprint(&self) -> u32 {
        7
    }
}

/// The limits of a board that runs every model.
pub const NO_LIMITS: Limits = Limits { ram_bytes: usize::MAX, parts: u32::MAX };

/// Flash of so many bytes, in memory. It only ever turns ones into zeros, as a chip's does, unless it is erased.
pub struct FakeFlash<const BYTES: usize> {
    bytes: Box<Aligned<[u8; BYTES]>>,
    /// Writes and erasures until the power is gone: one that has no more of it does half its work.
    pub power: usize,
}

impl<const BYTES: usize> Default for FakeFlash<BYTES> {
    fn default() -> Self {
        FakeFlash { bytes: Box::new(Aligned([0xff; BYTES])), power: usize::MAX }
    }
}

impl<const BYTES: usize> FakeFlash<BYTES> {
    /// The bytes from `offset` on that a chip erases or writes before the power goes, and whether these are all.
    fn change(&mut self, offset: usize, count: usize) -> Result<(&mut [u8], bool), FlashFailed> {
        let has_power = self.power > 0;
        self.power = self.power.saturating_sub(1);
        let count = if has_power { count } else { count / 2 };
        let place = self.bytes.0.get_mut(offset..).and_then(|rest| rest.get_mut(..count));
        Ok((place.ok_or(FlashFailed)?, has_power))
    }
}

impl<const BYTES: usize> ModelFlash for FakeFlash<BYTES> {
    const ERASE_BYTES: usize = 512;
    const WRITE_BYTES: usize = 16;

    fn bytes(&self) -> &[u8] {
        &self.bytes.0
    }

    fn erase(&mut self, offset: usize) -> Result<(), FlashFailed> {
        assert!(offset.is_multiple_of(Self::ERASE_BYTES), "no unit begins at {offset}");
        let (unit, whole) = self.change(offset, Self::ERASE_BYTES)?;
        unit.fill(0xff);
        if whole { Ok(()) } else { Err(FlashFailed) }
    }

    fn write(&mut self, offset: usize, bytes: &[u8]) -> Result<(), FlashFailed> {
        let unit = Self::WRITE_BYTES;
        assert!(offset.is_multiple_of(unit) && bytes.len().is_multiple_of(unit), "{offset}, {}", bytes.len());
        let (place, whole) = self.change(offset, bytes.len())?;
        place.iter_mut().zip(bytes).for_each(|(held, byte)| *held &= byte);
        if whole { Ok(()) } else { Err(FlashFailed) }
    }
}
