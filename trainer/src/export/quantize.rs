//! From f32 matrices to the integer rows that the core multiplies by; and, in training, to the values that such rows stand
//! for.
//!
//! A row `x` becomes integers `q` and a scale, with `x ≈ scale q`. A tried scale gives the integers,
//! `q = round(x / tried)`, clamped to the format's range. For these integers, the scale with the least squared error
//! `E = Σ (x - scale q)²` is where the slope is zero: `dE / dscale = -2 Σ q (x - scale q) = 0`, so
//! `scale = Σ x q / Σ q²`, and there `E = Σ x² - (Σ x q)² / Σ q²`. Of several tried scales, the one with the least error is
//! taken. The widest of them clips nothing; narrower ones clip the largest values and are finer for all others.

use core::cmp::Ordering;

use pipsqueak::Precision;
use pipsqueak::internal::packing::{Format, ROWS};
use pipsqueak::internal::{Shape, math};

use crate::training::parallel;
use crate::training::parameters::Parameters;
use crate::vector::vectorised;

/// The largest integer that stands for a row's scale.
const SCALE_MAX: f32 = 32_767.0;

/// The scales of a layer's rows, as the model file holds them: integers in units of `unit`.
struct Scales {
    integers: Vec<u16>,
    unit: f32,
}

impl Scales {
    fn of(scales: &[f32]) -> Scales {
        let unit = scales.iter().fold(0f32, |a, &b| a.max(b)) / SCALE_MAX;
        let integer = |scale: &f32| if unit > 0.0 { (scale / unit).round() as u16 } else { 0 };
        Scales { integers: scales.iter().map(integer).collect(), unit }
    }

    fn row(&self, row: usize) -> f32 {
        f32::from(self.integers[row]) * self.unit
    }
}

/// The scales of the rows of every matrix, each `[layers, rows]`, in the order of `Parameter::ALL`; of vectors, none.
pub type RowScales = Vec<Vec<f32>>;

/// The bytes of a matrix `[layers, rows, columns]` in this `format`, laid out as the core's `Tensor` says.
pub fn rows(values: &[f32], shape: Shape, format: Format) -> Vec<u8> {
    encode(values, shape, format, |_, layer| best_scales(layer, shape, format))
}

/// The same of values that are rounded already, to integers times these `scales` `[layers, rows]`.
pub fn rounded_rows(values: &[f32], scales: &[f32], shape: Shape, format: Format) -> Vec<u8> {
    encode(values, shape, format, |layer, _| scales[layer * shape.rows..][..shape.rows].to_vec())
}

/// With the scales of each layer as `scales_of` finds them.
fn encode(
    values: &[f32],
    shape: Shape,
    format: Format,
    scales_of: impl Fn(usize, &[f32]) -> Vec<f32>,
) -> Vec<u8> {
    let rows = shape.rows.next_multiple_of(ROWS);
    let (mut words, mut integers, mut units) = (Vec::new(), Vec::new(), Vec::new());
    for (i, layer) in values.chunks_exact((shape.rows * shape.columns).max(1)).enumerate() {
        let mut scales = scales_of(i, layer);
        scales.resize(rows, 0.0);
        let scales = Scales::of(&scales);
        words.extend(pack_layer(layer, shape.columns, format, &scales));
        units.push(scales.unit);
        integers.extend(scales.integers);
    }
    let mut bytes: Vec<u8> = words.iter().flat_map(|word: &u32| word.to_le_bytes()).collect();
    bytes.extend(integers.iter().flat_map(|integer: &u16| integer.to_le_bytes()));
    bytes.extend(units.iter().flat_map(|unit| unit.to_le_bytes()));
    bytes
}

/// These scales as a model file can hold them, in one layer.
pub fn storable(scales: &[f32]) -> Vec<f32> {
    let held = Scales::of(scales);
    (0..scales.len()).map(|row| held.row(row)).collect()
}

/// Rounds `values` `[layers, rows, columns]` as [`rows`] does; returns the scales `[layers, rows]`.
pub fn round_to_nearest(values: &mut [f32], shape: Shape, format: Format) -> Vec<f32> {
    let mut all = Vec::with_capacity(shape.layers * shape.rows);
    for layer in values.chunks_exact_mut((shape.rows * shape.columns).max(1)) {
        let scales = storable(&best_scales(layer, shape, format));
        for (row, &scale) in layer.chunks_exact_mut(shape.columns).zip(&scales) {
            let inverse = inverse(scale);
            row.iter_mut().for_each(|x| *x = nearest(*x * inverse, format) * scale);
        }
        all.extend(scales);
    }
    all
}

