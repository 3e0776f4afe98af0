//! Models over a cable into a board's flash: the PC's sender against the firmware's loader, with faults at every byte.

use std::collections::VecDeque;
use std::io::{Error, ErrorKind, Read, Result, Write};

use pipsqueak::internal::file::checksum;
use pipsqueak::internal::parts;
use pipsqueak_firmware::fakes::{FakeFlash, NO_LIMITS};
use pipsqueak_firmware::loader::{Limits, Loader, Step};
use pipsqueak_firmware::{ModelFlash, Put, stored_model};
use pipsqueak_talk::flash::frame::{Kind, encode};
use pipsqueak_talk::flash::loader::Loader as Sender;

/// Has room for two of the models below.
const TWO: usize = 8 << 10;
/// Has room for one.
const ONE: usize = 3 << 10;

/// A new model and an old one, of about 2 KB: `pipsqueak train --text stories/README.md --width 8 --layers 1 --heads 1
/// --context 8 --vocab 64 --steps 2` with `--hidden 8` and `--hidden 16`.
fn models() -> (Vec<u8>, Vec<u8>) {
    let (new, old) = (include_bytes!("new.pip"), include_bytes!("old.pip"));
    assert!(new.len().max(old.len()) < ONE && new.len() + old.len() > ONE);
    (new.to_vec(), old.to_vec())
}

/// Collects answers.
struct Answers(VecDeque<u8>);

impl Put for Answers {
    fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend(bytes);
    }
}

/// A board, at its prompt or loading.
enum Doing<const N: usize> {
    Prompt(FakeFlash<N>, Vec<u8>),
    Loading(Loader<FakeFlash<N>>),
    Nothing,
}

/// A cable that damages lines on their way, with a board at its end.
struct Cable<const N: usize, F> {
    board: Doing<N>,
    answers: Answers,
    /// The line that the PC is writing.
    line: Vec<u8>,
    /// Gets the number of the line and the line, and returns what arrives in its place.
    fault: F,
    lines: usize,
    /// Bytes that pass until the cable is pulled.
    bytes_left: usize,
    limits: Limits,
}

impl<const N: usize, F: FnMut(usize, Vec<u8>) -> Vec<u8>> Cable<N, F> {
    fn new(flash: FakeFlash<N>, fault: F) -> Self {
        let board = Doing::Prompt(flash, Vec::new());
        let answers = Answers(VecDeque::new());
        Cable { board, answers, line: Vec::new(), fault, lines: 0, bytes_left: usize::MAX, limits: NO_LIMITS }
    }

    /// The flash, as the board finds it when it starts again.
    fn into_flash(self) -> FakeFlash<N> {
        let mut flash = match self.board {
            Doing::Prompt(flash, _) => flash,
            Doing::Loading(loader) => loader.into_flash(),
            Doing::Nothing => unreachable!(),
        };
        flash.power = usize::MAX;
        flash
    }

    fn arrives(&mut self, byte: u8) {
        let done = std::mem::replace(&mut self.board, Doing::Nothing);
        self.board = match done {
            Doing::Prompt(flash, line) if byte == b'\n' => self.prompt(flash, &line),
            Doing::Prompt(flash, _) if byte == 3 => Doing::Prompt(flash, Vec::new()),
            Doing::Prompt(flash, line) => Doing::Prompt(flash, [line, vec![byte]].concat()),
            Doing::Loading(loader) if byte == 3 => Doing::Prompt(loader.into_flash(), Vec::new()),
            Doing::Loading(mut loader) => match loader.take(byte, &mut self.answers) {
                Step::Complete => Doing::Prompt(loader.into_flash(), Vec::new()),
                _ => Doing::Loading(loader),
            },
            Doing::Nothing => unreachable!(),
        };
    }

    fn prompt(&mut self, flash: FakeFlash<N>, line: &[u8]) -> Doing<N> {
        if line != b":load" {
            let said = if str::from_utf8(line).is_ok() {
                "Once upon a time\n> "
            } else {
                "That line is not UTF-8 text\n> "
            };
            self.answers.0.extend(said.as_bytes());
            return Doing::Prompt(flash, Vec::new());
        }
        let loader = Loader::new(flash, self.limits);
        loader.greet(&mut self.answers);
        Doing::Loading(loader)
    }
}

