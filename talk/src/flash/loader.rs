//! Sends a model to the loader in the firmware, over a serial port.

use std::io::{self, ErrorKind, Read, Write};

use anyhow::{Context, Error, Result, anyhow, bail};
use pipsqueak::internal::file::checksum;

use super::frame::{Answer, Kind, PAYLOAD_BYTES, Sort, encode};
use super::room::Room;

/// Ends whatever the board is doing, and with it a line that was begun.
const CTRL_C: u8 = 0x03;
/// The protocol's version. From 3 on, the board tells what it can run; version 2 is otherwise the same.
const VERSION: u32 = 3;
const BEFORE: u32 = 2;
/// A model file's own checksum, at its end. With it, the CRC-32 of any whole model is the same.
const CHECKSUM_BYTES: usize = 4;
/// How often a frame is sent before the board is given up.
const TRIES: usize = 5;
/// How often the board is asked what it holds, after it has lost its place.
const STARTS: usize = 3;
/// Lines that are read while an answer is waited for: the rest of a text, at most.
const LINES: usize = 10_000;

/// A model's way to the board.
pub struct Loader<P> {
    port: P,
    /// Bytes of a line whose end has not come.
    line: Vec<u8>,
    restarts: bool,
}

/// The outcome of a frame.
enum Outcome {
    /// The file is there up to this offset.
    Done(usize),
    Elsewhere(String),
}

impl<P: Read + Write> Loader<P> {
    /// Takes a port whose reads end with [`ErrorKind::TimedOut`] where nothing comes.
    pub fn new(port: P) -> Self {
        Loader { port, line: Vec::new(), restarts: false }
    }

    /// Whether the board has left a transfer that was begun before, and starts again. Its port then goes and comes back, if it is the
    /// board's own (USB) and no adapter's.
    pub fn board_restarts(&self) -> bool {
        self.restarts
    }

    /// Sends the file `model`, or what the board lacks of it; reports to `progress` how many of its bytes are there. Returns
    /// the bytes that did not have to be sent.
    ///
    /// # Errors
    /// If the board does not answer; if the file is no model, or none for this board, before a byte of it is sent; if the board refuses
    /// it, in its own words.
    pub fn send(&mut self, model: &[u8], progress: impl FnMut(usize)) -> Result<usize> {
        let sent = self.try_to_send(model, progress);
        // A board that has not taken a model waits for the rest of one.
        if !matches!(sent, Ok(held) if held < model.len()) {
            // If the port is gone, the board finds that out by itself.
            let _ = self.write(&[CTRL_C]);
        }
        sent
    }

    fn try_to_send(&mut self, model: &[u8], mut progress: impl FnMut(usize)) -> Result<usize> {
        let mut reason = String::new();
        for _ in 0..STARTS {
            let (room, erase_bytes) = self.start()?;
            room.check("the board", model)?;
            let held = match self.find_place(model, erase_bytes as usize)? {
                Outcome::Done(held) => held,
                Outcome::Elsewhere(why) => {
                    reason = why;
                    continue;
                }
            };
            progress(held);
            match self.send_from(model, held, &mut progress)? {
                Outcome::Done(_) => return Ok(held),
                Outcome::Elsewhere(why) => reason = why,
            }
        }
        bail!("the board refuses the transfer: {reason}")
    }

    /// The port, for talking on.
    pub fn into_port(self) -> P {
        self.port
    }

    /// Starts the loader; returns its room and what it erases together, in bytes.
    fn start(&mut self) -> Result<(Room, u64)> {
        for _ in 0..TRIES {
            self.write(&[CTRL_C])?;
            self.write(b":load\n")?;
            self.restarts = false;
            for _ in 0..LINES {
                let Some(line) = self.read_line()? else { break };
                match Answer::parse(&line) {
                    Some(Answer::Ready { version: BEFORE | VERSION, room, erase_bytes }) => {
                        self.restarts = false;
                        return Ok((room, erase_bytes));
                    }
                    Some(Answer::Ready { version, .. }) => {
                        bail!(
                            "the board speaks version {version} of the protocol, and this program {VERSION}; flash firmware and model of this release"
                        )
                    }
                    // The board was in the midst of a transfer, starts again, and has not heard of the next.
                    _ if line.contains("The transfer is over: ") => self.restarts = true,
                    _ if self.restarts && line.contains("pipsqueak on ") => break,
                    _ if line.contains("There is no command :load") => {
                        bail!(
                            "the firmware on the board has no loader; flash firmware and model, without --model-only"
                        )
                    }
                    _ => {}
                }
            }
        }
        bail!("the board does not answer; check the cable and the port, and reset the board")
    }

