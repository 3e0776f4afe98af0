//! The choice of one expert: `p = softmax(scores)`, and the expert with the largest `p`; the lower index where two are equal.
//!
//! Integer scores are compared as integers, so that every machine chooses the same. Of `p`, only the largest is needed:
//! `1 / Σ e^(score[i] - score[chosen])`, with which the expert's result is multiplied (Fedus et al. 2022).
//!
//! Of two experts `a` and `b`: those with the largest `p`, and the softmax of their two scores alone, `p[a] / (p[a] + p[b])` and
//! `p[b] / (p[a] + p[b])`, by which the sum of their results is weighted (Jiang et al. 2024).

use crate::math;

/// The index of the largest score and its probability; `difference` is that of two scores, as a number.
pub(crate) fn route<T: Copy + PartialOrd>(scores: &[T], difference: impl Fn(T, T) -> f32) -> (usize, f32) {
    let Some((chosen, largest)) = largest_but(scores, usize::MAX) else { return (0, 1.0) };
    let total = scores.iter().fold(0.0, |total, &score| total + math::exp(difference(score, largest)));
    (chosen, 1.0 / total)
}

/// The indices of the two largest scores and their weights; twice the only one with half the weight, where there are no two.
pub(crate) fn route_two<T: Copy + PartialOrd>(
    scores: &[T],
    difference: impl Fn(T, T) -> f32,
) -> [(usize, f32); 2] {
    let first = largest_but(scores, usize::MAX);
    let second = first.and_then(|(first, _)| largest_but(scores, first));
    let (Some((first, larger)), Some((second, smaller))) = (first, second) else { return [(0, 0.5); 2] };
    let ratio = math::exp(difference(smaller, larger));
    let weight = 1.0 / (1.0 + ratio);
    [(first, weight), (second, ratio * weight)]
}

/// The largest score but that of index `left_out`, and its index: the first of equals.
#[inline(always)]
fn largest_but<T: Copy + PartialOrd>(scores: &[T], left_out: usize) -> Option<(usize, T)> {
    let mut largest = None;
    for (i, &score) in scores.iter().enumerate().filter(|&(i, _)| i != left_out) {
        if largest.is_none_or(|(_, largest)| score > largest) {
            largest = Some((i, score));
        }
    }
    largest
}

#[cfg(test)]
mod tests {
    use super::{route, route_two};

    #[test]
    fn two_are_chosen_in_order_and_their_weights_are_one() {
        let halves = |a: i32, b: i32| (a - b) as f32 * 0.5;
        assert_eq!(route_two(&[7, 7, 7], halves), [(0, 0.5), (1, 0.5)]);
        let [(first, a), (second, b)] = route_two(&[-3, 1, 2, 5], halves);
        assert_eq!((first, second), (3, 2));
        let exact = 1.0 / (1.0 + libm::expf(-1.5));
        assert!((a - exact).abs() < 1e-6 && (a + b - 1.0).abs() < 1e-6, "{a} {b}");
        assert_eq!(route_two(&[5], halves), [(0, 0.5); 2]);
        let [(first, _), (second, _)] = route_two(&[f32::NAN, f32::NAN, 1.0], |a, b| a - b);
        assert_ne!(first, second);
    }

    #[test]
    fn the_largest_is_chosen_and_of_equals_the_first() {
        let halves = |a: i32, b: i32| (a - b) as f32 * 0.5;
        assert_eq!(route(&[7, 7, 7, 7], halves), (0, 0.25));
        let (chosen, probability) = route(&[-3, 5, 2, 5], halves);
        assert_eq!(chosen, 1);
        let exact = 1.0 / (2.0 + libm::expf(-1.5) + libm::expf(-4.0));
        assert!((probability - exact).abs() < 1e-6, "{probability} {exact}");
        assert_eq!(route(&[], halves), (0, 1.0));
        assert_eq!(route(&[f32::NAN, 1.0], |a, b| a - b).0, 0);
    }
}
