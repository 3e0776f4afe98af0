//! A serial port, a board and a model for the tests on the PC.

use core::cell::{Cell, RefCell};
use core::convert::Infallible;
use std::collections::VecDeque;
use std::rc::Rc;
use std::string::String;
use std::vec::Vec;

use embedded_io::{ErrorType, Read, ReadReady, Write};
use pipsqueak::Sampling;

use crate::{Board, Clock, MemoryUse, TextSource};

/// Gives the bytes typed, then is closed; keeps the bytes written. Its clones are the same port.
#[derive(Clone)]
pub(crate) struct FakeSerial {
    typed: Rc<RefCell<VecDeque<u8>>>,
    written: Rc<RefCell<Vec<u8>>>,
}

impl FakeSerial {
    pub(crate) fn typing(bytes: &[u8]) -> FakeSerial {
        FakeSerial { typed: Rc::new(RefCell::new(bytes.iter().copied().collect())), written: Rc::default() }
    }

    pub(crate) fn written(&self) -> String {
        String::from_utf8(self.written.borrow().clone()).unwrap()
    }
}

impl ErrorType for FakeSerial {
    type Error = Infallible;
}

impl Read for FakeSerial {
    fn read(&mut self, bytes: &mut [u8]) -> Result<usize, Infallible> {
        let Some(byte) = self.typed.borrow_mut().pop_front() else { return Ok(0) };
        bytes[0] = byte;
        Ok(1)
    }
}

impl ReadReady for FakeSerial {
    fn read_ready(&mut self) -> Result<bool, Infallible> {
        Ok(!self.typed.borrow().is_empty())
    }
}

impl Write for FakeSerial {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        self.written.borrow_mut().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

/// Its counter goes one up each time it is read, and wraps during the first token.
pub(crate) struct FakeBoard {
    ticks: Cell<u32>,
    can_exit: bool,
}

impl Default for FakeBoard {
    fn default() -> FakeBoard {
        FakeBoard { ticks: Cell::new(u32::MAX - 3), can_exit: true }
    }
}

impl FakeBoard {
    pub(crate) fn chip() -> FakeBoard {
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

/// Says the prompt again and again; just once if it is `end`, and not at all if it is `refuse`.
#[derive(Default)]
pub(crate) struct Parrot {
    words: String,
    tokens: u32,
    ended: bool,
}

impl TextSource for Parrot {
    type Error = &'static str;

    fn start(&mut self, prompt: &str, _: Sampling, _: u64) -> Result<(), &'static str> {
        (self.words, self.tokens, self.ended) = (std::format!("{prompt} "), 0, false);
        if prompt == "refuse" { Err("the parrot has no beak") } else { Ok(()) }
    }

    fn next_piece(&mut self) -> Option<&str> {
        assert!(!self.ended, "asked on after the end");
        self.ended = self.words == "end " && self.tokens == 1;
        self.tokens += u32::from(!self.ended);
        (!self.ended).then_some(&self.words)
    }

    fn tokens(&self) -> u32 {
        self.tokens
    }

    fn fingerprint(&self) -> u32 {
        7
    }
}
