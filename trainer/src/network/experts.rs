//! The MLP of experts: a router chooses one of several MLPs for each row (Fedus et al. 2022, "Switch Transformers").
//!
//! With `p = softmax(router x)` and `e` the largest of `p`, the lower index where two are equal: `out = p[e] expert_e(x)`. The
//! factor `p[e]` is how a gradient reaches the router. Rows are sorted by their expert, so that each expert is one matrix
//! product over its rows.
//!
//! With two active experts, `a` and `b` the largest two of `p`: `out = (p[a] expert_a(x) + p[b] expert_b(x)) / (p[a] + p[b])`
//! (Jiang et al. 2024, "Mixtral of Experts"), where the shares are the softmax of the two scores alone.
//!
//! So that all experts are used, `BALANCE * experts * Σ_e f[e] P[e]` is added to the loss, where `f[e]` is the share of choices that
//! fell on `e`, a constant for the gradient, and `P[e]` the mean of `p[e]`. The sum is least, 1, where all shares are equal. Rows are
//! those of one pass: a step takes its batch in passes of about 256 positions, as the paper's takes it in one a device, and their
//! number depends on the batch alone.

use std::ops::Range;

use pipsqueak::Config;
use pipsqueak::internal::Parameter::{self, Down, Router, Up};
use pipsqueak::internal::config::ACTIVE_EXPERTS_MAX;
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

/// Which row goes to which experts.
#[derive(Debug, Clone, Default)]
pub struct Routes {
    /// The rows, sorted by their expert: each as often as it has experts.
    rows: Vec<usize>,
    /// `[rows, active]`: the experts of each row, the likeliest first.
    chosen: Vec<usize>,
    /// `[rows, active]`: the place in `rows` of each choice.
    places: Vec<usize>,
    /// Where each expert's rows begin in `rows`, and where the last one's end.
    starts: Vec<usize>,
    /// Experts that a row goes to.
    active: usize,
}

impl Routes {
    /// By the largest `active` of each row of `probabilities` `[rows, experts]`.
    fn of<F: Float>(probabilities: &[F], experts: usize, active: usize) -> Routes {
        let choose = |row| largest(row, active).into_iter().take(active);
        let chosen: Vec<usize> = probabilities.chunks_exact(experts).flat_map(choose).collect();
        let mut starts = vec![0; experts + 1];
        chosen.iter().for_each(|expert| starts[expert + 1] += 1);
        (0..experts).for_each(|expert| starts[expert + 1] += starts[expert]);
        let mut choices: Vec<usize> = (0..chosen.len()).collect();
        choices.sort_by_key(|&choice| chosen[choice]);
        let mut places = vec![0; chosen.len()];
        choices.iter().enumerate().for_each(|(place, &choice)| places[choice] = place);
        let rows = choices.iter().map(|choice| choice / active).collect();
        Routes { rows, chosen, places, starts, active }
    }

    fn experts(&self) -> usize {
        self.starts.len() - 1
    }

    /// The places in `rows` of an expert's, times `columns`: its part of a buffer that is sorted likewise.
    fn part(&self, expert: usize, columns: usize) -> Range<usize> {
        self.starts[expert] * columns..self.starts[expert + 1] * columns
    }

    /// Each row's experts, and the places in `rows` of these choices.
    fn choices(&self) -> impl Iterator<Item = (&[usize], &[usize])> {
        self.chosen.chunks_exact(self.active).zip(self.places.chunks_exact(self.active))
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

/// The places of the two largest values, the first of equal ones; where `active` is 1, only the first counts. As in the core's
/// `route` and `route_two`.
fn largest<F: Float>(values: &[F], active: usize) -> [usize; ACTIVE_EXPERTS_MAX] {
    let but = |left_out: Option<usize>| {
        let mut places = (0..values.len()).filter(|&i| Some(i) != left_out);
        let first = places.next().unwrap_or(0);
        places.fold(first, |best, i| if values[i] > values[best] { i } else { best })
    };
    let first = but(None);
    [first, if active > 1 { but(Some(first)) } else { first }]
}

/// By how much each of the results of a row's `chosen` experts counts, with its probabilities `p`.
fn shares<F: Float>(p: &[F], chosen: &[usize]) -> [F; ACTIVE_EXPERTS_MAX] {
    match *chosen {
        [a, b] => [p[a] / (p[a] + p[b]), p[b] / (p[a] + p[b])],
        _ => [p[chosen[0]], F::ZERO],
    }
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
        a.routes = Routes::of(&a.probabilities, self.config.experts, self.config.active_experts);
        for (x, &row) in a.expert_input.chunks_exact_mut(width).zip(&a.routes.rows) {
            x.copy_from_slice(&a.mlp_normed[row * width..][..width]);
        }
        for expert in 0..self.config.experts {
            let (up, x) = (a.routes.part(expert, up_width), a.routes.part(expert, width));
            if !x.is_empty() {
                let linear = self.weights.linear(Up, self.place(expert));
                linear.forward(&mut a.up[up], &a.expert_input[x]);
            }
        }
    }

    /// Adds each row's `Σ share down(active)` to `out`, which holds the residual stream, if there is one.
    pub(super) fn forward_down(&self, out: &mut [F], a: &mut Layer<F>) {
        let (width, hidden) = (self.config.width, self.config.hidden);
        for expert in 0..self.config.experts {
            let (y, x) = (a.routes.part(expert, width), a.routes.part(expert, hidden));
            if !x.is_empty() {
                let linear = self.weights.linear(Down, self.place(expert));
                linear.forward(&mut a.expert_output[y], &a.active[x]);
            }
        }
        let probabilities = a.probabilities.chunks_exact(self.config.experts);
        for ((out, p), (chosen, places)) in
            out.chunks_exact_mut(width).zip(probabilities).zip(a.routes.choices())
        {
            for (&place, share) in places.iter().zip(shares(p, chosen)) {
                let y = &a.expert_output[place * width..][..width];
                out.iter_mut().zip(y).for_each(|(out, y)| *out += share * *y);
            }
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
        let rows = a.probabilities.chunks_exact_mut(experts).zip(dout.chunks_exact(width));
        for ((p, dout), (chosen, places)) in rows.zip(a.routes.choices()) {
            let mut shares = shares(p, chosen);
            let mut dshares = [F::ZERO; ACTIVE_EXPERTS_MAX];
            for ((&place, &share), dshare) in places.iter().zip(&shares).zip(&mut dshares) {
                let y = &mut a.expert_output[place * width..][..width];
                *dshare = math::dot(y, dout);
                y.iter_mut().zip(dout).for_each(|(y, dout)| *y = share * *dout);
            }
            let balance = |i| F::of(a.routes.pressure(i)) * scale;
            if let [one, two] = *chosen {
                backward_softmax(&mut shares, |i| dshares[i]);
                backward_softmax(p, balance);
                p[one] += shares[0];
                p[two] += shares[1];
            } else {
                backward_softmax(p, |i| if i == chosen[0] { dshares[0] + balance(i) } else { balance(i) });
            }
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
        for (dx, &row) in a.expert_input.chunks_exact(width).zip(&a.routes.rows) {
            add(&mut a.mlp_normed[row * width..][..width], dx);
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
