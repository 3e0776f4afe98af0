//! Defaults by the amount of text: the vocabulary, the model's size, the length of training, and how hard the model is kept from
//! learning the text by heart. `docs/quality.md` has the experiments behind the numbers.

/// The most tokens that a BPE vocabulary should have for this many bytes of text: rarer tokens come too seldom to be learned.
pub fn vocab(bytes: u64) -> usize {
    match bytes {
        0..400_000 => 512,
        400_000..4_000_000 => 1024,
        _ => 2048,
    }
}

/// Weights that a byte of text suffices for.
const PARAMETERS_A_BYTE: u64 = 4;
/// A smaller model is worse, however short the text.
const PARAMETERS_MIN: usize = 100_000;

/// The most weights that this many bytes of text should be learned with.
pub fn parameters(bytes: u64) -> usize {
    usize::try_from(PARAMETERS_A_BYTE.saturating_mul(bytes)).unwrap_or(usize::MAX).max(PARAMETERS_MIN)
}

/// Bytes of text from which on tables of embeddings gain: a shorter one comes by so often that they learn it by heart.
const BYTES_FOR_TABLES: u64 = 2_000_000;
/// Bytes of text for each of their rows.
const BYTES_A_ROW: u64 = 800;

/// The most rows that a table of embeddings should have for this many bytes of text; 0 where it should have no table.
pub fn rows(bytes: u64) -> usize {
    let rows = if bytes < BYTES_FOR_TABLES { 0 } else { bytes / BYTES_A_ROW };
    usize::try_from(rows).unwrap_or(usize::MAX)
}

/// The longest run that is chosen without being asked for.
pub const STEPS_MAX: u64 = 4000;

/// Tokens that a run learns for the square root of those that there are: a longer text takes a longer run, but goes by less
/// often.
const TOKENS_A_ROOT: f64 = 9000.0;

/// Steps of this many tokens each, for a text of `tokens`.
pub fn steps(tokens: usize, tokens_a_step: usize) -> u64 {
    let steps = TOKENS_A_ROOT * (tokens as f64).sqrt() / tokens_a_step.max(1) as f64;
    (steps.round() as u64).clamp(1, STEPS_MAX)
}

/// How hard a model is kept from learning its text by heart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Regularization {
    /// Probability of dropping an activation.
    pub dropout: f64,
    /// Probability of leaving out a merge when the text is cut into tokens.
    pub bpe_dropout: f64,
    /// Weight decay of the matrices.
    pub weight_decay: f64,
}

/// Tokens of the text for each weight of the model, from which on it has no room to learn the text by heart. With eight, the dropout
/// that suits a model with room cost 16 % of the bits, and with one and less it pays (docs/quality.md); between is not tried.
const TOKENS_A_WEIGHT: f64 = 4.0;

/// The regularization for a run that goes through its text this many times, with this many tokens of it for each weight.
pub fn regularization(passes: f64, tokens_a_weight: f64) -> Regularization {
    let passes = if tokens_a_weight < TOKENS_A_WEIGHT { passes } else { 0.0 };
    let (dropout, bpe_dropout, weight_decay) = match passes {
        ..4.0 => (0.0, 0.0, 0.1),
        ..12.0 => (0.1, 0.05, 0.1),
        ..40.0 => (0.2, 0.1, 0.3),
        _ => (0.3, 0.15, 0.3),
    };
    Regularization { dropout, bpe_dropout, weight_decay }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_text_takes_longer_and_goes_by_less_often() {
        let tokens = [1, 1_000, 10_000, 30_000, 100_000, 1_000_000, 100_000_000];
        let steps = tokens.map(|tokens| steps(tokens, 1024));
        assert!(steps.is_sorted() && steps[0] >= 1 && steps[6] == STEPS_MAX, "{steps:?}");
        let passes = |i: usize| (steps[i] * 1024) as f64 / tokens[i] as f64;
        assert!((1..tokens.len()).all(|i| passes(i) < passes(i - 1)));
        assert!(super::steps(100_000, 2048).abs_diff(steps[4] / 2) <= 1);
        assert!(regularization(passes(3), 1.0).dropout > regularization(passes(6), 1.0).dropout);
        assert_eq!(regularization(20.0, 8.0), regularization(1.0, 8.0));
        assert!(regularization(20.0, 1.0).dropout > 0.0);
    }
}
