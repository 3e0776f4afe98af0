//! Norms over rows of `[rows, width]`: layer norm, RMS norm, or none.
//!
//! With `n = (x - mean) / deviation` (RMS: `n = x / rms`), `out = n gain + bias`. Backward, with `dn = dout gain`:
//! `dgain += dout n`, `dbias += dout`, and `dx += (dn - mean(dn) - n mean(dn n)) / deviation`. The two means are there
//! because `x` also moves its row's mean (`mean(dn)`, which RMS lacks) and its deviation (`n mean(dn n)`).

use pipsqueak::internal::float::norm::{layer_norm, rms_norm};
use pipsqueak::internal::math::{Float, LANES, add};
use pipsqueak::{Config, Norm as Kind};

use crate::vector::vectorised;

/// A norm and its parameters, of one layer.
#[derive(Debug, Clone, Copy)]
pub struct Norm<'a, F> {
    /// Layer norm, RMS norm or none.
    pub kind: Kind,
    /// `[width]`; empty where there is no norm.
    pub gain: &'a [F],
    /// `[width]`, or empty.
    pub bias: &'a [F],
    /// Added to the variance or mean square under the root.
    pub epsilon: F,
}

/// Where the gradients of a gain and its bias are added.
#[derive(Debug)]
pub struct NormGradient<'a, F> {
    /// `[width]`; empty where there is no norm.
    pub gain: &'a mut [F],
    /// `[width]`, or empty.
    pub bias: &'a mut [F],
}

/// A row's statistics from the forward pass.
#[derive(Debug, Clone, Copy)]
struct Statistics<F> {
    /// RMS: 0.
    mean: F,
    /// 1 over the deviation, or over the root of the mean square.
    inverse: F,
}

impl<'a, F: Float> Norm<'a, F> {
    /// The `config`'s norm with these parameters.
    pub fn new(config: &Config, gain: &'a [F], bias: &'a [F]) -> Norm<'a, F> {
        Norm { kind: config.norm, gain, bias, epsilon: F::of(f64::from(config.norm_epsilon)) }
    }

    /// `out` from `x`, both `[rows, width]`; leaves each row's mean (RMS: 0) and inverse deviation in `statistics`
    /// `[rows, 2]` for the backward pass.
    pub fn forward(&self, out: &mut [F], statistics: &mut [F], x: &[F]) {
        match self.kind {
            Kind::None => out.copy_from_slice(x),
            Kind::Layer | Kind::Rms => forward_rows(*self, out, statistics, x),
        }
    }

    /// Adds to `dx` `[rows, width]` and to the `gradient`; uses `dout` up.
    pub fn backward(
        &self,
        dx: &mut [F],
        gradient: NormGradient<'_, F>,
        dout: &mut [F],
        x: &[F],
        statistics: &[F],
    ) {
        let NormGradient { gain: dgain, bias: dbias } = gradient;
        match self.kind {
            Kind::None => add(dx, dout),
            Kind::Layer | Kind::Rms => backward_rows(*self, dx, dgain, dbias, dout, x, statistics),
        }
    }

    #[inline(always)]
    fn backward_row(
        &self,
        dx: &mut [F],
        dgain: &mut [F],
        dout: &mut [F],
        x: &[F],
        statistics: Statistics<F>,
    ) {
        let Statistics { mean, inverse } = statistics;
        for (((dgain, dout), &gain), &x) in dgain.iter_mut().zip(&mut *dout).zip(self.gain).zip(x) {
            *dgain += *dout * ((x - mean) * inverse);
            *dout *= gain;
        }
        let dn = dout;
        let width = F::of(x.len() as f64);
        let mean_dn = if matches!(self.kind, Kind::Layer) { sum(dn, x, |dn, _| dn) / width } else { F::ZERO };
        let mean_dn_n = sum(dn, x, |dn, x| dn * ((x - mean) * inverse)) / width;
        for ((dx, &dn), &x) in dx.iter_mut().zip(&*dn).zip(x) {
            *dx += (dn - mean_dn - (x - mean) * inverse * mean_dn_n) * inverse;
        }
    }
}