/// The best scale of each row, by as many threads as there are.
fn best_scales(layer: &[f32], shape: Shape, format: Format) -> Vec<f32> {
    const ROWS_AT_ONCE: usize = 16;
    let mut scales = vec![0.0; shape.rows];
    let parts = scales.chunks_mut(ROWS_AT_ONCE).zip(layer.chunks(ROWS_AT_ONCE * shape.columns));
    parallel::for_each(parallel::available(), parts, |(scales, rows)| {
        let rows = rows.chunks_exact(shape.columns);
        scales.iter_mut().zip(rows).for_each(|(scale, row)| *scale = best_scale(row, format));
    });
    scales
}

/// The words of a layer `[rows, columns]`: those of four rows alternate, and rows beyond the last are zero.
fn pack_layer(layer: &[f32], columns: usize, format: Format, scales: &Scales) -> Vec<u32> {
    let mut words = Vec::new();
    let row = |row: usize| layer.get(row * columns..(row + 1) * columns).unwrap_or_default();
    for first in (0..scales.integers.len()).step_by(ROWS) {
        let rows = [0, 1, 2, 3].map(|i| quantize(row(first + i), scales.row(first + i), format));
        for word in 0..format.words_of_row(columns) {
            let start = word * format.weights_of_word();
            let packed = |row: &Vec<i8>| {
                let end = row.len().min(start + format.weights_of_word());
                format.pack(row.get(start..end).unwrap_or_default())
            };
            words.extend(rows.iter().map(packed));
        }
    }
    words
}

fn quantize(row: &[f32], scale: f32, format: Format) -> Vec<i8> {
    let inverse = inverse(scale);
    row.iter().map(|x| nearest(x * inverse, format) as i8).collect()
}

vectorised! {
    /// The scale with the least squared error, among those that fit the integers of 400 tried scales best.
    fn best_scale(row: &[f32], format: Format) -> f32 {
        let widest = row.iter().fold(0f32, |a, &b| a.max(b.abs())) / format.largest() as f32;
        if widest < f32::MIN_POSITIVE {
            return 0.0;
        }
        let narrowest = if format == Format::Int8 { 0.7 } else { 0.25 };
        let tried = |i: usize| widest * (1.0 - (1.0 - narrowest) * i as f32 / CANDIDATES as f32);
        // Most are far from the best, which a quick estimate is enough to see.
        let mut estimates = [0.0; CANDIDATES];
        for (i, error) in estimates.iter_mut().enumerate() {
            *error = estimate(row, tried(i), format);
        }
        let limit = estimates.iter().fold(f32::INFINITY, |a, &b| a.min(b)) * (1.0 + ESTIMATE_TOLERANCE);
        let (mut best, mut least) = (widest, f64::INFINITY);
        for i in (0..CANDIDATES).filter(|&i| estimates[i].partial_cmp(&limit).is_none_or(Ordering::is_le)) {
            let fit = fit(row, tried(i), format);
            if fit.error < least {
                (best, least) = (fit.scale, fit.error);
            }
        }
        best
    }
}

/// The number of scales that [`best_scale`] tries.
const CANDIDATES: usize = 400;
/// How far an [`estimate`] may be from the error, relatively, with ample room: rounding makes 1e-5 of it.
const ESTIMATE_TOLERANCE: f32 = 1e-3;

/// About the error of [`fit`], in f32.
#[inline(always)]
fn estimate(row: &[f32], tried: f32, format: Format) -> f32 {
    let QuickFit { scale, .. } = quick_fit(row, tried, format);
    let inverse = inverse(scale);
    let error = |x: f32| x - nearest(x * inverse, format) * scale;
    math::sum(row, |x| error(x) * error(x))
}

/// A scale, and the squared error of the integers that it gives.
struct Fit {
    scale: f32,
    error: f64,
}

/// The scale that fits the integers of `tried` best.
#[inline(always)]
fn fit(row: &[f32], tried: f32, format: Format) -> Fit {
    let pairs = |scale: f32| {
        let inverse = inverse(scale);
        row.iter().map(move |&x| (f64::from(x), f64::from(nearest(x * inverse, format))))
    };
    let (product, square) = pairs(tried).fold((0.0, 0.0), |(p, s), (x, q)| (p + x * q, s + q * q));
    let scale = if square > 0.0 { (product / square) as f32 } else { tried };
    let error = |(x, q): (f64, f64)| (x - q * f64::from(scale)).powi(2);
    Fit { scale, error: pairs(scale).map(error).sum() }
}

/// `1 / scale`; 0 for the scale 0 of a row of zeros.
#[inline(always)]
fn inverse(scale: f32) -> f32 {
    if scale > 0.0 { 1.0 / scale } else { 0.0 }
}

