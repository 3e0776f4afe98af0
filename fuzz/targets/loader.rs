//! The firmware's loader: frames in any order with anything in them, and bytes that are no frames.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pipsqueak::internal::file::checksum;
use pipsqueak_firmware::fakes::{FakeFlash, NO_LIMITS};
use pipsqueak_firmware::loader::{Loader, Step};
use pipsqueak_firmware::{ModelFlash, Put, second_slot, stored_model};
use pipsqueak_talk::flash::frame::{Kind, encode};

const OLD: &[u8] = include_bytes!("../../talk/tests/old.pip");
const NEW: &[u8] = include_bytes!("../../talk/tests/new.pip");

type Flash = FakeFlash<4096>;

/// The board's answers, which must be text.
struct Answers(Vec<u8>);

impl Put for Answers {
    fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend(bytes);
    }
}

fuzz_target!(|bytes: &[u8]| {
    let mut flash = Flash::default();
    for (place, unit) in (0..).step_by(16).zip(OLD.chunks(16)) {
        let mut filled = [0xff; 16];
        filled[..unit.len()].copy_from_slice(unit);
        flash.write(place, &filled).unwrap();
    }
    let slot_bytes = second_slot::<Flash>(flash.bytes().len());
    let mut loader = Loader::new(flash, NO_LIMITS);
    let mut answers = Answers(vec![]);
    // A file that needs both slots gives up the old model.
    let mut needs_both = false;
    let mut rest = bytes;
    while let Some((&[choice, high, low, length], after)) = rest.split_first_chunk() {
        let offset = usize::from(u16::from_be_bytes([high, low]));
        let (own, after) = after.split_at(usize::from(length).min(after.len()));
        rest = after;
        let slice = |from: usize, to: usize| NEW.get(from..to.min(NEW.len())).unwrap_or_default();
        let line = match choice % 8 {
            0 => encode(Kind::Begin, NEW.len() as u32, &checksum(&NEW[..NEW.len() - 4]).to_le_bytes()),
            1 => encode(Kind::Check, offset as u32, &checksum(slice(128, offset)).to_le_bytes()),
            2 => encode(Kind::Data, offset as u32, slice(offset, offset + 128)),
            3 => encode(Kind::End, NEW.len() as u32, slice(0, 128)),
            4 => {
                needs_both |= offset > slot_bytes;
                encode(Kind::Begin, offset as u32, own)
            }
            5 => encode(Kind::Data, offset as u32, own),
            6 => encode(Kind::End, offset as u32, own),
            _ => [own, b"\n"].concat(),
        };
        for byte in line {
            if loader.take(byte, &mut answers) == Step::Complete {
                needs_both = false;
            }
        }
    }
    assert!(str::from_utf8(&answers.0).is_ok(), "the board writes something that is no text");
    let flash = loader.into_flash();
    assert!(needs_both || stored_model(&flash).is_ok(), "the board has lost its model");
});
