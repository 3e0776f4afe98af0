//! How a `tokenizer.json` cuts a text before merging, and what spells its pieces.

use std::collections::HashSet;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use super::Json;
use super::bpe::Bpe;
use super::bytes::byte_of;
use crate::data::vocabulary::OwnedWords;
use crate::import::classes;
use crate::import::hugging_face::json::shortened;

/// SentencePiece's spelling of a space.
const SPACE: char = '▁';

/// The cuts of the model file's `Words::Runs`, as a regular expression.
pub const RUNS: &str = " ?[A-Za-z'\u{80}-\u{10ffff}]+| ?[0-9]+| ?[^A-Za-z'\u{80}-\u{10ffff}0-9 \t\r\n]+|[ \t\r\n]+(?= [^ \t\r\n])|[ \t\r\n]+";

/// The step before `ByteLevel` with which a text is cut by [`RUNS`].
pub fn runs() -> Value {
    json!({"type": "Split", "pattern": {"Regex": RUNS}, "behavior": "Isolated", "invert": false})
}

/// The step that cuts before every space, as SentencePiece writes one.
pub fn spaces() -> Value {
    json!({"type": "Split", "pattern": {"String": "▁"}, "behavior": "MergedWithNext", "invert": false})
}

/// The ways to cut a text that the core knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rules {
    /// Bytes.
    Bytes(Cuts),
    /// Characters, as they are, and no merges.
    Plain,
    /// Characters, with [`SPACE`] for spaces.
    Characters { prefix_space: bool, cuts_at_spaces: bool },
}

/// Where a text of bytes is cut into words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cuts {
    /// As GPT-2's.
    Gpt2 { single_digits: bool },
    /// As this crate's.
    Runs,
}

impl Rules {
    /// # Errors
    /// The rule that is not supported, by key and value.
    pub(super) fn of(json: &Json) -> Result<Rules> {
        let has_merges =
            json.object("model").get("merges").as_array().is_some_and(|merges| !merges.is_empty());
        let (normalizer, cutter) = (json.get("normalizer"), json.get("pre_tokenizer"));
        let normalizers = parts(normalizer, "normalizers");
        let cutters = parts(cutter, "pretokenizers");
        let refuse =
            |key: &str, value: &Value| format!("{key} is {}, which is not supported", shortened(value));
        let last = cutters.last().copied().unwrap_or(&Value::Null);
        if last["type"] == "ByteLevel" {
            ensure!(normalizers.is_empty(), refuse("normalizer", normalizer));
            ensure!(
                last["add_prefix_space"] == false,
                "add_prefix_space of the pre_tokenizer is {}, which is not supported; it must be false",
                last["add_prefix_space"]
            );
            let cuts = match (&cutters[..cutters.len() - 1], last["use_regex"] != false) {
                ([], true) => Cuts::Gpt2 { single_digits: false },
                ([first], true) if **first == json!({"type": "Digits", "individual_digits": true}) => {
                    Cuts::Gpt2 { single_digits: true }
                }
                ([first], false) if **first == runs() => Cuts::Runs,
                // Where nothing is merged, any cuts do.
                ([], false) if !has_merges => Cuts::Runs,
                _ => bail!(refuse("pre_tokenizer", cutter)),
            };
            return Ok(Rules::Bytes(cuts));
        }
        let mut prefix_space = false;
        let mut spells_spaces = false;
        let as_it_is = normalizers.is_empty() && cutters.is_empty();
        for part in normalizers {
            if *part == json!({"type": "Prepend", "prepend": "▁"}) {
                prefix_space = true;
            } else if *part == json!({"type": "Replace", "pattern": {"String": " "}, "content": "▁"}) {
                spells_spaces = true;
            } else {
                bail!(refuse("normalizer", normalizer));
            }
        }
        let cuts_at_spaces = match cutters[..] {
            [] => false,
            [only] if *only == spaces() => true,
            [only] if only["type"] == "Metaspace" && only["replacement"] == "▁" => {
                spells_spaces = true;
                let old = only["add_prefix_space"].as_bool().filter(|_| only["prepend_scheme"].is_null());
                match (only["prepend_scheme"].as_str(), old) {
                    (Some("always" | "first"), _) | (None, None | Some(true)) => prefix_space = true,
                    (Some("never"), _) | (None, Some(false)) => {}
                    _ => bail!(refuse("pre_tokenizer", cutter)),
                }
                only["split"] != false
            }
            _ => bail!(refuse("pre_tokenizer", cutter)),
        };
        if !spells_spaces && !has_merges && as_it_is {
            return Ok(Rules::Plain);
        }
        ensure!(
            spells_spaces,
            "neither its pre_tokenizer nor its normalizer is that of GPT-2 (ByteLevel) or of Llama (▁ for spaces), and no \
             other is supported"
        );
        Ok(Rules::Characters { prefix_space, cuts_at_spaces })
    }

