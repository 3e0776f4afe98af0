//! Writes the inputs that the fuzz targets start from into `corpus/`: small ones that each target accepts.
//!
//! Needed once more when a format changes: `cargo run --example seeds`, in this folder.

use std::fs;
use std::path::{Path, PathBuf};

use pipsqueak::internal::file::{Pieces, Provenance, Vocabulary, Words};
use pipsqueak::{Activation, Config, Mlp, Norm, Position, Precision};
use pipsqueak_trainer::data::vocabulary::{OwnedPieces, OwnedVocabulary, OwnedWords};
use pipsqueak_trainer::export::model_file;
use pipsqueak_trainer::optimizer::schedule::{Decay, Schedule};
use pipsqueak_trainer::optimizer::{AdamW, Optimizer};
use pipsqueak_trainer::training::checkpoint::{Progress, save};
use pipsqueak_trainer::training::curve::Curve;
use pipsqueak_trainer::training::parameters::Parameters;
use pipsqueak_trainer::training::{HyperParameters, Training};
use safetensors::SafeTensors;
use serde_json::{Map, Value, json};

const SHAPE: Config =
    Config { vocab: 6, context: 6, width: 4, layers: 1, heads: 2, kv_heads: 1, hidden: 4, ..Config::LLAMA };
/// Pairs of ids that are one more than the atoms.
const PAIRS: [u8; 4] = [0, 0, 1, 0];

fn main() -> anyhow::Result<()> {
    models()?;
    tokenizers()?;
    serial_lines()?;
    loader()?;
    checkpoints()?;
    imports()?;
    corpora()?;
    numbers()
}

fn write(target: &str, seeds: &[Vec<u8>]) -> anyhow::Result<()> {
    let folder: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    fs::create_dir_all(&folder)?;
    for (i, seed) in seeds.iter().enumerate() {
        fs::write(folder.join(format!("seed-{i:02}")), seed)?;
    }
    Ok(())
}

fn characters() -> OwnedVocabulary {
    let pieces = OwnedPieces::Characters("ae's ".into());
    OwnedVocabulary { pieces, specials: 1, begin: Some(5), end: Some(5), prefix_space: false }
}

fn merges(words: OwnedWords) -> OwnedVocabulary {
    let atoms = [&[1, b'a'][..], &[1, b' '], &[2, 0xc3, 0xa9], &[1, b's']].concat();
    let prefix_space = words == OwnedWords::Spaces;
    let pieces = OwnedPieces::Merges { atoms, pairs: PAIRS.to_vec(), words };
    OwnedVocabulary { pieces, specials: 1, begin: None, end: Some(5), prefix_space }
}

fn bytes() -> OwnedVocabulary {
    OwnedVocabulary { pieces: OwnedPieces::Bytes, specials: 0, begin: None, end: None, prefix_space: false }
}

/// Models without their checksums.
fn models() -> anyhow::Result<()> {
    let gpt = Config { position: Position::Learned, norm: Norm::Layer, bias: true, ..SHAPE };
    let plain = Config { mlp: Mlp::Plain, activation: Activation::Gelu, tied: false, ..gpt.clone() };
    let bare = Config { position: Position::None, norm: Norm::None, activation: Activation::Relu, ..SHAPE };
    let waves = Config { position: Position::Sinusoidal, residual: false, ..SHAPE };
    let bytes_shape = Config { vocab: 256, width: 2, heads: 1, ..SHAPE };
    let models = [
        (SHAPE, Precision::Int8, characters()),
        (SHAPE, Precision::F32, characters()),
        (SHAPE, Precision::Int4, merges(OwnedWords::Runs)),
        (SHAPE, Precision::Ternary, merges(OwnedWords::Spaces)),
        (plain.clone(), Precision::F32, characters()),
        (plain, Precision::Int8, merges(OwnedWords::Runs)),
        (bare, Precision::Int8, characters()),
        (waves.clone(), Precision::F32, characters()),
        (waves, Precision::Int4, characters()),
        (bytes_shape, Precision::Ternary, bytes()),
    ];
    let files = models.map(|(config, precision, vocabulary)| {
        let parameters = Parameters::<f32>::init(&config, 1);
        let file = model_file::build(&config, precision, &vocabulary, Provenance::UNKNOWN, |parameter| {
            parameters.get(parameter)
        })?;
        Ok(file.bytes()[..file.bytes().len() - 4].to_vec())
    });
    write("model", &files.into_iter().collect::<anyhow::Result<Vec<_>>>()?)
}

