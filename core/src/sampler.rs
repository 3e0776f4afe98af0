//! From logits to a token: greedy, or by chance under temperature, top-k, top-p and a repetition penalty.

use core::cmp::Reverse;

use heapless::BinaryHeap;
use heapless::binary_heap::Max;
use rand_core::Rng;

use crate::Error;
use crate::math::{self, ordered, truncated};

/// The largest `top_k`: its heap lies on the stack, 4 bytes each.
pub const TOP_K_MAX: usize = 256;
/// The number of newest tokens that the repetition penalty looks at.
pub const PENALTY_WINDOW: usize = 64;

/// How to choose the next token.
///
/// ```
/// use pipsqueak::Sampling;
///
/// let bold = Sampling { temperature: 1.2, top_p: 0.9, ..Sampling::default() };
/// assert!(bold.check().is_ok());
/// let error = Sampling { top_p: 0.0, ..bold }.check().unwrap_err();
/// assert_eq!(error.to_string(), "top-p must be a number above 0 and at most 1");
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Sampling {
    /// Logits are divided by it; 0 always takes the likeliest token.
    pub temperature: f32,
    /// Only the `top_k` likeliest tokens, and any as likely as the last of them, can be chosen; 0 allows all.
    pub top_k: u16,
    /// Only the likeliest tokens whose probabilities add up to `top_p` can be chosen (Holtzman et al. 2020); 1 allows all.
    pub top_p: f32,
    /// Logits of the newest 64 tokens are divided by it where positive, multiplied where negative (Keskar et al.
    /// 2019); 1 leaves them.
    pub repetition_penalty: f32,
}

impl Default for Sampling {
    fn default() -> Self {
        Sampling { temperature: 0.8, top_k: 40, top_p: 1.0, repetition_penalty: 1.0 }
    }
}

impl Sampling {
    /// Always the likeliest token.
    pub const GREEDY: Sampling = Sampling { temperature: 0.0, top_k: 0, top_p: 1.0, repetition_penalty: 1.0 };

    /// Says in words what is wrong with these settings, if anything is.
    ///
    /// # Errors
    /// [`Error::Number`] or [`Error::OutOfRange`].
    pub fn check(&self) -> Result<(), Error> {
        if !within(self.temperature, -0.0, 100.0) {
            return Err(Error::Number { name: "temperature", rule: "from 0 to 100" });
        }
        if usize::from(self.top_k) > TOP_K_MAX {
            return Err(Error::Number { name: "top-k", rule: "from 0 to 256" });
        }
        if !within(self.top_p, f32::from_bits(1), 1.0) {
            return Err(Error::Number { name: "top-p", rule: "above 0 and at most 1" });
        }
        if !within(self.repetition_penalty, 0.1, 10.0) {
            return Err(Error::Number { name: "penalty", rule: "from 0.1 to 10" });
        }
        Ok(())
    }
}

/// Whether `x` is a number from `low` to `high`.
const fn within(x: f32, low: f32, high: f32) -> bool {
    ordered(low) <= ordered(x) && ordered(x) <= ordered(high)
}

/// Chooses a token from `logits` `[vocab]`, which it overwrites; `recent` are the tokens so far, the newest last. `None` if
/// all logits are minus infinity, so that there is nothing to choose from.
pub fn sample(logits: &mut [f32], recent: &[u16], sampling: &Sampling, rng: &mut impl Rng) -> Option<u16> {
    penalize(logits, recent, sampling.repetition_penalty);
    let likeliest = argmax(logits);
    match weigh(logits, likeliest, sampling)? {
        0 => Some(likeliest),
        total => draw(logits, total, rng).or(Some(likeliest)),
    }
}

/// Turns `logits` `[vocab]` into the weights by which [`sample`] draws, and returns their sum: 0 at a temperature of 0, where
/// nothing is drawn and the logits stay. A weight is the whole number that [`f32::to_bits`] gives. `likeliest` is the
/// [`argmax`]; `None` if its logit is minus infinity.
pub fn weigh(logits: &mut [f32], likeliest: u16, sampling: &Sampling) -> Option<u32> {
    let largest = logits
        .get(usize::from(likeliest))
        .copied()
        .filter(|&logit| ordered(logit) != ordered(f32::NEG_INFINITY))?;
    if ordered(sampling.temperature) <= ordered(0.0) {
        return Some(0);
    }
    let threshold = top_k_threshold(logits, sampling.top_k.into());
    let total = to_weights(logits, threshold, largest, sampling.temperature);
    if ordered(sampling.top_p) < ordered(1.0) {
        return Some(keep_top_p(logits, total, sampling.top_p));
    }
    Some(total)
}

