//! Batches: windows of `length + 1` tokens, of which each but the last is an input and the next one its target.

use core::ops::Range;

use anyhow::ensure;

use crate::random::{SplitMix64, uniform};

/// Some windows of equal length, borrowed.
#[derive(Debug, Clone, Copy)]
pub struct Windows<'a> {
    /// `[sequences, length + 1]`.
    pub tokens: &'a [u16],
    /// `[sequences, length]`: weight of each target in the loss, 0 to ignore one; empty means 1 for all.
    pub weights: &'a [f32],
    /// Positions of each sequence.
    pub length: usize,
}

/// One sequence; all three are `[length]`.
#[derive(Debug, Clone, Copy)]
pub struct Window<'a> {
    /// Tokens that the model sees.
    pub inputs: &'a [u16],
    /// The next token after each.
    pub targets: &'a [u16],
    /// Weight of each target, or empty.
    pub weights: &'a [f32],
}

impl<'a> Windows<'a> {
    /// Number of sequences.
    pub const fn sequences(&self) -> usize {
        self.tokens.len() / (self.length + 1)
    }

    /// Each sequence in turn.
    pub fn iter(self) -> impl Iterator<Item = Window<'a>> {
        (0..self.sequences()).map(move |i| {
            let Windows { tokens, weights, length } = self.part(i..i + 1);
            Window { inputs: &tokens[..length], targets: &tokens[1..], weights }
        })
    }

    /// The sequences of a range.
    pub fn part(self, sequences: Range<usize>) -> Windows<'a> {
        let Windows { tokens, weights, length } = self;
        let weights = match weights {
            [] => weights,
            _ => &weights[sequences.start * length..sequences.end * length],
        };
        Windows {
            tokens: &tokens[sequences.start * (length + 1)..sequences.end * (length + 1)],
            weights,
            length,
        }
    }

    /// Groups of at most `sequences`.
    pub fn chunks(self, sequences: usize) -> impl Iterator<Item = Windows<'a>> {
        let total = self.sequences();
        (0..total).step_by(sequences).map(move |start| self.part(start..(start + sequences).min(total)))
    }

    /// Sum of all weights.
    pub fn weight(&self) -> f64 {
        match self.weights {
            [] => (self.sequences() * self.length) as f64,
            weights => weights.iter().map(|&weight| f64::from(weight)).sum(),
        }
    }
}

/// Windows that own their tokens, for a step.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// `[sequences, length + 1]`.
    pub tokens: Vec<u16>,
    /// `[sequences, length]`, or empty; see [`Windows::weights`].
    pub weights: Vec<f32>,
    /// Positions of each sequence.
    pub length: usize,
}

impl Batch {
    /// Borrows everything.
    pub fn windows(&self) -> Windows<'_> {
        Windows { tokens: &self.tokens, weights: &self.weights, length: self.length }
    }
}

/// Tokens to learn from or to validate with.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Split {
    /// All documents or pairs in one sequence.
    pub tokens: Vec<u16>,
    /// Weight of each token as a target; empty means 1 for all.
    pub weights: Vec<f32>,
    /// Positions where windows begin; empty means anywhere.
    pub starts: Vec<usize>,
}

impl Split {
    /// A running text, or documents packed like one.
    pub fn of_text(tokens: Vec<u16>) -> Split {
        Split { tokens, ..Split::default() }
    }

    /// Sum of the weights of all targets.
    pub fn weight(&self) -> f64 {
        match self.weights.as_slice() {
            [] => self.tokens.len().saturating_sub(1) as f64,
            weights => weights.iter().skip(1).map(|&weight| f64::from(weight)).sum(),
        }
    }

    /// Windows of at most `length + 1` tokens in which each token but the first is predicted exactly once, one behind the
    /// other. Where there are starts, a window begins at each of them.
    pub fn windows(&self, length: usize) -> Vec<Range<usize>> {
        let targets = self.tokens.len().saturating_sub(1);
        let starts = if self.starts.is_empty() { &[0] } else { self.starts.as_slice() };
        let ends = starts.iter().skip(1).copied().chain([targets]);
        let window = |start: usize, end: usize| start..end.min(start + length) + 1;
        let windows = |(&start, end)| (start..end).step_by(length).map(move |start| window(start, end));
        starts.iter().zip(ends).flat_map(windows).collect()
    }

    /// About `tokens` of the split, or all of it where that is less: whole windows of `length`, spread evenly over it.
    pub fn spread(&self, tokens: usize, length: usize) -> Split {
        if self.tokens.len() <= tokens {
            return self.clone();
        }
        let windows = self.windows(length);
        let count = (windows.len() * tokens / self.tokens.len()).max(1);
        let mut few = Split::default();
        for i in 0..count {
            let window = &windows[i * windows.len() / count];
            // The last token of a window is also the first of the next, and counts there.
            let range = window.start..window.end - 1;
            few.starts.push(few.tokens.len());
            few.tokens.extend(&self.tokens[range.clone()]);
            if self.starts.is_empty() {
                // Nothing foretells the first token: what comes before it in the split is not what came before it in the text.
                few.weights.push(0.0);
                few.weights.resize(few.tokens.len(), 1.0);
            } else {
                few.weights.extend(&self.weights[range]);
            }
        }
        few
    }
}

