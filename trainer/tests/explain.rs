//! `pipsqueak explain`: its numbers against an independent computation, and its files.

mod common;

use std::collections::BTreeMap;
use std::fs;

use common::{fail, folder, pipsqueak, succeed};
use pipsqueak::internal::file::Provenance;
use pipsqueak::{Config, Generator, Precision, Sampling};
use pipsqueak_trainer::data::vocabulary::{OwnedPieces, OwnedVocabulary};
use pipsqueak_trainer::explain::{Explanation, Part, Sampled, explain};
use pipsqueak_trainer::export::decoding::OwnedMemory;
use pipsqueak_trainer::export::model_file::{ModelFile, build};
use pipsqueak_trainer::sizing::presets;
use pipsqueak_trainer::training::parameters::Parameters;
use serde::Deserialize;
use serde_json::Value;

/// By tests/explain/make_vectors.py.
const VECTORS: &str = include_str!("explain/vectors.json");

const LLAMA: Config = Config {
    vocab: 11,
    context: 6,
    width: 12,
    layers: 2,
    heads: 2,
    kv_heads: 1,
    hidden: 10,
    ..Config::LLAMA
};

#[derive(Deserialize)]
struct Case {
    tokens: Vec<u16>,
    parameters: BTreeMap<String, Vec<f32>>,
    seen: BTreeMap<String, Vec<Vec<f32>>>,
}

fn case(name: &str) -> Case {
    let mut cases: BTreeMap<String, Case> = serde_json::from_str(VECTORS).unwrap();
    cases.remove(name).unwrap()
}

/// A model whose tokens are the letters from `a` on.
fn model(case: &Case, config: &Config, precision: Precision) -> ModelFile {
    let pieces = OwnedPieces::Characters(('a'..).take(config.vocab).collect());
    let vocabulary = OwnedVocabulary { pieces, specials: 0, begin: None, end: None, prefix_space: false };
    let mut parameters = Parameters::<f32>::zeros(config);
    let names: Vec<&str> =
        parameters.walk().filter(|(_, shape, _)| !shape.is_empty()).map(|(p, ..)| p.name()).collect();
    assert!(
        names.iter().copied().eq(names.iter().filter(|name| case.parameters.contains_key(**name)).copied())
    );
    for (parameter, values) in parameters.walk_mut() {
        if let Some(given) = case.parameters.get(parameter.name()) {
            values.copy_from_slice(given);
        }
    }
    build(config, precision, &vocabulary, Provenance::UNKNOWN, |p| parameters.get(p)).unwrap()
}

fn explained(case: &Case, file: &ModelFile) -> Explanation {
    let model = file.model().unwrap();
    let mut memory = OwnedMemory::of(&model);
    let mut generator = Generator::new(model, memory.buffers()).unwrap();
    let prompt: String = case.tokens.iter().map(|&token| char::from(b'a' + token as u8)).collect();
    generator.start(&prompt, Sampling::GREEDY, 0).unwrap();
    let explanation = explain(&mut generator, Sampled::of(&Sampling::GREEDY, 0), Part::default()).unwrap();
    assert_eq!(explanation.tokens, case.tokens);
    explanation
}

/// The rows of a table of JSON.
fn rows(table: &Value) -> Vec<Vec<f32>> {
    let numbers =
        |row: &Value| row["values"].as_array().unwrap().iter().map(|x| x.as_f64().unwrap() as f32).collect();
    table.as_array().unwrap().iter().map(numbers).collect()
}

/// The table that the script calls `name`: `embedding`, `1 units`, `0 1 queries`.
fn table(explanation: &Value, name: &str) -> Vec<Vec<f32>> {
    let parts: Vec<&str> = name.split(' ').collect();
    let index = |part: &str| part.parse::<usize>().unwrap();
    rows(match parts[..] {
        ["logits"] => return vec![rows(&Value::Array(vec![explanation["logits"].clone()])).remove(0)],
        [name] => &explanation[name],
        [layer, name] => &explanation["layers"][index(layer)][name],
        [layer, head, name] => &explanation["layers"][index(layer)]["heads"][index(head)][name],
        _ => unreachable!("{name}"),
    })
}

