//! The firmware's prompt: whatever comes over the serial port, however fast, and with lines lost.
#![no_main]

use embedded_io::ErrorKind;
use libfuzzer_sys::fuzz_target;
use pipsqueak_firmware::Session;
use pipsqueak_firmware::fakes::{FakeBoard, FakeSerial, Parrot};

/// The port is unplugged after so many bytes, in the middle of a text that has no end.
const WRITTEN_MAX: usize = 8 << 10;
/// The last keys: Ctrl-C, which takes back what came before, and a question.
const LAST: &[u8] = b"\x03\n:stats\n";

fuzz_target!(|bytes: &[u8]| {
    let Some((&[manner, count], typed)) = bytes.split_first_chunk() else { return };
    let typed = [typed, LAST].concat();
    let serial = serial(manner, count.into(), &typed).closing_after(WRITTEN_MAX);
    let board = if manner & 0x80 == 0 { FakeBoard::default() } else { FakeBoard::chip() };
    let ended = Session::new(board, serial.clone(), Parrot::default(), 5, 6).run();
    let written = serial.written_bytes();
    assert!(
        may_echo(&typed) || str::from_utf8(&written).is_ok(),
        "the board writes something that is no text"
    );
    let types_slowly = manner & 0x7f == 0;
    if types_slowly && ended == Err(ErrorKind::NotConnected) {
        assert!(written.ends_with(b"> "), "no prompt after the last line");
        let lines = written.rsplit(|&byte| byte == b'\n');
        assert!(lines.take(3).any(|line| line.starts_with(b"flash: ")), "no answer to the last line");
    }
});

/// Whether `:echo on` can be among the keys, after which bytes are written as they are typed.
fn may_echo(typed: &[u8]) -> bool {
    b":echo on".iter().all(|key| typed.contains(key))
}

fn serial(manner: u8, count: usize, typed: &[u8]) -> FakeSerial {
    match manner & 0x7f {
        0 => FakeSerial::typing(typed),
        1 => FakeSerial::typing_ahead(typed, count),
        2 => FakeSerial::in_bursts(typed, count.max(1)),
        3 => FakeSerial::polled(typed),
        _ => FakeSerial::pasting(typed),
    }
}