impl<const N: usize, F: FnMut(usize, Vec<u8>) -> Vec<u8>> Write for Cable<N, F> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        for &byte in bytes {
            self.bytes_left = self.bytes_left.checked_sub(1).ok_or(ErrorKind::BrokenPipe)?;
            self.line.push(byte);
            if byte == b'\n' || byte == 3 {
                let line = (self.fault)(self.lines, std::mem::take(&mut self.line));
                self.lines += 1;
                line.into_iter().for_each(|byte| self.arrives(byte));
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

impl<const N: usize, F> Read for Cable<N, F> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        buffer[0] = self.answers.0.pop_front().ok_or(Error::from(ErrorKind::TimedOut))?;
        Ok(1)
    }
}

/// A cable without faults.
fn sound(_: usize, line: Vec<u8>) -> Vec<u8> {
    line
}

/// Sends a model over a cable; returns the flash, and the bytes that were there already or why it failed.
fn send<const N: usize>(
    cable: Cable<N, impl FnMut(usize, Vec<u8>) -> Vec<u8>>,
    model: &[u8],
) -> (FakeFlash<N>, std::result::Result<usize, String>) {
    let mut sender = Sender::new(cable);
    let sent = sender.send(model, |_| {}).map_err(|error| format!("{error:#}"));
    (sender.into_port().into_flash(), sent)
}

/// A board that a model has been sent to.
fn board_with<const N: usize>(model: &[u8]) -> FakeFlash<N> {
    let (flash, sent) = send(Cable::new(FakeFlash::default(), sound), model);
    assert_eq!(sent, Ok(128));
    assert_eq!(stored(&flash), Some(model));
    flash
}

/// The model that the board uses.
fn stored<const N: usize>(flash: &FakeFlash<N>) -> Option<&[u8]> {
    let (slot, model) = stored_model(flash).ok()?;
    assert_eq!(slot.bytes, model.file_bytes());
    flash.bytes()[slot.start..].get(..slot.bytes)
}

/// The bytes that go over the cable.
fn bytes_sent<const N: usize>(flash: FakeFlash<N>, model: &[u8]) -> usize {
    let mut sent = 0;
    let (_, done) = send(
        Cable::new(flash, |_, line: Vec<u8>| {
            sent += line.len();
            line
        }),
        model,
    );
    done.unwrap();
    sent
}

#[test]
fn models_take_turns_in_the_two_slots() {
    let (new, old) = models();
    let mut flash = board_with::<TWO>(&old);
    let starts = [&new, &old, &new, &old].map(|model| {
        let (after, sent) = send(Cable::new(std::mem::take(&mut flash), sound), model);
        flash = after;
        sent.unwrap();
        assert_eq!(stored(&flash), Some(&model[..]));
        stored_model(&flash).unwrap().0.start
    });
    assert_eq!(starts, [TWO / 2, 0, TWO / 2, 0]);
}

#[test]
fn a_model_that_is_there_is_not_sent_again() {
    let (new, old) = models();
    let (_, sent) = send(Cable::new(board_with::<TWO>(&new), sound), &new);
    assert_eq!(sent, Ok(new.len()));
    let mut lines = 0;
    let (_, sent) = send(
        Cable::new(board_with::<TWO>(&old), |n, line| {
            lines = n;
            line
        }),
        &new,
    );
    assert_eq!(sent, Ok(128));
    assert!(lines > new.len() / 128);
}

#[test]
fn another_model_of_the_same_length_is_sent() {
    let (old, _) = models();
    let mut new = old.clone();
    // A weight, and the file's checksum with it.
    let (content, crc) = new.split_last_chunk_mut().unwrap();
    content[content.len() / 2] ^= 1;
    *crc = checksum(content).to_le_bytes();
    let (flash, sent) = send(Cable::new(board_with::<TWO>(&old), sound), &new);
    assert_eq!(sent, Ok(128));
    assert_eq!(stored(&flash), Some(&new[..]));
}

