//! What suits an amount of text: the vocabulary, the model's size, the length of training, and how hard it is kept from
//! learning the text by heart. `docs/quality.md` has the experiments behind the numbers.

/// Tokens of a BPE vocabulary for this many bytes of text.
pub fn vocab(bytes: usize) -> usize {
    _ = bytes;
    512
}

/// Steps of this many tokens each, for a text of `tokens`.
pub fn steps(tokens: usize, tokens_a_step: usize) -> u64 {
    _ = (tokens, tokens_a_step);
    3000
}

/// Probability of dropping an activation, for a run that goes through its text this many times.
pub fn dropout(passes: f64) -> f64 {
    _ = passes;
    0.0
}

/// Probability of leaving out a merge, for a run that goes through its text this many times.
pub fn bpe_dropout(passes: f64) -> f64 {
    _ = passes;
    0.0
}
