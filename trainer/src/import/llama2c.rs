//! Reading a checkpoint of llama2.c, of any version, and its tokenizer.

use std::collections::HashMap;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use pipsqueak::Config;
use pipsqueak::internal::Parameter;

use crate::data::vocabulary::{OwnedPieces, OwnedVocabulary, OwnedWords};
use crate::human;
use crate::import::{Checkpoint, renumbered};
use crate::training::parameters::Parameters;

/// Reads a checkpoint and its tokenizer.
///
/// # Errors
/// In a sentence, what is wrong with which file.
pub fn read(checkpoint: &Path, tokenizer: &Path) -> Result<Checkpoint> {
    let read = |path: &Path| read_bounded(path).with_context(|| format!("cannot read {}", path.display()));
    let names = [checkpoint, tokenizer].map(|path| path.display().to_string());
    from_bytes(&read(checkpoint)?, &read(tokenizer)?, [&names[0], &names[1]])
}

/// As [`read`], of files in memory; `names` are what messages call them.
///
/// # Errors
/// As [`read`].
pub fn from_bytes(bytes: &[u8], pieces: &[u8], [name, tokenizer]: [&str; 2]) -> Result<Checkpoint> {
    let header = Header::read(bytes).with_context(|| format!("{name} is no llama2.c checkpoint"))?;
    let config = header.config.clone();
    let pieces = read_pieces(pieces, config.vocab)
        .with_context(|| format!("{tokenizer} is not this checkpoint's tokenizer"))?;
    let (vocabulary, original_ids) = vocabulary(&pieces)?;
    let weights = bytes.get(header.bytes..).unwrap_or_default();
    let parameters =
        parameters(&header, weights, &original_ids).with_context(|| format!("{name} is damaged"))?;
    Ok(Checkpoint { config, parameters, vocabulary, original_ids, remarks: vec![] })
}

/// The largest file that is read: more than any model of 65,535 ids that a chip can hold.
const FILE_MAX: u64 = 4 << 30;

fn read_bounded(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(FILE_MAX + 1).read_to_end(&mut bytes)?;
    ensure!(bytes.len() as u64 <= FILE_MAX, "it is larger than 4 GiB");
    Ok(bytes)
}

/// The beginning of a checkpoint.
struct Header {
    config: Config,
    layout: Layout,
    /// Its own length.
    bytes: usize,
}

/// The order and the format of the weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layout {
    /// Version 0.
    Unversioned,
    /// Version 1: f32.
    F32,
    /// Version 2: vectors are f32; a matrix is int8, then an f32 for each group of as many of its values.
    Groups(usize),
}

/// The first bytes of all versions but the first: `ak42`, as a little-endian number.
const MAGIC: [u8; 4] = 0x616b_3432_u32.to_le_bytes();
const VERSIONED_BYTES: usize = 256;
const UNVERSIONED_BYTES: usize = 28;

impl Header {
    /// A versioned header is `MAGIC`, the version, seven numbers, a byte that says whether the head is tied, and, of version 2,
    /// the size of a group. The first version's is the seven numbers, the vocabulary's size negative where the head is not tied.
    fn read(bytes: &[u8]) -> Result<Header> {
        let Some(versioned) = bytes.strip_prefix(&MAGIC) else {
            let mut numbers = Numbers(bytes);
            let (config, vocab) = numbers.config()?;
            let config = Config { tied: vocab > 0, ..config };
            return Ok(Header { config, layout: Layout::Unversioned, bytes: UNVERSIONED_BYTES });
        };
        let mut numbers = Numbers(versioned);
        let version = numbers.next()?;
        ensure!(
            (1..=2).contains(&version),
            "its version is {version}, and only 0 (without one), 1 and 2 are known"
        );
        let (config, _) = numbers.config()?;
        let (&tied, rest) = numbers.0.split_first().context(IN_HEADER)?;
        let layout =
            if version == 1 { Layout::F32 } else { Layout::Groups(Numbers(rest).size("group_size")?) };
        ensure!(layout != Layout::Groups(0), "its group_size is 0");
        Ok(Header { config: Config { tied: tied != 0, ..config }, layout, bytes: VERSIONED_BYTES })
    }
}

