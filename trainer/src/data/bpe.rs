//! Byte-pair encoding: which pairs of pieces to merge, by how often they stand side by side (Sennrich et al. 2016).
//!
//! Time is linear in the text and memory bounded, whatever the text: words are at most
//! [`WORD_MAX`](pipsqueak::internal::tokenizer::WORD_MAX) bytes long, and where there are too many different ones the rarest are
//! forgotten (as in Manku and Motwani's lossy counting, 2002).

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use pipsqueak::internal::file::Words;
use pipsqueak::internal::text::PIECE_MAX;
use pipsqueak::internal::tokenizer::Word;

/// The most that counted words may take, in bytes: their text and [`WORD_COST`] for each.
const WORDS_BYTES_MAX: usize = 4 << 20;
/// Memory of a word beside its text, in bytes.
const WORD_COST: usize = 32;
/// Memory for each byte of a word while merges are learned: its id, and the places of its pairs.
const LEARNING_COST: usize = 16;
/// The most memory that counting and learning take beside the text, in bytes.
pub const MEMORY_BYTES: usize = WORDS_BYTES_MAX * LEARNING_COST;
/// The longest piece that is learned, in bytes.
const LENGTH_MAX: usize = PIECE_MAX / 2 - 1;

/// How often each word occurs; of rare ones among very many, not all.
pub struct WordCounts<'t> {
    counts: HashMap<Word<'t>, u64>,
    /// Memory of the words, at most [`WORDS_BYTES_MAX`].
    bytes: usize,
    /// The bytes that occur.
    seen: [bool; 256],
}

impl Default for WordCounts<'_> {
    /// No words yet.
    fn default() -> Self {
        WordCounts { counts: HashMap::new(), bytes: 0, seen: [false; 256] }
    }
}

impl<'t> WordCounts<'t> {
    /// Counts the words of a text; `progress` hears of the bytes that are done.
    pub fn add(&mut self, text: &'t str, words: Words<'_>, progress: impl Fn(usize)) {
        for word in words.split(text, false) {
            progress(word.bytes().count());
            let count = self.counts.entry(word).or_default();
            *count += 1;
            if *count == 1 {
                word.bytes().for_each(|byte| self.seen[usize::from(byte)] = true);
                self.bytes += cost(word);
                if self.bytes > WORDS_BYTES_MAX {
                    self.forget();
                }
            }
        }
    }

    /// Forgets the rarest words, until half of the room is free.
    fn forget(&mut self) {
        let mut rare = 1;
        while self.bytes > WORDS_BYTES_MAX / 2 {
            self.counts.retain(|_, count| *count > rare);
            self.bytes = self.counts.keys().map(|&word| cost(word)).sum();
            rare *= 2;
        }
    }

    /// Memory that learning from these words takes, in bytes.
    pub fn memory_bytes(&self) -> usize {
        let text: usize = self.counts.keys().map(|&word| cost(word) - WORD_COST).sum();
        self.counts.capacity() * 2 * size_of::<(Word<'_>, u64)>() + text * LEARNING_COST
    }

    /// The bytes that occur, in their order.
    pub fn alphabet(&self) -> Vec<u8> {
        (0..=255).filter(|&byte| self.seen[usize::from(byte)]).collect()
    }
}

fn cost(word: Word<'_>) -> usize {
    word.bytes().count() + WORD_COST
}

/// Two ids side by side.
type Pair = (u16, u16);

/// Learns at most `merges` merges; ids are those of the alphabet, then one for each merge. `progress` hears of each.
pub fn learn(counts: WordCounts<'_>, merges: usize, progress: impl Fn()) -> Vec<Pair> {
    let mut learner = Learner::new(counts);
    let mut learned = Vec::new();
    while learned.len() < merges {
        let Some(pair) = learner.most_frequent() else { break };
        learner.merge(pair);
        learned.push(pair);
        progress();
    }
    learned
}

/// A word, as a stretch of [`Learner::ids`], and how often it occurs.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    start: u32,
    length: u32,
    count: i64,
}

struct Learner {
    /// All words in their present pieces, one behind the other, with room for their bytes.
    ids: Vec<u16>,
    words: Vec<Stretch>,
    pairs: Pairs,
    /// The most frequent pairs first, and the smaller of equally frequent ones; counts may be out of date.
    queue: BinaryHeap<(i64, Reverse<Pair>)>,
}

/// The pairs that may be merged.
#[derive(Default)]
struct Pairs {
    counts: HashMap<Pair, i64>,
    /// The words in which each pair occurs or has occurred.
    places: HashMap<Pair, Vec<u32>>,
    /// Pairs that are new since the queue was last extended.
    new: Vec<Pair>,
    /// Length of each id, in bytes.
    lengths: Vec<usize>,
}

impl Pairs {
    /// Notes `count` more occurrences in a word, or fewer.
    fn note(&mut self, pair: Pair, count: i64, word: u32) {
        let length = self.lengths[usize::from(pair.0)] + self.lengths[usize::from(pair.1)];
        if length > LENGTH_MAX {
            return;
        }
        *self.counts.entry(pair).or_default() += count;
        if count > 0 {
            let places = self.places.entry(pair).or_default();
            if places.is_empty() {
                self.new.push(pair);
            }
            if places.last() != Some(&word) {
                places.push(word);
            }
        }
    }
}

