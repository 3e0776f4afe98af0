//! `pipsqueak corpus`.

use std::io::{BufWriter, Write};
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use super::options;
use crate::cli::output::{self, remark};
use crate::files::{self, Files, Kind};
use crate::human::{self, ByteCount};

/// Write the built-in corpus: short children's stories, no two alike.
#[derive(Debug, Args)]
#[command(allow_negative_numbers = true)]
#[command(after_help = "\
Examples:
  pipsqueak corpus --bytes 2M --out stories.txt
  pipsqueak corpus --bytes 2K --seed 7")]
pub struct Corpus {
    /// About how much to write, as 300K or 2M: whole stories until this is reached
    #[arg(long, value_name = "BYTES", default_value = "2M", value_parser = options::bytes(1..=1 << 40))]
    bytes: ByteCount,
    /// Random seed of the stories: the same seed writes the same ones
    #[arg(long, default_value_t = 1, value_parser = options::whole::<u64>(0..=u64::MAX))]
    seed: u64,
    /// The file to write [default: the terminal]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Corpus {
    pub(super) fn run(self) -> Result<()> {
        let Some(path) = self.out else {
            return output::write(|out| {
                let mut out = BufWriter::new(out);
                pipsqueak_stories::write(self.seed, self.bytes.0, &mut out)?;
                out.flush()
            });
        };
        let mut stories = 0;
        let kind = Kind::Stories { seed: self.seed };
        let mut files = Files::default();
        files.writes("--out", &path, kind);
        files.check()?;
        files::write(&path, kind, |out| {
            stories = pipsqueak_stories::write(self.seed, self.bytes.0, out)?;
            Ok(())
        })?;
        let name = if stories == 1 { "story" } else { "stories" };
        remark!("{} {name} written to {}", human::count(stories), path.display());
        Ok(())
    }
}