/// Random windows out of a split, uniform over its offsets or starts: the same for a seed, whatever the machine.
#[derive(Debug, Clone)]
pub struct Batches<'a> {
    tokens: &'a [u16],
    weights: &'a [f32],
    starts: &'a [usize],
    documents: Option<Documents>,
    sequences: usize,
    length: usize,
    /// The state of the batches, which a checkpoint saves.
    pub random: SplitMix64,
}

/// The documents of a text, with which a share of the windows begins.
#[derive(Debug, Clone)]
struct Documents {
    starts: Vec<usize>,
    share: f64,
    /// The token that every document begins with.
    begin: u16,
}

impl<'a> Batches<'a> {
    /// Batches of `[sequences, length + 1]`; `None` where `tokens` has no window of that length.
    pub fn new(tokens: &'a [u16], sequences: usize, length: usize, seed: u64) -> Option<Batches<'a>> {
        let random = SplitMix64::new(seed);
        let whole = tokens.len() > length && length > 0;
        whole.then_some(Batches {
            tokens,
            weights: &[],
            starts: &[],
            documents: None,
            sequences,
            length,
            random,
        })
    }

    /// As [`Batches::new`]; at least `length` tokens must follow each of the split's starts.
    pub fn of(split: &'a Split, sequences: usize, length: usize, seed: u64) -> Option<Batches<'a>> {
        let batches = Batches::new(&split.tokens, sequences, length, seed)?;
        let fits = split.starts.last().is_none_or(|start| start + length < split.tokens.len());
        fits.then_some(Batches { weights: &split.weights, starts: &split.starts, ..batches })
    }

    /// Lets a `share` of the windows of a text begin where a document does, at the token `begin`, and half of the others have
    /// `begin` in place of their first token. A model then learns more often what it will see when it writes: a whole
    /// beginning, and behind `begin` the newer half of the text each time that its context is full.
    ///
    /// # Errors
    /// If there is a share, and no document with a window behind its beginning.
    pub fn with_document_starts(mut self, share: f64, begin: Option<u16>) -> anyhow::Result<Batches<'a>> {
        if share > 0.0 {
            let whole = &self.tokens[..self.tokens.len() - self.length];
            let starts = whole.iter().enumerate().filter(|&(_, &token)| Some(token) == begin);
            let starts: Vec<usize> = starts.map(|(at, _)| at).collect();
            let documents = begin.map(|begin| Documents { starts, share, begin });
            self.documents =
                documents.filter(|documents| self.starts.is_empty() && !documents.starts.is_empty());
            ensure!(
                self.documents.is_some(),
                "--document-starts {share} needs a text of documents: divide them by lines that say <|endoftext|>, or see --documents"
            );
        }
        Ok(self)
    }

    /// Where the next window begins, and the token that stands there instead of the text's.
    fn start(&mut self) -> (usize, Option<u16>) {
        let mut first = None;
        if let Some(Documents { starts, share, begin }) = &self.documents {
            let place = uniform(&mut self.random);
            if place <= *share {
                return (starts[self.random.below(starts.len())], None);
            }
            first = (place <= (1.0 + share) / 2.0).then_some(*begin);
        }
        let start = match self.starts {
            [] => self.random.below(self.tokens.len() - self.length),
            starts => starts[self.random.below(starts.len())],
        };
        (start, first)
    }
}

impl Iterator for Batches<'_> {
    type Item = Batch;

    /// Never ends.
    fn next(&mut self) -> Option<Batch> {
        let window = self.length + 1;
        let mut tokens = Vec::with_capacity(self.sequences * window);
        let mut weights = Vec::new();
        for _ in 0..self.sequences {
            let (start, first) = self.start();
            tokens.push(first.unwrap_or(self.tokens[start]));
            tokens.extend_from_slice(&self.tokens[start + 1..start + window]);
            if !self.weights.is_empty() {
                weights.extend_from_slice(&self.weights[start + 1..start + window]);
            }
        }
        Some(Batch { tokens, weights, length: self.length })
    }
}

