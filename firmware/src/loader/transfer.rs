//! A file on its way into flash, frame by frame.
//!
//! The file's first 128 bytes come last: until they are written, nothing takes the rest for a model. What flash holds already
//! is asked for by its checksum, so a transfer goes on where it was broken off, also after the board was without power.

use pipsqueak::internal::file::{CRC, checksum};
use pipsqueak::{Error, Model};

use super::Limits;
use super::frame::{Frame, PAYLOAD_BYTES};
use crate::model_flash::{FlashFailed, ModelFlash, Slot, second_slot, stored_model};
use crate::{Put, Show};

/// The kinds of frames.
pub(super) const BEGIN: u8 = b'B';
pub(super) const CHECK: u8 = b'C';
pub(super) const DATA: u8 = b'D';
pub(super) const END: u8 = b'E';

/// The part of a file that is written last.
const HEADER_BYTES: usize = PAYLOAD_BYTES;
/// The file's own checksum, at its end. The one that is announced leaves it out: with it, the CRC-32 of any whole model is the same.
const CHECKSUM_BYTES: usize = 4;
const ERASED: u8 = 0xff;

/// Why a frame is not obeyed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Damaged,
    NotBegun,
    TooShort,
    TooLong { bytes: usize, room: usize },
    OutOfOrder,
    Differs,
    FlashFailed,
    NoModel(Error),
}

impl From<FlashFailed> for Refusal {
    fn from(_: FlashFailed) -> Refusal {
        Refusal::FlashFailed
    }
}

impl Show for Refusal {
    fn show(&self, out: &mut impl Put) {
        match self {
            Refusal::Damaged => out.put("the frame is damaged"),
            Refusal::NotBegun => out.put("no file has been begun"),
            Refusal::TooShort => out.put("the file is too short for a model"),
            Refusal::TooLong { bytes, room } => {
                out.put("the file has ").put(*bytes).put(" bytes, and there is room for ").put(*room)
            }
            Refusal::OutOfOrder => out.put("the frame is not the next one"),
            Refusal::Differs => out.put("flash holds other bytes than the file"),
            Refusal::FlashFailed => out.put("the flash does not hold what is written to it"),
            Refusal::NoModel(error) => out.put(error),
        };
    }
}

/// The transfer of a file.
pub(super) struct Transfer<F> {
    pub(super) flash: F,
    pub(super) limits: Limits,
    file: Option<File>,
}

/// A file that has been begun.
#[derive(Clone, Copy)]
struct File {
    slot: Slot,
    crc: u32,
    /// Bytes that are in flash, the header counted though it is not.
    next: usize,
}

impl<F: ModelFlash> Transfer<F> {
    pub(super) fn new(flash: F, limits: Limits) -> Transfer<F> {
        Transfer { flash, limits, file: None }
    }

    /// The offset that the next frame is to have.
    pub(super) fn next(&self) -> usize {
        self.file.map_or(0, |file| file.next)
    }

    /// Does what a frame says; returns the offset up to which the file is there.
    pub(super) fn obey(&mut self, frame: Option<Frame<'_>>) -> Result<usize, Refusal> {
        let Frame { kind, offset, payload } = frame.ok_or(Refusal::Damaged)?;
        let offset = offset as usize;
        match (kind, self.file) {
            (BEGIN, _) => self.begin(offset, crc_in(payload)?),
            (CHECK, Some(file)) => self.check(file, offset, crc_in(payload)?),
            (DATA, Some(file)) => self.store(file, offset, payload),
            (END, Some(file)) => self.end(file, payload),
            (CHECK | DATA | END, None) => Err(Refusal::NotBegun),
            _ => Err(Refusal::Damaged),
        }
    }

    /// Chooses the place for a file of so many bytes. If the very file is there, there is nothing left to send.
    fn begin(&mut self, bytes: usize, crc: u32) -> Result<usize, Refusal> {
        self.file = None;
        let room = self.flash.bytes().len();
        if bytes <= HEADER_BYTES {
            return Err(Refusal::TooShort);
        }
        if bytes > room {
            return Err(Refusal::TooLong { bytes, room });
        }
        let in_use = stored_model(&self.flash).ok().map(|(slot, _)| slot);
        if let Some(old) = in_use.filter(|old| old.bytes == bytes)
            && self
                .flash
                .bytes()
                .get(old.start..)
                .and_then(|file| file.get(..bytes - CHECKSUM_BYTES))
                .map(checksum)
                == Some(crc)
        {
            return Ok(bytes);
        }
        let slot = Slot { start: self.place(bytes, in_use), bytes };
        self.file = Some(File { slot, crc, next: HEADER_BYTES });
        Ok(HEADER_BYTES)
    }

