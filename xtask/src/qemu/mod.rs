//! Booting an image in QEMU and talking to its serial port.

use std::io::{BufRead, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::board::Board;
use crate::log::Log;
use crate::packages::{self, Consent, Manager};
use crate::process;

/// Where a model lies that is not linked in, from the beginning of flash; as in `firmware/memory/`.
const MODEL_OFFSET: u32 = 1 << 20;

/// Makes sure that QEMU is there for `board`.
pub fn find_or_install(board: Board, consent: Consent) -> Result<()> {
    let program = board.qemu_program();
    if process::exists(program) {
        return Ok(());
    }
    let Some(manager) = Manager::find() else {
        bail!("{program} is missing; install QEMU from https://www.qemu.org/download");
    };
    packages::install("QEMU", manager, &[manager.qemu(program)], consent)?;
    if !process::exists(program) {
        bail!("{program} is still missing; install QEMU from https://www.qemu.org/download");
    }
    Ok(())
}

/// QEMU with `image`, its first serial port on stdin and stdout. An instruction takes a nanosecond of the board's time.
pub fn command(board: Board, image: &Path) -> Command {
    let mut command = Command::new(board.qemu_program());
    command
        .args(board.qemu_machine())
        .args(["-display", "none", "-monitor", "none", "-serial", "stdio"])
        .args(["-icount", "shift=0", "-semihosting-config", "enable=on,target=native"])
        .arg("-kernel")
        .arg(image);
    command
}

fn spawn(mut command: Command) -> Result<Child> {
    let shown = process::shown(&command);
    command.spawn().with_context(|| format!("`{shown}` can't be started; run: cargo xtask setup"))
}

/// Boots `image` on this terminal until it ends: `:quit`, the end of the input, or Ctrl-C. With `log`, prints the
/// image's defmt log to stderr.
pub fn interact(board: Board, image: &Path, log: bool) -> Result<()> {
    let mut command = command(board, image);
    let log = if log { Some(listen(&mut command, image)?) } else { None };
    let mut child = spawn_with_input(command)?;
    let serial = child.stdin.take().context("QEMU has no input")?;
    // Reading the terminal can't be broken off, so this thread ends with the program.
    std::thread::spawn(move || type_lines(serial));
    let status = child.wait()?;
    log.map(Log::finish).transpose()?;
    if !status.success() {
        bail!("The board ended with a failure ({status}); what it printed last says why.");
    }
    Ok(())
}

fn spawn_with_input(mut command: Command) -> Result<Child> {
    command.stdin(Stdio::piped());
    spawn(command)
}

fn listen(command: &mut Command, image: &Path) -> Result<Log> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    command.args(["-serial", &format!("tcp:{}", listener.local_addr()?)]);
    Log::start(listener, image)
}

/// Passes lines from this terminal on; types `:quit` at their end.
fn type_lines(mut serial: ChildStdin) {
    let mut input = std::io::stdin().lock();
    let mut line = Vec::new();
    while input.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
        if serial.write_all(&line).and_then(|()| serial.flush()).is_err() {
            return;
        }
        line.clear();
    }
    // The board may have ended by itself.
    let _ = serial.write_all(b"\n:quit\n").and_then(|()| serial.flush());
    // Keeps the port open until the board has read it all.
    std::thread::park();
}

/// A board running in QEMU, its serial port at this program's end. Dropping it ends QEMU.
pub struct Session {
    child: Child,
    input: ChildStdin,
    output: Receiver<Vec<u8>>,
    /// What has come from the board and has not been read.
    unread: Vec<u8>,
}

impl Session {
    /// Boots `image`.
    pub fn boot(board: Board, image: &Path) -> Result<Session> {
        Session::start(command(board, image))
    }

    /// Boots `image` with the file `model` in flash, `MODEL_OFFSET` behind its beginning.
    pub fn boot_with_model(board: Board, image: &Path, model: &Path) -> Result<Session> {
        let address = board.flash() + MODEL_OFFSET;
        // A comma in QEMU's lists is typed twice.
        let file = model.display().to_string().replace(',', ",,");
        let mut command = command(board, image);
        command.args(["-device", &format!("loader,file={file},addr={address:#x},force-raw=on")]);
        Session::start(command)
    }

    fn start(mut command: Command) -> Result<Session> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = spawn(command)?;
        let input = child.stdin.take().context("QEMU has no input")?;
        let output = receive(child.stdout.take().context("QEMU has no output")?);
        Ok(Session { child, input, output, unread: Vec::new() })
    }

    /// Types bytes.
    pub fn send(&mut self, bytes: &[u8]) -> Result<()> {
        let sent = self.input.write_all(bytes).and_then(|()| self.input.flush());
        sent.context("The board's serial port is closed")
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
                return Ok(self.take(start + wanted.len()));
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
        let status = self.child.wait()?;
        let text = self.take(self.unread.len());
        Ok((status.code().unwrap_or(-1), text))
    }

    fn take(&mut self, count: usize) -> String {
        let taken: Vec<u8> = self.unread.drain(..count).collect();
        String::from_utf8_lossy(&taken).into_owned()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // Fails only if it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
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