/// A whole split in consecutive windows, in groups of at most `sequences`; only the last group is shorter.
///
/// Every token but the first is a target exactly once.
pub fn consecutive(tokens: &[u16], sequences: usize, length: usize) -> impl Iterator<Item = Batch> {
    let targets = tokens.len().saturating_sub(1);
    let windows = targets / length;
    let whole = (0..windows).step_by(sequences).map(move |start| {
        let group = start..(start + sequences).min(windows);
        let tokens = group.flat_map(|i| &tokens[i * length..(i + 1) * length + 1]).copied().collect();
        Batch { tokens, weights: Vec::new(), length }
    });
    let rest = windows * length..tokens.len();
    let last = (targets > windows * length).then(|| Batch {
        length: rest.len() - 1,
        tokens: tokens[rest].to_vec(),
        weights: Vec::new(),
    });
    whole.chain(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_repeat_with_their_seed_and_stay_inside() {
        let tokens: Vec<u16> = (0..20).collect();
        let draw = |seed| Batches::new(&tokens, 3, 4, seed).unwrap().take(50).collect::<Vec<_>>();
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        let batches = draw(1);
        let windows = || batches.iter().flat_map(|batch| batch.windows().iter().collect::<Vec<_>>());
        assert!(windows().all(|window| window.targets[3] == window.inputs[0] + 4));
        assert!((0..16).all(|first| windows().any(|window| window.inputs[0] == first)));
        assert!(Batches::new(&tokens, 1, 20, 1).is_none());
    }

    #[test]
    fn a_share_of_the_windows_begins_with_documents() {
        let tokens: Vec<u16> = (0..1000).map(|i| i % 50).collect();
        let batches = || Batches::new(&tokens, 1, 40, 1).unwrap();
        let begun = |share| {
            let batches = batches().with_document_starts(share, Some(7)).unwrap();
            batches.take(1000).filter(|batch| batch.tokens[0] == 7).count()
        };
        let [whole, slid] = [true, false].map(|whole| {
            let batches = batches().with_document_starts(0.5, Some(7)).unwrap();
            batches.take(1000).filter(|batch| batch.tokens[0] == 7 && (batch.tokens[1] == 8) == whole).count()
        });
        assert_eq!(begun(1.0), 1000);
        assert!((450..570).contains(&whole), "{whole}"); // one in fifty of the others begins there, too
        assert!((200..300).contains(&slid), "{slid}");
        let plain = batches().with_document_starts(0.0, None).unwrap();
        assert!(plain.take(50).eq(batches().take(50)));
        for begin in [None, Some(60)] {
            assert!(batches().with_document_starts(0.5, begin).is_err());
        }
    }

    #[test]
    fn consecutive_windows_predict_every_token_once() {
        for length in 2..30 {
            let tokens: Vec<u16> = (0..length).collect();
            let batches: Vec<_> = consecutive(&tokens, 2, 4).collect();
            let targets: Vec<u16> = batches
                .iter()
                .flat_map(|b| b.windows().iter().flat_map(|w| w.targets.to_vec()).collect::<Vec<_>>())
                .collect();
            assert_eq!(targets, tokens[1..]);
        }
        assert_eq!(consecutive(&[], 2, 4).count(), 0);
    }

    #[test]
    fn windows_of_a_split_with_starts_begin_there_and_keep_their_weights() {
        let weights = [1.0, 0.0, 0.5, 1.0, 0.0, 0.25, 1.0, 1.0].to_vec();
        let split = Split { tokens: (0..8).collect(), weights, starts: vec![0, 3] };
        for batch in Batches::of(&split, 2, 3, 1).unwrap().take(20) {
            for window in batch.windows().iter() {
                let expected: &[f32] =
                    if window.inputs[0] == 0 { &[0.0, 0.5, 1.0] } else { &[0.0, 0.25, 1.0] };
                assert!([0, 3].contains(&window.inputs[0]));
                assert_eq!(window.weights, expected);
            }
        }
        assert_eq!(split.windows(4), [0..4, 3..8]);
        assert_eq!(split.weight(), 3.75);
        assert_eq!(split.windows(2), [0..3, 2..4, 3..6, 5..8]);
        assert_eq!(Split::of_text((0..8).collect()).windows(3), [0..4, 3..7, 6..8]);
        assert!(Batches::of(&split, 2, 5, 1).is_none());
    }

    #[test]
    fn a_glance_at_a_split_sees_all_of_it() {
        let text = Split::of_text((0..1000).collect());
        let few = text.spread(100, 10);
        assert_eq!(few.tokens.len(), 100);
        assert_eq!(few.starts, (0..100).step_by(10).collect::<Vec<_>>());
        assert!(few.starts.iter().map(|&start| few.tokens[start]).eq((0..10).map(|i| 100 * i)));
        assert!(few.windows(10).iter().all(|window| window.len() <= 11));
        assert_eq!(few.weight(), 90.0);
        assert_eq!(text.spread(1000, 10), text);

        let (starts, weights) = ((0..100).step_by(5).collect(), [0.0, 0.0, 1.0, 1.0, 0.5].repeat(20));
        let pairs = Split { tokens: (0..100).collect(), weights, starts };
        let few = pairs.spread(50, 8);
        assert_eq!((few.tokens.len(), few.starts.len()), (50, 10));
        assert_eq!(few.tokens[..10], [0, 1, 2, 3, 4, 10, 11, 12, 13, 14]);
        assert_eq!(few.weight(), 25.0);
    }

    #[test]
    fn parts_take_their_weights_along() {
        let batch = Batch { tokens: (0..6).collect(), weights: vec![1.0, 0.0, 0.5, 0.25], length: 2 };
        let last = batch.windows().chunks(1).nth(1).unwrap();
        assert_eq!((last.tokens, last.weights), (&[3, 4, 5][..], &[0.5, 0.25][..]));
        assert_eq!(batch.windows().weight(), 1.75);
    }
}
