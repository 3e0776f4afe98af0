//! The model of a `tokenizer.json`: pieces with their ids, and merges.

use std::collections::{HashMap, HashSet};

use anyhow::{Result, bail, ensure};
use serde_json::{Value, json};

use super::rules::Rules;
use super::{IDS_MAX, Json};

/// The longest piece that is looked at, in characters: encoding one takes time that grows with its square.
const PIECE_CHARACTERS_MAX: usize = 256;

/// Byte-pair encoding as Hugging Face describes it.
pub(super) struct Bpe {
    /// The id of each piece, as it is spelled in the file.
    pub(super) ids: HashMap<String, usize>,
    /// The place of each pair in the list of merges, and what it makes.
    ranks: HashMap<[usize; 2], Merged>,
    pub(super) byte_fallback: bool,
    pub(super) ignores_merges: bool,
}

#[derive(Debug, Clone, Copy)]
struct Merged {
    rank: usize,
    id: usize,
}

/// A piece that the pair makes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Merge {
    rank: usize,
    pub(super) id: usize,
    pub(super) pair: [usize; 2],
}

impl Bpe {
    pub(super) fn read(model: &Json, rules: &Rules) -> Result<Bpe> {
        let has_merges = model.get("merges").is_array();
        let kind = model.text("type", if has_merges { "BPE" } else { "missing" })?;
        ensure!(kind == "BPE", "model.type is {kind:?}, which is not supported; it must be \"BPE\"");
        model.only("dropout", &[json!(0.0), json!(0)])?;
        model.only("continuing_subword_prefix", &[json!("")])?;
        model.only("end_of_word_suffix", &[json!("")])?;
        let byte_fallback = model.flag("byte_fallback", false)?;
        ensure!(
            !(byte_fallback && rules.is_of_bytes()),
            "byte_fallback is true, which is not supported together with the pre_tokenizer ByteLevel"
        );
        let ids = ids(model)?;
        let ranks = ranks(model, &ids)?;
        Ok(Bpe { ids, ranks, byte_fallback, ignores_merges: model.flag("ignore_merges", false)? })
    }

    /// The merges that make a piece of any text, in their order. `is_atom` tells what a text is cut into first.
    pub(super) fn merges(
        &self,
        is_atom: impl Fn(usize) -> bool,
        specials: &HashSet<usize>,
    ) -> Result<Vec<Merge>> {
        let pieces = self.ids.iter().filter(|(_, id)| !is_atom(**id) && !specials.contains(id));
        let mut merges: Vec<Merge> = pieces
            .filter_map(|(text, &id)| self.last_merge(text, &is_atom).filter(|merge| merge.id == id))
            .collect();
        merges.sort_unstable_by_key(|merge| merge.rank);
        let mut known = HashSet::new();
        for merge in &merges {
            if let Some(later) = merge.pair.iter().find(|&&id| !is_atom(id) && !known.contains(&id)) {
                bail!(
                    "its merge {} joins the id {later}, which only a later merge makes; this order is not supported",
                    merge.rank
                );
            }
            known.insert(merge.id);
        }
        Ok(merges)
    }

    /// The merge that leaves one id of `text`; `None` if it stays divided.
    fn last_merge(&self, text: &str, is_atom: impl Fn(usize) -> bool) -> Option<Merge> {
        if text.chars().nth(PIECE_CHARACTERS_MAX).is_some() {
            return None;
        }
        let atom =
            |c: char| self.ids.get(c.encode_utf8(&mut [0; 4]) as &str).copied().filter(|&id| is_atom(id));
        let mut ids: Vec<usize> = text.chars().map(atom).collect::<Option<_>>()?;
        let mut last = None;
        loop {
            let pairs = ids.windows(2).enumerate().filter_map(|(at, pair)| {
                let pair = [pair[0], pair[1]];
                self.ranks.get(&pair).map(|&merged| (merged.rank, at, pair, merged.id))
            });
            let Some((rank, at, pair, id)) = pairs.min() else { break };
            ids[at] = id;
            ids.remove(at + 1);
            last = Some(Merge { rank, id, pair });
        }
        last.filter(|_| ids.len() == 1)
    }
}

fn ids(model: &Json) -> Result<HashMap<String, usize>> {
    let vocab = model.object("vocab").into_map();
    ensure!(!vocab.is_empty(), "model.vocab has no pieces");
    ensure!(vocab.len() <= IDS_MAX, "model.vocab has {} pieces, more than {IDS_MAX}", vocab.len());
    let (mut ids, mut taken) = (HashMap::new(), HashSet::new());
    for (text, value) in vocab {
        let Some(id) = value.as_u64().and_then(|id| usize::try_from(id).ok()) else {
            bail!("model.vocab has {text:?} with the id {value}; it must be a whole number");
        };
        ensure!(taken.insert(id), "model.vocab has the id {id} twice");
        ids.insert(text, id);
    }
    Ok(ids)
}

fn ranks(model: &Json, ids: &HashMap<String, usize>) -> Result<HashMap<[usize; 2], Merged>> {
    let mut ranks = HashMap::new();
    for (rank, merge) in model.get("merges").as_array().into_iter().flatten().enumerate() {
        // A text with a space between its halves, or, as newer files have it, both in a list.
        let halves = match merge {
            Value::String(text) => text.split_once(' '),
            _ => merge[0].as_str().zip(merge[1].as_str()),
        };
        let found = halves.and_then(|(left, right)| {
            let [left_id, right_id] = [*ids.get(left)?, *ids.get(right)?];
            Some(([left_id, right_id], *ids.get(&format!("{left}{right}"))?))
        });
        let Some((pair, id)) = found else {
            bail!("model.merges has {merge}, whose parts or whole are not in model.vocab");
        };
        ranks.entry(pair).or_insert(Merged { rank, id });
    }
    Ok(ranks)
}
