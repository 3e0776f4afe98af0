//! The model that lies in a board's flash, or the reason why the board has none.

use pipsqueak::{Error, Generator, Model, Progress, Sampling, Score};

use crate::{Hex, ModelFlash, Put, Show, TextSource, stored_model};

/// A look at the flash region that is kept for a model, and at the RAM that it may run in. `LOADS` says whether the loader can put
/// another model there.
pub struct Found<'a, 'm, const LOADS: bool> {
    generator: Result<Generator<'a, 'm>, NoModel>,
    /// The file's last bytes.
    checksum: u32,
    /// RAM that there is for a model, in bytes.
    ram_bytes: usize,
}

/// The reason why a board has no model; prints as `no model: it is damaged`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoModel {
    /// The region is erased.
    Empty,
    /// The core refuses the file there.
    Refused(Error),
}

impl<'a, 'm, const LOADS: bool> Found<'a, 'm, LOADS> {
    /// Checks the model in `flash`, its checksum too, and lays out `ram` for it.
    // Not inlined: loading takes stack that generating can have.
    #[inline(never)]
    pub fn look(flash: &'a impl ModelFlash, ram: &'m mut [u8]) -> Self {
        let ram_bytes = ram.len();
        // No variables between, since each would be another copy of the model on the stack.
        match stored_model(flash) {
            Ok((slot, model)) => {
                let file = flash.bytes().get(slot.start..).and_then(|rest| rest.get(..slot.bytes));
                let checksum = file.and_then(|file| file.last_chunk()).copied().unwrap_or_default();
                let checksum = u32::from_le_bytes(checksum);
                Found { generator: Self::laid_out(model, ram), checksum, ram_bytes }
            }
            // Erased flash, and RAM that stands in for it.
            Err(_) if matches!(flash.bytes(), [0xff, 0xff, 0xff, 0xff, ..] | [0, 0, 0, 0, ..]) => {
                Found { generator: Err(NoModel::Empty), checksum: 0, ram_bytes }
            }
            Err(error) => Found { generator: Err(NoModel::Refused(error)), checksum: 0, ram_bytes },
        }
    }

    // Not inlined: what it moves would lie under the reading of the file.
    #[inline(never)]
    fn laid_out(model: Model<'a>, ram: &'m mut [u8]) -> Result<Generator<'a, 'm>, NoModel> {
        Generator::new(model, ram.into()).map_err(NoModel::Refused)
    }

    /// The bytes of RAM that the model runs in, and those of its file; 0 where there is none.
    pub fn sizes(&self) -> (usize, usize) {
        let size = |generator: &Generator| {
            let model = generator.model();
            (model.config().memory_bytes(model.precision()), model.file_bytes())
        };
        self.generator.as_ref().map_or((0, 0), size)
    }
}

impl Show for NoModel {
    fn show(&self, out: &mut impl Put) {
        out.put("no model: ");
        match self {
            NoModel::Empty => out.put("its place in flash is empty; flash one with `pipsqueak flash`"),
            NoModel::Refused(error) => out.put(error),
        };
    }
}

impl<const LOADS: bool> TextSource for Found<'_, '_, LOADS> {
    type Error = NoModel;
    const IS_REPLACEABLE: bool = LOADS;

    fn introduce(&self, out: &mut impl Put) {
        let model = match &self.generator {
            Err(reason) => {
                out.put(reason).put(".\n");
                return;
            }
            Ok(generator) => generator.model(),
        };
        let (config, (memory_bytes, file_bytes)) = (model.config(), self.sizes());
        out.put("model: ").put(model.precision().name()).put(", vocab ").put(config.vocab);
        out.put(", context ").put(config.context).put(", width ").put(config.width).put(", layers ");
        out.put(config.layers).put(", heads ").put(config.heads).put("; ").put(file_bytes);
        out.put(" bytes of flash, CRC ").put(Hex(self.checksum)).put(", as it should be; ").put(memory_bytes);
        out.put(" bytes of RAM, of ").put(self.ram_bytes).put("\n");
    }

    fn start(&mut self, prompt: &str, sampling: Sampling, seed: u64) -> Result<(), NoModel> {
        let generator = &mut self.generator.as_mut().map_err(|reason| *reason)?;
        let Ok(()) = TextSource::start(generator, prompt, sampling, seed);
        Ok(())
    }

    fn start_behind(&mut self, prompt: &str, sampling: Sampling, seed: u64) -> Result<(), NoModel> {
        let generator = &mut self.generator.as_mut().map_err(|reason| *reason)?;
        let Ok(()) = TextSource::start_behind(generator, prompt, sampling, seed);
        Ok(())
    }

    fn unreadable(&self, prompt: &str) -> impl Iterator<Item = char> {
        self.generator.iter().flat_map(|generator| generator.model().tokenizer().unreadable(prompt))
    }

    fn advance(&mut self) -> Progress<'_> {
        match &mut self.generator {
            Ok(generator) => generator.advance(),
            Err(_) => Progress::Ended,
        }
    }

    fn advance_scored(&mut self, score: &mut Score) -> Progress<'_> {
        match &mut self.generator {
            Ok(generator) => generator.advance_scored(score),
            Err(_) => Progress::Ended,
        }
    }

    fn self_test(&mut self) -> Result<(), impl Show> {
        match &mut self.generator {
            Ok(generator) => generator.self_test().map_err(Failure::Difference),
            Err(reason) => Err(Failure::NoModel(*reason)),
        }
    }

    fn tokens(&self) -> u32 {
        self.generator.as_ref().map_or(0, Generator::tokens)
    }

    fn fingerprint(&self) -> u32 {
        self.generator.as_ref().map_or(0, Generator::fingerprint)
    }
}

enum Failure {
    Difference(pipsqueak::Difference),
    NoModel(NoModel),
}

impl Show for Failure {
    fn show(&self, out: &mut impl Put) {
        match self {
            Failure::Difference(difference) => out.put(difference),
            Failure::NoModel(reason) => out.put(reason),
        };
    }
}
