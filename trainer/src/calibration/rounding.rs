//! Rounding a row so that its product with what it multiplies changes least.
//!
//! A row `w` becomes `s q`, integers times a scale, with an error `e = w - s q`. Its product with the inputs `x` is wrong by `e x`,
//! and the mean square of that over a text is `e H eᵀ = Σ_k D[k] (e U)[k]²`, with `H` the mean of `x xᵀ` and `U D Uᵀ` its
//! [`Factor`]. Column by column, `q[k]` is chosen so that `(e U)[k] = e[k] + Σ_{i<k} e[i] U[i, k]` is as small as it can be: each
//! column makes good for the errors of those before it. Where no two inputs go together, `U` has no such sums, and every value
//! is rounded to the nearest.
//!
//! Of several scales, the one with the least `e H eᵀ` is taken, and then the best scale for its integers, `s = w H qᵀ / q H qᵀ`.

use pipsqueak::internal::packing::Format;

use super::LANES;
use super::factor::{Factor, weighted_sum};
use crate::export::quantize::nearest;
use crate::vector::vectorised;

/// Integers `[columns]` and their scale.
#[derive(Debug, Clone, PartialEq)]
pub struct Rounded {
    /// In the format's range.
    pub integers: Vec<i8>,
    /// The value that an integer of 1 stands for.
    pub scale: f32,
}

/// The scales that are tried, as parts of the one that clips nothing, from the widest. The last lane is one of zeros, whose
/// `(e U)` is `w U`.
fn candidates(widest: f32, format: Format) -> [f32; LANES] {
    let narrowest = match format {
        Format::Int8 => 0.7,
        Format::Int4 => 0.44,
        Format::Ternary => 0.23,
    };
    let step = (1.0 - narrowest) / (LANES - 2) as f32;
    core::array::from_fn(|lane| if lane == LANES - 1 { 0.0 } else { widest * (1.0 - step * lane as f32) })
}

/// Rounds a row `[columns]`.
pub fn round(row: &[f32], factor: &Factor, format: Format) -> Rounded {
    let widest = row.iter().fold(0f32, |a, &b| a.max(b.abs())) / format.largest() as f32;
    if widest < f32::MIN_POSITIVE {
        return Rounded { integers: vec![0; row.len()], scale: 0.0 };
    }
    let scales = candidates(widest, format);
    let (integers, sums) = feed_back(row, factor, format, scales);
    let errors: [f64; LANES] = core::array::from_fn(|lane| sums.error_of_best_scale(lane));
    let best = (0..LANES - 1).min_by(|&a, &b| errors[a].total_cmp(&errors[b])).unwrap_or(0);
    Rounded {
        integers: integers.iter().map(|lanes| lanes[best]).collect(),
        scale: scales[best] * sums.factor(best) as f32,
    }
}

/// Sums over the columns, for each scale, with `ε = e U` and `q U = w U - ε`, in units of the scale.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    /// `Σ D ε²`: the error.
    error: [f64; LANES],
    /// `Σ D ε (q U)`.
    product: [f64; LANES],
    /// `Σ D (q U)²`.
    square: [f64; LANES],
}

impl Sums {
    /// The factor that makes the scale the best for its integers.
    fn factor(&self, lane: usize) -> f64 {
        let factor = 1.0 + self.product[lane] / self.square[lane];
        if factor > 0.0 && factor.is_finite() { factor } else { 1.0 }
    }

    /// The error with that scale.
    fn error_of_best_scale(&self, lane: usize) -> f64 {
        let gain = self.product[lane].powi(2) / self.square[lane];
        self.error[lane] - if gain.is_finite() { gain } else { 0.0 }
    }
}

vectorised! {
    /// Integers by each of these scales.
    #[allow(clippy::needless_range_loop)] // lanes of several vectors at once
    fn feed_back(row: &[f32], factor: &Factor, format: Format, scales: [f32; LANES]) -> (Vec<[i8; LANES]>, Sums) {
        let inverses = scales.map(|scale| if scale > 0.0 { 1.0 / scale } else { 0.0 });
        let (mut integers, mut sums) = (Vec::with_capacity(row.len()), Sums::default());
        let mut errors = Vec::with_capacity(row.len());
        for (k, (&w, &d)) in row.iter().zip(factor.diagonal()).enumerate() {
            let before = weighted_sum(factor.above(k), &errors);
            let (mut q, mut e, mut rest) = ([0; LANES], [0.0; LANES], [0.0; LANES]);
            for lane in 0..LANES {
                let wanted = w + before[lane];
                let integer = nearest(wanted * inverses[lane], format);
                q[lane] = integer as i8;
                e[lane] = w - integer * scales[lane];
                rest[lane] = wanted - integer * scales[lane];
            }
            sums.add(&rest, d);
            integers.push(q);
            errors.push(e);
        }
        (integers, sums)
    }
}

