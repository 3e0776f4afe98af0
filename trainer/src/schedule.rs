//! The learning rate: a linear warm-up, then half a cosine from the maximum to the minimum.

use core::f64::consts::PI;

/// When the learning rate is what.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Schedule {
    /// Reached at the end of the warm-up.
    pub maximum: f64,
    /// Reached at `steps`, and kept.
    pub minimum: f64,
    /// Steps of the warm-up.
    pub warmup: u64,
    /// Steps in all.
    pub steps: u64,
}

impl Schedule {
    /// The learning rate of a step, counted from 0 (nanoGPT's `get_lr`).
    pub fn learning_rate(&self, step: u64) -> f64 {
        let Schedule { maximum, minimum, warmup, steps } = *self;
        if step < warmup {
            return maximum * (step + 1) as f64 / (warmup + 1) as f64;
        }
        if step >= steps {
            return minimum;
        }
        let progress = (step - warmup) as f64 / (steps - warmup) as f64;
        minimum + 0.5 * (1.0 + libm::cos(PI * progress)) * (maximum - minimum)
    }
}

#[cfg(test)]
mod tests {
    use super::Schedule;

    #[test]
    fn up_down_and_level() {
        let schedule = Schedule { maximum: 1.0, minimum: 0.1, warmup: 9, steps: 109 };
        assert_eq!(schedule.learning_rate(0), 0.1);
        assert_eq!(schedule.learning_rate(8), 0.9);
        assert_eq!(schedule.learning_rate(9), 1.0);
        assert!((schedule.learning_rate(59) - 0.55).abs() < 1e-12);
        assert_eq!(schedule.learning_rate(109), 0.1);
        assert_eq!(schedule.learning_rate(500), 0.1);
    }
}
