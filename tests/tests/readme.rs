//! The README's table of sizes is what the core computes.

use pipsqueak::{Activation, Config, MemorySize, Mlp, Norm, Parameter, Position, Precision};

/// A row: layers, width, vocab, context, parameters, flash in int8 and in int4, RAM, the last three in bytes.
fn rows(readme: &str) -> Vec<Vec<usize>> {
    let (_, table) = readme.split_once("<!-- sizes -->").unwrap();
    let (table, _) = table.split_once("<!-- /sizes -->").unwrap();
    let cells = |line: &str| -> Option<Vec<usize>> {
        line.trim_matches('|')
            .split('|')
            .take(8)
            .map(|cell| cell.trim().replace(',', "").parse().ok())
            .collect()
    };
    table.lines().filter_map(cells).collect()
}

#[test]
fn the_table_of_sizes_is_true() {
    let rows = rows(include_str!("../../README.md"));
    assert!(rows.len() >= 3, "the table has {} rows", rows.len());
    for row in rows {
        let [layers, width, vocab, context, parameters, int8, int4, ram] = row[..] else { panic!("{row:?}") };
        let heads = width / 16;
        let config = Config {
            vocab,
            context,
            width,
            layers,
            heads,
            kv_heads: if heads % 2 == 0 { heads / 2 } else { heads },
            hidden: (width * 4 / 3 * 2).next_multiple_of(4),
            position: Position::Rotary,
            rotary_base: 10_000.0,
            norm: Norm::Rms,
            norm_epsilon: 1e-5,
            activation: Activation::Silu,
            mlp: Mlp::Gated,
            residual: true,
            bias: false,
            tied: true,
        };
        let all = || Parameter::ALL.iter();
        assert_eq!(all().map(|p| p.shape(&config).len()).sum::<usize>(), parameters, "{row:?}");
        let bytes = |precision| all().map(|p| p.bytes(&config, precision)).sum::<u64>();
        assert_eq!(bytes(Precision::Int8), int8 as u64, "{row:?}");
        assert_eq!(bytes(Precision::Int4), int4 as u64, "{row:?}");
        assert_eq!(MemorySize::of(&config, Precision::Int8).total_bytes(), ram, "{row:?}");
    }
}