/// Writes `parameters` to `rounded` as a model file of this `precision` would hold them; vectors are copied. A file made of
/// `rounded` holds exactly these values, because [`rows`] finds the same scales. The same for any number of threads.
///
/// Since every step of training does this, it tries fewer scales than [`rows`] does.
pub fn round_to(
    rounded: &mut Parameters<f32>,
    parameters: &Parameters<f32>,
    precision: Precision,
    threads: usize,
) {
    let layers: Vec<_> = rounded.layers_with(parameters).collect();
    parallel::for_each(threads, layers.into_iter(), |layer| {
        layer.out.copy_from_slice(layer.values);
        if let Some(format) = precision.format().filter(|_| layer.parameter.is_matrix()) {
            round_layer(layer.out, layer.shape.columns, format);
        }
    });
}

vectorised! {
    /// Rounds a layer `[rows, columns]`, each row with a scale of its own.
    fn round_layer(layer: &mut [f32], columns: usize, format: Format) {
        let scales: Vec<f32> = layer.chunks_exact(columns).map(|row| quick_scale(row, format)).collect();
        let scales = Scales::of(&scales);
        for (i, row) in layer.chunks_exact_mut(columns).enumerate() {
            let scale = scales.row(i);
            let inverse = inverse(scale);
            row.iter_mut().for_each(|x| *x = nearest(*x * inverse, format) * scale);
        }
    }
}

/// A scale with about the least squared error. It is at most the one that clips nothing, so that one integer of the row is
/// the largest of the format: then the widest scale that [`rows`] tries for the rounded row is this one, without error.
#[inline(always)]
fn quick_scale(row: &[f32], format: Format) -> f32 {
    let widest = row.iter().fold(0f32, |a, &b| a.max(b.abs())) / format.largest() as f32;
    if widest < f32::MIN_POSITIVE {
        return 0.0;
    }
    let candidates: &[f32] = match format {
        Format::Int8 => &[1.0, 0.97, 0.93],
        Format::Int4 => &[1.0, 0.94, 0.88, 0.82, 0.76, 0.7, 0.64, 0.58],
        Format::Ternary => &[0.85, 0.75, 0.67, 0.6, 0.53, 0.47, 0.41, 0.35, 0.3],
    };
    let fits = candidates.iter().map(|factor| quick_fit(row, widest * factor, format));
    let best = fits.max_by(|a, b| a.gain.total_cmp(&b.gain));
    best.map_or(widest, |best| best.scale.min(widest))
}

/// A scale, and by how much it lowers the squared error from the `Σ x²` of all zeros: `(Σ x q)² / Σ q²`.
struct QuickFit {
    scale: f32,
    gain: f32,
}

/// The scale that fits the integers of `tried` best.
#[inline(always)]
fn quick_fit(row: &[f32], tried: f32, format: Format) -> QuickFit {
    let inverse = 1.0 / tried;
    let product = math::sum(row, |x| x * nearest(x * inverse, format));
    let square = math::sum(row, |x| nearest(x * inverse, format) * nearest(x * inverse, format));
    if square > 0.0 {
        QuickFit { scale: product / square, gain: product * product / square }
    } else {
        QuickFit { scale: tried, gain: 0.0 }
    }
}

