//! What is settled of a model's shape, and what follows where nothing is.

use pipsqueak::config::{Mlp, Position};
use pipsqueak::{Config, Error};

/// A shape of which only a part need be settled.
#[derive(Debug, Clone, PartialEq)]
pub struct Wishes {
    /// The choices that are no sizes; its sizes are not read.
    pub choices: Config,
    /// Positions that attention sees at once.
    pub context: Option<usize>,
    /// Length of the residual stream.
    pub width: Option<usize>,
    /// Number of blocks.
    pub layers: Option<usize>,
    /// Number of query heads.
    pub heads: Option<usize>,
    /// Number of key and value heads.
    pub kv_heads: Option<usize>,
    /// Hidden units of the MLP.
    pub hidden: Option<usize>,
}

/// What is taken for a wish that is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// See [`Wishes::context`].
    pub context: usize,
    /// See [`Wishes::width`].
    pub width: usize,
    /// See [`Wishes::layers`].
    pub layers: usize,
    /// Whether all query heads share one key and value head; else two do.
    pub one_kv_head: bool,
}

/// Where nothing is known of the board.
pub const DEFAULT: Sizes = Sizes { context: 128, width: 96, layers: 4, one_kv_head: false };

impl Wishes {
    /// The wishes, and `sizes` where there is none. Heads are of at least 16 channels, and the MLP has as many weights as
    /// a plain one of four widths.
    ///
    /// # Errors
    /// A shape that makes no sense.
    pub fn config(&self, vocab: usize, sizes: Sizes) -> Result<Config, Error> {
        let width = self.width.unwrap_or(sizes.width);
        let heads = self.heads.unwrap_or_else(|| default_heads(width, self.choices.position));
        let kv_heads = match heads {
            _ if sizes.one_kv_head => 1,
            heads if heads.is_multiple_of(2) => heads / 2,
            heads => heads,
        };
        let config = Config {
            vocab,
            context: self.context.unwrap_or(sizes.context),
            width,
            layers: self.layers.unwrap_or(sizes.layers),
            heads,
            kv_heads: self.kv_heads.unwrap_or(kv_heads),
            hidden: self.hidden.unwrap_or(default_hidden(width, self.choices.mlp)),
            ..self.choices.clone()
        };
        config.check()?;
        Ok(config)
    }
}

/// The most heads of at least 16 channels that divide the width, into pairs of channels where these turn; 1 where there
/// are none.
fn default_heads(width: usize, position: Position) -> usize {
    let channels = if position == Position::Rotary { 2 } else { 1 };
    (1..=width / 16).rev().find(|&heads| width.is_multiple_of(heads * channels)).unwrap_or(1)
}

/// As many weights as a plain MLP of 4 widths has, rounded to whole words.
fn default_hidden(width: usize, mlp: Mlp) -> usize {
    let plain = width.saturating_mul(4);
    match mlp {
        Mlp::Plain => plain,
        Mlp::Gated => (plain / 3 * 2).next_multiple_of(4),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::sizing::presets::STORIES_260K;

    /// Nothing is settled.
    pub(crate) const NONE: Wishes = Wishes {
        choices: STORIES_260K,
        context: None,
        width: None,
        layers: None,
        heads: None,
        kv_heads: None,
        hidden: None,
    };

    #[test]
    fn wishes_come_first_and_the_rest_follows_from_the_width() {
        let config = NONE.config(300, DEFAULT).unwrap();
        assert_eq!((config.vocab, config.context, config.layers), (300, 128, 4));
        assert_eq!((config.width, config.heads, config.kv_heads, config.hidden), (96, 6, 3, 256));
        let wishes = Wishes { width: Some(64), kv_heads: Some(4), hidden: Some(100), ..NONE };
        let config = wishes.config(300, Sizes { one_kv_head: true, ..DEFAULT }).unwrap();
        assert_eq!((config.width, config.heads, config.kv_heads, config.hidden), (64, 4, 4, 100));
    }

    #[test]
    fn heads_can_turn() {
        for width in 1..300 {
            let heads = default_heads(2 * width, Position::Rotary);
            assert!((2 * width).is_multiple_of(2 * heads), "{heads} heads of width {}", 2 * width);
        }
        assert_eq!(default_heads(99, Position::None), 3);
    }
}
