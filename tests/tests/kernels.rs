//! Every kernel that this machine can run, against sums taken weight by weight and against the portable kernel: every
//! length, extremes, rows that do not fill a group, layouts that start anywhere, and whole models.

use std::sync::Mutex;

use pipsqueak::internal::SplitMix64;
use pipsqueak::internal::kernels::checks::{self, BYTES};
use pipsqueak::internal::kernels::{self, portable, prepared_len};
use pipsqueak::internal::numbers::{ACTIVATION_STEPS, ActivationTable, ScoreScale, scale_row};
use pipsqueak::internal::packing::{Format, Packed, ROWS};
use pipsqueak::{Precision, Sampling};
use pipsqueak_tests::{generate, random_model, shapes};
use rand_core::Rng;

const INTEGERS: [Precision; 3] = [Precision::Int8, Precision::Int4, Precision::Ternary];

/// The kernel in use is the whole program's.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Runs `check` with each kernel that this machine has, by its name.
#[cfg(target_arch = "x86_64")]
fn with_every_kernel(mut check: impl FnMut(&str)) {
    use pipsqueak::internal::kernels::x86::Kernel;
    let _guard = ONE_AT_A_TIME.lock();
    let fastest = Kernel::in_use();
    for kernel in Kernel::ALL {
        if kernel.force() {
            check(kernel.name());
        } else {
            eprintln!("skipped: this machine has no {}", kernel.name());
        }
    }
    assert!(fastest.force());
}

#[cfg(not(target_arch = "x86_64"))]
fn with_every_kernel(mut check: impl FnMut(&str)) {
    let _guard = ONE_AT_A_TIME.lock();
    check("own");
}

/// Noise, or only the two extremes.
fn number(random: &mut SplitMix64, size: i32, extremes: bool) -> i8 {
    let bits = random.next_u32();
    let noise = (bits % (2 * size as u32 + 1)) as i32 - size;
    (if !extremes {
        noise
    } else if bits & 1 == 0 {
        size
    } else {
        -size
    }) as i8
}

fn numbers(random: &mut SplitMix64, count: usize, extremes: bool) -> Vec<i8> {
    (0..count).map(|_| number(random, 127, extremes)).collect()
}

fn check_product(
    kernel: &str,
    format: Format,
    rows: usize,
    columns: usize,
    extremes: bool,
    random: &mut SplitMix64,
) {
    let (size, weights_of_word) = (format.largest(), format.weights_of_word());
    let words_of_row = format.words_of_row(columns);
    let count = rows.next_multiple_of(ROWS) * words_of_row;
    let mut word = || {
        let weights: Vec<i8> = (0..weights_of_word).map(|_| number(random, size, extremes)).collect();
        format.pack(&weights)
    };
    let words: Vec<u32> = (0..count).map(|_| word()).collect();
    let scales: Vec<u16> =
        (0..rows.next_multiple_of(ROWS)).map(|_| (random.next_u32() & 0x7fff) as u16).collect();
    let matrix = Packed { format, words: &words, scales: &scales, words_of_row };
    let mut x = numbers(random, columns, extremes);
    x.resize(columns.next_multiple_of(16), 0);
    // Values left behind by a longer vector must not matter.
    let mut prepared = vec![i32::MAX; prepared_len(columns) + 7];
    kernels::prepare(format, &mut prepared, &x);
    let mut out = vec![0; rows];
    kernels::matvec(&mut out, matrix, &prepared);
    for (row, &out) in out.iter().enumerate() {
        let sum = portable::row_sum(matrix, row, &x[..columns]);
        let expected = scale_row(sum, matrix.sum_shift(), scales[row]);
        assert_eq!(out, expected, "{kernel}, {format:?}, {rows} x {columns}, row {row}");
    }
}

#[test]
fn what_boards_check_too() {
    with_every_kernel(|kernel| match checks::check(&mut vec![0; BYTES]) {
        Ok(count) => assert!(count > 1_000_000, "{kernel}: {count} results compared"),
        Err(difference) => panic!("{kernel}: {difference}"),
    });
}

#[test]
fn products_of_every_length() {
    with_every_kernel(|kernel| {
        let random = &mut SplitMix64::new(3);
        for format in Format::ALL {
            for columns in (1..=300).chain([511, 512, 513, 1025]) {
                for (rows, extremes) in [(1, false), (7, true), (8, false), (17, false), (30, true)] {
                    check_product(kernel, format, rows, columns, extremes, random);
                }
            }
        }
    });
}

#[test]
fn the_longest_row() {
    with_every_kernel(|kernel| {
        let random = &mut SplitMix64::new(4);
        for format in Format::ALL {
            check_product(kernel, format, 5, 65_535, true, random);
        }
    });
}

