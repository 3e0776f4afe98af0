//! The loss curve of a run, from its first step on.

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

/// Points of the training loss in a whole run; no curve has more.
pub const POINTS: u64 = 250;

/// A step and its loss, in nats per token.
pub type Point = (u64, f64);

/// The losses of a run so far.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// Each point is the mean over the steps since the one before.
    pub training: Vec<Point>,
    /// Over part of the held-out text, or all of it at the end.
    pub validation: Vec<Point>,
    /// Running mean of the training loss; `None` before the first step.
    pub smoothed: Option<f64>,
    /// Sum and number of the losses since the last point, which the next one is the mean of.
    pending: (f64, u64),
}

impl Curve {
    /// Adds the loss of a step, counted from 1, in a run of `steps`; returns the running mean.
    pub fn note(&mut self, step: u64, steps: u64, loss: f64) -> f64 {
        let smoothed = self.smoothed.map_or(loss, |mean| mean + 0.05 * (loss - mean));
        self.smoothed = Some(smoothed);
        self.pending = (self.pending.0 + loss, self.pending.1 + 1);
        if step.is_multiple_of(steps.div_ceil(POINTS)) || step == steps {
            self.training.push((step, self.pending.0 / self.pending.1 as f64));
            self.pending = (0.0, 0);
        }
        smoothed
    }

    /// Refuses a curve, read from a file, that no run of this many steps can have.
    ///
    /// # Errors
    /// One sentence that says what is wrong.
    pub fn check(&self, steps: u64) -> Result<()> {
        for points in [&self.training, &self.validation] {
            ensure!(points.len() as u64 <= POINTS + 1, "its curve has {} points", points.len());
            ensure!(points.is_sorted_by(|a, b| a.0 <= b.0), "its curve goes back in time");
            ensure!(
                points.iter().all(|&(step, loss)| step <= steps && loss.is_finite()),
                "its curve is wrong"
            );
        }
        ensure!(self.smoothed.unwrap_or(0.0).is_finite() && self.pending.1 <= steps, "its loss is wrong");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_means_and_few() {
        let mut curve = Curve::default();
        (1..=1001).for_each(|step| _ = curve.note(step, 1001, step as f64));
        assert_eq!(curve.training[..2], [(5, 3.0), (10, 8.0)]);
        assert_eq!(curve.training.last(), Some(&(1001, 1001.0)));
        assert!(curve.training.len() as u64 <= POINTS + 1);
        assert!(curve.check(1001).is_ok() && curve.check(900).is_err());
    }
}