#[test]
fn a_cable_pulled_at_any_byte_leaves_the_old_model_and_the_transfer_goes_on_from_there() {
    let (new, old) = models();
    let all = bytes_sent(board_with::<TWO>(&old), &new);
    let mut most_held = 0;
    for bytes in 0..all {
        let mut cable = Cable::new(board_with::<TWO>(&old), sound);
        cable.bytes_left = bytes;
        let (flash, sent) = send(cable, &new);
        assert!(sent.unwrap_err().starts_with("the port is gone"), "{bytes}");
        assert_eq!(stored(&flash), Some(&old[..]), "{bytes}");
        let (flash, sent) = send(Cable::new(flash, sound), &new);
        most_held = most_held.max(sent.unwrap());
        assert_eq!(stored(&flash), Some(&new[..]), "{bytes}");
    }
    assert!(most_held > new.len() - 1024, "only {most_held} of {} are held at most", new.len());
}

#[test]
fn with_room_for_one_model_a_torn_transfer_leaves_none() {
    let (new, old) = models();
    let all = bytes_sent(board_with::<ONE>(&old), &new);
    for bytes in (0..all).step_by(7) {
        let mut cable = Cable::new(board_with::<ONE>(&old), sound);
        cable.bytes_left = bytes;
        let (flash, _) = send(cable, &new);
        assert!([None, Some(&old[..])].contains(&stored(&flash)), "{bytes}");
        let (flash, sent) = send(Cable::new(flash, sound), &new);
        sent.unwrap();
        assert_eq!(stored(&flash), Some(&new[..]), "{bytes}");
    }
}

#[test]
fn power_that_goes_in_the_middle_of_a_write_leaves_one_model_or_the_other() {
    let (new, old) = models();
    for second in [false, true] {
        // Where the new model goes to the first slot, and where to the second.
        let before = |power| {
            let mut flash = board_with::<TWO>(if second { &old } else { &new });
            if !second {
                flash = send(Cable::new(flash, sound), &old).0;
            }
            flash.power = power;
            flash
        };
        let mut power = 0;
        loop {
            let (flash, sent) = send(Cable::new(before(power), sound), &new);
            assert!([Some(&new[..]), Some(&old[..])].contains(&stored(&flash)), "{power}");
            if sent.is_ok() {
                break;
            }
            let (flash, sent) = send(Cable::new(flash, sound), &new);
            sent.unwrap();
            assert_eq!(stored(&flash), Some(&new[..]), "{power}");
            power += 1;
        }
        assert!(power > new.len() / 128);
    }
}

#[test]
fn a_byte_that_is_changed_lost_or_doubled_anywhere_costs_one_frame_more() {
    let (new, old) = models();
    let all = bytes_sent(board_with::<TWO>(&old), &new);
    for kind in 0..3 {
        for place in (0..all).step_by(5) {
            let (mut sent, mut spoiled) = (0, false);
            let fault = |_, mut line: Vec<u8>| {
                if !spoiled && (sent..sent + line.len()).contains(&place) {
                    spoiled = true;
                    let at = place - sent;
                    match kind {
                        0 => line[at] ^= 0x10,
                        1 => drop(line.remove(at)),
                        _ => line.insert(at, line[at]),
                    }
                }
                sent += line.len();
                line
            };
            let (flash, sent) = send(Cable::new(board_with::<TWO>(&old), fault), &new);
            assert!(sent.is_ok(), "{kind} {place}: {sent:?}");
            assert_eq!(stored(&flash), Some(&new[..]), "{kind} {place}");
        }
    }
}

#[test]
fn frames_that_are_lost_repeated_or_out_of_order_change_nothing() {
    let (new, old) = models();
    let lines = new.len() / 128 + 8;
    for place in 0..lines {
        let mut held = Vec::new();
        for kind in 0..3 {
            let fault = |n: usize, line: Vec<u8>| match kind {
                0 if n == place => vec![],
                1 => line.repeat(2),
                2 if n == place => std::mem::replace(&mut held, line),
                2 if n == place + 1 => [line, std::mem::take(&mut held)].concat(),
                _ => line,
            };
            let (flash, sent) = send(Cable::new(board_with::<TWO>(&old), fault), &new);
            assert!(sent.is_ok(), "{kind} {place}: {sent:?}");
            assert_eq!(stored(&flash), Some(&new[..]), "{kind} {place}");
        }
    }
}

