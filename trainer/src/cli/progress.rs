//! Progress bars, on the terminal's error stream; hidden where that is not a terminal.

use std::cell::{Cell, RefCell};

use indicatif::{ProgressBar, ProgressStyle};

use crate::data::Progress;

/// A bar for a pass over tokens.
pub fn tokens(total: u64) -> ProgressBar {
    bar(total, "{bar:30} {human_pos}/{human_len} tokens, {per_sec}, {eta} left")
}

/// A bar for prompts to answer.
pub fn prompts(total: u64) -> ProgressBar {
    bar(total, "{bar:30} {human_pos}/{human_len} prompts, {per_sec}, {eta} left")
}

/// A bar for matrices to round.
pub fn matrices(total: u64) -> ProgressBar {
    bar(total, "{bar:30} {human_pos}/{human_len} matrices calibrated, {eta} left")
}

/// A bar for training steps, with the loss as its message.
pub fn steps(total: u64) -> ProgressBar {
    bar(total, "{bar:30} step {human_pos}/{human_len}  {msg}  {eta} left")
}

fn bar(total: u64, template: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(total).with_style(style.progress_chars("█▉▊▋▌▍▎▏ "))
}

/// A bar for each pass over a text, one after the other.
pub struct Passes {
    bar: RefCell<ProgressBar>,
    /// Progress that the bar does not show yet.
    pending: Cell<u64>,
    /// The bar is updated after this much progress.
    portion: Cell<u64>,
    most_bytes: Cell<usize>,
}

impl Default for Passes {
    /// No pass has begun.
    fn default() -> Passes {
        let bar = RefCell::new(ProgressBar::hidden());
        Passes { bar, pending: Cell::new(0), portion: Cell::new(1), most_bytes: Cell::new(0) }
    }
}

impl Passes {
    /// The most memory that a pass has taken beside the text, in bytes.
    pub fn most_bytes(&self) -> usize {
        self.most_bytes.get()
    }
}

impl Progress for Passes {
    fn begin(&self, what: &'static str, total: u64) {
        let next = bar(total, "{bar:30} {percent} % of the {msg}, {eta} left").with_message(what);
        self.bar.replace(next).finish_and_clear();
        self.portion.set(total / 1000 + 1);
        self.pending.set(0);
    }

    fn advance(&self, more: u64) {
        self.pending.set(self.pending.get() + more);
        if self.pending.get() >= self.portion.get() {
            self.bar.borrow().inc(self.pending.take());
        }
    }

    fn takes(&self, bytes: usize) {
        self.most_bytes.set(self.most_bytes.get().max(bytes));
    }
}

impl Drop for Passes {
    fn drop(&mut self) {
        self.bar.borrow().finish_and_clear();
    }
}
