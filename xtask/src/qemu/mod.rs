//! Booting an image in QEMU and talking to its serial port.

#[cfg(unix)]
mod pty;
mod session;

use std::io::{ErrorKind, Read};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};

pub use self::session::Session;
use crate::board::{Board, Emulator as Kind};
use crate::image::Layout;
use crate::packages::{self, Consent, Manager};
use crate::python::{self, Environment};
use crate::{esp32c3, node, paths, process};

/// How often a starting QEMU is looked at.
const GLANCE: Duration = Duration::from_millis(5);

/// Where Unicorn is.
const UNICORN: Environment = Environment { name: "unicorn-venv", module: "unicorn" };
/// The version whose behaviour `xtask/unicorn` is written for.
const UNICORN_PACKAGE: &str = "unicorn==2.1.4";

/// Makes sure that the emulator of `board` is there.
pub fn find_or_install(board: Board, consent: Consent) -> Result<()> {
    match board.emulator() {
        Kind::Rp2040js => {
            node::find_or_install(consent)?;
            return node::install_packages(&paths::rp2040js());
        }
        Kind::Unicorn => return UNICORN.find_or_install(&[UNICORN_PACKAGE], consent).map(drop),
        Kind::Own => return Ok(()),
        Kind::Qemu(..) => {}
    }
    let (name, _) = machine(board)?;
    if program(name).is_some() {
        return Ok(());
    }
    let Some(manager) = Manager::find() else {
        bail!("{name} is missing; install QEMU from https://www.qemu.org/download");
    };
    packages::install("QEMU", manager, &[manager.qemu(name)], consent)?;
    if program(name).is_none() {
        bail!("{name} is still missing; install QEMU from https://www.qemu.org/download");
    }
    Ok(())
}

/// Whether the emulator of boards whose registers are modelled is there.
pub fn has_unicorn() -> bool {
    UNICORN.find().is_some()
}

/// Runs the tests of the models of registers.
///
/// # Errors
/// If Unicorn is missing.
pub fn check_models() -> Result<Output> {
    let python = UNICORN.find().context("Unicorn is missing; run: cargo xtask setup --board black-pill")?;
    process::output(python::command(&python).args(["-m", "unittest"]).current_dir(paths::unicorn()))
}

/// QEMU's program for `board`, and the arguments that choose the machine.
fn machine(board: Board) -> Result<(&'static str, &'static [&'static str])> {
    match board.emulator() {
        Kind::Qemu(program, machine) => Ok((program, machine)),
        Kind::Rp2040js | Kind::Unicorn | Kind::Own => bail!("{} does not run in QEMU", board.name()),
    }
}

/// QEMU's program as it is started: by its name from the PATH, or by its file where the installer for Windows puts it,
/// which leaves the PATH alone.
fn program(name: &str) -> Option<PathBuf> {
    if process::exists(name) {
        return Some(name.into());
    }
    let folders = ["ProgramFiles", "ProgramW6432"].into_iter().filter_map(std::env::var_os);
    process::find_in(folders.map(|folder| Path::new(&folder).join("qemu")), name)
}

/// The machine and image for QEMU to boot.
pub(crate) struct Boot<'b> {
    pub(crate) board: Board,
    pub(crate) image: &'b Path,
    /// A model to put in flash, where the image looks for it.
    pub(crate) model: Option<&'b Path>,
    /// Where the second serial port is listened to.
    pub(crate) log: Option<SocketAddr>,
    /// Which of a Pico's serial ports is at this end.
    pub(crate) port: Port,
    /// Whether QEMU is kept out of the reach of the terminal's Ctrl-C.
    pub(crate) apart: bool,
}

/// A serial port of a board in rp2040js.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Port {
    /// UART0.
    Uart,
    /// The USB socket.
    Usb,
    /// The USB socket, from which the cable is pulled out and plugged in.
    UsbCable,
    /// UART0, while a program at the USB socket has the port open and reads nothing.
    UartBesideUsb,
}

