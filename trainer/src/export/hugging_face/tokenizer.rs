//! `tokenizer.json` of a vocabulary.
//!
//! Hugging Face knows a piece by its text, and a model file by its id. A piece whose text another has, too, therefore gets a name
//! that no text is cut into.

use std::collections::HashSet;

use anyhow::{Result, bail};
use serde_json::{Map, Value, json};

use crate::data::vocabulary::{OwnedPieces, OwnedVocabulary, OwnedWords};
use crate::import::hugging_face::tokenizer::bytes::character_of;
use crate::import::hugging_face::tokenizer::rules;

/// The JSON of a vocabulary.
///
/// # Errors
/// Atoms that Hugging Face has no form for.
pub(super) fn of(vocabulary: &OwnedVocabulary) -> Result<Value> {
    let spelling = Spelling::of(&vocabulary.pieces);
    let names = spelling.names(vocabulary)?;
    let mut vocab: Map<String, Value> = Map::new();
    for (id, name) in names.iter().enumerate() {
        vocab.insert(name.clone(), id.into());
    }
    let added = names.iter().enumerate().skip(vocabulary.vocab() - vocabulary.specials);
    let added: Vec<Value> = added.map(|(id, name)| added_token(id, name)).collect();
    let mut json = json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": added,
        "normalizer": null,
        "pre_tokenizer": null,
        "post_processor": post_processor(vocabulary, &names),
        "decoder": {"type": "Fuse"},
        "model": {
            "type": "BPE",
            "dropout": null,
            "unk_token": null,
            "continuing_subword_prefix": null,
            "end_of_word_suffix": null,
            "fuse_unk": false,
            "byte_fallback": spelling == Spelling::SentencePiece,
            "ignore_merges": false,
            "vocab": vocab,
            "merges": merges(&vocabulary.pieces, &names, spelling),
        },
    });
    spelling.set_rules(vocabulary, &mut json);
    Ok(json)
}

/// The bytes that the characters of a piece's name stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spelling {
    /// Bytes, as GPT-2 spells them.
    Bytes,
    /// Characters and bytes, `▁` for a space.
    SentencePiece,
    /// Themselves.
    Characters,
}

impl Spelling {
    fn of(pieces: &OwnedPieces) -> Self {
        match pieces {
            OwnedPieces::Characters(_) => Spelling::Characters,
            OwnedPieces::Merges { words: OwnedWords::Spaces | OwnedWords::SpaceRuns, .. } => {
                Spelling::SentencePiece
            }
            OwnedPieces::Bytes | OwnedPieces::Merges { .. } => Spelling::Bytes,
        }
    }

    /// A name for every id.
    fn names(self, vocabulary: &OwnedVocabulary) -> Result<Vec<String>> {
        let tokenizer = vocabulary.tokenizer()?;
        let pieces = tokenizer.pieces();
        let fallback =
            if self == Spelling::SentencePiece { bytes_of_fallback(&vocabulary.pieces) } else { 0..0 };
        let (mut names, mut taken) = (Vec::new(), HashSet::new());
        for id in 0..vocabulary.vocab() {
            let text = tokenizer.decode(id as u16);
            let name = match self {
                _ if id >= pieces => special(vocabulary, id),
                Spelling::Bytes => text.iter().map(|&byte| character_of(byte)).collect(),
                Spelling::SentencePiece if fallback.contains(&id) => format!("<0x{:02X}>", text[0]),
                Spelling::SentencePiece | Spelling::Characters => match std::str::from_utf8(&text) {
                    Ok(text) if self == Spelling::Characters => text.into(),
                    Ok(text) => text.replace(' ', "▁"),
                    Err(_) if id >= fallback.end => format!("<part {id}>"),
                    Err(_) => {
                        bail!("its piece {id} is a part of a character, which Hugging Face has no form for")
                    }
                },
            };
            let name = if taken.contains(&name) { format!("<again {id}>") } else { name };
            taken.insert(name.clone());
            names.push(name);
        }
        Ok(names)
    }

