//! Checkpoints in llama2.c's format, with random weights: of any shape, and the same on every machine.

use std::fs;
use std::path::Path;

use anyhow::Result;

use crate::trainer::{CHECKPOINT, TOKENIZER};

/// The numbers in a checkpoint's header, in its order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub(super) width: usize,
    pub(super) hidden: usize,
    pub(super) layers: usize,
    pub(super) heads: usize,
    pub(super) kv_heads: usize,
    pub(super) vocab: usize,
    pub(super) context: usize,
}

/// stories260K's.
pub(super) const STORIES: Shape =
    Shape { width: 64, hidden: 172, layers: 5, heads: 8, kv_heads: 4, vocab: 512, context: 512 };

/// Has a matrix of 256 x 256, in one layer that is otherwise small.
pub(super) const SQUARE: Shape =
    Shape { width: 256, hidden: 16, layers: 1, heads: 8, kv_heads: 1, vocab: 512, context: 512 };

/// Writes a checkpoint and its tokenizer to `folder`.
pub(super) fn write(folder: &Path, shape: &Shape) -> Result<()> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join(CHECKPOINT), checkpoint(shape))?;
    fs::write(folder.join(TOKENIZER), tokenizer(shape.vocab))?;
    Ok(())
}

/// The header, then each kind of weight for all layers; the head is the embedding.
fn checkpoint(shape: &Shape) -> Vec<u8> {
    let Shape { width, hidden, layers, heads, kv_heads, vocab, context } = *shape;
    let (head, kv_width) = (width / heads, width / heads * kv_heads);
    let header = [width, hidden, layers, heads, kv_heads, vocab, context];
    let mut file: Vec<u8> = header.iter().flat_map(|&size| (size as i32).to_le_bytes()).collect();
    let mut state = 1;
    let mut matrix = |file: &mut Vec<u8>, rows: usize, columns: usize| {
        let size = 3.0 / (columns as f32).sqrt();
        file.extend((0..rows * columns).flat_map(|_| (size * random(&mut state)).to_le_bytes()));
    };
    let ones = |file: &mut Vec<u8>, count: usize| file.extend(1f32.to_le_bytes().repeat(count));
    matrix(&mut file, vocab, width);
    ones(&mut file, layers * width);
    for rows in [width, kv_width, kv_width, width] {
        matrix(&mut file, layers * rows, width);
    }
    ones(&mut file, layers * width);
    matrix(&mut file, layers * hidden, width);
    matrix(&mut file, layers * width, hidden);
    matrix(&mut file, layers * hidden, width);
    ones(&mut file, width);
    file.extend([0; 4].repeat(context * head));
    file
}

/// From -0.5 to 0.5, by a linear congruential generator with Knuth's constants.
fn random(state: &mut u64) -> f32 {
    *state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
    (*state >> 40) as f32 / (1 << 24) as f32 - 0.5
}

/// 3 specials, 256 bytes, and single characters: every prompt has its ids.
fn tokenizer(vocab: usize) -> Vec<u8> {
    let specials = ["<unk>", "<s>", "</s>"].map(String::from);
    let bytes = (0..256).map(|byte| format!("<0x{byte:02X}>"));
    let characters = ('\u{100}'..).take(vocab - 259).map(String::from);
    let mut file = 8i32.to_le_bytes().to_vec();
    for piece in specials.into_iter().chain(bytes).chain(characters) {
        file.extend(0f32.to_le_bytes());
        file.extend((piece.len() as i32).to_le_bytes());
        file.extend(piece.bytes());
    }
    file
}
