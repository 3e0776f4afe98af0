//! The tokens of a text that the model looks back at.
//!
//! **When the context is full, the window slides**: the older half of its tokens is forgotten, and the newer half is
//! read again from position 0 (behind the vocabulary's `begin`, if it has one). This suits every kind of position and
//! costs, on the mean, one more pass a token.

use crate::slices::{copy, first, first_mut, part, split_mut};

/// The newest tokens by position, of which the decoder has read some.
pub(crate) struct Window<'m> {
    /// `[context]`, of which the first `length` count.
    tokens: &'m mut [u16],
    length: usize,
    /// The number of them that are in the decoder's cache.
    read: usize,
    /// The token that every text begins with.
    begin: Option<u16>,
}

impl<'m> Window<'m> {
    pub(crate) fn new(tokens: &'m mut [u16], begin: Option<u16>) -> Self {
        let mut window = Window { tokens, length: 0, read: 0, begin };
        window.clear();
        window
    }

    /// Starts another text.
    pub(crate) fn clear(&mut self) {
        (self.length, self.read) = (0, 0);
        if let Some(begin) = self.begin {
            self.push(begin);
        }
    }

    /// Adds a token, and slides before that if the context is full.
    pub(crate) fn push(&mut self, token: u16) {
        if self.length >= self.tokens.len() {
            self.slide();
        }
        if let Some(place) = self.tokens.get_mut(self.length) {
            *place = token;
            self.length += 1;
        }
    }

    fn slide(&mut self) {
        let kept = self.length / 2;
        let (older, newer) = split_mut(first_mut(self.tokens, self.length), kept);
        let (beginning, older) = split_mut(older, usize::from(self.begin.is_some() && kept > 0));
        beginning.iter_mut().zip(self.begin).for_each(|(place, begin)| *place = begin);
        copy(older, part(newer, newer.len() - older.len(), older.len()));
        (self.length, self.read) = (kept, 0);
    }

    /// All of the tokens.
    pub(crate) fn tokens(&self) -> &[u16] {
        first(self.tokens, self.length)
    }

    /// The position of the next token.
    pub(crate) fn len(&self) -> usize {
        self.length
    }

    /// Positions there are.
    pub(crate) fn context(&self) -> usize {
        self.tokens.len()
    }

    /// The tokens that the decoder has not read yet, and the position of the first.
    pub(crate) fn unread(&self) -> (&[u16], usize) {
        (self.tokens().get(self.read..).unwrap_or_default(), self.read)
    }

    /// The decoder has read `count` more tokens.
    pub(crate) fn mark_read(&mut self, count: usize) {
        self.read = (self.read + count).min(self.length);
    }

    /// Lets the decoder read the last token again, if it has read all of them.
    pub(crate) fn reread_last(&mut self) {
        self.read = self.read.min(self.length.saturating_sub(1));
    }

    /// Forgets all tokens but the first `length`.
    pub(crate) fn truncate(&mut self, length: usize) {
        self.length = self.length.min(length);
        self.read = self.read.min(self.length);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sliding(context: usize, begin: Option<u16>, count: u16) -> std::vec::Vec<u16> {
        let mut tokens = std::vec![0; context];
        let mut window = Window::new(&mut tokens, begin);
        (1..=count).for_each(|token| window.push(token));
        window.tokens().to_vec()
    }

    #[test]
    fn a_full_window_keeps_its_newer_half() {
        assert_eq!(sliding(6, None, 6), [1, 2, 3, 4, 5, 6]);
        assert_eq!(sliding(6, None, 7), [4, 5, 6, 7]);
        assert_eq!(sliding(7, None, 8), [5, 6, 7, 8]);
        assert_eq!(sliding(6, Some(99), 5), [99, 1, 2, 3, 4, 5]);
        assert_eq!(sliding(6, Some(99), 6), [99, 4, 5, 6]);
        assert_eq!(sliding(2, Some(99), 4), [99, 4]);
        assert_eq!(sliding(1, Some(99), 4), [4]);
        assert_eq!(sliding(1, None, 4), [4]);
    }

    #[test]
    fn what_is_read_is_read_once() {
        let mut tokens = [0; 8];
        let mut window = Window::new(&mut tokens, None);
        (0..4).for_each(|token| window.push(token));
        window.mark_read(3);
        assert_eq!(window.unread(), (&[3][..], 3));
        window.mark_read(1);
        assert_eq!(window.unread(), (&[][..], 4));
        window.reread_last();
        assert_eq!(window.unread(), (&[3][..], 3));
        window.truncate(2);
        window.push(9);
        assert_eq!(window.unread(), (&[9][..], 2));
    }
}
