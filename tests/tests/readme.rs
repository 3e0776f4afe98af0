//! The README's tables are what the core computes and what the benchmark has counted.

use pipsqueak::internal::Parameter;
use pipsqueak::{Config, Precision};

const README: &str = include_str!("../../README.md");

/// The cells of the rows between two marks, below the head.
fn table(name: &str) -> Vec<Vec<&'static str>> {
    let (_, table) = README.split_once(&format!("<!-- {name} -->")).unwrap();
    let (table, _) = table.split_once(&format!("<!-- /{name} -->")).unwrap();
    let cells = |line: &'static str| line.trim_matches('|').split('|').map(str::trim).collect();
    table.trim().lines().skip(2).map(cells).collect()
}

fn number(cell: &str) -> usize {
    cell.replace(',', "").parse().unwrap()
}

#[test]
fn the_table_of_speeds_is_the_benchmark_s() {
    let counted: serde_json::Value = serde_json::from_str(include_str!("../../benches/chips.json")).unwrap();
    let rows = table("speed");
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
fn the_table_of_sizes_is_true() {
    let rows = table("sizes");
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