/// The nearest integer in the format's range; the even one where two are.
#[inline(always)]
pub fn nearest(x: f32, format: Format) -> f32 {
    let size = format.largest() as f32;
    math::nearest(x.clamp(-size, size))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::differences::values;
    use crate::sizing::presets::STORIES_260K;
    use pipsqueak::internal::Parameter;
    use pipsqueak::internal::packing::place;

    const PRECISIONS: [Precision; 3] = [Precision::Int8, Precision::Int4, Precision::Ternary];

    fn noise() -> Parameters<f32> {
        let mut parameters = Parameters::zeros(&STORIES_260K);
        let noise = values(parameters.len(), 1);
        // Rows of different sizes.
        let sized = noise.iter().enumerate().map(|(i, x)| (*x * (1.0 + (i / 64 % 5) as f64)) as f32);
        parameters.values_mut().iter_mut().zip(sized).for_each(|(value, x)| *value = x);
        parameters
    }

    fn rounded(parameters: &Parameters<f32>, precision: Precision, threads: usize) -> Parameters<f32> {
        let mut rounded = Parameters::zeros(&STORIES_260K);
        round_to(&mut rounded, parameters, precision, threads);
        rounded
    }

    /// The values that the bytes of a model file stand for.
    fn decoded(bytes: &[u8], shape: Shape, format: Format) -> Vec<f32> {
        let Shape { layers, rows, columns } = shape;
        let words_of_row = format.words_of_row(columns);
        let padded = rows.next_multiple_of(ROWS);
        let (words, rest) = bytes.split_at(4 * layers * padded * words_of_row);
        let (scales, units) = rest.split_at(2 * layers * padded);
        let word = |i: usize| u32::from_le_bytes(words.as_chunks::<4>().0[i]);
        let value = |layer: usize, row: usize, column: usize| {
            let weights = format.weights_of_word();
            let first = layer * padded * words_of_row;
            let q = format.unpack(word(first + place(words_of_row, row, column / weights)), column % weights);
            let scale = u16::from_le_bytes(scales.as_chunks::<2>().0[layer * padded + row]);
            q as f32 * (f32::from(scale) * f32::from_le_bytes(units.as_chunks::<4>().0[layer]))
        };
        let indices =
            (0..layers).flat_map(|l| (0..rows).flat_map(move |r| (0..columns).map(move |c| (l, r, c))));
        indices.map(|(l, r, c)| value(l, r, c)).collect()
    }

    #[test]
    fn a_model_file_holds_what_training_has_rounded() {
        for precision in PRECISIONS {
            let format = precision.format().unwrap();
            let rounded = rounded(&noise(), precision, 2);
            for (parameter, shape, values) in rounded.walk().filter(|(p, _, _)| p.is_matrix()) {
                let held = decoded(&rows(values, shape, format), shape, format);
                let largest = values.iter().fold(0f32, |a, b| a.max(b.abs()));
                for (i, (held, value)) in held.iter().zip(values).enumerate() {
                    let error = (held - value).abs() / largest;
                    assert!(error < 1e-6, "{format:?} {}[{i}]: {held} {value}", parameter.name());
                }
            }
        }
    }

    /// Rows of the lengths and values of models, and some of no model: of one large value, of ties, and of extreme sizes.
    #[test]
    fn no_candidate_is_better_than_the_one_that_estimates_let_through() {
        let noise: Vec<f32> = values(3000, 2).iter().map(|&x| x as f32).collect();
        let mut rows: Vec<Vec<f32>> =
            [4, 64, 172, 768].iter().flat_map(|&n| noise.chunks_exact(n).take(4)).map(Vec::from).collect();
        rows.extend([vec![1.0, 1e-3, -1e-3, 0.0], vec![0.5; 64], (0..64).map(|i| i as f32 / 8.0).collect()]);
        rows.extend([1e-30, 1e-20, 1e20, 1e37].map(|size| noise[..64].iter().map(|x| x * size).collect()));
        for format in PRECISIONS.map(|precision| precision.format().unwrap()) {
            for row in &rows {
                let widest = row.iter().fold(0f32, |a, &b| a.max(b.abs())) / format.largest() as f32;
                let narrowest = if format == Format::Int8 { 0.7 } else { 0.25 };
                let tried = |i: usize| widest * (1.0 - (1.0 - narrowest) * i as f32 / CANDIDATES as f32);
                let fits = (0..CANDIDATES).map(|i| fit(row, tried(i), format));
                let best = fits.reduce(|best, fit| if fit.error < best.error { fit } else { best }).unwrap();
                assert_eq!(best_scale(row, format), best.scale, "{format:?}: {row:?}");
            }
        }
    }

    #[test]
    fn quick_scales_are_nearly_the_best() {
        let parameters = noise();
        for (precision, share) in PRECISIONS.into_iter().zip([1.05, 1.02, 1.02]) {
            let format = precision.format().unwrap();
            let rounded = rounded(&parameters, precision, 1);
            let (shape, values) = (parameters.shape(Parameter::Up), parameters.get(Parameter::Up));
            let best = decoded(&rows(values, shape, format), shape, format);
            let error =
                |other: &[f32]| -> f32 { values.iter().zip(other).map(|(a, b)| (a - b).powi(2)).sum() };
            let (quick, best) = (error(rounded.get(Parameter::Up)), error(&best));
            assert!(quick <= share * best, "{format:?}: {quick} {best}");
        }
    }

    #[test]
    fn vectors_stay_and_the_number_of_threads_changes_nothing() {
        let parameters = noise();
        let one = rounded(&parameters, Precision::Int4, 1);
        assert_eq!(one, rounded(&parameters, Precision::Int4, 3));
        assert_eq!(one.get(Parameter::MlpNormGain), parameters.get(Parameter::MlpNormGain));
        assert_ne!(one.get(Parameter::Down), parameters.get(Parameter::Down));
    }
}
