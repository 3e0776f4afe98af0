use super::*;
use crate::fakes::{FakeBoard, FakeFlash, FakeSerial};
use std::string::String;

const LIMITS: Limits = Limits { ram_bytes: 12_000, parts: 0x40_0001 };

/// A board whose counter goes up by a second each time it is read.
struct Slow(core::cell::Cell<u32>);

impl Board for Slow {
    const NAME: &'static str = "slow";
    const CLOCK: Clock = Clock::Time { hz: 1 };
    const ECHO: bool = false;

    fn ticks(&self) -> u32 {
        self.0.set(self.0.get().wrapping_add(1));
        self.0.get()
    }

    fn seed(&self) -> u64 {
        0
    }

    fn memory_use(&self) -> crate::MemoryUse {
        crate::MemoryUse::default()
    }

    fn can_exit(&self) -> bool {
        false
    }
}

/// The loader's answers to these bytes, until it is left.
fn told(board: &impl Board, bytes: &[u8]) -> String {
    let serial = FakeSerial::polled(bytes);
    let mut console = Console::new(serial.clone(), false);
    let ended = load(board, &mut console, FakeFlash::<4096>::default(), LIMITS);
    assert_eq!(ended, Ok(Loaded::No));
    serial.written()
}

#[test]
fn silence_ends_it_also_where_the_counter_wraps() {
    let said = told(&Slow(core::cell::Cell::new(u32::MAX - 3)), b"half a frame");
    assert!(said.starts_with("ready 3 4096 512 12000 00400001 "), "{said}");
    assert!(said.ends_with("The transfer is over: nothing came for ten seconds.\n"), "{said}");
}

#[test]
fn ctrl_c_ends_it() {
    let said = told(&FakeBoard::default(), b"half a frame\x03");
    assert!(said.ends_with("The transfer is over: it was broken off.\n"), "{said}");
}

#[test]
fn lines_that_are_no_frames_are_refused_and_empty_ones_passed_over() {
    let said = told(&FakeBoard::default(), b"\n\nOnce upon a time\n\xf5D\n\x7d\n\x03");
    assert_eq!(said.matches("nak ? 0 again the frame is damaged ").count(), 3, "{said}");
}
