//! Reading a checkpoint of llama2.c (its first, unversioned format, f32) and its tokenizer.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use pipsqueak::Config;
use pipsqueak::internal::Parameter;
use pipsqueak::internal::file::Words;

use crate::cli::human;
use crate::data::vocabulary::{OwnedPieces, OwnedVocabulary};
use crate::training::parameters::Parameters;

/// A checkpoint in this crate's types. Token ids are renumbered: single characters and bytes, then merges, then specials.
pub struct Checkpoint {
    /// The model's shape.
    pub config: Config,
    /// The weights.
    pub parameters: Parameters<f32>,
    /// The tokenizer.
    pub vocabulary: OwnedVocabulary,
    /// llama2.c's id for each id here.
    pub original_ids: Vec<usize>,
}

/// Reads a checkpoint and its tokenizer.
pub fn read(checkpoint: &Path, tokenizer: &Path) -> Result<Checkpoint> {
    let read = |path: &Path| std::fs::read(path).with_context(|| format!("cannot read {}", path.display()));
    let names = [checkpoint, tokenizer].map(|path| path.display().to_string());
    from_bytes(&read(checkpoint)?, &read(tokenizer)?, [&names[0], &names[1]])
}

/// As [`read`], of files in memory; `names` are what messages call them.
pub fn from_bytes(weights: &[u8], pieces: &[u8], names: [&str; 2]) -> Result<Checkpoint> {
    let [name, tokenizer] = names;
    if let Some(version) = version(weights) {
        bail!(
            "{name} is of llama2.c's {version}; write it with `python export.py FILE --version 0` and import that"
        );
    }
    let config = config(weights).with_context(|| format!("{name} is no llama2.c checkpoint"))?;
    let pieces = read_pieces(pieces, config.vocab)
        .with_context(|| format!("{tokenizer} is not this checkpoint's tokenizer"))?;
    let (vocabulary, original_ids) = vocabulary(&pieces)?;
    let parameters = parameters(&config, &weights[HEADER_BYTES..], &original_ids)
        .with_context(|| format!("{name} is damaged"))?;
    Ok(Checkpoint { config, parameters, vocabulary, original_ids })
}

const HEADER_BYTES: usize = 28;
/// The first bytes of all later versions: `ak42`, as a little-endian number.
const MAGIC: [u8; 4] = 0x616b_3432_u32.to_le_bytes();

/// In words, the version of a file that tells one; version 0 does not.
fn version(bytes: &[u8]) -> Option<String> {
    let (version, _) = bytes.strip_prefix(&MAGIC)?.split_first_chunk()?;
    Some(match i32::from_le_bytes(*version) {
        1 => "version 1 (f32 in another order)".into(),
        2 => "version 2 (int8)".into(),
        other => format!("version {other}, which this program does not know"),
    })
}

/// The header is seven i32: width, hidden, layers, heads, kv_heads, vocab (negative where the head is not tied), context.
fn config(bytes: &[u8]) -> Result<Config> {
    let (numbers, _) = bytes.get(..HEADER_BYTES).context("it ends within its header")?.as_chunks::<4>();
    let number = |i: usize| i32::from_le_bytes(numbers[i]);
    let size = |i: usize| usize::try_from(number(i)).context("its header holds a negative size");
    let config = Config {
        width: size(0)?,
        hidden: size(1)?,
        layers: size(2)?,
        heads: size(3)?,
        kv_heads: size(4)?,
        vocab: number(5).unsigned_abs() as usize,
        context: size(6)?,
        tied: number(5) > 0,
        ..Config::LLAMA
    };
    config.check()?;
    Ok(config)
}