/// The first of the largest logits.
pub fn argmax(logits: &[f32]) -> u16 {
    let mut best = (0, ordered(f32::NEG_INFINITY));
    for (id, &logit) in logits.iter().enumerate() {
        let key = ordered(logit);
        if key > best.1 {
            best = (id, key);
        }
    }
    best.0 as u16
}

/// Divides the logits of the newest of `recent` by `penalty` where they are above zero, and multiplies them where they are
/// below.
pub fn penalize(logits: &mut [f32], recent: &[u16], penalty: f32) {
    if ordered(penalty) == ordered(1.0) {
        return;
    }
    let (_, recent) =
        recent.split_at_checked(recent.len().saturating_sub(PENALTY_WINDOW)).unwrap_or_default();
    for (i, &token) in recent.iter().enumerate() {
        let first_time = !recent.iter().take(i).any(|&before| before == token);
        if let Some(logit) = logits.get_mut(usize::from(token)).filter(|_| first_time) {
            *logit = if ordered(*logit) > ordered(0.0) { *logit / penalty } else { *logit * penalty };
        }
    }
}

/// The [ordered] `k`-th largest logit, by a heap of the `k` largest so far. Not inlined, so that the kilobyte of heap is
/// on the stack no longer than it is needed.
#[inline(never)]
fn top_k_threshold(logits: &[f32], k: usize) -> i32 {
    let mut heap: BinaryHeap<Reverse<i32>, Max, TOP_K_MAX> = BinaryHeap::new();
    if k == 0 || k >= logits.len() {
        return i32::MIN;
    }
    let (first, rest) = logits.split_at_checked(k.min(TOP_K_MAX)).unwrap_or((logits, &[]));
    first.iter().for_each(|&logit| _ = heap.push(Reverse(ordered(logit))));
    let mut threshold = heap.peek().map_or(i32::MIN, |&Reverse(key)| key);
    for key in rest.iter().map(|&logit| ordered(logit)) {
        if key > threshold {
            if let Some(mut smallest) = heap.peek_mut() {
                *smallest = Reverse(key);
            }
            threshold = heap.peek().map_or(i32::MIN, |&Reverse(key)| key);
        }
    }
    threshold
}

/// Weights are whole numbers up to this, so that their sums have no order. They lie in the logits' place as they are,
/// not as floats.
const WEIGHT_ONE: f32 = 65_536.0;

/// Turns logits into weights `round(2^16 e^((logit - largest) / temperature))`, 0 below `threshold`; returns their sum.
fn to_weights(logits: &mut [f32], threshold: i32, largest: f32, temperature: f32) -> u32 {
    let mut total = 0;
    for logit in logits {
        let weight = if ordered(*logit) >= threshold {
            truncated(math::exp((*logit - largest) / temperature) * WEIGHT_ONE + 0.5)
        } else {
            0
        };
        total += weight;
        *logit = f32::from_bits(weight);
    }
    total
}

/// Zeroes all but the fewest largest weights that make up `top_p` of `total` (equal ones together); returns their sum.
fn keep_top_p(weights: &mut [f32], total: u32, top_p: f32) -> u32 {
    let sum_from = |least: u32| -> u32 { weights.iter().map(|w| w.to_bits()).filter(|&w| w >= least).sum() };
    let enough = truncated(total as f32 * top_p);
    // The largest `least` whose sum is still enough: bit by bit from the top.
    let mut least = 0;
    for bit in (0..=16).rev() {
        if sum_from(least | 1 << bit) >= enough {
            least |= 1 << bit;
        }
    }
    let kept = sum_from(least);
    weights.iter_mut().filter(|w| w.to_bits() < least).for_each(|w| *w = 0.0);
    kept
}

