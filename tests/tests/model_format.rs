//! A reader that was written from `docs/model-format.md` alone, in Python, finds in model files what the core finds.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use pipsqueak::internal::file::{Golden, Pieces, VERSION, Words, checksum};
use pipsqueak::internal::packing::Format;
use pipsqueak::internal::{Parameter, Shape};
use pipsqueak::{Config, Model, Precision, Tokenizer};
use pipsqueak_tests::{architectures, random_model, shapes, temporary};
use pipsqueak_trainer::export::model_file::ModelFile;
use serde_json::{Value, json};

const PRECISIONS: [Precision; 4] = [Precision::F32, Precision::Int8, Precision::Int4, Precision::Ternary];

fn project() -> PathBuf {
    xtask::paths::root()
}

/// Python 3 runs everywhere that tests run for all; alone on a PC, the tests do without.
fn has_python() -> bool {
    let found = Command::new("python3").arg("--version").output().is_ok_and(|output| output.status.success());
    assert!(found || std::env::var_os("CI").is_none(), "this test needs python3");
    if !found {
        eprintln!("skipped: there is no python3");
    }
    found
}

fn run_reader(model: &Path, rows: &[String]) -> Output {
    let mut command = Command::new("python3");
    command.arg(project().join("docs/read_model.py")).arg(model).args(rows);
    command.output().expect("python3 runs")
}