impl Port {
    /// As the emulator's script spells it.
    const fn name(self) -> &'static str {
        match self {
            Port::Uart => "uart",
            Port::Usb => "usb",
            Port::UsbCable => "usb-cable",
            Port::UartBesideUsb => "uart-beside-usb",
        }
    }
}

impl<'b> Boot<'b> {
    pub(crate) fn new(board: Board, image: &'b Path) -> Boot<'b> {
        Boot { board, image, model: None, log: None, port: Port::Uart, apart: false }
    }

    /// The emulator, whose serial port is a connection to `address`.
    fn connected(&self, address: SocketAddr) -> Result<Command> {
        let image = std::path::absolute(self.image)?;
        let port = address.port().to_string();
        let mut command = match self.board.emulator() {
            Kind::Rp2040js => {
                let mut command = node::script(&paths::rp2040js(), "emulator.cjs");
                command.arg(image).args([self.port.name(), &port]);
                command
            }
            Kind::Unicorn => {
                let python = UNICORN.find();
                let python = python.with_context(|| {
                    format!("Unicorn is missing; run: cargo xtask setup --board {}", self.board.name())
                })?;
                let mut command = python::command(&python);
                command.arg(paths::unicorn().join("emulator.py"));
                command.arg(self.board.name()).arg(image).arg(port);
                command
            }
            Kind::Qemu(..) | Kind::Own => return self.command(&connection(address)),
        };
        if let Some(model) = self.model {
            let place = Layout::read(self.image)?.model.start;
            command.arg(std::path::absolute(model)?).arg(place.to_string());
        }
        if self.apart {
            process::set_apart(&mut command);
        }
        Ok(command)
    }

    /// Starts our own emulator in a thread, whose serial port is a connection to the listener.
    fn run_here(&self, listener: &TcpListener) -> Result<Emulator> {
        let model = match self.model {
            Some(model) => Some((model, Layout::read(self.image)?.model.start)),
            None => None,
        };
        let flash = esp32c3::flash(self.image, model)?;
        let port = TcpStream::connect(listener.local_addr()?)?;
        let (serial, _) = listener.accept()?;
        port.set_nodelay(true)?;
        serial.set_nodelay(true)?;
        std::thread::spawn(move || {
            if let Err(error) = esp32c3::run(flash, &port) {
                eprintln!("The emulated ESP32-C3 stopped: {error:#}.");
            }
        });
        Ok(Emulator { qemu: None, serial })
    }

    /// QEMU, whose serial port is its device `serial`. One instruction takes a nanosecond of the board's time.
    fn command(&self, serial: &str) -> Result<Command> {
        let (name, machine) = machine(self.board)?;
        let mut command = Command::new(program(name).unwrap_or_else(|| name.into()));
        command
            .args(machine)
            .args(["-display", "none", "-monitor", "none"])
            .args(["-icount", "shift=0", "-semihosting-config", "enable=on,target=native"])
            .arg("-kernel")
            .arg(self.image);
        let log = self.log.map_or("null".into(), connection);
        command.args(["-serial", serial, "-serial", &log]);
        if let Some(model) = self.model {
            let address = Layout::read(self.image)?.model.start;
            // A comma in QEMU's lists is typed twice.
            let file = model.display().to_string().replace(',', ",,");
            command.args(["-device", &format!("loader,file={file},addr={address:#x},force-raw=on")]);
        }
        if self.apart {
            process::set_apart(&mut command);
        }
        Ok(command)
    }
}

/// The serial device that connects to an address.
fn connection(address: SocketAddr) -> String {
    format!("tcp:{address},nodelay=on")
}

/// Boots an image, its serial port a pseudo-terminal that other programs open, until it ends or Ctrl-C ends it.
#[cfg(unix)]
pub(crate) fn serve(boot: &Boot) -> Result<()> {
    match boot.board.emulator() {
        Kind::Own => bail!(
            "{}'s emulator has its serial port in this terminal only; leave out --pty.",
            boot.board.name()
        ),
        Kind::Rp2040js | Kind::Unicorn => return pty::serve(boot),
        Kind::Qemu(..) => {}
    }
    eprintln!("QEMU names the port; talk to it with: pipsqueak chat --port PORT. Ctrl-C ends it.");
    let mut command = boot.command("pty")?;
    let status = command.stdin(Stdio::null()).status();
    let status = status.context("QEMU can't be started; run: cargo xtask setup")?;
    if !status.success() {
        bail!("QEMU has ended ({status}), and the board with it.");
    }
    Ok(())
}

/// Windows has no pseudo-terminals.
#[cfg(not(unix))]
pub(crate) fn serve(_boot: &Boot) -> Result<()> {
    bail!("Windows has no pseudo-terminals; leave --pty out.")
}

/// A running emulator and this program's end of the board's serial port. Dropping it ends the emulator.
pub(crate) struct Emulator {
    /// None for one that is a thread of this program's, which ends when nobody has the port.
    qemu: Option<Child>,
    serial: TcpStream,
}

impl Emulator {
    /// Starts QEMU. The board's serial port is a connection of its own, so that QEMU never touches the terminal that
    /// this program runs in.
    pub(crate) fn start(boot: &Boot) -> Result<Emulator> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        if boot.board.emulator() == Kind::Own {
            return boot.run_here(&listener);
        }
        let mut command = boot.connected(listener.local_addr()?)?;
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let started = command.spawn();
        let mut qemu = started.with_context(|| {
            format!("`{}` can't be started; run: cargo xtask setup", process::shown(&command))
        })?;
        match accept(&listener, &mut qemu) {
            Ok(serial) => Ok(Emulator { qemu: Some(qemu), serial }),
            Err(error) => {
                end(&mut qemu);
                Err(error)
            }
        }
    }