    /// The slot that the model in use leaves free; the whole region where either model is too long for a slot.
    fn place(&self, bytes: usize, in_use: Option<Slot>) -> usize {
        let second = second_slot::<F>(self.flash.bytes().len());
        match in_use {
            Some(old) if old.start == 0 && old.bytes.max(bytes) <= second => second,
            _ => 0,
        }
    }

    /// Goes on from `offset` if flash holds the file up to there but for its header, whose bytes `crc` leaves out.
    fn check(&mut self, file: File, offset: usize, crc: u32) -> Result<usize, Refusal> {
        let held = self.flash.bytes().get(file.slot.start..).unwrap_or_default();
        let (header, body) = held.split_at_checked(HEADER_BYTES).ok_or(Refusal::OutOfOrder)?;
        let is_boundary = offset.is_multiple_of(F::ERASE_BYTES) && offset < file.slot.bytes;
        let body_bytes =
            offset.checked_sub(HEADER_BYTES).filter(|_| is_boundary).ok_or(Refusal::OutOfOrder)?;
        let body = body.get(..body_bytes).ok_or(Refusal::OutOfOrder)?;
        let is_erased = header.iter().all(|byte| *byte == ERASED);
        if !is_erased || checksum(body) != crc {
            return Err(Refusal::Differs);
        }
        self.file = Some(File { next: offset, ..file });
        Ok(offset)
    }

    /// Refuses a model that takes more RAM than there is.
    fn check_ram(&self, model: &Model<'_>) -> Result<(), Error> {
        let (needs, has) = (model.config().memory_bytes(model.precision()), self.limits.ram_bytes);
        if needs <= has { Ok(()) } else { Err(Error::MemoryTooSmall { needs, has }) }
    }

    /// Writes the next bytes; those that have been written already are not written again.
    fn store(&mut self, file: File, offset: usize, bytes: &[u8]) -> Result<usize, Refusal> {
        let end = offset.saturating_add(bytes.len());
        if end <= file.next {
            return Ok(end);
        }
        let wanted = PAYLOAD_BYTES.min(file.slot.bytes.saturating_sub(offset));
        if offset != file.next || bytes.len() != wanted {
            return Err(Refusal::OutOfOrder);
        }
        let place = file.slot.start.saturating_add(offset);
        if offset == HEADER_BYTES {
            self.flash.erase(file.slot.start)?;
        }
        if place.is_multiple_of(F::ERASE_BYTES) {
            self.flash.erase(place)?;
        }
        self.write(place, bytes)?;
        self.file = Some(File { next: end, ..file });
        Ok(end)
    }

    /// Writes bytes, filled up to a whole frame, and reads them back.
    fn write(&mut self, place: usize, bytes: &[u8]) -> Result<(), Refusal> {
        let mut filled = [ERASED; PAYLOAD_BYTES];
        filled.iter_mut().zip(bytes).for_each(|(to, byte)| *to = *byte);
        // The rest of the region may be no whole frame.
        let count = bytes.len().next_multiple_of(F::WRITE_BYTES);
        self.flash.write(place, filled.get(..count).unwrap_or_default())?;
        let held = self.flash.bytes().get(place..).and_then(|held| held.get(..bytes.len()));
        if held == Some(bytes) { Ok(()) } else { Err(Refusal::FlashFailed) }
    }

    /// Writes the header, which makes a model of the rest, and then gives up the model before.
    fn end(&mut self, file: File, header: &[u8]) -> Result<usize, Refusal> {
        let Slot { start, bytes } = file.slot;
        if file.next != bytes || header.len() != HEADER_BYTES {
            return Err(Refusal::OutOfOrder);
        }
        let body =
            self.flash.bytes().get(start..).and_then(|slot| slot.get(HEADER_BYTES..bytes - CHECKSUM_BYTES));
        let mut crc = CRC.digest();
        crc.update(header);
        crc.update(body.unwrap_or_default());
        if crc.finalize() != file.crc {
            return Err(Refusal::Differs);
        }
        self.write(start, header)?;
        let slot = self.flash.bytes().get(start..).unwrap_or_default();
        if let Err(error) = Model::load(slot).and_then(|model| self.check_ram(&model)) {
            self.file = None;
            self.flash.erase(start)?;
            return Err(Refusal::NoModel(error));
        }
        if start != 0 {
            self.flash.erase(0)?;
        }
        self.file = None;
        Ok(bytes)
    }
}

fn crc_in(payload: &[u8]) -> Result<u32, Refusal> {
    payload.try_into().map(u32::from_le_bytes).map_err(|_| Refusal::Damaged)
}