/// Reads the file's arrays in their order. Each holds one kind of weight for all layers.
fn parameters(config: &Config, bytes: &[u8], original_ids: &[usize]) -> Result<Parameters<f32>> {
    let mut rest = bytes;
    let mut take = |count: usize| -> Result<Vec<f32>> {
        let (taken, after) = rest.split_at_checked(4 * count).context("it ends within its weights")?;
        rest = after;
        Ok(taken.as_chunks::<4>().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect())
    };
    let Config { layers, width, hidden, vocab, context, .. } = *config;
    // Before memory is taken: a damaged header may ask for terabytes.
    ensure!(Parameters::<f32>::bytes(config) <= bytes.len(), "it ends within its weights");
    let mut parameters = Parameters::zeros(config);
    let mut set =
        |parameter: Parameter, values: Vec<f32>| parameters.get_mut(parameter).copy_from_slice(&values);

    set(Parameter::Embedding, renumbered(&take(vocab * width)?, width, original_ids));
    set(Parameter::AttentionNormGain, take(layers * width)?);
    let query = take(layers * width * width)?;
    let key = take(layers * width * config.kv_width())?;
    let value = take(layers * width * config.kv_width())?;
    set(Parameter::Qkv, stacked(&[query, key, value], layers));
    set(Parameter::Output, take(layers * width * width)?);
    set(Parameter::MlpNormGain, take(layers * width)?);
    let gate = take(layers * width * hidden)?;
    let down = take(layers * width * hidden)?;
    let up = take(layers * width * hidden)?;
    set(Parameter::Up, stacked(&[gate, up], layers));
    set(Parameter::Down, down);
    set(Parameter::FinalNormGain, take(width)?);
    take(context * config.head_size())?; // tables of sines and cosines, which the core computes
    if !config.tied {
        set(Parameter::LmHead, renumbered(&take(vocab * width)?, width, original_ids));
    }
    Ok(parameters)
}

/// The rows `[vocab, width]` in the order of the ids here.
fn renumbered(rows: &[f32], width: usize, original_ids: &[usize]) -> Vec<f32> {
    original_ids.iter().flat_map(|&id| &rows[id * width..(id + 1) * width]).copied().collect()
}

/// Stacks matrices `[layers, rows, width]` layer by layer, the rows of one below those of the other.
fn stacked(matrices: &[Vec<f32>], layers: usize) -> Vec<f32> {
    let of_layer = |layer: usize| {
        matrices.iter().flat_map(move |matrix| {
            let length = matrix.len() / layers;
            &matrix[layer * length..(layer + 1) * length]
        })
    };
    (0..layers).flat_map(of_layer).copied().collect()
}

/// The bytes of a piece.
type PieceBytes = Vec<u8>;

fn take<'b>(rest: &mut &'b [u8], count: usize) -> Result<&'b [u8]> {
    let (taken, after) = rest.split_at_checked(count).context("it ends within a piece")?;
    *rest = after;
    Ok(taken)
}

/// The pieces in the order of llama2.c's ids. The file holds the longest piece's length, then for each piece its score
/// (f32), its length (i32) and its bytes.
fn read_pieces(bytes: &[u8], vocab: usize) -> Result<Vec<PieceBytes>> {
    let mut rest = bytes.get(4..).context("it is empty")?;
    let mut pieces = Vec::new();
    while !rest.is_empty() {
        take(&mut rest, 4)?; // the score: pieces are sorted by it
        let length = i32::from_le_bytes(take(&mut rest, 4)?.try_into()?);
        let length = usize::try_from(length).context("it holds a piece of a negative length")?;
        pieces.push(take(&mut rest, length)?.to_vec());
    }
    ensure!(
        pieces.len() == vocab,
        "it has {} pieces, and the checkpoint has {vocab}",
        human::count(pieces.len() as u64)
    );
    Ok(pieces)
}

const SPECIALS: usize = 3; // unknown, begin, end
const BYTES: usize = 256;

