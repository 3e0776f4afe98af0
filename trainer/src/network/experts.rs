//! The MLP of experts: a router chooses one of several MLPs for each row (Fedus et al. 2022, "Switch Transformers").
//!
//! With `p = softmax(router x)` and `e` the largest of `p`, the lower index where two are equal: `out = p[e] expert_e(x)`. The
//! factor `p[e]` is how a gradient reaches the router. Rows are sorted by their expert, so that each expert is one matrix
//! product over its rows.
//!
//! So that all experts are used, `BALANCE * experts * Σ_e f[e] P[e]` is added to the loss, where `f[e]` is the share of rows that
//! went to `e`, a constant for the gradient, and `P[e]` the mean of `p[e]`. The sum is least, 1, where all shares are equal. Rows are
//! those of one pass: a step takes its batch in passes of about 256 positions, as the paper's takes it in one a device, and their
//! number depends on the batch alone.

use std::ops::Range;

use pipsqueak::Config;
use pipsqueak::internal::Parameter::{self, Down, Router, Up};
use pipsqueak::internal::float::softmax::softmax;
use pipsqueak::internal::math::{self, Float, add};

use super::activations::Layer;
use super::gradients::{Gradients, Mode};
use super::linear::Linear;
use super::weights::Weights;

/// Weight of the balance in the loss (the paper's).
pub const BALANCE: f64 = 0.01;

/// The experts of one layer, and their router.
pub(super) struct Experts<'a, F> {
    config: &'a Config,
    weights: Weights<'a, F>,
    layer: usize,
}

/// Which row goes to which expert.
#[derive(Debug, Clone, Default)]
pub struct Routes {
    /// The rows, sorted by their expert.
    rows: Vec<usize>,
    /// Where each expert's rows begin in `rows`, and where the last one's end.
    starts: Vec<usize>,
}

impl Routes {
    /// By the largest of each row of `probabilities` `[rows, experts]`.
    fn of<F: Float>(probabilities: &[F], experts: usize) -> Routes {
        let chosen: Vec<usize> = probabilities.chunks_exact(experts).map(largest).collect();
        let mut starts = vec![0; experts + 1];
        chosen.iter().for_each(|expert| starts[expert + 1] += 1);
        (0..experts).for_each(|expert| starts[expert + 1] += starts[expert]);
        let mut rows: Vec<usize> = (0..chosen.len()).collect();
        rows.sort_by_key(|&row| chosen[row]);
        Routes { rows, starts }
    }

    fn experts(&self) -> usize {
        self.starts.len() - 1
    }

    /// The places in `rows` of an expert's, times `columns`: its part of a buffer that is sorted likewise.
    fn part(&self, expert: usize, columns: usize) -> Range<usize> {
        self.starts[expert] * columns..self.starts[expert + 1] * columns
    }

    /// Each place in `rows`, with the row and its expert.
    fn iter(&self) -> impl Iterator<Item = (usize, usize, usize)> {
        (0..self.experts())
            .flat_map(move |expert| self.part(expert, 1).map(move |place| (place, self.rows[place], expert)))
    }

    /// The factor of an expert's mean probability in the balance.
    fn pressure(&self, expert: usize) -> f64 {
        let share = self.part(expert, 1).len() as f64 / self.rows.len() as f64;
        BALANCE * self.experts() as f64 * share
    }

    /// The balance's part of the loss, summed over the rows.
    pub(super) fn balance<F: Float>(&self, probabilities: &[F]) -> f64 {
        if probabilities.is_empty() {
            return 0.0;
        }
        let row = |row: &[F]| -> f64 {
            row.iter().enumerate().map(|(expert, p)| self.pressure(expert) * p.to_f64()).sum()
        };
        probabilities.chunks_exact(self.experts()).map(row).sum()
    }
}

/// The place of the largest value, the first of equal ones: as in the core's `route`.
fn largest<F: Float>(values: &[F]) -> usize {
    (1..values.len()).fold(0, |best, i| if values[i] > values[best] { i } else { best })
}

impl<'a, F: Float> Experts<'a, F> {
    pub(super) fn new(config: &'a Config, weights: Weights<'a, F>, layer: usize) -> Self {
        Experts { config, weights, layer }
    }

