//! Choosing at random: with integers only, so that a seed tells the same story on every platform.

pub(super) use pipsqueak::internal::SplitMix64;

/// Choices that a story makes.
pub(super) trait Choose {
    /// One of `choices`.
    fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T;

    /// Puts `items` into a random order (Fisher and Yates).
    fn shuffle<T>(&mut self, items: &mut [T]);
}

impl Choose for SplitMix64 {
    fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}
