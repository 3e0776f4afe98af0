//! Calibration against an independent program: `calibration/gptq.txt`, which `calibration/make_vectors.py` has made with numpy.

use std::collections::HashMap;

use pipsqueak::internal::packing::Format;
use pipsqueak_trainer::calibration::factor::Factor;
use pipsqueak_trainer::calibration::rounding::round;
use pipsqueak_trainer::calibration::statistics::{Inputs, compensate, damp, products};

const COLUMNS: usize = 40;
const TOKENS: usize = 120;
const DAMPING: f32 = 0.01;

/// Each line's name and numbers.
fn vectors() -> HashMap<&'static str, Vec<f32>> {
    let lines = include_str!("calibration/gptq.txt").lines();
    let numbers = |line: &'static str| {
        let (name, values) = line.split_once(' ').unwrap();
        (name, values.split(' ').map(|value| value.parse().unwrap()).collect())
    };
    lines.map(numbers).collect()
}

fn factor(x: &[f32]) -> Factor {
    let mut h = products(x, x, TOKENS);
    damp(&mut h, COLUMNS, DAMPING);
    Factor::of(&h, COLUMNS).unwrap()
}

#[test]
fn every_integer_is_that_of_gptq_in_numpy() {
    let vectors = vectors();
    let factor = factor(&vectors["x"]);
    for (format, name) in [(Format::Int8, "int8"), (Format::Int4, "int4"), (Format::Ternary, "ternary")] {
        let scales = &vectors[format!("{name}_scales").as_str()];
        let rows = vectors["weights"].chunks_exact(COLUMNS).zip(vectors[name].chunks_exact(COLUMNS));
        for (i, ((row, expected), scale)) in rows.zip(scales).enumerate() {
            let rounded = round(row, &factor, format);
            let integers: Vec<f32> = rounded.integers.iter().map(|&q| f32::from(q)).collect();
            assert_eq!(integers, expected, "{name}, row {i}");
            assert!((rounded.scale / scale - 1.0).abs() < 1e-4, "{name}, row {i}: {} {scale}", rounded.scale);
        }
    }
}

#[test]
fn compensated_weights_are_those_of_least_squares_in_numpy() {
    let vectors = vectors();
    let [rounded, difference, stream, mut weights] =
        ["x", "difference", "stream", "weights"].map(|name| vectors[name].clone());
    let factor = factor(&rounded);
    compensate(&mut weights, &Inputs { rounded, difference, stream }, &factor);
    for (i, (is, expected)) in weights.iter().zip(&vectors["compensated"]).enumerate() {
        assert!((is - expected).abs() < 1e-4, "[{i}]: {is} {expected}");
    }
    let moved = weights.iter().zip(&vectors["weights"]).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(moved > 0.05, "{moved}");
}
