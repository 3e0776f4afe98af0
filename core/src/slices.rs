//! Parts of slices, without a path to a panic: what lies beyond the end is left out.
//!
//! Loading a model and laying out its memory have checked every length, so nothing is ever left out. But the compiler
//! cannot know that; by these functions it sees that there is nothing to panic about, and the linker drops the panics.

/// The first `length` values.
#[inline(always)]
pub(crate) fn first<T>(values: &[T], length: usize) -> &[T] {
    &values[..length.min(values.len())]
}

/// The first `length` values.
#[inline(always)]
pub(crate) fn first_mut<T>(values: &mut [T], length: usize) -> &mut [T] {
    let length = length.min(values.len());
    &mut values[..length]
}

/// The values from `start` on; none if there are not so many.
#[inline(always)]
pub(crate) fn from<T>(values: &[T], start: usize) -> &[T] {
    values.get(start..).unwrap_or_default()
}

/// The `length` values from `start` on; none if there are not so many.
#[inline(always)]
pub(crate) fn part<T>(values: &[T], start: usize, length: usize) -> &[T] {
    values.get(start..).and_then(|rest| rest.get(..length)).unwrap_or_default()
}

/// The `length` values from `start` on; none if there are not so many.
#[inline(always)]
pub(crate) fn part_mut<T>(values: &mut [T], start: usize, length: usize) -> &mut [T] {
    values.get_mut(start..).and_then(|rest| rest.get_mut(..length)).unwrap_or_default()
}

/// The first `at` values, and the rest.
#[inline(always)]
pub(crate) fn split_mut<T>(values: &mut [T], at: usize) -> (&mut [T], &mut [T]) {
    values.split_at_mut_checked(at).unwrap_or_default()
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
        assert_eq!(split_mut(&mut values, 1), (&mut [1][..], &mut [2, 3][..]));
        copy(&mut values, &[7, 8, 9, 10]);
        assert_eq!(values, [7, 8, 9]);
    }
}
