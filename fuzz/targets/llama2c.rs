//! A checkpoint of llama2.c and its tokenizer.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pipsqueak_trainer::import::Checkpoint;
use pipsqueak_trainer::import::llama2c::from_bytes;

/// Weights behind a checkpoint's header, in bytes; enough for small shapes.
const WEIGHTS_BYTES: usize = 16 << 10;
const HEADER_BYTES: usize = 28;

fuzz_target!(|bytes: &[u8]| {
    let Some((&choice, bytes)) = bytes.split_first() else { return };
    let (weights, tokenizer) = if choice & 1 == 0 { completed(bytes) } else { divided(bytes) };
    if let Ok(checkpoint) = from_bytes(&weights, &tokenizer, ["checkpoint", "tokenizer"]) {
        check(&checkpoint);
    }
});

/// Two files, with the length of the first before them.
fn divided(bytes: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let Some((&length, bytes)) = bytes.split_first_chunk() else { return Default::default() };
    let (weights, tokenizer) = bytes.split_at(usize::from(u16::from_le_bytes(length)).min(bytes.len()));
    (weights.to_vec(), tokenizer.to_vec())
}

/// A header with weights behind it, and the scored pieces behind those that every tokenizer has.
fn completed(bytes: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let (header, pieces) = bytes.split_at(HEADER_BYTES.min(bytes.len()));
    let mut weights = header.to_vec();
    weights.resize(HEADER_BYTES + WEIGHTS_BYTES, 0x3c);
    (weights, [&beginning(), pieces].concat())
}

/// The specials and the bytes.
fn beginning() -> Vec<u8> {
    let mut file = 8i32.to_le_bytes().to_vec();
    let mut add = |piece: &[u8]| {
        file.extend([0; 4]);
        file.extend((piece.len() as i32).to_le_bytes());
        file.extend(piece);
    };
    [&b"<unk>"[..], b"<s>", b"</s>"].into_iter().for_each(&mut add);
    (0..=255).for_each(|byte| add(&[byte]));
    file
}

fn check(checkpoint: &Checkpoint) {
    let mut ids = checkpoint.original_ids.clone();
    ids.sort_unstable();
    assert!(ids.into_iter().eq(0..checkpoint.config.vocab), "an id is lost");
    let Ok(tokenizer) = checkpoint.vocabulary.tokenizer() else { return };
    let text = "a caf\u{e9}";
    let read = tokenizer.encode(text).map(|id| id.expect("there is a token for each byte"));
    let decoded: Vec<u8> = read.flat_map(|id| tokenizer.decode(id).to_vec()).collect();
    assert_eq!(decoded, [" ", text].concat().into_bytes());
}
