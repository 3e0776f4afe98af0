#![doc = include_str!("../README.md")]
//!
//! # Reading the code
//! A *shape* (`shapes.rs`) is the plot of a story: a readable function that binds people, things and places to names,
//! and then says its sentences as templates over these names. `story.rs` keeps the bindings, `template.rs` fills in the
//! sentences, and `words.rs` knows the things of the world and what can happen to them.

use std::io::{self, Write};

mod cohesion;
mod random;
mod shapes;
mod story;
mod template;
#[cfg(test)]
mod tests;
mod words;

pub use cohesion::Cohesion;
use random::{Choose, SplitMix64};
use shapes::{SHAPES, Shape};
use story::Story;

/// The line that follows every story.
pub const END_OF_STORY: &str = "<|endoftext|>";

/// The names that children and animals of the stories may have.
pub fn names() -> impl Iterator<Item = &'static str> {
    [words::GIRLS, words::BOYS, words::HER_NAMES, words::HIS_NAMES].into_iter().flatten().copied()
}

/// An endless, repeatable stream of stories.
///
/// The shapes come in rounds: each is told once, in a new order, before any is told again.
pub struct Stories {
    random: SplitMix64,
    round: Vec<&'static Shape>,
}

impl Stories {
    /// The stories that belong to `seed`.
    pub fn new(seed: u64) -> Self {
        Self { random: SplitMix64::new(seed), round: Vec::new() }
    }

    /// The shape of the next story.
    fn next_shape(&mut self) -> &'static Shape {
        if self.round.is_empty() {
            self.round.extend(SHAPES);
            self.random.shuffle(&mut self.round);
        }
        self.round.pop().expect("a round holds every shape")
    }

    /// A new story of this shape.
    fn tell(&mut self, shape: &Shape) -> String {
        let mut story = Story::new(SplitMix64::new(self.random.bits()), shape.cast);
        (shape.tell)(&mut story);
        story.finish()
    }
}

impl Iterator for Stories {
    /// One story without a trailing newline; its paragraphs are separated by `'\n'`.
    type Item = String;

    fn next(&mut self) -> Option<String> {
        let shape = self.next_shape();
        Some(self.tell(shape))
    }
}

/// Writes whole stories, each followed by `"\n<|endoftext|>\n"`, until at least `bytes` bytes are written;
/// returns how many stories that took.
pub fn write(seed: u64, bytes: u64, out: &mut impl Write) -> io::Result<u64> {
    let mut stories = Stories::new(seed);
    let (mut written, mut count) = (0, 0);
    while written < bytes {
        let story = format!("{}\n{END_OF_STORY}\n", stories.next().expect("the stream is endless"));
        out.write_all(story.as_bytes())?;
        written += story.len() as u64;
        count += 1;
    }
    Ok(count)
}