    fn router(&self) -> Linear<'a, F> {
        self.weights.linear(Router, self.layer)
    }

    fn place(&self, expert: usize) -> usize {
        self.layer * self.config.experts + expert
    }

    /// Routes the rows of `mlp_normed`, and leaves each one's `up`, sorted by experts.
    pub(super) fn forward_up(&self, a: &mut Layer<F>) {
        let (width, up_width) = (self.config.width, self.config.up_width());
        self.router().forward(&mut a.probabilities, &a.mlp_normed);
        a.probabilities.chunks_exact_mut(self.config.experts).for_each(|row| _ = softmax(row));
        a.routes = Routes::of(&a.probabilities, self.config.experts);
        for (place, row, _) in a.routes.iter() {
            a.expert_input[place * width..][..width].copy_from_slice(&a.mlp_normed[row * width..][..width]);
        }
        for expert in 0..self.config.experts {
            let (up, x) = (a.routes.part(expert, up_width), a.routes.part(expert, width));
            if !x.is_empty() {
                let linear = self.weights.linear(Up, self.place(expert));
                linear.forward(&mut a.up[up], &a.expert_input[x]);
            }
        }
    }

    /// Adds each row's `p down(active)` to `out`, which holds the residual stream, if there is one.
    pub(super) fn forward_down(&self, out: &mut [F], a: &mut Layer<F>) {
        let (width, hidden) = (self.config.width, self.config.hidden);
        for expert in 0..self.config.experts {
            let (y, x) = (a.routes.part(expert, width), a.routes.part(expert, hidden));
            if !x.is_empty() {
                let linear = self.weights.linear(Down, self.place(expert));
                linear.forward(&mut a.expert_output[y], &a.active[x]);
            }
        }
        for (place, row, expert) in a.routes.iter() {
            let p = a.probabilities[row * self.config.experts + expert];
            let out = &mut out[row * width..][..width];
            let y = &a.expert_output[place * width..][..width];
            out.iter_mut().zip(y).for_each(|(out, y)| *out += p * *y);
        }
    }

    /// From the gradient of the result to that of `active`, in its place; and to that of the router's logits, in place of the
    /// probabilities. `scale` is the weight of a row's balance.
    pub(super) fn backward_down(
        &self,
        gradients: &mut Gradients<'_, F>,
        a: &mut Layer<F>,
        dout: &[F],
        scale: F,
    ) {
        let (width, hidden, experts) = (self.config.width, self.config.hidden, self.config.experts);
        for (place, row, expert) in a.routes.iter() {
            let p = &mut a.probabilities[row * experts..][..experts];
            let y = &mut a.expert_output[place * width..][..width];
            let dout = &dout[row * width..][..width];
            let dp = math::dot(y, dout);
            y.iter_mut().zip(dout).for_each(|(y, dout)| *y = p[expert] * *dout);
            backward_softmax(p, |i| {
                let balance = F::of(a.routes.pressure(i)) * scale;
                if i == expert { dp + balance } else { balance }
            });
        }
        for expert in 0..experts {
            let (x, y) = (a.routes.part(expert, hidden), a.routes.part(expert, width));
            self.backward(gradients, Down, expert, &mut a.active[x], &a.expert_output[y]);
        }
    }

    /// From the gradient of `up` to that of `mlp_normed`, in its place: what comes by the experts, and what by the router.
    pub(super) fn backward_up(&self, gradients: &mut Gradients<'_, F>, a: &mut Layer<F>) {
        let (width, up_width) = (self.config.width, self.config.up_width());
        for expert in 0..self.config.experts {
            let (x, up) = (a.routes.part(expert, width), a.routes.part(expert, up_width));
            self.backward(gradients, Up, expert, &mut a.expert_input[x], &a.up[up]);
        }
        self.router().backward(&mut a.mlp_normed, gradients.linear(Router, self.layer), &a.probabilities);
        for (place, row, _) in a.routes.iter() {
            add(&mut a.mlp_normed[row * width..][..width], &a.expert_input[place * width..][..width]);
        }
    }

    /// One expert's matrix: puts the gradient of `x` in its place. An expert without rows has none.
    fn backward(
        &self,
        gradients: &mut Gradients<'_, F>,
        matrix: Parameter,
        expert: usize,
        x: &mut [F],
        dout: &[F],
    ) {
        let gradient = gradients.linear(matrix, self.place(expert));
        match x {
            [] if gradient.mode == Mode::Write => gradient.weight.fill(F::ZERO),
            [] => {}
            x => self.weights.linear(matrix, self.place(expert)).backward(x, gradient, dout),
        }
    }
}

/// `dx[i] = p[i] (dp[i] - Σ p[j] dp[j])`, in place of the probabilities `p`.
fn backward_softmax<F: Float>(p: &mut [F], dp: impl Fn(usize) -> F) {
    let mean = p.iter().enumerate().fold(F::ZERO, |sum, (i, p)| sum + *p * dp(i));
    p.iter_mut().enumerate().for_each(|(i, p)| *p *= dp(i) - mean);
}
