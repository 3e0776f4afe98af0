//! A token in slices, with another task between them: here a watchdog that must be fed every few milliseconds; on a chip
//! that, a radio, or an executor's other tasks.

use std::time::{Duration, Instant};

use pipsqueak::{Embedded, Error, Progress, Sampling, include_model};

static STORIES: &Embedded = include_model!("../models/tiny.pip");

/// The other task.
struct Watchdog {
    fed: Instant,
    longest_wait: Duration,
}

impl Watchdog {
    fn feed(&mut self) {
        self.longest_wait = self.longest_wait.max(self.fed.elapsed());
        self.fed = Instant::now();
    }
}

fn main() -> Result<(), Error> {
    let generator = STORIES.generator()?;
    generator.start("Once upon a time", Sampling::default(), 42)?;
    let mut watchdog = Watchdog { fed: Instant::now(), longest_wait: Duration::ZERO };
    let mut slices = 0;

    print!("Once upon a time");
    while generator.tokens() < 60 {
        // Half a layer, or a part of the logits. The text is the one that `next_piece` writes, bit for bit.
        match generator.advance() {
            Progress::Working => {}
            Progress::Piece(piece) => print!("{piece}"),
            Progress::Ended => break,
        }
        slices += 1;
        watchdog.feed();
    }
    let tokens = generator.tokens();
    println!(
        "\n\n{tokens} tokens in {slices} slices; the watchdog waited {:?} at most",
        watchdog.longest_wait
    );
    Ok(())
}
