//! The firmware's defmt log, decoded to stderr.

use std::io::Read;
use std::net::TcpListener;
use std::path::Path;
use std::thread::JoinHandle;

use anyhow::{Context, Result};
use defmt_decoder::{DecodeError, StreamDecoder, Table};

/// A log that is being read.
pub(crate) struct Log(JoinHandle<Result<()>>);

impl Log {
    /// Waits at `listener` for QEMU, and prints what comes with the formats that `image` holds.
    pub(crate) fn start(listener: TcpListener, image: &Path) -> Result<Log> {
        let elf =
            std::fs::read(image).with_context(|| format!("The image {} can't be read", image.display()))?;
        let table = Table::parse(&elf)?.context("The image has no log in it")?;
        Ok(Log(std::thread::spawn(move || print(&listener, &table))))
    }

    /// Waits for the log's end.
    pub(crate) fn finish(self) -> Result<()> {
        self.0.join().unwrap_or(Ok(()))
    }
}

fn print(listener: &TcpListener, table: &Table) -> Result<()> {
    let (mut stream, _) = listener.accept()?;
    let mut decoder = table.new_stream_decoder();
    let mut buffer = [0; 1024];
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        decoder.received(&buffer[..count]);
        print_frames(decoder.as_mut());
    }
    Ok(())
}

fn print_frames(decoder: &mut (dyn StreamDecoder + Send + Sync)) {
    loop {
        match decoder.decode() {
            Ok(frame) => {
                let level = frame.level().map_or("print", |level| level.as_str());
                eprintln!("[{level}] {}", frame.display_message());
            }
            Err(DecodeError::Malformed) => eprintln!("[a damaged frame]"),
            Err(DecodeError::UnexpectedEof) => return,
        }
    }
}
