//! Muon: momentum with all its singular values brought to about 1 (Jordan et al. 2024).
//!
//! For each matrix of a layer, with queries, keys, values, gate and up as matrices of their own:
//! `m = μ m + (1 - μ) g`, `u = μ m + (1 - μ) g` (Nesterov), `o = orthogonal(u)`, then
//! `w = w (1 - rate decay) - rate 0.2 sqrt(max(rows, columns)) o`. An orthogonal `o` has `min(rows, columns)` singular
//! values of 1, so its values have a root mean square of `sqrt(min / (rows columns)) = 1 / sqrt(max(rows, columns))`: the
//! factor makes that 0.2, about what AdamW's steps have (Liu et al. 2025, «Muon is scalable»). So one learning rate serves
//! both rules; the embedding, the positions, the head and all vectors go by AdamW.
//!
//! NorMuon (Li et al. 2025) also evens out the rows of `o`, each of which moves one neuron:
//! `v = β v + (1 - β) mean(o²)` for each row, `o = o / (sqrt(v) + ε)`, and all of `o` is brought back to the norm that it
//! had. A row's `v` is kept where AdamW would keep that of the row's first value.

use pipsqueak::internal::{Parameter, math};
use pipsqueak::{Config, Mlp};
use serde::{Deserialize, Serialize};

use super::{AdamW, Slices, Step, Tensor};
use crate::network::matmul::{View, ViewMut, multiply, multiply_add};
use crate::training::parallel;

/// The rule's constants.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Muon {
    /// `μ`.
    pub momentum: f64,
    /// NorMuon's `β`; `None` is plain Muon. Checkpoints call it `row_beta`.
    #[serde(rename = "row_beta")]
    pub normuon_beta: Option<f64>,
    /// Decay of the matrices, in units of the learning rate.
    pub weight_decay: f64,
    /// The rule for everything else.
    pub rest: AdamW,
}

impl Muon {
    /// Jordan's momentum, without the evened rows.
    pub const PLAIN: Muon =
        Muon { momentum: 0.95, normuon_beta: None, weight_decay: 0.1, rest: AdamW::DEFAULT };
    /// With evened rows.
    pub const NORMUON: Muon = Muon { normuon_beta: Some(0.95), ..Muon::PLAIN };
}

/// Root mean square of a step's values, in units of the learning rate.
const STEP_SIZE: f64 = 0.2;
/// `ε`: keeps the division of a row in range.
const EPSILON: f32 = 1e-8;
/// Iterations of [`orthogonalize`].
const ITERATIONS: usize = 5;
/// Jordan's coefficients `[a, b, c]`. They are steepest at 0, so that small singular values grow soonest; in return, singular
/// values end anywhere between about 0.7 and 1.2 instead of at 1.
const COEFFICIENTS: [f32; 3] = [3.4445, -4.7750, 2.0315];

/// One matrix `[rows, columns]` with its moments and gradient.
struct Matrix<'a> {
    slices: Slices<'a>,
    rows: usize,
    columns: usize,
}

impl Muon {
    /// A step of every parameter.
    pub(super) fn update<'a>(
        &self,
        config: &Config,
        tensors: impl Iterator<Item = Tensor<'a>>,
        step: Step,
        threads: usize,
    ) {
        let is_ours = |tensor: &Tensor<'_>| !matrix_rows(tensor.parameter, config).is_empty();
        let (ours, rest): (Vec<_>, Vec<_>) = tensors.partition(is_ours);
        self.rest.update(rest.into_iter(), step, threads);
        let matrices: Vec<Matrix<'_>> =
            ours.into_iter().flat_map(|tensor| matrices(tensor, config)).collect();
        parallel::for_each(threads, matrices.into_iter(), |matrix| self.update_matrix(matrix, step));
    }

    fn update_matrix(&self, matrix: Matrix<'_>, step: Step) {
        let Matrix { slices: Slices { w, m, v, g }, rows, columns } = matrix;
        let (momentum, clip) = (self.momentum as f32, step.clip as f32);
        let look_ahead = |(m, g): (&mut f32, &f32)| {
            let g = (1.0 - momentum) * clip * g;
            *m = momentum * *m + g;
            momentum * *m + g
        };
        let mut update: Vec<f32> = m.iter_mut().zip(g).map(look_ahead).collect();
        orthogonalize(&mut update, rows, columns);
        if let Some(beta) = self.normuon_beta {
            even_rows(&mut update, v, columns, beta as f32);
        }
        let keep = (1.0 - step.learning_rate * self.weight_decay) as f32;
        let rate = (step.learning_rate * STEP_SIZE * libm::sqrt(rows.max(columns) as f64)) as f32;
        w.iter_mut().zip(&update).for_each(|(w, o)| *w = *w * keep - rate * o);
    }
}