/// The largest difference of any number, relative to the largest number of its table, and the table.
fn difference<'c>(case: &'c Case, explanation: &Explanation) -> (f32, &'c str) {
    let explanation = serde_json::to_value(explanation).unwrap();
    let mut worst = (0f32, "");
    for (name, expected) in &case.seen {
        // Export moves scale between other vectors' channels and the weights behind them, so that int8 fits them better.
        let stays = ["embedding", "scores", "weights", "Output", "Residual", "logits"];
        if explanation["precision"] != "f32" && !stays.iter().any(|stays| name.ends_with(stays)) {
            continue;
        }
        let is = table(&explanation, name);
        assert_eq!(is.len(), expected.len(), "{name}");
        let largest = expected.iter().flatten().fold(0f32, |largest, x| largest.max(x.abs()));
        for (is, expected) in is.iter().zip(expected) {
            assert_eq!(is.len(), expected.len(), "{name}");
            for (is, expected) in is.iter().zip(expected) {
                let difference = (is - expected).abs() / largest;
                if difference > worst.0 {
                    worst = (difference, name);
                }
            }
        }
    }
    worst
}

#[test]
fn every_number_is_as_the_papers_have_it() {
    for (name, config) in [("toy", Config { vocab: 7, bias: false, ..presets::TOY }), ("llama", LLAMA)] {
        let case = case(name);
        let (f32, table) = difference(&case, &explained(&case, &model(&case, &config, Precision::F32)));
        assert!(f32 < 3e-6, "{name}: {f32} in {table}"); // measured 9e-7
        let (int8, table) = difference(&case, &explained(&case, &model(&case, &config, Precision::Int8)));
        assert!(int8 < 0.1 && int8 > 1e-4, "{name}: {int8} in {table}"); // measured 0.052: int8 has 127 steps
    }
}

#[test]
fn integers_are_the_numbers_of_the_board() {
    let case = case("llama");
    let explanation = explained(&case, &model(&case, &LLAMA, Precision::Int8));
    for layer in &explanation.layers {
        let head = &layer.heads[0];
        for row in [&layer.attention_input, &layer.units, &head.queries, &head.keys, &head.weights]
            .into_iter()
            .flatten()
        {
            assert_eq!(row.integers.len(), row.values.len());
            for (&value, &integer) in row.values.iter().zip(&row.integers) {
                assert_eq!(value, integer as f32 * row.unit);
            }
        }
        let largest = layer.attention_input.iter().flat_map(|row| &row.integers).map(|x| x.abs()).max();
        assert!(largest <= Some(127));
    }
    assert!(explanation.logits.integers.is_empty());
}