#[test]
fn answers_that_are_lost_or_damaged_are_asked_for_again() {
    /// A cable that damages what the board says, at one byte.
    struct Back<P>(P, usize);
    impl<P: Read> Read for Back<P> {
        fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
            let count = self.0.read(buffer)?;
            self.1 = self.1.wrapping_sub(1);
            if self.1 == 0 {
                buffer[0] ^= 1;
            }
            Ok(count)
        }
    }
    impl<P: Write> Write for Back<P> {
        fn write(&mut self, bytes: &[u8]) -> Result<usize> {
            self.0.write(bytes)
        }
        fn flush(&mut self) -> Result<()> {
            self.0.flush()
        }
    }
    let (new, old) = models();
    for place in 1..600 {
        let mut sender = Sender::new(Back(Cable::new(board_with::<TWO>(&old), sound), place));
        let sent = sender.send(&new, |_| {});
        assert!(sent.is_ok(), "{place}: {sent:?}");
        assert_eq!(stored(&sender.into_port().0.into_flash()), Some(&new[..]), "{place}");
    }
}

#[test]
fn what_the_board_can_t_take_is_refused_in_words() {
    let (new, old) = models();
    let refused = |model: &[u8]| {
        let (flash, sent) = send(Cable::new(board_with::<TWO>(&old), sound), model);
        assert_eq!(stored(&flash), Some(&old[..]));
        sent.unwrap_err()
    };
    assert_eq!(
        refused(&vec![1; TWO + 1]),
        "the model takes 8193 bytes of flash, and the board has 8192 for one; train one with a smaller --width or fewer --layers"
    );
    assert!(refused(&[1; 128]).contains("not a Pipsqueak model"));
    let mut damaged = new.clone();
    *damaged.last_mut().unwrap() ^= 1;
    assert!(refused(&damaged).contains("the board refuses the model: "), "{}", refused(&damaged));
    let text = "Once upon a time. ".repeat(100);
    assert!(refused(text.as_bytes()).contains("not a Pipsqueak model"), "{}", refused(text.as_bytes()));
}

#[test]
fn a_board_that_says_nothing_or_has_no_loader_gets_a_sentence() {
    struct Silent(&'static str);
    impl Read for Silent {
        fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
            let (byte, rest) = self.0.as_bytes().split_first().ok_or(Error::from(ErrorKind::TimedOut))?;
            (buffer[0], self.0) = (*byte, str::from_utf8(rest).unwrap());
            Ok(1)
        }
    }
    impl Write for Silent {
        fn write(&mut self, bytes: &[u8]) -> Result<usize> {
            Ok(bytes.len())
        }
        fn flush(&mut self) -> Result<()> {
            Ok(())
        }
    }
    let refused = |said| format!("{:#}", Sender::new(Silent(said)).send(&models().0, |_| {}).unwrap_err());
    assert!(refused("").starts_with("the board does not answer"));
    assert!(refused("Once\nupon a time").starts_with("the board does not answer"));
    assert!(refused("> There is no command :load; :help lists all.\n").contains("has no loader"));
}

/// The sender's refusal on a board with these limits, and the bytes of the file that went over the cable. The old model stays.
fn refused_before(limits: Limits, model: &[u8]) -> (String, usize) {
    let (_, old) = models();
    let mut frames = 0;
    let mut cable = Cable::new(board_with::<TWO>(&old), |_, line: Vec<u8>| {
        frames += usize::from(line.starts_with(&[0xf5]));
        line
    });
    cable.limits = limits;
    let (flash, sent) = send(cable, model);
    assert_eq!(stored(&flash), Some(&old[..]));
    (sent.unwrap_err(), frames)
}

#[test]
fn what_the_board_can_t_run_is_refused_before_it_is_sent() {
    let (new, old) = models();
    let few = Limits { parts: parts::INT4 | parts::TERNARY, ..NO_LIMITS };
    let reason = "the model has weights in int8, which the firmware of the board leaves out; train or export it with --precision int4 or \
                  ternary";
    assert_eq!(refused_before(few, &new), (reason.into(), 0));
    let small = Limits { ram_bytes: 100, ..NO_LIMITS };
    let (reason, frames) = refused_before(small, &new);
    assert!(reason.starts_with("the model takes ") && frames == 0, "{reason}");
    assert!(reason.ends_with(
        " bytes of RAM, and the board has 100 for one; train one with a smaller --width or fewer --layers"
    ));
    // Enough is not refused.
    let (needed, ram_bytes) = pipsqueak::internal::file::needs(&new).unwrap();
    let mut cable = Cable::new(board_with::<TWO>(&old), sound);
    cable.limits = Limits { ram_bytes, parts: needed };
    let (flash, sent) = send(cable, &new);
    assert_eq!((sent, stored(&flash)), (Ok(128), Some(&new[..])));
}

