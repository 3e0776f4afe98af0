//! A board that a program talks to.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::{Boot, Emulator, Port};
use crate::board::Board;

/// How long a read of the port waits, at most.
const SILENCE: Duration = Duration::from_secs(10);

/// A board running in QEMU, its serial port at this program's end. Dropping it ends QEMU.
pub struct Session {
    emulator: Emulator,
    input: TcpStream,
    output: Receiver<Vec<u8>>,
    /// Bytes that have come from the board and have not been read.
    unread: Vec<u8>,
}

impl Session {
    /// Boots `image`.
    pub fn boot(board: Board, image: &Path) -> Result<Session> {
        Session::start(&Boot::new(board, image))
    }

    /// Boots `image` with the file `model` in flash, where the image looks for it.
    pub fn boot_with_model(board: Board, image: &Path, model: &Path) -> Result<Session> {
        Session::start(&Boot { model: Some(model), ..Boot::new(board, image) })
    }

    /// Boots `image` in rp2040js with this one of the board's ports at this end.
    pub fn boot_at(board: Board, image: &Path, port: Port) -> Result<Session> {
        Session::start(&Boot { port, ..Boot::new(board, image) })
    }

    fn start(boot: &Boot) -> Result<Session> {
        let emulator = Emulator::start(boot)?;
        let (input, output) = (emulator.serial()?, receive(emulator.serial()?));
        Ok(Session { emulator, input, output, unread: Vec::new() })
    }

    /// Types bytes.
    pub fn send(&mut self, bytes: &[u8]) -> Result<()> {
        self.input.write_all(bytes).context("The board's serial port is closed")
    }

    /// Types a line and Enter.
    pub fn send_line(&mut self, line: &str) -> Result<()> {
        self.send(format!("{line}\n").as_bytes())
    }

    /// Waits until `wanted` has come; returns all that came since the last call, `wanted` at its end.
    pub fn read_until(&mut self, wanted: &str, timeout: Duration) -> Result<String> {
        let deadline = Instant::now() + timeout;
        loop {
            if let Some(start) = find(&self.unread, wanted.as_bytes()) {
                return Ok(self.take_text(start + wanted.len()));
            }
            let patience = deadline.saturating_duration_since(Instant::now());
            match self.output.recv_timeout(patience) {
                Ok(bytes) => self.unread.extend(bytes),
                Err(RecvTimeoutError::Timeout) => bail!(
                    "The board has not printed {wanted:?} within {} s; it printed {:?}.",
                    timeout.as_secs_f32(),
                    String::from_utf8_lossy(&self.unread)
                ),
                Err(RecvTimeoutError::Disconnected) => bail!(
                    "The board ended before it printed {wanted:?}; it printed {:?}.",
                    String::from_utf8_lossy(&self.unread)
                ),
            }
        }
    }

    /// Waits until anything has come, and returns it.
    pub fn read_some(&mut self, timeout: Duration) -> Result<String> {
        if self.unread.is_empty() {
            self.unread = self.output.recv_timeout(timeout).context("The board prints nothing")?;
        }
        Ok(self.take_text(self.unread.len()))
    }

    /// Waits for the board to end by itself; returns its exit code, and what it printed last.
    pub fn wait(mut self, timeout: Duration) -> Result<(i32, String)> {
        let deadline = Instant::now() + timeout;
        loop {
            match self.output.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(bytes) => self.unread.extend(bytes),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    bail!("The board has not ended within {} s.", timeout.as_secs_f32())
                }
            }
        }
        let status = self.emulator.wait()?;
        let text = self.take_text(self.unread.len());
        Ok((status.code().unwrap_or(-1), text))
    }

    fn take_text(&mut self, count: usize) -> String {
        let taken: Vec<u8> = self.unread.drain(..count).collect();
        String::from_utf8_lossy(&taken).into_owned()
    }
}

/// A port as programs have it that talk to real ones: a read that waits in vain for [`SILENCE`] times out.
impl Read for Session {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.unread.is_empty() {
            match self.output.recv_timeout(SILENCE) {
                Ok(bytes) => self.unread = bytes,
                Err(RecvTimeoutError::Timeout) => return Err(io::ErrorKind::TimedOut.into()),
                Err(RecvTimeoutError::Disconnected) => return Ok(0),
            }
        }
        let count = buffer.len().min(self.unread.len());
        buffer.iter_mut().zip(self.unread.drain(..count)).for_each(|(to, from)| *to = from);
        Ok(count)
    }
}

impl Write for Session {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.input.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.input.flush()
    }
}

fn receive(mut output: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = output.read(&mut buffer) {
            if sender.send(buffer[..count].to_vec()).is_err() {
                return;
            }
        }
    });
    receiver
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}