/// Rows of each matrix that one layer of a parameter consists of; empty where [`AdamW`] updates the parameter.
fn matrix_rows(parameter: Parameter, config: &Config) -> Vec<usize> {
    match parameter {
        Parameter::Qkv if config.latent > 0 => {
            let rows = [config.query_width(), config.latent, config.latent_rotary];
            rows.into_iter().filter(|&rows| rows > 0).collect()
        }
        Parameter::Qkv => vec![config.width, config.kv_width(), config.kv_width()],
        Parameter::Up if config.mlp == Mlp::Gated => vec![config.hidden; 2],
        Parameter::Up => vec![config.hidden],
        Parameter::Output | Parameter::Down => vec![config.width],
        _ => vec![],
    }
}

/// The matrices that a tensor consists of, layer by layer.
fn matrices<'a>(tensor: Tensor<'a>, config: &Config) -> impl Iterator<Item = Matrix<'a>> {
    let Tensor { parameter, shape, mut slices } = tensor;
    let rows = matrix_rows(parameter, config).repeat(shape.layers);
    rows.into_iter().map(move |rows| {
        let slices = slices.split_off(rows * shape.columns);
        Matrix { slices, rows, columns: shape.columns }
    })
}

/// Brings all singular values of `x` `[rows, columns]` near 1 and keeps its singular vectors, by the Newton-Schulz iteration
/// `x = (a + b s + c s²) x` with `s = x xᵀ`.
///
/// With the decomposition `x = U Σ Vᵀ`, `s = U Σ Vᵀ V Σ Uᵀ = U Σ² Uᵀ`, because `Vᵀ V = 1`; likewise `s² = U Σ⁴ Uᵀ`. So
/// `(a + b s + c s²) x = U (a Σ + b Σ³ + c Σ⁵) Vᵀ`: one iteration takes each singular value `σ` to `a σ + b σ³ + c σ⁵` and
/// leaves `U` and `V` alone. No singular value is larger than the norm `sqrt(Σ x²)`, so dividing by it first brings all of
/// them into `[0, 1]`, from where the polynomial drives them towards 1; zero stays zero.
///
/// `s` has the rows' side. Of a matrix with more rows than columns `x (a + b s + c s²)` with `s = xᵀ x` gives the same, by
/// the same steps, from a smaller `s`.
pub(super) fn orthogonalize(x: &mut [f32], rows: usize, columns: usize) {
    let [a, b, c] = COEFFICIENTS;
    let norm = f32::sqrt(math::sum(x, |x| x * x));
    let scale = 1.0 / (norm + 1e-7);
    x.iter_mut().for_each(|x| *x *= scale);
    let side = rows.min(columns);
    let mut square = vec![0.0; side * side];
    let mut polynomial = vec![0.0; side * side];
    let mut next = vec![0.0; x.len()];
    for _ in 0..ITERATIONS {
        let view = View::new(x, rows, columns, columns);
        let (left, right) =
            if rows <= columns { (view, view.transposed()) } else { (view.transposed(), view) };
        multiply(ViewMut::new(&mut square, side, side, side), left, right, 1.0);
        let s = View::new(&square, side, side, side);
        polynomial.iter_mut().zip(&square).for_each(|(p, s)| *p = b * s);
        multiply_add(ViewMut::new(&mut polynomial, side, side, side), s, s, c);
        (0..side).for_each(|i| polynomial[i * side + i] += a);
        let p = View::new(&polynomial, side, side, side);
        let out = ViewMut::new(&mut next, rows, columns, columns);
        if rows <= columns {
            multiply(out, p, view, 1.0)
        } else {
            multiply(out, view, p, 1.0)
        }
        x.copy_from_slice(&next);
    }
}