fn draw(weights: &[f32], total: u32, rng: &mut impl Rng) -> Option<u16> {
    let mut left = ((u64::from(rng.next_u32()) * u64::from(total)) >> 32) as u32;
    for (id, weight) in weights.iter().enumerate() {
        let weight = weight.to_bits();
        if left < weight {
            return Some(id as u16);
        }
        left -= weight;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::random::SplitMix64;

    #[test]
    fn what_is_no_number_is_never_the_largest() {
        let nan = f32::NAN.abs();
        assert_eq!(argmax(&[nan, -nan, -3.0, f32::NEG_INFINITY, -2.5, nan]), 4);
        assert_eq!(argmax(&[nan, -nan]), 0);
        assert_eq!(argmax(&[-1.0, 2.0, f32::INFINITY, f32::INFINITY, nan]), 2);
    }

    fn counts<const N: usize>(logits: [f32; N], recent: &[u16], sampling: Sampling) -> [u32; N] {
        let mut rng = SplitMix64::new(3);
        let mut counts = [0; N];
        for _ in 0..10_000 {
            let token = sample(&mut logits.clone(), recent, &sampling, &mut rng).unwrap();
            counts[usize::from(token)] += 1;
        }
        counts
    }

    const ALL: Sampling = Sampling { temperature: 1.0, top_k: 0, top_p: 1.0, repetition_penalty: 1.0 };

    #[test]
    fn tokens_come_as_often_as_their_probability_says() {
        let [a, b, c] = counts([2f32.ln(), 1f32.ln(), 7f32.ln()], &[], ALL);
        assert!(a.abs_diff(2000) < 150 && b.abs_diff(1000) < 150 && c.abs_diff(7000) < 150, "{a} {b} {c}");
        let [a, b] = counts([0.0, 2f32.ln()], &[], Sampling { temperature: 0.5, ..ALL });
        assert!(a.abs_diff(2000) < 150 && b.abs_diff(8000) < 150, "{a} {b}");
    }

    #[test]
    fn greedy_takes_the_first_of_the_largest() {
        assert_eq!(counts([1.0, 3.0, 3.0], &[], Sampling::GREEDY), [0, 10_000, 0]);
    }

    #[test]
    fn top_k_leaves_k_and_their_equals() {
        let c = counts([-1.0, 0.5, -2.0, 0.4, 0.3], &[], Sampling { top_k: 2, ..ALL });
        assert!(c[1] > 0 && c[3] > 0 && c[0] + c[2] + c[4] == 0, "{c:?}");
        let c = counts([-1.0, -1.0, -1.0, -3.0], &[], Sampling { top_k: 2, ..ALL });
        assert!(c[0] > 0 && c[1] > 0 && c[2] > 0 && c[3] == 0, "{c:?}");
    }

    #[test]
    fn top_p_leaves_the_fewest_that_reach_it() {
        let logits = [0.5f32.ln(), 0.3f32.ln(), 0.15f32.ln(), 0.05f32.ln()];
        let kept = |top_p| counts(logits, &[], Sampling { top_p, ..ALL }).map(|count| count > 0);
        assert_eq!(kept(0.4), [true, false, false, false]);
        assert_eq!(kept(0.7), [true, true, false, false]);
        assert_eq!(kept(0.9), [true, true, true, false]);
        assert_eq!(kept(1.0), [true; 4]);
    }

    #[test]
    fn the_penalty_counts_a_token_once() {
        let mut logits = [4.0, -2.0, 1.0];
        penalize(&mut logits, &[0, 1, 0, 9], 2.0);
        assert_eq!(logits, [2.0, -4.0, 1.0]);
    }

    #[test]
    fn what_is_not_a_number_is_harmless() {
        let settings = Sampling { top_k: 2, top_p: 0.5, repetition_penalty: 1.5, ..ALL };
        for logits in [[f32::NAN; 4], [f32::INFINITY; 4], [f32::NEG_INFINITY, f32::NAN, f32::INFINITY, 0.0]] {
            let token = sample(&mut logits.clone(), &[0], &settings, &mut SplitMix64::new(1));
            assert!(token.is_some_and(|token| token < 4), "{token:?}");
        }
    }

    #[test]
    fn what_is_masked_is_never_chosen() {
        let [a, b, c] = counts([f32::NEG_INFINITY, -100.0, f32::NEG_INFINITY], &[], ALL);
        assert_eq!([a, b, c], [0, 10_000, 0]);
        for sampling in [ALL, Sampling::GREEDY, Sampling { top_k: 1, top_p: 0.1, ..ALL }] {
            let chosen = sample(&mut [f32::NEG_INFINITY; 3], &[], &sampling, &mut SplitMix64::new(1));
            assert_eq!(chosen, None);
        }
    }

    #[test]
    fn settings_out_of_range_are_refused() {
        assert_eq!(Sampling::default().check(), Ok(()));
        for wrong in [
            Sampling { temperature: -1.0, ..ALL },
            Sampling { temperature: f32::NAN, ..ALL },
            Sampling { top_p: 0.0, ..ALL },
            Sampling { top_k: 257, ..ALL },
            Sampling { repetition_penalty: 0.0, ..ALL },
        ] {
            assert!(wrong.check().is_err(), "{wrong:?}");
        }
    }
}
