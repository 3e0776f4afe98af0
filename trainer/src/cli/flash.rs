//! `pipsqueak flash`.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;
use pipsqueak_talk::flash::drive::{self, Kind};
use pipsqueak_talk::flash::loader::Loader;
use pipsqueak_talk::flash::manifest::{Entry, Manifest};
use pipsqueak_talk::flash::{Part, esptool, probe};
use pipsqueak_talk::port;

use super::output::{remark, say};
use super::shell;
use crate::export::model_file::ModelFile;
use crate::files::{self, Files};
use crate::human;

/// How long the board may take for a frame: the slowest flash erases 128 KiB in up to 2 s.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a port that a starting board takes away may be gone, and how often it is looked for.
const RESTART: Duration = Duration::from_secs(10);
const GLANCE: Duration = Duration::from_millis(100);
/// How often a board may start again before it takes the model.
const RESTARTS: usize = 3;

/// Put a model onto a board, with the firmware that runs it.
///
/// A board with a drive gets a file dropped onto it: Intel HEX (micro:bits, nRF52840 DK, Nucleo-G071RB) or UF2 (Picos). Others
/// are written by `probe-rs`, and an ESP32-C3 by `esptool`. With --model-only, the firmware that is on the board already takes the model over its serial port; a
/// transfer that is broken off goes on where it was.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pipsqueak flash --board microbit-v2 story.pip                   onto the drive MICROBIT
  pipsqueak flash --board stm32f405 story.pip --out story.hex     into a file, to be flashed by hand
  pipsqueak flash --board esp32c3 story.pip                       by esptool
  pipsqueak flash --model-only story.pip                          another model, over the serial port
  pipsqueak flash --model-only --port /dev/ttyACM0 story.pip
  pipsqueak flash --board microbit-v2 story.pip --dry-run         what would be written where")]
pub struct Flash {
    /// The model file
    #[arg(value_name = "FILE")]
    model: PathBuf,
    /// The board, as the firmware's folder names it
    #[arg(long, value_name = "NAME", required_unless_present = "model_only")]
    board: Option<String>,
    /// The folder with the firmware's images [default: `firmware` beside this program, or target/dist]
    #[arg(long, value_name = "FOLDER")]
    firmware: Option<PathBuf>,
    /// Leave the firmware as it is
    #[arg(long)]
    model_only: bool,
    /// Write a UF2 or Intel HEX file or one for esptool (.bin) instead, by its ending
    #[arg(long, value_name = "FILE", conflicts_with_all = ["port", "drive"])]
    out: Option<PathBuf>,
    /// The board's drive, where it is not found by itself
    #[arg(long, value_name = "FOLDER", conflicts_with = "port")]
    drive: Option<PathBuf>,
    /// The board's serial port, for --model-only
    #[arg(long, value_name = "PORT", requires = "model_only")]
    port: Option<String>,
    /// Say what would be written where, and write nothing
    #[arg(long)]
    dry_run: bool,
}

/// Where the bytes go.
enum Way {
    File(PathBuf),
    Drive(Kind),
    Probe(String),
    Esptool(String),
}

impl Flash {
    pub(super) fn run(self) -> Result<()> {
        if let Some(out) = &self.out {
            let mut files = Files::default();
            files.reads("FILE", &self.model);
            files.writes("--out", out, files::Kind::Flash);
            files.check()?;
        }
        let file = ModelFile::read(&self.model)?;
        let model = file.model()?;
        let bytes = file.bytes()[..model.file_bytes()].to_vec();
        let Some(name) = self.board.as_deref().filter(|_| !self.is_by_serial()) else {
            if let (Some(name), Ok(manifest)) = (&self.board, self.manifest()) {
                manifest.1.board(name)?.check(&bytes)?;
            }
            return self.send(&bytes);
        };
        let (folder, manifest) = self.manifest()?;
        let board = manifest.board(name)?;
        board.check(&bytes)?;
        let parts = self.parts(board, &folder, bytes)?;
        self.write(board, &self.way(board)?, &parts)
    }

    /// A model alone goes over the serial port, unless a file or a drive is named.
    fn is_by_serial(&self) -> bool {
        self.model_only && self.out.is_none() && self.drive.is_none()
    }

    fn manifest(&self) -> Result<(PathBuf, Manifest)> {
        let folder = self.firmware.clone().unwrap_or_else(default_folder);
        let manifest = Manifest::read(&folder)?;
        Ok((folder, manifest))
    }

    fn parts(&self, board: &Entry, folder: &Path, model: Vec<u8>) -> Result<Vec<Part>> {
        if self.model_only {
            return Ok(vec![board.model_part(model)]);
        }
        let path = folder.join(&board.image);
        let image =
            fs::read(&path).with_context(|| format!("the firmware {} can't be read", path.display()))?;
        board.parts(image, model)
    }