impl Learner {
    fn new(counts: WordCounts<'_>) -> Self {
        let alphabet = counts.alphabet();
        let id = |byte: u8| alphabet.binary_search(&byte).map_or(0, |id| id as u16);
        let (mut ids, mut words) = (Vec::new(), Vec::new());
        for (word, count) in counts.counts {
            let start = ids.len() as u32;
            ids.extend(word.bytes().map(id));
            words.push(Stretch { start, length: ids.len() as u32 - start, count: count as i64 });
        }
        let mut pairs = Pairs { lengths: vec![1; alphabet.len()], ..Pairs::default() };
        for (index, &Stretch { start, length, count }) in words.iter().enumerate() {
            let word = &ids[start as usize..(start + length) as usize];
            word.windows(2).for_each(|pair| pairs.note((pair[0], pair[1]), count, index as u32));
        }
        let mut learner = Learner { ids, words, pairs, queue: BinaryHeap::new() };
        learner.enqueue();
        learner
    }

    fn enqueue(&mut self) {
        let Pairs { new, counts, .. } = &mut self.pairs;
        self.queue.extend(new.drain(..).map(|pair| (counts[&pair], Reverse(pair))));
    }

    /// The pair that occurs most often; counts only fall once a pair is in the queue.
    fn most_frequent(&mut self) -> Option<Pair> {
        loop {
            let (count, Reverse(pair)) = self.queue.pop()?;
            match self.pairs.counts[&pair] {
                now if now < 1 => {}
                now if now < count => self.queue.push((now, Reverse(pair))),
                _ => return Some(pair),
            }
        }
    }

    /// Gives the pair an id of its own, wherever it stands.
    fn merge(&mut self, pair: Pair) {
        let id = self.pairs.lengths.len() as u16;
        let length = |id: u16| self.pairs.lengths[usize::from(id)];
        self.pairs.lengths.push(length(pair.0) + length(pair.1));
        for index in self.pairs.places.remove(&pair).unwrap_or_default() {
            let Stretch { start, length, count } = &mut self.words[index as usize];
            let word = &mut self.ids[*start as usize..(*start + *length) as usize];
            *length = join(word, pair, id, |pair, sign| self.pairs.note(pair, sign * *count, index)) as u32;
        }
        self.enqueue();
    }
}

/// Puts `id` wherever `pair` stands in a word, from the left. `note` hears of the pairs that come (+1) and go (-1). Returns
/// the word's new length.
fn join(word: &mut [u16], pair: Pair, id: u16, mut note: impl FnMut(Pair, i64)) -> usize {
    let (mut kept, mut next) = (0, 0);
    while next < word.len() {
        if word[next] != pair.0 || word.get(next + 1) != Some(&pair.1) {
            word[kept] = word[next];
            next += 1;
        } else {
            if kept > 0 {
                note((word[kept - 1], pair.0), -1);
                note((word[kept - 1], id), 1);
            }
            if let Some(&after) = word.get(next + 2) {
                note((pair.1, after), -1);
                note((id, after), 1);
            }
            word[kept] = id;
            next += 2;
        }
        kept += 1;
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SplitMix64;

    fn learned(text: &str, merges: usize) -> Vec<String> {
        let mut counts = WordCounts::default();
        counts.add(text, Words::Runs, |_| ());
        let mut pieces: Vec<String> =
            counts.alphabet().into_iter().map(|byte| char::from(byte).into()).collect();
        let atoms = pieces.len();
        for (left, right) in learn(counts, merges, || ()) {
            pieces.push(pieces[usize::from(left)].clone() + &pieces[usize::from(right)]);
        }
        pieces.split_off(atoms)
    }

    #[test]
    fn the_most_frequent_pair_comes_first_and_of_equal_ones_the_earlier() {
        assert_eq!(learned("ab ab abc bc", 4), ["ab", " ab", " b", " abc"]);
        assert_eq!(learned("aaaa aaaa", 2), ["aa", "aaaa"]);
        assert_eq!(learned("aaa", 5), ["aa", "aaa"]);
        assert_eq!(learned("x", 5), [""; 0]);
    }

    #[test]
    fn pieces_are_no_longer_than_the_core_takes() {
        let pieces = learned(&["a".repeat(LENGTH_MAX), "a".repeat(60)].join("\n").repeat(9), 200);
        assert_eq!(pieces.iter().map(String::len).max(), Some(LENGTH_MAX));
    }

    /// Nothing comes twice: the worst that a text can be.
    #[test]
    fn rare_words_are_forgotten_where_there_are_too_many() {
        let mut random = SplitMix64::new(1);
        let letters: String = (0..6 << 20).map(|_| char::from(b'a' + random.below(26) as u8)).collect();
        let words: String = (0..1 << 20).map(|i| format!(" w{i:x}")).collect();
        for text in [&letters, &words] {
            let common = " the common words".repeat(1000);
            let text = format!("{common}{text}{common}\n");
            let mut counts = WordCounts::default();
            counts.add(&text, Words::Runs, |_| ());
            assert!(
                counts.bytes <= WORDS_BYTES_MAX && counts.bytes > WORDS_BYTES_MAX / 4,
                "{}",
                counts.bytes
            );
            assert!(counts.memory_bytes() <= MEMORY_BYTES, "{}", counts.memory_bytes());
            assert!(counts.counts.values().any(|&count| count == 2000), "what is frequent is forgotten");
            assert_eq!(learn(counts, 100, || ()).len(), 100);
        }
    }
}