#[test]
fn every_architecture_shows_all_its_vectors() {
    let gpt2 = Config {
        vocab: 11,
        context: 6,
        width: 12,
        layers: 2,
        heads: 2,
        kv_heads: 2,
        hidden: 10,
        ..Config::GPT2
    };
    let architectures = [
        ("learned positions, layer norm and biases", gpt2),
        ("loops", Config { loops: 3, ..LLAMA }),
        ("experts", Config { experts: 3, ..LLAMA }),
        ("two active experts", Config { experts: 3, active_experts: 2, ..LLAMA }),
        ("tables", Config { bigrams: 20, per_layer_embeddings: true, ..LLAMA }),
        ("a latent", Config { latent: 6, latent_rotary: 2, ..LLAMA }),
    ];
    for (name, config) in architectures {
        let parameters = Parameters::<f32>::init(&config, 5);
        let mut weights = BTreeMap::new();
        for (parameter, shape, values) in parameters.walk().filter(|(_, shape, _)| !shape.is_empty()) {
            assert_eq!(shape.len(), values.len());
            weights.insert(parameter.name().to_string(), values.to_vec());
        }
        let case = Case { tokens: vec![3, 1, 4, 1], parameters: weights, seen: BTreeMap::new() };
        for precision in [Precision::F32, Precision::Int8] {
            let explanation = explained(&case, &model(&case, &config, precision));
            assert_eq!(explanation.layers.len(), config.depth(), "{name}");
            for layer in &explanation.layers {
                let up = config.up_width();
                let active = 4 * config.active_experts;
                for (table, rows, width) in [
                    (&layer.attention_input, 4, config.width),
                    (&layer.attended, 4, config.attended_width()),
                    (&layer.attention_output, 4, config.width),
                    (&layer.attention_residual, 4, config.width),
                    (&layer.mlp_input, 4, config.width),
                    (&layer.units, active, up),
                    (&layer.activated, active, config.hidden),
                    (&layer.mlp_output, active, config.width),
                    (&layer.mlp_residual, 4, config.width),
                ] {
                    assert!(
                        table.len() == rows && table.iter().all(|row| row.values.len() == width),
                        "{name}"
                    );
                }
                assert_eq!(layer.experts.len(), if config.experts > 1 { active } else { 0 }, "{name}");
                // The stream gains exactly the MLP's output.
                for (position, after) in layer.mlp_residual.iter().enumerate() {
                    let outputs =
                        &layer.mlp_output[config.active_experts * position..][..config.active_experts];
                    for (channel, after) in after.values.iter().enumerate() {
                        let added: f32 = outputs.iter().map(|row| row.values[channel]).sum();
                        let before = layer.attention_residual[position].values[channel];
                        assert!(
                            (before + added - after).abs() < 1e-4,
                            "{name}: {before} + {added} = {after}"
                        );
                    }
                }
                for head in &layer.heads {
                    assert_eq!(head.keys[3].values.len(), config.head_size(), "{name}");
                    for (position, (weights, scores)) in head.weights.iter().zip(&head.scores).enumerate() {
                        let sum: f32 = weights.values.iter().sum();
                        assert!(
                            (sum - 1.0).abs() < 1e-4 && scores.values.len() == position + 1,
                            "{name}: {sum}"
                        );
                    }
                    // A head's result is the sum of values that its shares make.
                    let size = head.values[0].values.len();
                    for (channel, took) in
                        layer.attended[3].values[head.index * size..].iter().take(size).enumerate()
                    {
                        let sum: f32 =
                            (0..4).map(|t| head.weights[3].values[t] * head.values[t].values[channel]).sum();
                        let largest = layer.attended[3].values.iter().fold(0f32, |most, x| most.max(x.abs()));
                        assert!((sum - took).abs() < 0.02 * largest, "{name}: {sum} {took}");
                    }
                }
            }
        }
    }
}

/// A toy that was trained for a few steps: `toy.pip`.
fn toy(name: &str) -> std::path::PathBuf {
    let folder = folder(name);
    fs::write(folder.join("toy.txt"), "the cat sat. the rat ran. the cat ate the rat. ".repeat(40)).unwrap();
    let shape = "--tokens characters --width 4 --layers 1 --heads 2 --kv-heads 2 --context 3 --hidden 8";
    let parts =
        "--norm none --position sinusoidal --mlp relu --untied --no-residual --precision f32 --steps 20";
    succeed(&folder, &format!("train --text toy.txt --out toy.pip {shape} {parts}"));
    folder
}

