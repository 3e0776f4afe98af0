//! The tables of the README and of the documents are what the core computes and what the benchmark has counted.

use pipsqueak::internal::Parameter;
use pipsqueak::{Config, Precision};

const README: &str = include_str!("../../README.md");

/// The cells of the rows between two marks, below the head.
fn table(text: &'static str, name: &str) -> Vec<Vec<&'static str>> {
    let (_, table) = text.split_once(&format!("<!-- {name} -->")).unwrap();
    let (table, _) = table.split_once(&format!("<!-- /{name} -->")).unwrap();
    let cells = |line: &'static str| line.trim_matches('|').split('|').map(str::trim).collect();
    table.trim().lines().skip(2).map(cells).collect()
}

fn number(cell: &str) -> usize {
    cell.replace(',', "").parse().unwrap()
}

fn counted() -> serde_json::Value {
    serde_json::from_str(include_str!("../../benches/chips.json")).unwrap()
}

#[test]
fn the_table_of_speeds_is_the_benchmark_s() {
    let counted = counted();
    let rows = table(README, "speed");
    assert_eq!(rows.len(), counted["counts"].as_object().unwrap().len());
    for row in rows {
        let chip = row[0].split(',').next().unwrap();
        for (cell, precision) in row[3..].iter().zip(["int8", "int4"]) {
            let token = counted["counts"][chip][precision]["token"].as_u64();
            assert_eq!(token, Some(number(cell) as u64), "{chip}, {precision}");
        }
    }
}

#[test]
fn the_table_of_counts_is_the_benchmark_s() {
    const COLUMNS: [&str; 4] = ["64x64", "64x172", "512x64", "256x256"];
    let (counted, mut chip) = (counted(), "");
    let rows = table(include_str!("../../docs/numerics.md"), "chips");
    assert!(rows.len() >= counted["counts"].as_object().unwrap().len());
    for row in rows {
        // A chip is named in the first of its rows.
        chip = row[0].split(',').next().filter(|chip| !chip.is_empty()).unwrap_or(chip);
        let counts = &counted["counts"][chip][row[1]];
        assert_eq!(counts["token"].as_u64(), Some(number(row[2]) as u64), "{row:?}");
        let products = COLUMNS.map(|name| counts["products"][name].as_f64());
        for (cell, count) in row[3..].iter().zip(products.into_iter().chain([counts["attention"].as_f64()])) {
            let difference = cell.parse::<f64>().unwrap() - count.unwrap();
            assert!(difference.abs() < 0.0051, "{chip}, {row:?}: {cell} is not {count:?}");
        }
    }
}

#[test]
fn the_table_of_sizes_is_true() {
    let rows = table(README, "sizes");
    assert!(rows.len() >= 3, "the table has {} rows", rows.len());
    for row in rows {
        let [layers, width, vocab, context, parameters, int8, int4, ram] =
            core::array::from_fn(|i| number(row[i]));
        let heads = width / 16;
        let config = Config {
            vocab,
            context,
            width,
            layers,
            heads,
            kv_heads: if heads % 2 == 0 { heads / 2 } else { heads },
            hidden: (width * 4 / 3 * 2).next_multiple_of(4),
            ..Config::LLAMA
        };
        let all = || Parameter::ALL.iter();
        assert_eq!(all().map(|p| p.shape(&config).len()).sum::<usize>(), parameters, "{row:?}");
        let bytes = |precision| all().map(|p| p.bytes(&config, precision)).sum::<u64>();
        assert_eq!(bytes(Precision::Int8), int8 as u64, "{row:?}");
        assert_eq!(bytes(Precision::Int4), int4 as u64, "{row:?}");
        assert_eq!(config.memory_bytes(Precision::Int8), ram, "{row:?}");
    }
}