    fn way(&self, board: &Entry) -> Result<Way> {
        Ok(match (&self.out, &board.uf2, &board.probe_chip) {
            (Some(_), ..) if board.esptool_chip.is_some() && self.model_only => {
                bail!(
                    "to write a model alone over the cable, leave --out out; by esptool, write the file {} itself, at {:#x}",
                    self.model.display(),
                    board.model_start
                )
            }
            (Some(out), ..) => Way::File(out.clone()),
            (_, Some(uf2), _) => Way::Drive(Kind::Uf2(uf2.board_id.clone())),
            _ if board.hex_drive && self.model_only => {
                bail!("the drive of {} may erase the firmware; leave --model-only or --drive out", board.name)
            }
            _ if board.hex_drive => Way::Drive(Kind::Hex),
            (_, _, Some(chip)) => Way::Probe(chip.clone()),
            _ => match &board.esptool_chip {
                Some(chip) => Way::Esptool(chip.clone()),
                None => bail!("{} has no drive and no probe; write a file with --out FILE.hex", board.name),
            },
        })
    }

    fn write(&self, board: &Entry, way: &Way, parts: &[Part]) -> Result<()> {
        for Part { what, address, bytes } in parts {
            say!("{what:9} {} at {address:#010x}", human::bytes(bytes.len() as u64));
        }
        let verb = if self.dry_run { "would go" } else { "goes" };
        match way {
            Way::File(path) => {
                let bytes = self.encode(board, path, parts)?;
                say!("{verb} into {}", path.display());
                if let (Some(chip), Some(first)) = (&board.esptool_chip, parts.first()) {
                    say!(
                        "write it into flash with: {}",
                        esptool::command(chip, first.address, &shell::quoted_path(path))
                    );
                }
                if !self.dry_run {
                    files::write(path, files::Kind::Flash, |out| out.write_all(&bytes))?;
                }
            }
            Way::Drive(kind) => {
                let drive = match &self.drive {
                    Some(drive) => drive::check(drive, kind).map(|()| drive.clone()),
                    None => drive::find(kind),
                };
                if self.dry_run {
                    match drive {
                        Ok(drive) => say!("{verb} onto {}", drive.display()),
                        Err(error) => say!("{verb} onto the board's drive; now, {error}"),
                    }
                    return Ok(());
                }
                let drive = drive?;
                let name = if matches!(kind, Kind::Hex) { "story.hex" } else { "story.uf2" };
                drive::drop_onto(&drive, name, &self.encode(board, Path::new(name), parts)?)?;
                say!(
                    "{verb} onto {}; talk to it with: pipsqueak chat --board {}",
                    drive.display(),
                    board.name
                );
            }
            Way::Probe(chip) if self.dry_run => say!("{verb} into {chip} by probe-rs"),
            Way::Probe(chip) => probe::download(parts, chip)?,
            Way::Esptool(chip) if self.dry_run => say!("{verb} into the flash of {chip} by esptool"),
            Way::Esptool(chip) => esptool::write(parts, chip)?,
        }
        Ok(())
    }

    /// The file in the format that its name says.
    fn encode(&self, board: &Entry, path: &Path, parts: &[Part]) -> Result<Vec<u8>> {
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        board.encode(parts, ending).with_context(|| format!("{} can't be written", path.display()))
    }

    /// Sends the model to the firmware's loader.
    fn send(&self, model: &[u8]) -> Result<()> {
        let name = port::find(self.port.as_deref(), self.board.as_deref())?;
        if self.dry_run {
            say!("{:9} {}", "model", human::bytes(model.len() as u64));
            say!("would go to the loader at {name}");
            return Ok(());
        }
        let mut loader = Loader::new(self.open(Duration::ZERO)?);
        let mut sent = send_with(&mut loader, model);
        for _ in 0..RESTARTS {
            if sent.is_ok() || !loader.board_restarts() {
                break;
            }
            // Closed first, so that the port comes back by the same name.
            drop(loader);
            loader = Loader::new(self.open(RESTART)?);
            sent = send_with(&mut loader, model);
        }
        let held = sent?;
        match held == model.len() {
            true => say!("the board has this model already"),
            false => say!("the board at {name} has the model; talk to it with: pipsqueak chat --port {name}"),
        }
        Ok(())
    }

    /// The board's port, for which so long is waited.
    fn open(&self, patience: Duration) -> Result<impl Read + Write> {
        let deadline = Instant::now() + patience;
        loop {
            let port = port::find(self.port.as_deref(), self.board.as_deref())
                .and_then(|name| port::open(&name, PATIENCE));
            if port.is_ok() || Instant::now() > deadline {
                return port;
            }
            sleep(GLANCE);
        }
    }
}

/// Sends the model, with a line for every tenth of it; returns the bytes that were there.
fn send_with(loader: &mut Loader<impl Read + Write>, model: &[u8]) -> Result<usize> {
    let mut shown = 0;
    loader.send(model, |there| {
        let percent = there * 100 / model.len();
        if percent / 10 > shown / 10 {
            remark!("{percent} %");
            shown = percent;
        }
    })
}

/// `firmware` beside this program if it is there, as an archive for users has it; else where `cargo xtask dist` writes.
fn default_folder() -> PathBuf {
    let beside = std::env::current_exe().ok().and_then(|program| Some(program.parent()?.join("firmware")));
    beside.filter(|folder| folder.is_dir()).unwrap_or_else(|| "target/dist".into())
}