fn tokenizers() -> anyhow::Result<()> {
    let texts = ["a \u{e9}as's a", "It\u{2019}s a caf\u{e9}\u{1f42d} ", "sa\n sa  aa "];
    let kinds =
        [(6, characters()), (6, merges(OwnedWords::Runs)), (6, merges(OwnedWords::Spaces)), (257, bytes())];
    let given = |vocab: u16, vocabulary: Vocabulary<'_>, text: &str| {
        let mut seed = postcard::to_allocvec(&(vocab, vocabulary)).expect("a vocabulary can be written");
        seed.extend(text.as_bytes());
        seed
    };
    let mut seeds: Vec<Vec<u8>> = kinds
        .iter()
        .flat_map(|(vocab, vocabulary)| texts.map(|text| given(*vocab, vocabulary.borrow(), text)))
        .collect();
    let all: Vec<u8> = (0..=255).flat_map(|byte| [1, byte]).collect();
    let pieces = Pieces::Merges { atoms: &all, pairs: &[b'a', 0, b's', 0], words: Words::Runs };
    seeds.push(given(257, Vocabulary { pieces, begin: None, end: None, prefix_space: false }, texts[1]));
    write("tokenizer", &seeds)
}

fn serial_lines() -> anyhow::Result<()> {
    let lines = [
        "hello\r\n:stats\n:settings\n",
        ":help\n:selftest\nend\n:selftest\n",
        ":temperature 0.5\n:top-k 10\n:top-p 0.9\n:penalty 1.1\n:seed 42\n:length 3\nrefuse\nhi\n",
        ":echo on\rab\x08\x7f\x1b[A\x1b[1;5D\x1bOPc\rend\r:echo off\r",
        "caf\u{e9}\x05\n::) x\n:nonsense\n:quit\n",
        "hello\n\x03more\x03\n\x1a\n:length 9999999\nend\n",
    ];
    let manners = [(0, 0), (1, 3), (2, 70), (3, 0), (4, 0), (0x80, 0)];
    let seeds = lines
        .iter()
        .flat_map(|line| manners.map(|(manner, count)| [&[manner, count][..], line.as_bytes()].concat()));
    write("serial-line", &seeds.collect::<Vec<_>>())
}

