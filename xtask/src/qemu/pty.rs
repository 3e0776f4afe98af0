//! A board of an emulator that knows no pseudo-terminals, at one that other programs open.

use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use anyhow::{Context, Result};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::pty::openpty;
use nix::sys::termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr};
use nix::unistd::ttyname;

use super::{Boot, Port, accept};
use crate::{paths, process};

/// Boots an image until it ends or Ctrl-C ends it. Each connection of the emulator's is a port, which is gone when the connection ends.
pub(super) fn serve(boot: &Boot) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut command = boot.connected(listener.local_addr()?)?;
    let emulator = command.spawn();
    let mut emulator = emulator.with_context(|| {
        format!("`{}` can't be started; run: cargo xtask setup", process::shown(&command))
    })?;
    let name = name(boot)?;
    eprintln!("Talk to the board with: pipsqueak chat --port {}", name.display());
    if boot.port == Port::UsbCable {
        eprintln!("Enter pulls the cable out, and plugs it in again.");
    }
    eprintln!("Ctrl-C ends it.");
    loop {
        let connection = accept(&listener, &mut emulator)?;
        lend(connection, &name)?;
        println!("{} is gone", name.display());
    }
}

/// The name that stays, whatever pseudo-terminal is behind it.
fn name(boot: &Boot) -> Result<PathBuf> {
    let folder = paths::target().join("ports");
    fs::create_dir_all(&folder)?;
    Ok(folder.join(boot.board.name()))
}

/// Makes a pseudo-terminal of a connection until that ends. The name is then gone before the pseudo-terminal is.
fn lend(mut connection: TcpStream, name: &PathBuf) -> Result<()> {
    let pty = openpty(None, None).context("there is no pseudo-terminal to be had")?;
    // Bytes as they are, and a port that stays while nobody has it open.
    let mut raw = tcgetattr(&pty.slave)?;
    cfmakeraw(&mut raw);
    tcsetattr(&pty.slave, SetArg::TCSANOW, &raw)?;
    let mut master = fs::File::from(pty.master);
    remove(name)?;
    symlink(ttyname(&pty.slave)?, name)?;
    println!("{} is there", name.display());
    carry(&mut connection, &mut master)?;
    remove(name)
}

fn remove(name: &PathBuf) -> Result<()> {
    match fs::remove_file(name) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

/// Carries bytes both ways until the connection ends.
fn carry(connection: &mut TcpStream, master: &mut fs::File) -> Result<()> {
    loop {
        let mut ends = [
            PollFd::new(connection.as_fd(), PollFlags::POLLIN),
            PollFd::new(master.as_fd(), PollFlags::POLLIN),
        ];
        poll(&mut ends, PollTimeout::NONE)?;
        let [board_speaks, person_types] = ends.map(|end| end.any().unwrap_or(false));
        if board_speaks && !pass(connection, master)? {
            return Ok(());
        }
        if person_types && !pass(master, connection)? {
            return Ok(());
        }
    }
}

/// Passes on what has come; returns false at the end. A connection that breaks off is an end, too.
fn pass(from: &mut impl Read, to: &mut impl Write) -> io::Result<bool> {
    let mut buffer = [0; 4096];
    let passed = from.read(&mut buffer).and_then(|count| to.write_all(&buffer[..count]).map(|()| count > 0));
    match passed {
        Err(error) if matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => Ok(false),
        passed => passed,
    }
}
