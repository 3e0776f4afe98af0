//! `tokenizer.json`: byte-pair encoding over bytes (GPT-2) or over characters (SentencePiece), as atoms and merges.
//!
//! Hugging Face's merges may name several pairs that make one piece, and a piece that no text is cut into. Of the pairs, only
//! one is ever used: where a piece stands in a text, nothing was merged across its ends, so that it was made in the way in
//! which it is made alone. Encoding each piece by itself therefore finds its pair, or shows that no text has it.

mod bpe;
pub mod bytes;
pub mod rules;

use std::collections::{HashMap, HashSet};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use pipsqueak::internal::text::PIECE_MAX;

use super::json::Json;
use super::{CHARACTERS, TOKENIZER, read_text};
use crate::data::vocabulary::{OwnedPieces, OwnedVocabulary};
use bpe::Bpe;
use rules::Rules;

/// A tokenizer in this crate's types.
#[derive(Debug)]
pub struct Tokenizer {
    /// The vocabulary.
    pub vocabulary: OwnedVocabulary,
    /// The checkpoint's id for each id here.
    pub original_ids: Vec<usize>,
    /// The differences, in sentences.
    pub remarks: Vec<String>,
}

/// The most ids that are read; a model has no more than 65,535.
const IDS_MAX: usize = 1 << 18;

/// Reads the tokenizer of a folder, for a model of `vocab` ids. `specials` are the ids that begin and end a text.
///
/// # Errors
/// The key that is missing or not supported, by key and value.
pub fn read(folder: &Path, vocab: usize, specials: [Option<usize>; 2]) -> Result<Tokenizer> {
    let path = folder.join(TOKENIZER);
    if path.is_file() {
        let [_, end] = specials;
        return of_json(&read_text(&path)?, vocab, end)
            .with_context(|| format!("cannot import {}", path.display()));
    }
    let path = folder.join(CHARACTERS);
    ensure!(
        path.is_file(),
        "{} has no {TOKENIZER}; write it with `AutoTokenizer.from_pretrained(MODEL).save_pretrained(FOLDER)`, or, of a model of \
         single characters, write these to {CHARACTERS} in the order of their ids",
        folder.display()
    );
    of_characters(read_text(&path)?, vocab).with_context(|| format!("cannot import {}", path.display()))
}

fn of_characters(characters: String, vocab: usize) -> Result<Tokenizer> {
    let count = characters.chars().count();
    ensure!(count > 0 && count <= vocab, "it has {count} characters, and the model has {vocab} ids");
    let distinct: HashSet<char> = characters.chars().collect();
    ensure!(distinct.len() == count, "it has a character twice");
    let vocabulary = OwnedVocabulary {
        pieces: OwnedPieces::Characters(characters),
        specials: vocab - count,
        begin: None,
        end: None,
        prefix_space: false,
    };
    Ok(Tokenizer { vocabulary, original_ids: (0..vocab).collect(), remarks: vec![] })
}

/// Reads the text of a `tokenizer.json`, for a model of `vocab` ids of which `end` ends a text.
///
/// # Errors
/// The key that is missing or not supported, by key and value.
pub fn of_json(text: &str, vocab: usize, end: Option<usize>) -> Result<Tokenizer> {
    let json = Json::read(text)?;
    let rules = Rules::of(&json)?;
    let bpe = Bpe::read(&json.object("model"), &rules)?;
    let added = added_tokens(&json)?;
    let begin = first_special(&json).and_then(|token| bpe.ids.get(token).or(added.get(token)).copied());
    let specials: HashSet<usize> = added.values().copied().chain(begin).chain(end).collect();
    let largest = bpe.ids.values().chain(specials.iter()).max().copied().unwrap_or(0);
    ensure!(largest < vocab, "it has the id {largest}, and the model has {vocab} ids");

    let mut remarks = Vec::new();
    let cut = Cut::of(&bpe, &rules, &specials)?;
    if !cut.long.is_empty() {
        let ids: Vec<String> = cut.long.iter().map(usize::to_string).collect();
        remarks.push(format!(
            "the ids {} stand for more than {PIECE_MAX} bytes of text; prompts are cut into shorter ones, and of these only \
             the first {PIECE_MAX} bytes are written",
            ids.join(", ")
        ));
    }
    let mut original_ids = cut.order;
    let (atoms, pairs) = (cut.atoms, cut.pairs);
    let kept: HashSet<usize> = original_ids.iter().copied().collect();
    let unused = bpe.ids.values().filter(|id| !kept.contains(id) && !specials.contains(id)).count();
    if unused > 0 {
        ensure!(
            !bpe.ignores_merges,
            "ignore_merges is true, which is not supported where merges do not make every piece"
        );
        remarks.push(format!("{unused} pieces that its merges never make are kept as ids without a text"));
    }
    original_ids.extend((0..vocab).filter(|id| !kept.contains(id)));
    let ours = |id: usize| original_ids.iter().position(|&original| original == id).map(|id| id as u16);
    let words = rules.words(&bpe)?;
    let vocabulary = OwnedVocabulary {
        pieces: OwnedPieces::Merges { atoms, pairs, words },
        specials: vocab - kept.len(),
        begin: begin.and_then(ours),
        end: end.and_then(ours),
        prefix_space: rules.prefix_space(),
    };
    vocabulary.tokenizer().context("its pieces contradict each other")?;
    Ok(Tokenizer { vocabulary, original_ids, remarks })
}

