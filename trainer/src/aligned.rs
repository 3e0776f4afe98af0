//! Buffers that start on a cache line, so that no load of the widest vector register touches two lines.

use core::ops::{Deref, DerefMut};

use aligned_vec::{AVec, ConstAlign};

/// Bytes of a cache line, and of the widest vector register.
const LINE: usize = 64;

/// A growable buffer whose first value starts on a cache line.
#[derive(Debug, Clone, PartialEq)]
pub struct Aligned<T>(AVec<T, ConstAlign<LINE>>);

impl<T: Copy> Aligned<T> {
    /// `length` copies of `value`.
    pub fn filled(value: T, length: usize) -> Aligned<T> {
        let mut this = Aligned::default();
        this.resize(length, value);
        this
    }

    /// Truncates the buffer to `length`, or fills it up with `value`.
    pub fn resize(&mut self, length: usize, value: T) {
        self.0.resize(length, value);
    }

    /// The number of values that fit without another allocation.
    pub fn capacity(&self) -> usize {
        self.0.capacity()
    }
}

impl<T> Default for Aligned<T> {
    fn default() -> Aligned<T> {
        Aligned(AVec::new(LINE))
    }
}

impl<T> FromIterator<T> for Aligned<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Aligned<T> {
        Aligned(AVec::from_iter(LINE, values))
    }
}

impl<T> Deref for Aligned<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T> DerefMut for Aligned<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_start_on_a_line_too() {
        let mut values: Aligned<f32> = (0..5).map(|i| i as f32).collect();
        values.resize(1000, 0.5);
        let copy = values.clone();
        assert!([&values, &copy].iter().all(|x| x.as_ptr().addr() % LINE == 0));
        assert_eq!((copy[4], copy[999], copy.len()), (4.0, 0.5, 1000));
    }
}
