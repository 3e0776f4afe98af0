//! What suits an amount of text: the vocabulary, the model's size, the length of training, and how hard it is kept from
//! learning the text by heart. `docs/quality.md` has the experiments behind the numbers.

/// The most tokens that a BPE vocabulary should have for this many bytes of text: rarer tokens come too seldom to be learned.
pub fn vocab(bytes: u64) -> usize {
    match bytes {
        0..400_000 => 512,
        400_000..4_000_000 => 1024,
        _ => 2048,
    }
}

/// The most weights that this many bytes of text should be learned with.
pub fn parameters(bytes: u64) -> usize {
    usize::try_from(PARAMETERS_A_BYTE.saturating_mul(bytes)).unwrap_or(usize::MAX).max(PARAMETERS_MIN)
}

const PARAMETERS_A_BYTE: u64 = 6;
/// A smaller model is worse, however short the text.
const PARAMETERS_MIN: usize = 100_000;

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
