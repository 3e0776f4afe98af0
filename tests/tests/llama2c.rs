//! The forward pass against figures that llama2.c's own program made with its own checkpoint.

use pipsqueak::internal::file::Provenance;
use pipsqueak::internal::{Decoder, Parameter};
use pipsqueak::{Precision, Sampling};
use pipsqueak_tests::{generate, reference};
use pipsqueak_trainer::export::decoding::{OwnedMemory, negative_log_likelihood};
use pipsqueak_trainer::export::model_file::{self, ModelFile};
use pipsqueak_trainer::import::{Checkpoint, llama2c};

/// f32 sums in another order than llama2.c's: five layers of them, logits up to 20.
const LOGIT_TOLERANCE: f32 = 1e-3;
/// The largest loss allowed to int8, beside llama2.c's 0.457346 nats a token.
const INT8_LOSS_MAX: f64 = 0.4590;

struct Stories {
    checkpoint: Checkpoint,
    /// llama2.c's greedy text, its ids the begin token first.
    ids: Vec<u16>,
    text: String,
    /// `[16, 512]`.
    logits: Vec<f32>,
}

fn stories() -> Option<Stories> {
    let folder = reference("stories260k")?;
    let checkpoint = llama2c::read(&folder.join("stories260K.bin"), &folder.join("tok512.bin")).unwrap();
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let ours =
        |original: usize| checkpoint.original_ids.iter().position(|&id| id == original).unwrap() as u16;
    let ids =
        read("Once_upon_a_time.ids.txt").split_whitespace().map(|id| ours(id.parse().unwrap())).collect();
    let text = read("Once_upon_a_time.text.txt");
    let npy = std::fs::read(folder.join("Once_upon_a_time.logits16.npy")).unwrap();
    let numbers = npy[npy.len() - 16 * 512 * 4..].as_chunks::<4>().0;
    let logits = numbers.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
    Some(Stories { checkpoint, ids, text, logits })
}

fn build(checkpoint: &Checkpoint, precision: Precision) -> ModelFile {
    let values = |parameter: Parameter| checkpoint.parameters.get(parameter);
    model_file::build(&checkpoint.config, precision, &checkpoint.vocabulary, Provenance::UNKNOWN, values)
        .unwrap()
}

#[test]
fn logits_are_those_of_llama2c() {
    let Some(stories) = stories() else { return };
    let file = build(&stories.checkpoint, Precision::F32);
    let model = file.model().unwrap();
    let mut memory = OwnedMemory::of(&model);
    let (mut decoder, _) = Decoder::new(model, memory.buffers()).unwrap();
    let mut worst = 0f32;
    for (position, expected) in stories.logits.chunks(512).enumerate() {
        decoder.forward(stories.ids[position], position).unwrap();
        let logits = decoder.logits();
        for (ours, &original) in stories.checkpoint.original_ids.iter().enumerate() {
            let difference = (logits[ours] - expected[original]).abs();
            assert!(
                difference <= LOGIT_TOLERANCE,
                "position {position}, token {original}: off by {difference}"
            );
            worst = worst.max(difference);
        }
    }
    println!("the largest difference of a logit is {worst:e}");
}

#[test]
fn greedy_text_is_that_of_llama2c() {
    let Some(stories) = stories() else { return };
    let file = build(&stories.checkpoint, Precision::F32);
    let text = generate(&file, "Once upon a time", Sampling::GREEDY, 0, 180).text;
    let whole = format!("Once upon a time{text}");
    assert!(stories.text.starts_with(&whole), "ours: {whole}\ntheirs: {}", stories.text);
}

#[test]
fn the_tokenizer_is_llama2c_s() {
    let Some(stories) = stories() else { return };
    let vocabulary = &stories.checkpoint.vocabulary;
    let mut ids = vec![vocabulary.begin.unwrap()];
    ids.extend(vocabulary.tokenizer().unwrap().encode("Once upon a time").map(Result::unwrap));
    assert_eq!(ids, stories.ids[..ids.len()]);
}

#[test]
fn int8_costs_little() {
    let Some(stories) = stories() else { return };
    let loss = |precision| {
        let file = build(&stories.checkpoint, precision);
        let model = file.model().unwrap();
        let mut memory = OwnedMemory::of(&model);
        let (mut decoder, _) = Decoder::new(model, memory.buffers()).unwrap();
        let mut sum = 0.0;
        for (position, pair) in stories.ids.windows(2).enumerate() {
            decoder.forward(pair[0], position).unwrap();
            sum += negative_log_likelihood(decoder.logits(), pair[1].into());
        }
        sum / (stories.ids.len() - 1) as f64
    };
    let (f32, int8) = (loss(Precision::F32), loss(Precision::Int8));
    println!("nats a token over its own text: f32 {f32:.6}, int8 {int8:.6}");
    println!("int4 {:.6}, ternary {:.6}", loss(Precision::Int4), loss(Precision::Ternary));
    assert!((f32 - 0.457346).abs() < 1e-4, "{f32}");
    assert!(int8 < INT8_LOSS_MAX, "{int8}");
}

/// The reference computes in f32 with the values that the int8 file stands for.
#[test]
fn logits_of_the_int8_file_are_those_of_its_values() {
    let (Some(folder), Some(pieces)) = (reference("checkpoints/stories260k_q80"), reference("stories260k"))
    else {
        return;
    };
    let checkpoint = llama2c::read(&folder.join("stories260K_q80.bin"), &pieces.join("tok512.bin")).unwrap();
    let file = build(&checkpoint, Precision::F32);
    let text = std::fs::read_to_string(folder.join("reference.json")).unwrap();
    let reference: serde_json::Value = serde_json::from_str(&text).unwrap();
    for prompt in reference["prompts"].as_array().unwrap() {
        let npy = std::fs::read(folder.join(prompt["logits_file"].as_str().unwrap())).unwrap();
        let ids = prompt["ids"].as_array().unwrap();
        let numbers = npy[npy.len() - ids.len() * 512 * 4..].as_chunks::<4>().0;
        let expected: Vec<f32> = numbers.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
        let model = file.model().unwrap();
        let mut memory = OwnedMemory::of(&model);
        let (mut decoder, _) = Decoder::new(model, memory.buffers()).unwrap();
        for (position, (id, expected)) in ids.iter().zip(expected.chunks(512)).enumerate() {
            let id = checkpoint.original_ids.iter().position(|&o| Some(o as u64) == id.as_u64()).unwrap();
            decoder.forward(id as u16, position).unwrap();
            for (&logit, &original) in decoder.logits().iter().zip(&checkpoint.original_ids) {
                let difference = (logit - expected[original]).abs();
                assert!(
                    difference <= LOGIT_TOLERANCE,
                    "position {position}, token {original}: off by {difference}"
                );
            }
        }
    }
}
