//! Central differences in f64, for the tests of the backward passes.

use crate::random::{SplitMix64, normal};

/// Step of the difference, for values around 1. Its own error grows with the square of the step (1e-10), the rounding of
/// f64 with 1e-16 / step (1e-11); both are relative to third derivatives and losses around 1.
const STEP: f64 = 1e-5;
/// Largest accepted error, relative to the largest element of the gradient: a hundred times the errors above. A wrong
/// formula is wrong by far more.
const TOLERANCE: f64 = 1e-8;

/// Normally distributed random values.
pub(crate) fn values(length: usize, seed: u64) -> Vec<f64> {
    let mut random = SplitMix64::new(seed);
    (0..length).map(|_| normal(&mut random)).collect()
}

/// `Σ out[i] dout[i]`: a loss whose gradient by `out` is `dout`.
pub(crate) fn weighted(out: &[f64], dout: &[f64]) -> f64 {
    out.iter().zip(dout).map(|(out, dout)| out * dout).sum()
}

/// Compares `gradient` with the central differences of `loss` at `x`; panics with the index of the worst element.
pub(crate) fn check(what: &str, gradient: &[f64], x: &[f64], loss: impl Fn(&[f64]) -> f64) {
    assert_eq!(gradient.len(), x.len(), "{what}");
    let difference = |i: usize| {
        let at = |step: f64| {
            let mut x = x.to_vec();
            x[i] += step;
            loss(&x)
        };
        (at(STEP) - at(-STEP)) / (2.0 * STEP)
    };
    let largest = gradient.iter().fold(1e-3, |largest: f64, g| largest.max(g.abs()));
    let error = |i: &usize| (gradient[*i] - difference(*i)).abs() / largest;
    let worst = (0..x.len()).max_by(|a, b| error(a).total_cmp(&error(b))).expect("not empty");
    let (is, expected) = (gradient[worst], difference(worst));
    println!("{what}: worst at [{worst}]: {is} against {expected}: {:.1e}", error(&worst));
    assert!(error(&worst) < TOLERANCE, "{what}: worst at [{worst}]: {is} against {expected}");
}