/// The tokens that are looked for in a text before it is cut, which this crate never reads from text.
fn added_tokens(json: &Json) -> Result<HashMap<String, usize>> {
    let mut added = HashMap::new();
    for token in json.get("added_tokens").as_array().into_iter().flatten() {
        let (Some(content), Some(id)) = (token["content"].as_str(), token["id"].as_u64()) else {
            bail!("added_tokens has {token}, which is no token");
        };
        added.insert(content.to_string(), usize::try_from(id)?);
    }
    Ok(added)
}

/// The special that the tokenizer puts before every text.
fn first_special(json: &Json) -> Option<&str> {
    let processor = json.get("post_processor");
    let several = processor["processors"].as_array().into_iter().flatten();
    let template = std::iter::once(processor).chain(several).find(|p| p["type"] == "TemplateProcessing")?;
    template["single"].get(0)?["SpecialToken"]["id"].as_str()
}

/// Pieces in the order of a model file.
struct Cut {
    /// The checkpoint's ids of all atoms, and then of all merges.
    order: Vec<usize>,
    /// As in a model file.
    atoms: Vec<u8>,
    pairs: Vec<u8>,
    /// The checkpoint's ids of pieces that are too long for a model file.
    long: Vec<usize>,
}

impl Cut {
    fn of(bpe: &Bpe, rules: &Rules, specials: &HashSet<usize>) -> Result<Cut> {
        let mut cut = Cut { order: vec![], atoms: vec![], pairs: vec![], long: vec![] };
        let mut ours: HashMap<usize, u16> = HashMap::new();
        for (id, text) in rules.atoms(bpe, specials)? {
            ours.insert(id, cut.order.len() as u16);
            cut.order.push(id);
            cut.atoms.push(text.len() as u8);
            cut.atoms.extend(text);
        }
        let mut lengths: Vec<usize> = Vec::new();
        let mut rest = &cut.atoms[..];
        while let Some((&length, after)) = rest.split_first() {
            lengths.push(length.into());
            rest = &after[usize::from(length)..];
        }
        for merge in bpe.merges(|id| ours.contains_key(&id), specials)? {
            let [left, right] = merge.pair.map(|id| ours[&id]);
            let length = lengths[usize::from(left)].saturating_add(lengths[usize::from(right)]);
            // A second merge of the longer half's own pair has this half's text, and is never made, since the first comes
            // before it.
            let pair = if length > PIECE_MAX {
                cut.long.push(merge.id);
                let longer =
                    if lengths[usize::from(left)] >= lengths[usize::from(right)] { left } else { right };
                lengths.push(lengths[usize::from(longer)]);
                let at = 4 * (usize::from(longer) - (lengths.len() - 1 - cut.pairs.len() / 4));
                cut.pairs[at..at + 4].to_vec()
            } else {
                lengths.push(length);
                [left.to_le_bytes(), right.to_le_bytes()].concat()
            };
            cut.pairs.extend(pair);
            ours.insert(merge.id, cut.order.len() as u16);
            cut.order.push(merge.id);
        }
        Ok(cut)
    }
}

#[cfg(test)]
mod tests;