    pub(super) fn is_of_bytes(self) -> bool {
        matches!(self, Rules::Bytes(_))
    }

    pub(super) fn prefix_space(self) -> bool {
        matches!(self, Rules::Characters { prefix_space: true, .. })
    }

    /// The pieces that a text is cut into before merging, with its bytes. Characters come before bytes: of two that fit equally well, the
    /// first is taken.
    pub(super) fn atoms(self, bpe: &Bpe, specials: &HashSet<usize>) -> Result<Vec<(usize, Vec<u8>)>> {
        let mut atoms: Vec<(usize, Vec<u8>)> = Vec::new();
        for (text, &id) in bpe.ids.iter().filter(|(_, id)| !specials.contains(id)) {
            let mut characters = text.chars();
            let (Some(character), None) = (characters.next(), characters.next()) else { continue };
            let bytes = match self {
                Rules::Bytes(_) => {
                    vec![byte_of(character).with_context(|| format!("its piece {text:?} spells no byte"))?]
                }
                Rules::Characters { .. } if character == SPACE => vec![b' '],
                // A space in a text is spelled otherwise, so that this one never fits.
                Rules::Characters { .. } if character == ' ' => continue,
                Rules::Characters { .. } | Rules::Plain => text.as_bytes().to_vec(),
            };
            atoms.push((id, bytes));
        }
        atoms.sort_unstable();
        if bpe.byte_fallback {
            for byte in 0..=255u8 {
                let name = format!("<0x{byte:02X}>");
                let id = bpe.ids.get(&name).with_context(|| format!("model.vocab lacks the byte {name}"))?;
                ensure!(!specials.contains(id), "its byte {name} is a special, which is not supported");
                atoms.push((*id, vec![byte]));
            }
        }
        ensure!(!atoms.is_empty(), "model.vocab has no single characters");
        Ok(atoms)
    }

    /// Where a text is cut into words.
    ///
    /// # Errors
    /// A piece that goes across a place where the core would cut.
    pub(super) fn words(self, bpe: &Bpe) -> Result<OwnedWords> {
        match self {
            Rules::Bytes(Cuts::Gpt2 { single_digits }) => {
                Ok(OwnedWords::Gpt2 { classes: classes::table(), single_digits })
            }
            Rules::Bytes(Cuts::Runs) | Rules::Plain => Ok(OwnedWords::Runs),
            Rules::Characters { cuts_at_spaces: true, .. } => Ok(OwnedWords::Spaces),
            Rules::Characters { .. } => {
                let spaces_within = |text: &&String| text.chars().skip(1).any(|c| c == SPACE);
                let across = |text: &&String| text.trim_start_matches(SPACE).contains(SPACE);
                let mut several = bpe.ids.keys().filter(spaces_within).peekable();
                if several.peek().is_none() {
                    return Ok(OwnedWords::Spaces);
                }
                match several.filter(across).min() {
                    Some(piece) => {
                        bail!("its piece {piece:?} has a space behind text, which is not supported")
                    }
                    None => Ok(OwnedWords::SpaceRuns),
                }
            }
        }
    }
}

/// The steps of a sequence, or the one step; none of `null`.
fn parts<'v>(value: &'v Value, key: &str) -> Vec<&'v Value> {
    match value {
        Value::Null => vec![],
        value if value["type"] == "Sequence" => value[key].as_array().into_iter().flatten().collect(),
        value => vec![value],
    }
}