#[test]
fn the_terminal_shows_every_number_of_a_toy() {
    let folder = toy("explain_terminal");
    let shown = succeed(&folder, "explain --model toy.pip --prompt the --json toy.json");
    let numbers: Value = serde_json::from_slice(&fs::read(folder.join("toy.json")).unwrap()).unwrap();
    let mut count = 0;
    let mut check = |table: &Value| {
        for row in rows(table) {
            let line: String = row.iter().map(|x| format!("{x:8.3}")).collect();
            assert!(shown.contains(&line), "{line} is not in\n{shown}");
            count += row.len();
        }
    };
    for name in ["tokenEmbeddings", "positionVectors", "embedding", "finalInput"] {
        check(&numbers[name]);
    }
    let layer = &numbers["layers"][0];
    for name in [
        "attentionInput",
        "attended",
        "attentionOutput",
        "attentionResidual",
        "mlpInput",
        "units",
        "activated",
        "mlpOutput",
    ] {
        check(&layer[name]);
    }
    for head in 0..2 {
        for name in ["queries", "keys", "values", "scores"] {
            check(&layer["heads"][head][name]);
        }
    }
    assert_eq!(count, 4 * 12 + 6 * 12 + 2 * 24 + 2 * (3 * 6 + 6));
    let next = numbers["next"][1].as_str().unwrap();
    let written = succeed(&folder, "generate --model toy.pip --prompt the --length 1");
    assert_eq!(written, format!("the{next}\n"), "the token that is explained is the one that is written");
}

#[test]
fn a_later_token_is_the_one_that_generate_writes() {
    let folder = toy("explain_after");
    let written = succeed(&folder, "generate --model toy.pip --prompt the --length 8 --seed 3");
    for after in [0, 1, 4, 7] {
        succeed(
            &folder,
            &format!("explain --model toy.pip --prompt the --seed 3 --after {after} --json at.json"),
        );
        let numbers: Value = serde_json::from_slice(&fs::read(folder.join("at.json")).unwrap()).unwrap();
        let next = numbers["next"][1].as_str().unwrap();
        assert_eq!(&written[3 + after..4 + after], next, "after {after}");
        let chosen =
            numbers["candidates"].as_array().unwrap().iter().find(|one| one["token"] == numbers["next"][0]);
        assert!(chosen.unwrap()["drawn"].as_f64().unwrap() > 0.0);
    }
}

#[test]
fn the_page_asks_for_nothing_and_spares_other_files() {
    let folder = toy("explain_page");
    let shown = succeed(&folder, "explain --model toy.pip --prompt the --html the.html");
    assert!(shown.contains("the.html has every number"), "{shown}");
    let page = fs::read_to_string(folder.join("the.html")).unwrap();
    assert!(page.contains("default-src 'none'"));
    for request in ["http:", "https:", "src=", "@import", "url(", "fetch("] {
        let found: Vec<&str> = page.lines().filter(|line| line.contains(request)).collect();
        let allowed =
            |line: &&str| line.contains("http://www.w3.org/2000/svg") || line.contains("default-src");
        assert!(found.iter().all(allowed), "{request}: {found:?}");
    }
    let data = page.split(r#"id="data">"#).nth(1).unwrap().split("</script>").next().unwrap();
    assert!(serde_json::from_str::<Value>(data).unwrap()["layers"].is_array());
    // A page is written over a page, and over nothing else.
    succeed(&folder, "explain --model toy.pip --prompt cat --html the.html");
    fs::write(folder.join("mine.html"), "<p>mine").unwrap();
    fs::write(folder.join("mine.json"), "{}").unwrap();
    for (option, file) in
        [("--html", "mine.html"), ("--json", "mine.json"), ("--html", "toy.pip"), ("--json", "toy.txt")]
    {
        let message = fail(&folder, &format!("explain --model toy.pip --prompt the {option} {file}"));
        assert!(message.contains(file) && message.contains("another"), "{message}");
    }
}

#[test]
fn what_the_model_does_not_have_is_refused() {
    let folder = toy("explain_refused");
    for (arguments, expected) in [
        ("--layer 1", "there is no layer 1"),
        ("--head 2", "there is no head 2"),
        ("--position 3", "--position is 3, and the text has 3 tokens"),
        ("--prompt é --strict", "the model never saw 'é'"),
    ] {
        let message = fail(
            &folder,
            &format!("explain --model toy.pip --prompt the {arguments}")
                .replace("--prompt the --prompt", "--prompt"),
        );
        assert!(message.contains(expected), "{message}");
    }
    let output = pipsqueak(&folder, "explain --model toy.pip --prompt rat --layer 0 --head 1 --position 2");
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(shown.contains("head 1: query [2]") && !shown.contains("head 0"), "{shown}");
}