fn checkpoints() -> anyhow::Result<()> {
    let schedule = Schedule { maximum: 1e-2, minimum: 1e-3, decay: Decay::Linear, warmup: 4, steps: 9 };
    let optimizer = Optimizer::AdamW(AdamW::DEFAULT);
    let hyper_parameters = HyperParameters { schedule, optimizer, clip: 1.0, dropout: 0.0 };
    let small = Config { width: 2, heads: 1, hidden: 1, ..SHAPE };
    let folder = std::env::temp_dir().join(format!("pipsqueak-seeds-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let path = folder.join("c.safetensors");
    let mut seeds = Vec::new();
    let vocabularies = [
        json!({"pieces": {"Characters": "ae's "}, "begin": 5, "end": 5, "prefix_space": false}),
        json!({"pieces": {"Merges": {"atoms": [1, 97, 1, 32, 1, 115], "pairs": PAIRS, "words": "Runs"}},
            "begin": null, "end": null, "prefix_space": true}),
    ];
    for (vocabulary, best) in vocabularies.into_iter().zip([false, true]) {
        let mut training = Training::new(&small, hyper_parameters, 1)?;
        if best {
            training.note_validation(1.0);
        }
        let Value::Object(mut run): Value = serde_json::to_value(&small)? else { unreachable!() };
        run.extend(Map::from_iter([("vocabulary".into(), vocabulary), ("quantisation".into(), Value::Null)]));
        save(&path, &run, &Progress { steps: 0, random: 5, curve: Curve::default() }, &training)?;
        seeds.push(taken_apart(&fs::read(&path)?)?);
    }
    fs::remove_dir_all(folder)?;
    write("checkpoint", &seeds)
}

/// Four bytes a frame: its kind, its offset, and the bytes of its own that follow.
fn loader() -> anyhow::Result<()> {
    const NEW_BYTES: usize = 1784;
    let data = (128..NEW_BYTES).step_by(128).flat_map(|offset| [2, (offset >> 8) as u8, offset as u8, 0]);
    let whole: Vec<u8> = [0; 4].into_iter().chain(data).chain([3, 0, 0, 0]).collect();
    let resumed = [&whole[..36], &[0; 4], &[1, 4, 0, 0], &whole[32..]].concat();
    let hostile =
        [&[4, 16, 0, 4, 1, 2, 3, 4][..], &[5, 1, 0, 2, 7, 7], &[6, 1, 0, 0], &b"\x07\0\0\x04\xf5D}\n"[..]]
            .concat();
    write("loader", &[whole, resumed, hostile])
}

/// The parts that the target puts together again.
fn taken_apart(file: &[u8]) -> anyhow::Result<Vec<u8>> {
    let (length, header) = SafeTensors::read_metadata(file)?;
    let metadata = header.metadata().as_ref().and_then(|metadata| metadata.get("pipsqueak"));
    let Value::Object(mut tensors) = serde_json::from_slice(&file[8..8 + length])? else { unreachable!() };
    tensors.remove("__metadata__");
    let tensors = serde_json::to_string(&tensors)?;
    // Without the outer braces.
    let tensors = &tensors[1..tensors.len() - 1];
    let metadata = metadata.expect("it is a checkpoint");
    Ok([&b"\0"[..], metadata.as_bytes(), b"\0", tensors.as_bytes(), b"\0", &file[8 + length..]].concat())
}

fn imports() -> anyhow::Result<()> {
    let header = |numbers: [i32; 7]| numbers.map(i32::to_le_bytes).concat();
    let piece = |text: &str| [&[0; 4][..], &(text.len() as i32).to_le_bytes(), text.as_bytes()].concat();
    let pieces = ["ab", "a", "b", "\u{e9}", " a"].map(piece).concat();
    let first = [&[0][..], &header([2, 3, 1, 1, 1, 264, 4]), &pieces].concat();
    let second = [&[0][..], &header([4, 3, 2, 2, 1, -264, 4]), &pieces].concat();
    let files = [header([2, 3, 1, 1, 1, 2, 4]), 8i32.to_le_bytes().to_vec(), piece("a"), piece("b")];
    let whole = [&[1, 28, 0][..], &files.concat()].concat();
    let later = [&[1, 8, 0][..], b"24ka\x01\0\0\0", &files[1]].concat();
    write("llama2c", &[first, second, whole, later])
}

fn corpora() -> anyhow::Result<()> {
    let prose = "the mouse ran up the clock, and down it came when it had struck\n".repeat(16);
    let book = "Title\n*** START OF THE PROJECT GUTENBERG EBOOK X ***\n\na b a b\n*** END OF THE PROJECT GUTENBERG EBOOK X ***\nx\n";
    let stories = "Once upon a time.\n<|endoftext|>\nThe end.\r\n<|endoftext|>\n\u{e9}\n<|endoftext|>\n";
    let verses = "\u{feff}a b a b\n\nab ab ab\n\n\nabc\n";
    let pairs = "on\tlight on\noff\tdark\nwhat\tno \u{e9}\n";
    let seed = |choice: u8, size: u8, text: &str| [&[choice, size][..], text.as_bytes()].concat();
    let mut seeds = vec![seed(0x27, 20, &prose), seed(0x2b, 20, book)];
    seeds.extend([0x00, 0x10, 0x20, 0x21].map(|choice| seed(choice, 20, stories)));
    seeds.extend([0x02, 0x12, 0x22].map(|choice| seed(choice, 20, verses)));
    seeds.extend([0x80, 0x90, 0xa0].map(|choice| seed(choice, 20, pairs)));
    write("corpus", &seeds)
}

fn numbers() -> anyhow::Result<()> {
    let typed = [
        "256K",
        "1.5M",
        "2 GiB",
        "300",
        "1e-2",
        "0.5",
        "1,000",
        "65_536",
        "90s",
        "10m",
        "2h",
        "pico 2",
        "nano",
        "RP2040",
        "-1",
        "NaN",
        "99999999999999999999",
    ];
    write("numbers", &typed.map(|text| text.as_bytes().to_vec()))
}