/// Divides each row of `o` by the root of its mean square over the steps, then scales all of `o` back to the norm that it
/// had. `v` holds a row's mean in place of the row's first value. That mean begins at zero, which makes it too small by a
/// factor; the factor is the same for every row, so it goes with the norm.
fn even_rows(o: &mut [f32], v: &mut [f32], columns: usize, beta: f32) {
    let before = math::sum(o, |o| o * o);
    for (o, v) in o.chunks_exact_mut(columns).zip(v.chunks_exact_mut(columns)) {
        v[0] = beta * v[0] + (1.0 - beta) * math::sum(o, |o| o * o) / columns as f32;
        let factor = 1.0 / (f32::sqrt(v[0]) + EPSILON);
        o.iter_mut().for_each(|o| *o *= factor);
    }
    let after = math::sum(o, |o| o * o);
    if after > 0.0 {
        let factor = f32::sqrt(before / after);
        o.iter_mut().for_each(|o| *o *= factor);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::differences::values;
    use crate::optimizer::{Moments, Optimizer};
    use crate::sizing::presets::{GPT, STORIES_260K};
    use crate::training::parameters::Parameters;

    /// `x xᵀ` over the shorter side, whose eigenvalues are the squares of the singular values.
    fn gram(x: &[f32], rows: usize, columns: usize) -> Vec<f32> {
        let side = rows.min(columns);
        let at = |i: usize, k: usize| if rows <= columns { x[i * columns + k] } else { x[k * columns + i] };
        let dot = |i, j| (0..rows.max(columns)).map(|k| at(i, k) * at(j, k)).sum();
        (0..side * side).map(|n| dot(n / side, n % side)).collect()
    }

    #[test]
    fn singular_values_end_near_one_whichever_side_is_longer() {
        for (rows, columns) in [(6, 20), (20, 6), (8, 8)] {
            let mut x: Vec<f32> = values(rows * columns, 1).into_iter().map(|x| 3.0 * x as f32).collect();
            orthogonalize(&mut x, rows, columns);
            let (gram, side) = (gram(&x, rows, columns), rows.min(columns));
            let trace: f32 = (0..side).map(|i| gram[i * side + i]).sum();
            assert!((0.5..1.5).contains(&(trace / side as f32)), "[{rows}, {columns}]: {trace}");
            // Gershgorin: every eigenvalue lies within a row's absolute sum.
            let largest = gram.chunks(side).map(|row| row.iter().map(|x| x.abs()).sum::<f32>());
            assert!(largest.fold(0.0, f32::max) < 2.5, "[{rows}, {columns}]: {gram:?}");
        }
    }

    #[test]
    fn an_orthogonal_matrix_keeps_its_directions() {
        let mut x = [0.0, -5.0, 5.0, 0.0];
        orthogonalize(&mut x, 2, 2);
        assert!(x[1] < -0.6 && x[2] > 0.6 && x[0].abs() < 1e-6 && x[3].abs() < 1e-6, "{x:?}");
        let mut zero = [0.0; 6];
        orthogonalize(&mut zero, 2, 3);
        assert_eq!(zero, [0.0; 6]);
    }

    #[test]
    fn each_parameter_is_changed_once_and_by_its_rule() {
        for config in [GPT, STORIES_260K] {
            let mut parameters = Parameters::<f32>::zeros(&config);
            let mut moments = Moments::zeros(&config);
            let mut gradients = Parameters::zeros(&config);
            let noise = values(gradients.len(), 2);
            gradients.values_mut().iter_mut().zip(noise).for_each(|(g, noise)| *g = noise as f32);
            let step = Step { number: 0, learning_rate: 0.01, clip: 1.0 };
            Optimizer::Muon(Muon::PLAIN).update(&config, &mut parameters, &mut moments, &gradients, step, 2);
            for (parameter, shape, w) in parameters.walk() {
                let by_muon = !matrix_rows(parameter, &config).is_empty();
                assert_eq!(by_muon, parameter.is_matrix() && shape.layers > 1, "{}", parameter.name());
                let second = moments.second.get(parameter).iter().all(|&v| v == 0.0);
                assert_eq!(by_muon, second, "{}", parameter.name());
                let square = math::sum(w, |w| w * w) / w.len() as f32;
                let size = f64::from(square).sqrt() / 0.01;
                let expected = if by_muon { 0.1..0.25 } else { 0.9..1.1 };
                assert!(expected.contains(&size), "{}: {size}", parameter.name());
            }
        }
    }

    #[test]
    fn each_row_is_divided_by_the_usual_size_of_its_steps() {
        let mut o = [3.0, -3.0, 1.0, 1.0, 0.0, 0.0];
        let mut v = [0.0; 6];
        even_rows(&mut o, &mut v, 2, 0.75);
        assert_eq!(v, [0.25 * 9.0, 0.0, 0.25, 0.0, 0.0, 0.0]);
        // The first step is even, and as long as it was: 20 in four values.
        let even = libm::sqrtf(5.0);
        let expected = [even, -even, even, even, 0.0, 0.0];
        assert!(o.iter().zip(expected).all(|(o, e)| (o - e).abs() < 1e-5), "{o:?}");
        // The first row usually has large steps: the same step is now a smaller one for it than for another row.
        let mut o = [1.0; 6];
        even_rows(&mut o, &mut v, 2, 0.75);
        assert!((v[0] - (0.75 * 2.25 + 0.25)).abs() < 1e-6);
        assert!(o[0] < o[2] && o[2] < o[4], "{o:?}");
        assert!((math::sum(&o, |o| o * o) - 6.0).abs() < 1e-5);
        let mut zero = [0.0; 6];
        even_rows(&mut zero, &mut [0.0; 6], 2, 0.75);
        assert_eq!(zero, [0.0; 6]);
    }

    #[test]
    fn each_row_keeps_one_mean() {
        let (mut parameters, mut moments) = (Parameters::zeros(&GPT), Moments::zeros(&GPT));
        let mut gradients = Parameters::zeros(&GPT);
        let noise = values(gradients.len(), 2);
        gradients.values_mut().iter_mut().zip(noise).for_each(|(g, noise)| *g = noise as f32);
        let step = Step { number: 0, learning_rate: 0.01, clip: 1.0 };
        Optimizer::Muon(Muon::NORMUON).update(&GPT, &mut parameters, &mut moments, &gradients, step, 2);
        let columns = parameters.shape(Parameter::Up).columns;
        for (i, v) in moments.second.get(Parameter::Up).iter().enumerate() {
            assert_eq!(*v > 0.0, i % columns == 0, "{i}: {v}");
        }
        // All rows of the first step are as long as each other.
        let lengths = parameters.get(Parameter::Up).chunks(columns).map(|row| math::sum(row, |w| w * w));
        let lengths: Vec<f32> = lengths.collect();
        assert!(lengths.iter().all(|length| (length / lengths[0] - 1.0).abs() < 0.05), "{lengths:?}");
    }

    #[test]
    fn the_momentum_looks_ahead() {
        // The momentum still points the other way; the look ahead does not.
        let (mut w, mut m, g) = ([0.0], [-0.11], [4.0]);
        let mut v = [0.0];
        let step = Step { number: 3, learning_rate: 0.1, clip: 0.5 };
        let slices = Slices { w: &mut w, m: &mut m, v: &mut v, g: &g };
        Muon::PLAIN.update_matrix(Matrix { slices, rows: 1, columns: 1 }, step);
        assert!((m[0] - (0.95 * -0.11 + 0.05 * 2.0)).abs() < 1e-6 && m[0] < 0.0);
        assert!(w[0] < 0.0 && w[0] > -0.1 * 0.2 * 1.5, "{}", w[0]);
    }
}