    /// How a text is cut, and put together again.
    fn set_rules(self, vocabulary: &OwnedVocabulary, json: &mut Value) {
        let byte_level = |use_regex: bool| json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": use_regex});
        let words = match &vocabulary.pieces {
            OwnedPieces::Merges { words, .. } => Some(words),
            _ => None,
        };
        match (self, words) {
            (Spelling::Characters, _) => {}
            (Spelling::SentencePiece, words) => {
                let replace = json!({"type": "Replace", "pattern": {"String": " "}, "content": "▁"});
                let prepend = json!({"type": "Prepend", "prepend": "▁"});
                let steps = if vocabulary.prefix_space { vec![prepend, replace] } else { vec![replace] };
                json["normalizer"] = json!({"type": "Sequence", "normalizers": steps});
                if words == Some(&OwnedWords::Spaces) {
                    json["pre_tokenizer"] = rules::spaces();
                }
                let back = json!({"type": "Replace", "pattern": {"String": "▁"}, "content": " "});
                let mut steps = vec![back, json!({"type": "ByteFallback"}), json!({"type": "Fuse"})];
                if vocabulary.prefix_space {
                    steps.push(json!({"type": "Strip", "content": " ", "start": 1, "stop": 0}));
                }
                json["decoder"] = json!({"type": "Sequence", "decoders": steps});
            }
            (Spelling::Bytes, words) => {
                let digits = json!({"type": "Digits", "individual_digits": true});
                let steps = match words {
                    Some(OwnedWords::Gpt2 { single_digits: false, .. }) => vec![byte_level(true)],
                    Some(OwnedWords::Gpt2 { single_digits: true, .. }) => vec![digits, byte_level(true)],
                    Some(_) => vec![rules::runs(), byte_level(false)],
                    None => vec![byte_level(false)],
                };
                json["pre_tokenizer"] = match <[Value; 1]>::try_from(steps) {
                    Ok([step]) => step,
                    Err(steps) => json!({"type": "Sequence", "pretokenizers": steps}),
                };
                json["decoder"] = byte_level(true);
            }
        }
    }
}

/// The ids of the bytes that stand for characters without a piece: the last 256 atoms, where these are all bytes in order.
fn bytes_of_fallback(pieces: &OwnedPieces) -> std::ops::Range<usize> {
    let OwnedPieces::Merges { atoms, .. } = pieces else { return 0..0 };
    let all: Vec<u8> = (0..=255).flat_map(|byte| [1, byte]).collect();
    let Some(before) = atoms.strip_suffix(&all[..]) else { return 0..0 };
    let mut rest = before;
    let mut count = 0;
    while let Some((&length, after)) = rest.split_first() {
        rest = after.get(length.into()..).unwrap_or_default();
        count += 1;
    }
    count..count + 256
}

fn special(vocabulary: &OwnedVocabulary, id: usize) -> String {
    let is = |special: Option<u16>| special.is_some_and(|special| usize::from(special) == id);
    match (is(vocabulary.begin), is(vocabulary.end)) {
        (false, false) => format!("<special {id}>"),
        (true, false) => "<s>".into(),
        (false, true) if vocabulary.begin.is_some() => "</s>".into(),
        (_, true) => "<|endoftext|>".into(),
    }
}

fn added_token(id: usize, name: &str) -> Value {
    json!({
        "id": id, "content": name, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false,
        "special": true,
    })
}

/// Puts the special that begins a text before it.
fn post_processor(vocabulary: &OwnedVocabulary, names: &[String]) -> Value {
    let Some(begin) = vocabulary.begin else { return Value::Null };
    let name = &names[usize::from(begin)];
    let special = json!({"SpecialToken": {"id": name, "type_id": 0}});
    let text = |part: &str, kind: u8| json!({"Sequence": {"id": part, "type_id": kind}});
    json!({
        "type": "TemplateProcessing",
        "single": [special, text("A", 0)],
        "pair": [special, text("A", 0), text("B", 1)],
        "special_tokens": {name: {"id": name, "ids": [begin], "tokens": [name]}},
    })
}

/// The pairs of names, but for those whose name is not what their parts' make up.
fn merges(pieces: &OwnedPieces, names: &[String], spelling: Spelling) -> Vec<Value> {
    let OwnedPieces::Merges { pairs, .. } = pieces else { return vec![] };
    let count = pairs.len() / 4;
    let first = pieces.count() - count;
    let mut merges = Vec::new();
    for (&[a, b, c, d], id) in pairs.as_chunks().0.iter().zip(first..) {
        let [left, right] = [[a, b], [c, d]].map(|id| &names[usize::from(u16::from_le_bytes(id))]);
        let joined = format!("{left}{right}");
        if names[id] == joined {
            merges.push(json!([left, right]));
        } else if spelling == Spelling::Bytes && names.contains(&joined) {
            // Another way to the same text: the id is then that of the other.
            merges.push(json!([left, right]));
        }
    }
    merges
}
