//! From f32 matrices to the integer rows that the core multiplies by.

use pipsqueak::packing::{ROWS, largest, pack, weights_of_word, words_of_row};
use pipsqueak::{Precision, Shape};

/// The largest mantissa of a row's scale.
const SCALE_MAX: f32 = 32_767.0;

/// A matrix `[layers, rows, columns]` in the format of `precision`, as the core's `Tensor` says.
pub fn rows(values: &[f32], shape: Shape, precision: Precision) -> Vec<u8> {
    let rows = shape.rows.next_multiple_of(ROWS);
    let (mut words, mut mantissas, mut units) = (Vec::new(), Vec::new(), Vec::new());
    for layer in values.chunks_exact((shape.rows * shape.columns).max(1)) {
        let mut scales: Vec<f32> =
            layer.chunks_exact(shape.columns).map(|row| best_scale(row, precision)).collect();
        scales.resize(rows, 0.0);
        let unit = scales.iter().fold(0f32, |a, &b| a.max(b)) / SCALE_MAX;
        units.push(unit);
        let integers = scales.iter().map(|scale| if unit > 0.0 { (scale / unit).round() } else { 0.0 });
        let integers: Vec<u16> = integers.map(|scale| scale as u16).collect();
        words.extend(pack_layer(layer, shape.columns, precision, &integers, unit));
        mantissas.extend(integers);
    }
    let mut bytes: Vec<u8> = words.iter().flat_map(|word: &u32| word.to_le_bytes()).collect();
    bytes.extend(mantissas.iter().flat_map(|mantissa: &u16| mantissa.to_le_bytes()));
    bytes.extend(units.iter().flat_map(|unit| unit.to_le_bytes()));
    bytes
}

/// The words of four rows alternate; missing rows are zero.
fn pack_layer(layer: &[f32], columns: usize, precision: Precision, scales: &[u16], unit: f32) -> Vec<u32> {
    let mut words = Vec::new();
    let row = |row: usize| layer.get(row * columns..(row + 1) * columns).unwrap_or_default();
    for first in (0..scales.len()).step_by(ROWS) {
        let rows =
            [0, 1, 2, 3].map(|i| quantize(row(first + i), f32::from(scales[first + i]) * unit, precision));
        for word in 0..words_of_row(precision, columns) {
            let start = word * weights_of_word(precision);
            let packed = |row: &Vec<i8>| {
                let end = row.len().min(start + weights_of_word(precision));
                pack(precision, row.get(start..end).unwrap_or_default())
            };
            words.extend(rows.iter().map(packed));
        }
    }
    words
}

fn quantize(row: &[f32], scale: f32, precision: Precision) -> Vec<i8> {
    let size = largest(precision) as f32;
    let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
    row.iter().map(|x| (x * inverse).round_ties_even().clamp(-size, size) as i8).collect()
}

/// The scale by which the row's squared error is least, among candidates below the one that cuts nothing off; for
/// each candidate's integers, the scale that fits them best.
fn best_scale(row: &[f32], precision: Precision) -> f32 {
    const CANDIDATES: usize = 400;
    let widest = row.iter().fold(0f32, |a, &b| a.max(b.abs())) / largest(precision) as f32;
    if widest < f32::MIN_POSITIVE {
        return 0.0;
    }
    let narrowest = if precision == Precision::Int8 { 0.7 } else { 0.25 };
    let candidate = |i: usize| {
        let tried = widest * (1.0 - (1.0 - narrowest) * i as f32 / CANDIDATES as f32);
        let (scale, error) = fit(row, tried, precision);
        (error, scale)
    };
    let best = (0..CANDIDATES).map(candidate).min_by(|a, b| a.0.total_cmp(&b.0));
    best.map_or(widest, |(_, scale)| scale)
}

/// The least-squares scale of the integers that `tried` gives, and its squared error.
fn fit(row: &[f32], tried: f32, precision: Precision) -> (f32, f64) {
    let integers = quantize(row, tried, precision);
    let pairs = || row.iter().zip(&integers).map(|(&x, &q)| (f64::from(x), f64::from(q)));
    let (product, square) = pairs().fold((0.0, 0.0), |(p, s), (x, q)| (p + x * q, s + q * q));
    let scale = if square > 0.0 { (product / square) as f32 } else { tried };
    let again = quantize(row, scale, precision);
    let error =
        row.iter().zip(&again).map(|(&x, &q)| (f64::from(x) - f64::from(q) * f64::from(scale)).powi(2)).sum();
    (scale, error)
}