fn write(name: &str, bytes: &[u8]) -> PathBuf {
    let path = temporary(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

/// The reader's output for a model, made from the core's view; `rows` are those of [`last_rows`].
fn summary(file: &ModelFile, model: &Model<'_>) -> Value {
    let (tokenizer, provenance) = (model.tokenizer(), model.provenance());
    let vocabulary = tokenizer.vocabulary();
    let (kind, words) = match vocabulary.pieces {
        Pieces::Bytes => ("bytes", None),
        Pieces::Characters(_) => ("characters", None),
        Pieces::Merges { words: Words::Runs, .. } => ("merges", Some("runs")),
        Pieces::Merges { words: Words::Spaces, .. } => ("merges", Some("spaces")),
        Pieces::Merges { words: Words::SpaceRuns, .. } => ("merges", Some("space runs")),
        Pieces::Merges { words: Words::Gpt2 { .. }, .. } => ("merges", Some("gpt2")),
    };
    let mut summary = json!({
        "version": VERSION,
        "features": model.config().features(),
        "config": config(model.config()),
        "precision": model.precision().name(),
        "vocabulary": {
            "kind": kind,
            "begin": vocabulary.begin,
            "end": vocabulary.end,
            "prefix_space": vocabulary.prefix_space,
        },
        "pieces": pieces(tokenizer),
        "provenance": {
            "corpus": provenance.corpus,
            "licence": provenance.licence,
            "corpus_crc": provenance.corpus_crc,
            "steps": provenance.steps,
            "loss_f32": f64::from(provenance.loss_f32),
            "loss": f64::from(provenance.loss),
            "bytes_per_token": f64::from(provenance.bytes_per_token),
        },
        "golden": golden(model.golden()),
        "tensors": Parameter::ALL.iter().filter(|p| p.feature() & !model.config().features() == 0).map(|&p| (p.name(), model.bytes(p).len())).collect::<HashMap<_, _>>(),
        "bytes": model.file_bytes(),
        "crc": checksum(&file.bytes()[..model.file_bytes() - 4]),
        "rows": last_rows(model).map(|(parameter, layer, at)| row(model, parameter, layer, at)).collect::<Vec<_>>(),
    });
    if let Some(words) = words {
        summary["vocabulary"]["words"] = words.into();
    }
    if let Pieces::Merges { words: Words::Gpt2 { classes, single_digits }, .. } = vocabulary.pieces {
        summary["vocabulary"]["classes"] = classes.into();
        summary["vocabulary"]["single_digits"] = single_digits.into();
    }
    summary
}

fn golden(golden: &Golden<'_>) -> Value {
    let tokens = golden.tokens.as_chunks().0.iter().map(|&token| u16::from_le_bytes(token));
    let fingerprints = golden.fingerprints.as_chunks().0.iter().map(|&hash| u32::from_le_bytes(hash));
    json!({
        "prompt": golden.prompt,
        "seed": golden.seed,
        "tokens": tokens.collect::<Vec<_>>(),
        "fingerprints": fingerprints.collect::<Vec<_>>(),
    })
}

/// Names are those of `serde`, in lower case.
fn config(config: &Config) -> Value {
    let mut value = serde_json::to_value(config).unwrap();
    for name in ["position", "norm", "activation", "mlp"] {
        value[name] = value[name].as_str().unwrap().to_lowercase().into();
    }
    value["rotary_base"] = f64::from(config.rotary_base).into();
    value["norm_epsilon"] = f64::from(config.norm_epsilon).into();
    value
}

fn pieces(tokenizer: &Tokenizer<'_>) -> Vec<Vec<u8>> {
    (0..tokenizer.pieces()).map(|token| tokenizer.decode(token as u16).to_vec()).collect()
}

/// A row of weights as numbers, by the core.
fn row(model: &Model<'_>, parameter: Parameter, layer: usize, row: usize) -> Vec<f64> {
    let columns = parameter.shape(model.config()).columns;
    if !parameter.is_matrix() {
        return model.vector(parameter, layer).iter().map(|&x| x.into()).collect();
    }
    let matrix = model.matrix(parameter, layer);
    if model.precision() == Precision::F32 {
        let mut floats = vec![0.0; columns];
        matrix.row(row, &mut floats);
        return floats.into_iter().map(f64::from).collect();
    }
    let mut integers = vec![0; columns];
    let unit = f64::from(matrix.integer_row(row, &mut integers));
    integers.into_iter().map(|q| f64::from(q) * unit).collect()
}

/// The parameters that the model has, each with its last layer and row.
fn last_rows(model: &Model<'_>) -> impl Iterator<Item = (Parameter, usize, usize)> {
    let shapes = Parameter::ALL.map(|parameter| (parameter, parameter.shape(model.config())));
    let present = shapes.into_iter().filter(|(_, shape)| !shape.is_empty());
    present.map(|(parameter, Shape { layers, rows, .. })| (parameter, layers - 1, rows - 1))
}

/// Everything but the weights, and the last row of every tensor.
fn compare(name: &str, file: &ModelFile) {
    let model = file.model().unwrap();
    let place = |(parameter, layer, row): (Parameter, usize, usize)| {
        [parameter.name().into(), layer.to_string(), row.to_string()]
    };
    let output =
        run_reader(&write(name, file.bytes()), &last_rows(&model).flat_map(place).collect::<Vec<_>>());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let found: Value = serde_json::from_slice(&output.stdout).expect("the reader prints JSON");
    let Value::Object(expected) = summary(file, &model) else { unreachable!("json! makes an object") };
    for (key, expected) in expected {
        assert_eq!(found[&key], expected, "{name}: {key}");
    }
}

#[test]
fn the_pretrained_model_is_read_alike() {
    if has_python() {
        compare("stories.pip", &ModelFile::read(&project().join("pretrained/stories.pip")).unwrap());
    }
}

#[test]
fn every_choice_and_format_is_read_alike() {
    if !has_python() {
        return;
    }
    for (i, (_, config)) in shapes().iter().chain(&architectures()).enumerate() {
        for precision in PRECISIONS {
            compare(&format!("shape{i}-{}.pip", precision.name()), &random_model(config, precision));
        }
    }
}

#[test]
fn a_damaged_file_is_refused() {
    if !has_python() {
        return;
    }
    let mut bytes = random_model(&shapes()[0].1, Precision::Int8).bytes().to_vec();
    let last_weight = bytes.len() - 9;
    bytes[last_weight] ^= 1;
    let output = run_reader(&write("damaged.pip", &bytes), &[]);
    assert!(!output.status.success());
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(message.contains("checksum"), "{message}");
}

#[test]
fn the_specification_s_examples_are_true() {
    assert_eq!(Format::Int8.pack(&[2, -3, 1, 127]), 0x7f01_fd02);
    assert_eq!(Format::Int4.pack(&[1, 2, 3, 4, -1, -2, -3, -4]), 0xc567_4ba9);
}