    /// Another handle of the serial port.
    pub(crate) fn serial(&self) -> Result<TcpStream> {
        Ok(self.serial.try_clone()?)
    }

    /// Waits until the emulator has ended by itself.
    pub(crate) fn wait(&mut self) -> Result<ExitStatus> {
        let qemu = self.qemu.as_mut().context("The board has stopped; what was printed last says why.")?;
        Ok(qemu.wait()?)
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        match &mut self.qemu {
            Some(qemu) => end(qemu),
            // Fails only if it has ended.
            None => _ = self.serial.shutdown(Shutdown::Both),
        }
    }
}

/// Runs an image that prints through the debugger (semihosting) until it ends by itself; returns whether it succeeded,
/// and what it printed.
pub fn run(board: Board, image: &Path, patience: Duration) -> Result<(bool, String)> {
    let mut command = Boot::new(board, image).command("null")?;
    let mut qemu = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let mut output = qemu.stdout.take().context("QEMU has no output")?;
    let reader = std::thread::spawn(move || {
        let mut text = Vec::new();
        output.read_to_end(&mut text).map(|_| String::from_utf8_lossy(&text).into_owned())
    });
    let deadline = Instant::now() + patience;
    while qemu.try_wait()?.is_none() {
        if Instant::now() > deadline {
            end(&mut qemu);
        }
        std::thread::sleep(GLANCE);
    }
    let text = reader.join().map_err(|_| anyhow!("QEMU's output can't be read"))??;
    Ok((qemu.wait()?.success(), text))
}

fn end(qemu: &mut Child) {
    // Fails only if it has ended.
    let _ = qemu.kill();
    let _ = qemu.wait();
}

/// Waits for QEMU to connect, as long as it runs.
fn accept(listener: &TcpListener, qemu: &mut Child) -> Result<TcpStream> {
    listener.set_nonblocking(true)?;
    loop {
        match listener.accept() {
            Ok((serial, _)) => {
                serial.set_nonblocking(false)?;
                serial.set_nodelay(true)?;
                return Ok(serial);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::sleep(GLANCE),
            Err(error) => return Err(error.into()),
        }
        if let Some(status) = qemu.try_wait()? {
            bail!("The emulator ended before it had started the board ({status}); what it printed says why.");
        }
    }
}
