//! An emulator of as much of an ESP32-C3 as the firmware uses, by Espressif's documents: no other is known that could be installed.
//! The image runs as it is written into flash, from the boot loader's checks on. What no real chip allows ends the emulation.

mod chip;
mod processor;
mod rom;

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::Path;
use std::sync::mpsc::{Receiver, TryRecvError, channel};

use anyhow::{Context, Result};
use pipsqueak_talk::flash::esptool::BEGINNING;

use self::chip::{Chip, FLASH_BYTES};
use self::processor::Step;
use self::rom::Rom;
use crate::esp;

/// Instructions between two looks at what the PC sends.
const GLANCE: u32 = 10_000;

/// The flash with `image`, an ELF file or what is written from a program's place on, and the bytes of a model at an address.
pub(crate) fn flash(image: &Path, model: Option<(&Path, u32)>) -> Result<Vec<u8>> {
    let read = |path: &Path| fs::read(path).with_context(|| format!("{} can't be read", path.display()));
    let mut flash = vec![0xff; FLASH_BYTES];
    let mut put = |offset: usize, bytes: &[u8]| -> Result<()> {
        let place = flash
            .get_mut(offset..offset + bytes.len())
            .context("that is more than the flash of an ESP32-C3")?;
        place.copy_from_slice(bytes);
        Ok(())
    };
    let bytes = read(image)?;
    let program = if bytes.starts_with(&BEGINNING) { bytes } else { esp::file(image)? };
    put(esp::PROGRAM as usize, &program)?;
    if let Some((model, address)) = model {
        put(esp::offset(address) as usize, &read(model)?)?;
    }
    Ok(flash)
}

/// Runs the chip, its USB at `port`, until that is closed.
///
/// # Errors
/// An act of the program that no real chip allows.
pub(crate) fn run(flash: Vec<u8>, port: &TcpStream) -> Result<()> {
    let mut chip = Chip::new(flash);
    let input = receive(port.try_clone()?);
    let ended = loop {
        match run_until_restart(&mut chip, &input, port) {
            Ok(true) => {}
            Ok(false) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    // Whoever reads there learns of the end.
    let _ = port.shutdown(Shutdown::Both);
    ended
}

/// Whether the program has started the chip again; else the port is closed.
fn run_until_restart(chip: &mut Chip, input: &Receiver<Vec<u8>>, mut port: &TcpStream) -> Result<bool> {
    let (mut rom, mut processor) = Rom::boot(chip)?;
    while !chip.must_restart {
        let mut waits = false;
        for _ in 0..GLANCE {
            let pc = processor.pc;
            waits = processor.step(chip).with_context(|| format!("at {pc:#x}"))? == Step::Waits;
            chip.instructions += 1;
            rom.serve(&mut processor, chip).with_context(|| format!("called from {pc:#x}"))?;
            if waits || chip.must_restart {
                break;
            }
        }
        chip.check_watchdog()?;
        if port.write_all(&chip.sent).is_err() {
            return Ok(false);
        }
        chip.sent.clear();
        match next(input, waits && !chip.will_wake()?) {
            Ok(bytes) => chip.receive(&bytes),
            Err(TryRecvError::Empty) => {}
            Err(TryRecvError::Disconnected) => return Ok(false),
        }
    }
    Ok(true)
}

/// The next bytes, waited for or not.
fn next(input: &Receiver<Vec<u8>>, waits: bool) -> Result<Vec<u8>, TryRecvError> {
    if waits { input.recv().map_err(|_| TryRecvError::Disconnected) } else { input.try_recv() }
}

fn receive(mut port: TcpStream) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = port.read(&mut buffer) {
            if sender.send(buffer[..count].to_vec()).is_err() {
                return;
            }
        }
    });
    receiver
}
