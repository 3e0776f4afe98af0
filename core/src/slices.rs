//! The crate's convention about slices, and the functions that it is kept with.
//!
//! 1. **Lengths are checked once**, where memory is laid out: [`Config::check`](crate::Config) refuses an impossible shape,
//!    [`Model::load`](crate::Model::load) a file whose tensors do not match it, and the buffers a memory that is too small.
//!    After that, slices that belong together are as long as each other.
//! 2. **Parts are cut by the functions below**, and loops walk with `zip`, `chunks` and `as_chunks`. An index only stands
//!    where the compiler sees that it is in range: a constant into an array, or a number just masked or limited.
//! 3. **None of it can panic.** Should a length be wrong in spite of 1, what lies beyond the end is left out. The compiler,
//!    which knows nothing of 1, so sees nothing to panic about, and the linker finds no use of the panics' code and text.

use core::{iter, mem};

/// The first `length` values.
#[inline(always)]
pub(crate) fn first<T>(values: &[T], length: usize) -> &[T] {
    values.get(..length.min(values.len())).unwrap_or_default()
}

/// The first `length` values.
#[inline(always)]
pub(crate) fn first_mut<T>(values: &mut [T], length: usize) -> &mut [T] {
    let length = length.min(values.len());
    values.get_mut(..length).unwrap_or_default()
}

/// The values from `start` on; none if there are fewer.
#[inline(always)]
pub(crate) fn from<T>(values: &[T], start: usize) -> &[T] {
    values.get(start..).unwrap_or_default()
}

/// The `length` values from `start` on; none if there are fewer.
#[inline(always)]
pub(crate) fn part<T>(values: &[T], start: usize, length: usize) -> &[T] {
    values.get(start..).and_then(|rest| rest.get(..length)).unwrap_or_default()
}

/// The `length` values from `start` on; none if there are fewer.
#[inline(always)]
pub(crate) fn part_mut<T>(values: &mut [T], start: usize, length: usize) -> &mut [T] {
    values.get_mut(start..).and_then(|rest| rest.get_mut(..length)).unwrap_or_default()
}

/// The first `at` values, and the rest; none if there are fewer.
#[inline(always)]
pub(crate) fn split<T>(values: &[T], at: usize) -> (&[T], &[T]) {
    values.split_at_checked(at).unwrap_or_default()
}

/// The first `at` values, and the rest; none if there are fewer.
#[inline(always)]
pub(crate) fn split_mut<T>(values: &mut [T], at: usize) -> (&mut [T], &mut [T]) {
    values.split_at_mut_checked(at).unwrap_or_default()
}

/// The rows of `[_, length]`; a length of 0 counts as 1. As `chunks_exact`, without its division, which a small chip has no
/// instruction for.
#[inline(always)]
pub(crate) fn rows<T>(values: &[T], length: usize) -> impl Iterator<Item = &[T]> {
    let (mut rest, length) = (values, length.max(1));
    iter::from_fn(move || {
        let (row, after) = rest.split_at_checked(length)?;
        rest = after;
        Some(row)
    })
}

/// As [`rows`].
#[inline(always)]
pub(crate) fn rows_mut<T>(values: &mut [T], length: usize) -> impl Iterator<Item = &mut [T]> {
    let (mut rest, length) = (values, length.max(1));
    iter::from_fn(move || {
        let (row, after) = mem::take(&mut rest).split_at_mut_checked(length)?;
        rest = after;
        Some(row)
    })
}

/// Copies as many values as both have.
#[inline(always)]
pub(crate) fn copy<T: Copy>(to: &mut [T], from: &[T]) {
    to.iter_mut().zip(from).for_each(|(to, &from)| *to = from);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_beyond_the_end_is_left_out() {
        let mut values = [1, 2, 3];
        assert_eq!(first(&values, 2), [1, 2]);
        assert_eq!(first_mut(&mut values, 9), [1, 2, 3]);
        assert_eq!(part(&values, 1, 2), [2, 3]);
        assert!(part(&values, 2, 2).is_empty() && part_mut(&mut values, 4, 0).is_empty());
        assert!(from(&values, 4).is_empty());
        assert_eq!((from(&values, 1), split(&values, 1)), (&[2, 3][..], (&[1][..], &[2, 3][..])));
        assert_eq!(split_mut(&mut values, 1), (&mut [1][..], &mut [2, 3][..]));
        assert_eq!((rows(&values, 2).count(), rows_mut(&mut values, 0).count()), (1, 3));
        copy(&mut values, &[7, 8, 9, 10]);
        assert_eq!(values, [7, 8, 9]);
    }
}