const IN_HEADER: &str = "it ends within its header";

/// Numbers of a header, i32 each.
struct Numbers<'b>(&'b [u8]);

impl Numbers<'_> {
    fn next(&mut self) -> Result<i32> {
        let (number, rest) = self.0.split_first_chunk().context(IN_HEADER)?;
        self.0 = rest;
        Ok(i32::from_le_bytes(*number))
    }

    fn size(&mut self, name: &str) -> Result<usize> {
        let number = self.next()?;
        usize::try_from(number).ok().with_context(|| format!("its {name} is {number}"))
    }

    /// The shape, but for the head, and the vocabulary's size with its sign.
    fn config(&mut self) -> Result<(Config, i32)> {
        let [width, hidden, layers, heads, kv_heads] = [
            self.size("dim")?,
            self.size("hidden_dim")?,
            self.size("n_layers")?,
            self.size("n_heads")?,
            self.size("n_kv_heads")?,
        ];
        let vocab = self.next()?;
        let context = self.size("max_seq_len")?;
        let size = vocab.unsigned_abs() as usize;
        let config = Config { width, hidden, layers, heads, kv_heads, vocab: size, context, ..Config::LLAMA };
        config.check()?;
        Ok((config, vocab))
    }
}

const IN_WEIGHTS: &str = "it ends within its weights";

/// The weights from front to back.
struct Weights<'b> {
    rest: &'b [u8],
    layout: Layout,
}

impl Weights<'_> {
    fn take(&mut self, bytes: usize) -> Result<&[u8]> {
        let (taken, rest) = self.rest.split_at_checked(bytes).context(IN_WEIGHTS)?;
        self.rest = rest;
        Ok(taken)
    }

    fn floats(&mut self, count: usize) -> Result<Vec<f32>> {
        let bytes = self.take(count * size_of::<f32>())?;
        Ok(bytes.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect())
    }

    /// A matrix of `count` values for each layer.
    fn matrix(&mut self, layers: usize, count: usize) -> Result<Vec<f32>> {
        let Layout::Groups(group) = self.layout else { return self.floats(layers * count) };
        ensure!(
            count.is_multiple_of(group),
            "a matrix of {count} values can't be divided into its groups of {group}"
        );
        let mut all = Vec::new();
        for _ in 0..layers {
            let integers: Vec<f32> = self.take(count)?.iter().map(|&byte| f32::from(byte as i8)).collect();
            let scales = self.floats(count / group)?;
            let groups = integers.chunks_exact(group).zip(scales);
            all.extend(groups.flat_map(|(group, scale)| group.iter().map(move |q| q * scale)));
        }
        Ok(all)
    }
}

