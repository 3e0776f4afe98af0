//! The learning rate: a linear warm-up, then a fall from the maximum to the minimum.

use core::f64::consts::PI;

use serde::{Deserialize, Serialize};

/// How the learning rate falls from the maximum to the minimum, with `t` from 0 to 1 over the steps after the warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Decay {
    /// A straight line, `1 - t`.
    Linear,
    /// Half a cosine, `(1 + cos πt) / 2`.
    Cosine,
}

/// The learning rate over the steps of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Schedule {
    /// Reached at the end of the warm-up.
    pub maximum: f64,
    /// Reached at the last step.
    pub minimum: f64,
    /// The curve between the two.
    pub decay: Decay,
    /// Steps of the warm-up.
    pub warmup: u64,
    /// Steps in all.
    pub steps: u64,
}

impl Schedule {
    /// The learning rate of a step, counted from 0.
    pub fn learning_rate(&self, step: u64) -> f64 {
        let Schedule { maximum, minimum, decay, warmup, steps } = *self;
        if step < warmup {
            return maximum * (step + 1) as f64 / (warmup + 1) as f64;
        }
        if step >= steps {
            return minimum;
        }
        minimum + decay.left((step - warmup) as f64 / (steps - warmup) as f64) * (maximum - minimum)
    }
}

impl Decay {
    /// The share of the fall that is still to come.
    fn left(self, t: f64) -> f64 {
        match self {
            Decay::Linear => 1.0 - t,
            Decay::Cosine => 0.5 * (1.0 + libm::cos(PI * t)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Decay, Schedule};

    #[test]
    fn up_down_and_level() {
        for (decay, quarter) in [(Decay::Linear, 0.775), (Decay::Cosine, 0.868_198)] {
            let schedule = Schedule { maximum: 1.0, minimum: 0.1, decay, warmup: 9, steps: 109 };
            assert_eq!(schedule.learning_rate(0), 0.1);
            assert_eq!(schedule.learning_rate(8), 0.9);
            assert_eq!(schedule.learning_rate(9), 1.0);
            assert!((schedule.learning_rate(34) - quarter).abs() < 1e-6);
            assert!((schedule.learning_rate(59) - 0.55).abs() < 1e-12);
            assert_eq!(schedule.learning_rate(109), 0.1);
            assert_eq!(schedule.learning_rate(500), 0.1);
        }
    }
}
