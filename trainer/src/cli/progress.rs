//! Progress bars, on the terminal's error stream; hidden where that is not a terminal.

use indicatif::{ProgressBar, ProgressStyle};

/// For a pass over tokens.
pub fn tokens(total: u64) -> ProgressBar {
    bar(total, "{bar:30} {human_pos}/{human_len} tokens, {per_sec}, {eta} left")
}

/// For training steps; the message tells the loss.
pub fn steps(total: u64) -> ProgressBar {
    bar(total, "{bar:30} step {human_pos}/{human_len}  {msg}  {eta} left")
}

fn bar(total: u64, template: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(total).with_style(style.progress_chars("█▉▊▋▌▍▎▏ "))
}