/// Reads the file's arrays in their order. Each holds one kind of weight for all layers.
fn parameters(header: &Header, bytes: &[u8], original_ids: &[usize]) -> Result<Parameters<f32>> {
    let Header { config, layout, .. } = header;
    let mut weights = Weights { rest: bytes, layout: *layout };
    let &Config { layers, width, hidden, vocab, context, .. } = config;
    // Before memory is taken: a damaged header may ask for terabytes. A value takes a byte or more.
    let values = Parameters::<f32>::bytes(config) / size_of::<f32>();
    ensure!(values <= bytes.len(), IN_WEIGHTS);
    let mut parameters = Parameters::zeros(config);
    let mut set =
        |parameter: Parameter, values: Vec<f32>| parameters.get_mut(parameter).copy_from_slice(&values);

    let is_first = *layout == Layout::Unversioned;
    let rows = |values: Vec<f32>| renumbered(&values, width, original_ids);
    if is_first {
        set(Parameter::Embedding, rows(weights.floats(vocab * width)?));
        set(Parameter::AttentionNormGain, weights.floats(layers * width)?);
    } else {
        set(Parameter::AttentionNormGain, weights.floats(layers * width)?);
        set(Parameter::MlpNormGain, weights.floats(layers * width)?);
        set(Parameter::FinalNormGain, weights.floats(width)?);
        set(Parameter::Embedding, rows(weights.matrix(1, vocab * width)?));
    }
    let query = weights.matrix(layers, width * width)?;
    let key = weights.matrix(layers, width * config.kv_width())?;
    let value = weights.matrix(layers, width * config.kv_width())?;
    set(Parameter::Qkv, stacked(&[query, key, value], layers));
    set(Parameter::Output, weights.matrix(layers, width * width)?);
    if is_first {
        set(Parameter::MlpNormGain, weights.floats(layers * width)?);
    }
    let gate = weights.matrix(layers, width * hidden)?;
    let down = weights.matrix(layers, width * hidden)?;
    let up = weights.matrix(layers, width * hidden)?;
    set(Parameter::Up, stacked(&[gate, up], layers));
    set(Parameter::Down, down);
    if is_first {
        set(Parameter::FinalNormGain, weights.floats(width)?);
        weights.floats(context * config.head_size())?; // sines and cosines, which the core computes
    }
    if !config.tied {
        set(Parameter::LmHead, rows(weights.matrix(1, vocab * width)?));
    }
    Ok(parameters)
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
        pieces: OwnedPieces::Merges { atoms, pairs, words: OwnedWords::Spaces },
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

    /// A small untied model whose values are small multiples of 1/8, so that int8 in groups of 4 holds them exactly.
    fn shape() -> (Config, Vec<f32>) {
        let size = Config { width: 8, hidden: 12, layers: 2, heads: 2, kv_heads: 1, ..Config::LLAMA };
        let config = Config { vocab: 5, context: 6, tied: false, ..size };
        let count = Parameters::<f32>::bytes(&config) / 4;
        (config, (0..count).map(|i| (i * 37 % 255) as f32 / 8.0 - 15.875).collect())
    }

    /// The weights as `layout` has them, made of parts that are named as in llama2.c, each of all layers.
    fn file(config: &Config, parameters: &Parameters<f32>, layout: Layout) -> Vec<u8> {
        let &Config { width, hidden, layers, vocab, context, .. } = config;
        let kv = config.kv_width();
        let rows = |parameter, from: usize, to: usize, columns: usize| -> Vec<Vec<f32>> {
            let part = |l| parameters.layer(parameter, l)[from * columns..to * columns].to_vec();
            (0..layers).map(part).collect()
        };
        let all = |parameter| vec![parameters.get(parameter).to_vec()];
        let qkv = |from, to| rows(Parameter::Qkv, from, to, width);
        let matrices = [
            qkv(0, width),
            qkv(width, width + kv),
            qkv(width + kv, width + 2 * kv),
            rows(Parameter::Output, 0, width, width),
            rows(Parameter::Up, 0, hidden, width),
            rows(Parameter::Down, 0, width, hidden),
            rows(Parameter::Up, hidden, 2 * hidden, width),
        ];
        let floats =
            |values: &[f32]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
        let matrix = |parts: &[Vec<f32>]| -> Vec<u8> {
            let Layout::Groups(group) = layout else { return floats(&parts.concat()) };
            let quantized = |part: &Vec<f32>| {
                let scales = vec![0.125; part.len() / group];
                [part.iter().map(|x| (x * 8.0) as i8 as u8).collect(), floats(&scales)].concat()
            };
            parts.iter().flat_map(quantized).collect()
        };
        let numbers = |numbers: &[usize]| -> Vec<u8> {
            numbers.iter().flat_map(|&number| (number as i32).to_le_bytes()).collect()
        };
        let sizes = [width, hidden, layers, config.heads, config.kv_heads];
        let gain = |parameter| floats(parameters.get(parameter));
        let [attention, mlp, last] =
            [Parameter::AttentionNormGain, Parameter::MlpNormGain, Parameter::FinalNormGain].map(gain);
        let (embedding, head) = (matrix(&all(Parameter::Embedding)), matrix(&all(Parameter::LmHead)));
        let matrices: Vec<Vec<u8>> = matrices.iter().map(|parts| matrix(parts)).collect();
        if layout == Layout::Unversioned {
            let header =
                [numbers(&sizes), (-(vocab as i32)).to_le_bytes().to_vec(), numbers(&[context])].concat();
            let tables = vec![0; 4 * context * config.head_size()];
            let [attending, feeding] = [matrices[..4].concat(), matrices[4..].concat()];
            return [header, embedding, attention, attending, mlp, feeding, last, tables, head].concat();
        }
        let (version, group) = if let Layout::Groups(group) = layout { (2, group) } else { (1, 0) };
        let mut header =
            [MAGIC.to_vec(), numbers(&[version]), numbers(&sizes), numbers(&[vocab, context])].concat();
        header.push(0);
        header.extend(numbers(&[group]));
        header.resize(VERSIONED_BYTES, 0);
        [header, attention, mlp, last, embedding, matrices.concat(), head].concat()
    }

    #[test]
    fn every_version_holds_the_same_weights() {
        let (config, values) = shape();
        let mut expected = Parameters::zeros(&config);
        expected.values_mut().copy_from_slice(&values);
        let ids: Vec<usize> = (0..config.vocab).collect();
        for layout in [Layout::Unversioned, Layout::F32, Layout::Groups(4)] {
            let bytes = file(&config, &expected, layout);
            let header = Header::read(&bytes).unwrap();
            assert_eq!((&header.config, header.layout), (&config, layout));
            let weights = &bytes[header.bytes..];
            assert_eq!(parameters(&header, weights, &ids).unwrap(), expected, "{layout:?}");
            let cut = parameters(&header, &weights[..weights.len() - 1], &ids).unwrap_err().to_string();
            assert_eq!(cut, "it ends within its weights", "{layout:?}");
        }
    }

    #[test]
    fn headers_that_make_no_sense_are_refused() {
        let (config, values) = shape();
        let mut parameters = Parameters::zeros(&config);
        parameters.values_mut().copy_from_slice(&values);
        let good = file(&config, &parameters, Layout::Groups(4));
        let refusal = |at: usize, number: i32| {
            let mut bytes = good.clone();
            bytes[at..at + 4].copy_from_slice(&number.to_le_bytes());
            Header::read(&bytes).err().unwrap().to_string()
        };
        assert_eq!(refusal(4, 7), "its version is 7, and only 0 (without one), 1 and 2 are known");
        assert_eq!(refusal(8, -64), "its dim is -64");
        assert_eq!(refusal(16, 0), "layers is 0; it must be from 1 to 256");
        assert_eq!(refusal(37, 0), "its group_size is 0");
        assert_eq!(Header::read(&good[..30]).err().unwrap().to_string(), "it ends within its header");
        let ids: Vec<usize> = (0..config.vocab).collect();
        let wrong = Header { layout: Layout::Groups(7), ..Header::read(&good).unwrap() };
        let error = super::parameters(&wrong, &good[VERSIONED_BYTES..], &ids).unwrap_err().to_string();
        assert_eq!(error, "a matrix of 40 values can't be divided into its groups of 7");
    }

    #[test]
    fn a_header_that_asks_for_terabytes_is_refused() {
        let config = Config { width: 1 << 16, hidden: 1 << 16, layers: 1 << 10, ..Config::LLAMA };
        let header = Header { config, layout: Layout::F32, bytes: VERSIONED_BYTES };
        assert_eq!(parameters(&header, &[0; 100], &[]).unwrap_err().to_string(), IN_WEIGHTS);
    }
}