    /// Announces the file; returns how many of its bytes the board holds already.
    fn find_place(&mut self, model: &[u8], erase_bytes: usize) -> Result<Outcome> {
        let crc = checksum(&model[..model.len().saturating_sub(CHECKSUM_BYTES)]).to_le_bytes();
        let begun = match self.ask(Kind::Begin, model.len(), &crc)? {
            Outcome::Done(offset) => offset,
            refused => return Ok(refused),
        };
        if begun == model.len() {
            return Ok(Outcome::Done(begun));
        }
        // The most whole units of which the board holds all.
        let (mut held, mut lacking) = (0, model.len().div_ceil(erase_bytes));
        while lacking - held > 1 {
            let units = held.midpoint(lacking);
            let end = units * erase_bytes;
            match self.ask(Kind::Check, end, &checksum(&model[PAYLOAD_BYTES.min(end)..end]).to_le_bytes())? {
                Outcome::Done(_) => held = units,
                Outcome::Elsewhere(_) => lacking = units,
            }
        }
        Ok(Outcome::Done(if held > 0 { held * erase_bytes } else { begun }))
    }

    fn send_from(&mut self, model: &[u8], held: usize, progress: &mut impl FnMut(usize)) -> Result<Outcome> {
        if held == model.len() {
            return Ok(Outcome::Done(held));
        }
        let mut offset = held;
        for payload in model[held..].chunks(PAYLOAD_BYTES) {
            match self.ask(Kind::Data, offset, payload)? {
                Outcome::Done(_) => offset += payload.len(),
                refused => return Ok(refused),
            }
            progress(offset);
        }
        self.ask(Kind::End, offset, &model[..PAYLOAD_BYTES])
    }

    /// Sends a frame until the board has understood it.
    fn ask(&mut self, kind: Kind, offset: usize, payload: &[u8]) -> Result<Outcome> {
        let frame = encode(kind, u32::try_from(offset).context("the file is too long")?, payload);
        let end = if kind == Kind::Data { offset + payload.len() } else { offset };
        for _ in 0..TRIES {
            self.write(&frame)?;
            for _ in 0..LINES {
                let Some(line) = self.read_line()? else { break };
                match Answer::parse(&line) {
                    // An answer to the frame before may still come, if that was sent twice.
                    Some(Answer::Done { kind: answered, offset: done })
                        if answered == kind.letter() && (kind == Kind::Begin || done as usize == end) =>
                    {
                        return Ok(Outcome::Done(done as usize));
                    }
                    Some(Answer::Refused { sort: Sort::Again, .. }) => break,
                    Some(Answer::Refused { kind: refused, sort, reason }) if refused == kind.letter() => {
                        match sort {
                            Sort::Never => bail!("the board refuses the model: {reason}"),
                            _ => return Ok(Outcome::Elsewhere(reason)),
                        }
                    }
                    // The prompt's words for a frame: the board has been reset, or has the model and its answer was lost.
                    None if line.contains("That line is not UTF-8") => {
                        return Ok(Outcome::Elsewhere("it has left the loader".into()));
                    }
                    _ => {}
                }
            }
        }
        bail!("the board stopped answering; run the same command again, and it goes on from there")
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.port.write_all(bytes).and_then(|()| self.port.flush()).map_err(|error| gone(&error))
    }

    /// The next line; none if nothing comes.
    fn read_line(&mut self) -> Result<Option<String>> {
        let mut byte = [0];
        loop {
            match self.port.read(&mut byte) {
                Ok(1..) if byte == *b"\n" => {
                    let line = std::mem::take(&mut self.line);
                    return Ok(Some(String::from_utf8_lossy(&line).trim_end().into()));
                }
                // A line that has no end is no answer.
                Ok(1..) if self.line.len() < 1024 => self.line.push(byte[0]),
                Ok(1..) => self.line.clear(),
                Err(error) if matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::WouldBlock) => {
                    return Ok(None);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Ok(0) => return Err(gone(&ErrorKind::UnexpectedEof.into())),
                Err(error) => return Err(gone(&error)),
            }
        }
    }
}

/// The error in words, and not as the cause: a broken pipe at a port is no reader of our output that has heard enough.
fn gone(error: &io::Error) -> Error {
    anyhow!("the port is gone; plug the board in and run the same command again: {error}")
}