vectorised! {
    fn forward_rows<F>(norm: Norm<'_, F>, out: &mut [F], statistics: &mut [F], x: &[F]) {
        let Norm { kind, gain, bias, epsilon } = norm;
        let width = gain.len();
        let (statistics, _) = statistics.as_chunks_mut::<2>();
        for ((out, x), statistics) in out.chunks_exact_mut(width).zip(x.chunks_exact(width)).zip(statistics) {
            let (mean, inverse) = match kind {
                Kind::Layer => layer_norm(out, x, gain, bias, epsilon),
                _ => (F::ZERO, rms_norm(out, x, gain, epsilon)),
            };
            *statistics = [mean, inverse];
        }
    }
}

vectorised! {
    fn backward_rows<F>(
        norm: Norm<'_, F>,
        dx: &mut [F],
        dgain: &mut [F],
        dbias: &mut [F],
        dout: &mut [F],
        x: &[F],
        statistics: &[F]
    ) {
        let width = norm.gain.len();
        let (statistics, _) = statistics.as_chunks::<2>();
        let rows = dx.chunks_exact_mut(width).zip(dout.chunks_exact_mut(width)).zip(x.chunks_exact(width));
        for (((dx, dout), x), &[mean, inverse]) in rows.zip(statistics) {
            add(dbias, dout);
            norm.backward_row(dx, dgain, dout, x, Statistics { mean, inverse });
        }
    }
}

/// `Σ f(a[i], b[i])`, in as many partial sums as a vector has lanes.
#[inline(always)]
fn sum<F: Float>(a: &[F], b: &[F], f: impl Fn(F, F) -> F) -> F {
    let mut lanes = [F::ZERO; LANES];
    let (a, a_rest) = a.as_chunks::<LANES>();
    let (b, b_rest) = b.as_chunks::<LANES>();
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            lanes[lane] += f(a[lane], b[lane]);
        }
    }
    for (lane, (&a, &b)) in lanes.iter_mut().zip(a_rest.iter().zip(b_rest)) {
        *lane += f(a, b);
    }
    lanes.into_iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::differences::{check, values, weighted};

    const ROWS: usize = 3;
    const WIDTH: usize = 13;

    fn gradients_are_those_of_differences(kind: Kind, bias: usize) {
        let (x, gain, bias) = (values(ROWS * WIDTH, 1), values(WIDTH, 2), values(bias, 3));
        let (dout, earlier) = (values(ROWS * WIDTH, 4), 0.25);
        let loss = |x: &[f64], gain: &[f64], bias: &[f64]| {
            let (mut out, mut statistics) = ([0.0; ROWS * WIDTH], [0.0; ROWS * 2]);
            Norm { kind, gain, bias, epsilon: 1e-5 }.forward(&mut out, &mut statistics, x);
            weighted(&out, &dout) + earlier * x.iter().sum::<f64>()
        };
        let norm = Norm { kind, gain: &gain, bias: &bias, epsilon: 1e-5 };
        let (mut out, mut statistics) = ([0.0; ROWS * WIDTH], [0.0; ROWS * 2]);
        norm.forward(&mut out, &mut statistics, &x);
        let (mut dx, mut dgain) = (vec![earlier; x.len()], vec![0.0; WIDTH]);
        let mut dbias = vec![0.0; bias.len()];
        let gradient = NormGradient { gain: &mut dgain, bias: &mut dbias };
        norm.backward(&mut dx, gradient, &mut dout.clone(), &x, &statistics);
        check("norm dx", &dx, &x, |x| loss(x, &gain, &bias));
        check("norm dgain", &dgain, &gain, |gain| loss(&x, gain, &bias));
        if !bias.is_empty() {
            check("norm dbias", &dbias, &bias, |bias| loss(&x, &gain, bias));
        }
    }

    #[test]
    fn gradients_of_every_norm() {
        gradients_are_those_of_differences(Kind::Layer, WIDTH);
        gradients_are_those_of_differences(Kind::Layer, 0);
        gradients_are_those_of_differences(Kind::Rms, 0);
        gradients_are_those_of_differences(Kind::None, 0);
    }
}