/// Attention's kernels of `N` heads, over `positions` keys and values that start `offset` bytes into memory.
fn check_attention<const N: usize>(
    kernel: &str,
    head: usize,
    positions: usize,
    offset: usize,
    extremes: bool,
    random: &mut SplitMix64,
) {
    let at = format!("{kernel}, {N} heads of {head}, {positions} positions");
    let stride = (2 * head).next_multiple_of(4);
    let queries = numbers(random, N * head, extremes);
    let cache = numbers(random, offset + (positions - 1) * stride + head, extremes);
    let cache = &cache[offset..];

    // A key's scale has the bits that keep its product with a score in 31; a value's has 15.
    let key_bits = 17 - head.next_power_of_two().trailing_zeros();
    let scale = |random: &mut SplitMix64| {
        let bits = random.next_u32();
        let (key, value) = (bits & ((1 << key_bits) - 1), bits >> 17);
        (key | value << 16) as i32
    };
    let scales: Vec<i32> = (0..positions).map(|_| scale(random)).collect();
    let mantissas = [(); N].map(|()| (random.next_u32() >> 20) as i32);
    let factors = ScoreScale { mantissas, shift: 1 + random.next_u32() % 16 };
    let (mut scores, mut expected) = (vec![[7; N]; positions], vec![[9; N]; positions]);
    let largest = kernels::scores(&mut scores, &queries, cache, stride, &scales, factors);
    let expected_largest = portable::scores(&mut expected, &queries, cache, stride, &scales, factors);
    assert_eq!(largest, expected_largest, "largest: {at}");
    assert_eq!(scores, expected, "scores: {at}");

    let totals = kernels::weights(&mut scores, &scales, largest, 1);
    assert_eq!(totals, portable::weights(&mut expected, &scales, largest, 1), "totals: {at}");
    let pairs = positions.div_ceil(2);
    assert_eq!(scores[..pairs], expected[..pairs], "weights: {at}");

    let (mut sums, mut expected_sums) = (vec![5; N * head], vec![6; N * head]);
    kernels::accumulate(&mut sums, &scores[..pairs], cache, stride, positions);
    portable::accumulate(&mut expected_sums, &expected[..pairs], cache, stride, positions);
    assert_eq!(sums, expected_sums, "sums: {at}");
}

#[test]
fn attention_of_every_length() {
    with_every_kernel(|kernel| {
        let random = &mut SplitMix64::new(5);
        for head in (1..=48).chain([64, 72, 100, 128, 256]) {
            for positions in (1..=21).chain([64, 100, 257]) {
                for (offset, extremes) in [(0, false), (3, true)] {
                    check_attention::<1>(kernel, head, positions, offset, extremes, random);
                    check_attention::<2>(kernel, head, positions, offset, extremes, random);
                }
            }
        }
    });
}

/// The kernels of f32 models, whose partial sums are added in one order everywhere: bit for bit.
#[test]
fn floats_of_every_length() {
    let bits = |x: &[f32]| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    with_every_kernel(|kernel| {
        let random = &mut SplitMix64::new(7);
        for columns in (1..=40).chain([64, 100, 257]) {
            for (rows, gap) in [(1, 0), (3, 5), (4, 0), (9, 3), (32, 8), (33, 0)] {
                let at = format!("{kernel}, {rows} x {columns}, {gap} apart");
                let mut noise = |count: usize| -> Vec<f32> {
                    (0..count).map(|_| random.next_u32() as i32 as f32 / 2f32.powi(31)).collect()
                };
                let stride = columns + gap;
                let (x, weights, matrix) = (noise(columns), noise(rows), noise(rows * stride - gap));
                let (mut out, mut expected) = (vec![7.0; rows], vec![9.0; rows]);
                kernels::scores_f32(&mut out, &x, &matrix, stride, 0.7);
                portable::scores_f32(&mut expected, &x, &matrix, stride, 0.7);
                assert_eq!(bits(&out), bits(&expected), "scores: {at}");
                if gap == 0 {
                    kernels::matvec_f32(&mut out, &matrix, &x);
                    portable::matvec_f32(&mut expected, &matrix, &x);
                    assert_eq!(bits(&out), bits(&expected), "product: {at}");
                }
                let (mut sums, mut expected) = (vec![7.0; columns], vec![9.0; columns]);
                kernels::accumulate_f32(&mut sums, &weights, &matrix, stride);
                portable::accumulate_f32(&mut expected, &weights, &matrix, stride);
                assert_eq!(bits(&sums), bits(&expected), "sums: {at}");
            }
        }
    });
}

#[test]
fn activations_of_every_length() {
    let table = core::array::from_fn(|i| (65_535 * i / (ACTIVATION_STEPS - 1)) as u16);
    with_every_kernel(|kernel| {
        let random = &mut SplitMix64::new(6);
        for length in 0..70 {
            for (cut, steps) in [(0, 0), (1, 1), (7, 1234), (16, 64_000)] {
                // After its cut a number has 15 bits and a sign.
                let mut numbers = |cut: u32| -> Vec<i32> {
                    let extremes = [32_767 << cut, -32_768 << cut, (1 << cut) - 1, 0];
                    let noise = (0..length).map(|_| random.next_u32() as i32 >> (16 - cut));
                    noise.enumerate().map(|(i, x)| if i % 3 == 0 { extremes[i % 4] } else { x }).collect()
                };
                let (x, up) = (numbers(cut), numbers(5));
                let curve = ActivationTable { table: &table, steps, shift: cut };
                let (mut bent, mut expected) = (x.clone(), x.clone());
                kernels::activate(&mut bent, curve);
                portable::activate(&mut expected, curve);
                assert_eq!(bent, expected, "{kernel}: {length} bent");
                let (mut gated, mut expected) = (x.clone(), x);
                kernels::gate(&mut gated, &up, 5, curve);
                portable::gate(&mut expected, &up, 5, curve);
                assert_eq!(gated, expected, "{kernel}: {length} gated");
            }
        }
    });
}

#[test]
fn whole_models() {
    let mut expected = Vec::new();
    with_every_kernel(|kernel| {
        for (i, (name, config)) in shapes().iter().enumerate() {
            for precision in [Precision::F32].into_iter().chain(INTEGERS) {
                let file = random_model(config, precision);
                // Beyond the context, so that every length of the past occurs, and the window slides.
                let generated = generate(&file, "Once", Sampling::default(), 1, 120);
                if kernel == "portable" || expected.len() <= 4 * i + precision as usize {
                    expected.push(generated);
                } else {
                    let place = 4 * i + precision as usize;
                    assert_eq!(generated, expected[place], "{kernel}: {name}, {precision:?}");
                }
            }
        }
    });
}
