//! The choice of an expert: `p = softmax(scores)`, and the expert with the largest `p`; the lower index where two are equal.
//!
//! Integer scores are compared as integers, so that every machine chooses the same. Of `p`, only the largest is needed:
//! `1 / Σ e^(score[i] - score[chosen])`, with which the expert's result is multiplied (Fedus et al. 2022).

use crate::math;

/// The index of the largest score and its probability; `difference` is that of two scores, as a number.
pub(crate) fn route<T: Copy + PartialOrd>(scores: &[T], difference: impl Fn(T, T) -> f32) -> (usize, f32) {
    let Some(&first) = scores.first() else { return (0, 1.0) };
    let (mut chosen, mut largest) = (0, first);
    for (i, &score) in scores.iter().enumerate() {
        if score > largest {
            (chosen, largest) = (i, score);
        }
    }
    let total = scores.iter().fold(0.0, |total, &score| total + math::exp(difference(score, largest)));
    (chosen, 1.0 / total)
}

#[cfg(test)]
mod tests {
    use super::route;

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