/// A program that does not look at the board's limits, as one before version 3.
#[test]
fn a_board_refuses_by_itself_what_has_no_room_in_its_ram_and_keeps_the_old_model() {
    let (new, old) = models();
    let mut loader = Loader::new(board_with::<TWO>(&old), Limits { ram_bytes: 100, ..NO_LIMITS });
    let mut answers = Answers(VecDeque::new());
    let crc = checksum(&new[..new.len() - 4]).to_le_bytes();
    let data =
        (128..).step_by(128).zip(new[128..].chunks(128)).map(|(at, bytes)| encode(Kind::Data, at, bytes));
    let length = new.len() as u32;
    let frames = [encode(Kind::Begin, length, &crc)].into_iter().chain(data).chain([encode(
        Kind::End,
        length,
        &new[..128],
    )]);
    for byte in frames.flatten() {
        assert_ne!(loader.take(byte, &mut answers), Step::Complete);
    }
    let said = String::from_utf8(answers.0.into()).unwrap();
    let last = said.lines().last().unwrap();
    assert!(
        last.starts_with("nak E 0 never the model needs ") && last.contains("and there are 100"),
        "{last}"
    );
    assert_eq!(stored(&loader.into_flash()), Some(&old[..]));
    let mut loader = Loader::new(FakeFlash::<TWO>::default(), NO_LIMITS);
    let mut answers = Answers(VecDeque::new());
    encode(Kind::Begin, 128, &crc).into_iter().for_each(|byte| _ = loader.take(byte, &mut answers));
    assert!(
        String::from_utf8(answers.0.into()).unwrap().contains("never the file is too short for a model ")
    );
}

/// A port with a board behind it that says these lines, each with its checksum.
struct Says(VecDeque<u8>, Vec<u8>);

impl Says {
    fn new(lines: &[&str]) -> Says {
        let checked =
            lines.iter().flat_map(|line| format!("{line} {:08x}\n", checksum(line.as_bytes())).into_bytes());
        Says(checked.collect(), Vec::new())
    }
}

impl Read for Says {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        buffer[0] = self.0.pop_front().ok_or(Error::from(ErrorKind::TimedOut))?;
        Ok(1)
    }
}

impl Write for Says {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        self.1.extend(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

#[test]
fn a_hostile_or_another_versions_greeting_gets_no_byte_of_the_model() {
    let (new, _) = models();
    let refused = |greeting: &str| {
        let mut sender = Sender::new(Says::new(&[greeting]));
        let refusal = format!("{:#}", sender.send(&new, |_| {}).unwrap_err());
        (refusal, sender.into_port().1.contains(&0xf5))
    };
    for greeting in [
        "ready",
        "ready 3",
        "ready 3 4096 512",
        "ready 3 4096 512 9999",
        "ready 3 4096 512 -1 0",
        "ready 3 4096 512 99999999999999999999 0",
        "ready 3 4096 512 9999 fffffffff",
        "ready 3 4096 512 9999 xyz",
        "ready 3 4096 0 9999 ffffffff",
        "ready 3 99999999999999999999 512 9999 ffffffff",
        "ready 99999999999 4096 512 9999 ffffffff",
    ] {
        let (refusal, has_sent) = refused(greeting);
        assert!(refusal.starts_with("the board does not answer") && !has_sent, "{greeting}: {refusal}");
    }
    for greeting in ["ready 1 4096 512", "ready 4 4096 512 9999 ffffffff ffffffff"] {
        let (refusal, has_sent) = refused(greeting);
        assert!(
            refusal.contains("of the protocol, and this program 3; ") && !has_sent,
            "{greeting}: {refusal}"
        );
    }
    let (refusal, has_sent) = refused("ready 3 4096 512 9999 00000000");
    assert!(refusal.starts_with("the model has weights in int8, which ") && !has_sent, "{refusal}");
    assert!(refusal.ends_with(" --model FILE"), "{refusal}");
    // The version before does not tell what it can run: the file is begun.
    let (refusal, has_sent) = refused("ready 2 4096 512");
    assert!(refusal.starts_with("the board stopped answering") && has_sent, "{refusal}");
}