/// SentencePiece's 3 specials, 256 bytes and scored pieces, as atoms and merges: single characters, bytes, then the pieces
/// that join two others, in the order of their scores. Also returns llama2.c's id for each id here.
fn vocabulary(pieces: &[PieceBytes]) -> Result<(OwnedVocabulary, Vec<usize>)> {
    ensure!(pieces.len() > SPECIALS + BYTES, "it has {} pieces, fewer than the bytes take", pieces.len());
    let (characters, joined): (Vec<usize>, Vec<usize>) =
        (SPECIALS + BYTES..pieces.len()).partition(|&id| is_character(&pieces[id]));
    let mut order: Vec<usize> = characters.iter().copied().chain(SPECIALS..SPECIALS + BYTES).collect();
    let mut ours: HashMap<&[u8], u16> = HashMap::new();
    let mut atoms = Vec::new();
    for (ours_id, &id) in characters.iter().enumerate() {
        ours.insert(&pieces[id], ours_id as u16);
        atoms.push(pieces[id].len() as u8);
        atoms.extend(&pieces[id]);
    }
    atoms.extend((0..=255).flat_map(|byte| [1, byte]));
    let mut pairs = Vec::new();
    for id in joined {
        let [left, right] = halves(&pieces[id], &ours).with_context(|| {
            format!("its piece '{}' is not made of two earlier ones", String::from_utf8_lossy(&pieces[id]))
        })?;
        pairs.extend([left.to_le_bytes(), right.to_le_bytes()].concat());
        ours.insert(&pieces[id], order.len() as u16);
        order.push(id);
    }
    let first_special = order.len() as u16;
    order.extend(0..SPECIALS);
    let vocabulary = OwnedVocabulary {
        pieces: OwnedPieces::Merges { atoms, pairs, words: Words::Spaces },
        specials: SPECIALS,
        begin: Some(first_special + 1),
        end: Some(first_special + 2),
        prefix_space: true,
    };
    Ok((vocabulary, order))
}

fn is_character(piece: &[u8]) -> bool {
    std::str::from_utf8(piece).is_ok_and(|text| text.chars().count() == 1)
}

/// The two known pieces that `piece` joins: of all pairs, the one whose later half has the lowest id.
fn halves(piece: &[u8], known: &HashMap<&[u8], u16>) -> Option<[u16; 2]> {
    let pair = |cut: usize| Some([*known.get(&piece[..cut])?, *known.get(&piece[cut..])?]);
    (1..piece.len()).filter_map(pair).min_by_key(|pair| pair.iter().max().copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tokenizer file of these pieces.
    fn tokenizer(pieces: &[&[u8]]) -> Vec<u8> {
        let piece =
            |bytes: &[u8]| [&0f32.to_le_bytes()[..], &(bytes.len() as i32).to_le_bytes(), bytes].concat();
        [&8i32.to_le_bytes()[..], &pieces.iter().map(|bytes| piece(bytes)).collect::<Vec<_>>().concat()]
            .concat()
    }

    #[test]
    fn a_tokenizer_of_another_size_is_refused() {
        let file = tokenizer(&[b"a", b"bc", b""]);
        assert_eq!(read_pieces(&file, 3).unwrap(), [&b"a"[..], b"bc", b""]);
        let refusal = |bytes: &[u8], vocab| read_pieces(bytes, vocab).unwrap_err().to_string();
        assert_eq!(refusal(&file, 2), "it has 3 pieces, and the checkpoint has 2");
        assert_eq!(refusal(&file, 4), "it has 3 pieces, and the checkpoint has 4");
        assert_eq!(refusal(&file[..file.len() - 1], 3), "it ends within a piece");
        assert_eq!(refusal(b"", 3), "it is empty");
    }

    #[test]
    fn a_header_that_asks_for_terabytes_is_refused() {
        let config = Config { width: 1 << 16, hidden: 1 << 16, layers: 1 << 10, ..Config::LLAMA };
        assert_eq!(
            parameters(&config, &[0; 100], &[]).unwrap_err().to_string(),
            "it ends within its weights"
        );
    }

    #[test]
    fn later_versions_are_named() {
        let file = |version: i32| [&MAGIC[..], &version.to_le_bytes(), &[0; 256]].concat();
        assert!(version(&file(1)).unwrap().starts_with("version 1 (f32"));
        assert!(version(&file(2)).unwrap().starts_with("version 2 (int8)"));
        assert!(version(&file(7)).unwrap().starts_with("version 7,"));
        assert_eq!(version(&[64, 0, 0, 0, 172, 0, 0, 0]), None);
    }
}