impl Sums {
    #[inline(always)]
    #[allow(clippy::needless_range_loop)] // lanes of several vectors at once
    fn add(&mut self, rest: &[f32; LANES], d: f32) {
        let (whole, d) = (f64::from(rest[LANES - 1]), f64::from(d));
        for lane in 0..LANES {
            let rest = f64::from(rest[lane]);
            let product = whole - rest;
            self.error[lane] += d * rest * rest;
            self.product[lane] += d * rest * product;
            self.square[lane] += d * product * product;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibration::statistics::{damp, products};
    use crate::network::differences::values;

    const COLUMNS: usize = 48;
    const FORMATS: [Format; 3] = [Format::Int8, Format::Int4, Format::Ternary];

    fn numbers(count: usize, seed: u64) -> Vec<f32> {
        values(count, seed).iter().map(|&x| x as f32).collect()
    }

    /// `e H eᵀ`.
    fn error(row: &[f32], h: &[f32], rounded: &Rounded) -> f32 {
        let e: Vec<f32> =
            row.iter().zip(&rounded.integers).map(|(w, &q)| w - f32::from(q) * rounded.scale).collect();
        h.chunks_exact(COLUMNS)
            .zip(&e)
            .map(|(h, a)| a * h.iter().zip(&e).map(|(h, b)| h * b).sum::<f32>())
            .sum()
    }

    fn to_the_nearest(row: &[f32], tried: f32, format: Format) -> Rounded {
        Rounded { integers: row.iter().map(|w| nearest(w / tried, format) as i8).collect(), scale: tried }
    }

    #[test]
    fn inputs_that_do_not_go_together_are_rounded_to_the_nearest() {
        let sizes = numbers(COLUMNS, 3);
        let mut h = vec![0.0; COLUMNS * COLUMNS];
        (0..COLUMNS).for_each(|i| h[i * (COLUMNS + 1)] = 0.1 + sizes[i].abs());
        let factor = Factor::of(&h, COLUMNS).unwrap();
        for format in FORMATS {
            for row in numbers(8 * COLUMNS, 4).chunks_exact(COLUMNS) {
                let rounded = round(row, &factor, format);
                let widest = row.iter().fold(0f32, |a, &b| a.max(b.abs())) / format.largest() as f32;
                let tried = candidates(widest, format);
                let found = tried[..LANES - 1]
                    .iter()
                    .any(|&tried| to_the_nearest(row, tried, format).integers == rounded.integers);
                assert!(found, "{format:?}: {rounded:?}");
            }
        }
    }

    #[test]
    fn inputs_that_go_together_lose_less_than_by_rounding_to_the_nearest() {
        let noise = numbers(200 * COLUMNS + 1, 5);
        let x: Vec<f32> = noise.windows(2).map(|pair| pair[0] + 0.9 * pair[1]).collect();
        let mut h = products(&x, &x, 200);
        damp(&mut h, COLUMNS, 0.01);
        let factor = Factor::of(&h, COLUMNS).unwrap();
        for format in FORMATS {
            let (mut is, mut nearest_is) = (0.0, 0.0);
            for row in numbers(8 * COLUMNS, 6).chunks_exact(COLUMNS) {
                let rounded = round(row, &factor, format);
                assert!(rounded.integers.iter().all(|&q| i32::from(q).abs() <= format.largest()));
                is += error(row, &h, &rounded);
                let widest = row.iter().fold(0f32, |a, &b| a.max(b.abs())) / format.largest() as f32;
                let errors = candidates(widest, format).map(|tried| match tried {
                    0.0 => f32::INFINITY,
                    tried => error(row, &h, &to_the_nearest(row, tried, format)),
                });
                nearest_is += errors.into_iter().fold(f32::INFINITY, f32::min);
            }
            assert!(is < 0.8 * nearest_is, "{format:?}: {is}, to the nearest {nearest_is}");
        }
    }

    #[test]
    fn a_row_of_zeros_stays_one() {
        let factor = Factor::of(&[1.0, 0.5, 0.5, 1.0], 2).unwrap();
        assert_eq!(round(&[0.0; 2], &factor, Format::Int4), Rounded { integers: vec![0; 2], scale: 0.0 });
    }
}
