//! A partly given model shape, and defaults for the rest.

use pipsqueak::internal::Parameter;
use pipsqueak::{Config, Error, Mlp, Position};

use crate::sizing::amount;

/// A model's shape of which only some sizes are given.
#[derive(Debug, Clone, PartialEq)]
pub struct PartialConfig {
    /// The choices; its sizes are not read.
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
    /// Channels beside a latent for rotary positions; read only where [`PartialConfig::choices`] have a latent.
    pub latent_rotary: Option<usize>,
    /// Whether each layer has embeddings of its own.
    pub per_layer_embeddings: Option<bool>,
    /// Rows of the table for pairs of tokens.
    pub bigrams: Option<usize>,
}

/// Defaults for sizes that are not given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// See [`PartialConfig::context`].
    pub context: usize,
    /// See [`PartialConfig::width`].
    pub width: usize,
    /// See [`PartialConfig::layers`].
    pub layers: usize,
    /// Whether all query heads share one key and value head; otherwise every two of them do.
    pub one_kv_head: bool,
}

/// The defaults where no board is named, the largest first.
pub const DEFAULTS: [Sizes; 3] = [
    Sizes { context: 128, width: 96, layers: 4, one_kv_head: false },
    Sizes { context: 128, width: 64, layers: 4, one_kv_head: false },
    Sizes { context: 128, width: 48, layers: 3, one_kv_head: false },
];

impl PartialConfig {
    /// The full shape where no board is named: with the largest of [`DEFAULTS`] that this many bytes of text suffice for.
    ///
    /// # Errors
    /// A shape that makes no sense.
    pub fn config_for_text(&self, vocab: usize, text_bytes: u64) -> Result<Config, Error> {
        let configs = DEFAULTS.map(|defaults| self.config(vocab, defaults));
        let suits = |config: &Result<Config, Error>| {
            config
                .as_ref()
                .is_ok_and(|config| weights_without_tables(config) <= amount::parameters(text_bytes))
        };
        let [.., smallest] = &configs;
        configs.iter().find(|config| suits(config)).unwrap_or(smallest).clone()
    }

    /// The full shape, with `defaults` for sizes that are not given. Heads then have at least 16 channels, and the MLP has as
    /// many weights as a plain one with `4 width` hidden units.
    ///
    /// # Errors
    /// A shape that makes no sense.
    pub fn config(&self, vocab: usize, defaults: Sizes) -> Result<Config, Error> {
        let width = self.width.unwrap_or(defaults.width);
        let heads = self.heads.unwrap_or_else(|| default_heads(width, self.choices.position));
        let kv_heads = match heads {
            _ if defaults.one_kv_head || self.choices.latent > 0 => 1,
            heads if heads.is_multiple_of(2) => heads / 2,
            heads => heads,
        };
        let config = Config {
            vocab,
            context: self.context.unwrap_or(defaults.context),
            width,
            layers: self.layers.unwrap_or(defaults.layers),
            heads,
            kv_heads: self.kv_heads.unwrap_or(kv_heads),
            hidden: self.hidden.unwrap_or(default_hidden(width, self.choices.mlp)),
            latent_rotary: self.latent_rotary.unwrap_or(default_latent_rotary(width, heads, &self.choices)),
            per_layer_embeddings: self.per_layer_embeddings.unwrap_or(false),
            bigrams: self.bigrams.unwrap_or(0),
            ..self.choices.clone()
        };
        config.check()?;
        Ok(config)
    }
}

/// Number of parameters of a model.
pub fn weights(config: &Config) -> usize {
    Parameter::ALL.iter().map(|parameter| parameter.shape(config).len()).sum()
}

/// Number of parameters without the tables of `--bigrams` and `--per-layer-embeddings`: their rows are looked up, each by few
/// tokens, so that they ask for neither more text nor more time.
pub fn weights_without_tables(config: &Config) -> usize {
    weights(&Config { bigrams: 0, per_layer_embeddings: false, ..config.clone() })
}

/// The largest number of heads with at least 16 channels each that divides the width; with rotary positions, into an even
/// number of channels. 1 where there is none.
fn default_heads(width: usize, position: Position) -> usize {
    let channels = if position == Position::Rotary { 2 } else { 1 };
    (1..=width / 16).rev().find(|&heads| width.is_multiple_of(heads * channels)).unwrap_or(1)
}

/// About half the channels that a head has without a latent, as in DeepSeek-V2: whole words of a row.
fn default_latent_rotary(width: usize, heads: usize, choices: &Config) -> usize {
    let is_rotary = choices.latent > 0 && choices.position == Position::Rotary;
    if is_rotary { (width / heads.max(1) / 2).clamp(1, 128).next_multiple_of(4) } else { 0 }
}

/// `4 width`; for a gated MLP, which has three matrices instead of two, about 2/3 of it, rounded up to whole words of a row.
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

    /// No size is given.
    pub(crate) const NONE: PartialConfig = PartialConfig {
        choices: STORIES_260K,
        context: None,
        width: None,
        layers: None,
        heads: None,
        kv_heads: None,
        hidden: None,
        latent_rotary: None,
        per_layer_embeddings: None,
        bigrams: None,
    };

    #[test]
    fn given_sizes_come_first_and_the_rest_follows_from_the_width() {
        let config = NONE.config(300, DEFAULTS[0]).unwrap();
        assert_eq!((config.vocab, config.context, config.layers), (300, 128, 4));
        assert_eq!((config.width, config.heads, config.kv_heads, config.hidden), (96, 6, 3, 256));
        let partial = PartialConfig { width: Some(64), kv_heads: Some(4), hidden: Some(100), ..NONE };
        let config = partial.config(300, Sizes { one_kv_head: true, ..DEFAULTS[0] }).unwrap();
        assert_eq!((config.width, config.heads, config.kv_heads, config.hidden), (64, 4, 4, 100));
    }

    #[test]
    fn a_latent_has_rotary_channels_beside_it_and_one_key_head() {
        let latent =
            |position| PartialConfig { choices: Config { latent: 24, position, ..STORIES_260K }, ..NONE };
        let config = latent(Position::Rotary).config(300, DEFAULTS[0]).unwrap();
        assert_eq!((config.kv_heads, config.latent, config.latent_rotary), (1, 24, 8));
        let config = latent(Position::Learned).config(300, DEFAULTS[0]).unwrap();
        assert_eq!((config.kv_heads, config.latent_rotary), (1, 0));
        let wrong = PartialConfig { latent_rotary: Some(3), ..latent(Position::Rotary) };
        assert!(wrong.config(300, DEFAULTS[0]).is_err());
    }

    #[test]
    fn a_short_text_gets_a_smaller_default() {
        let width = |partial: &PartialConfig, bytes| partial.config_for_text(512, bytes).unwrap().width;
        assert_eq!(
            [u64::MAX, 150_000, 60_000, 20_000, 0].map(|bytes| width(&NONE, bytes)),
            [96, 96, 64, 48, 48]
        );
        let wide = PartialConfig { width: Some(200), ..NONE };
        assert_eq!(width(&wide, 10_000), 200);
        assert!(PartialConfig { width: Some(3), ..NONE }.config_for_text(512, 10_000).is_err());
    }

    #[test]
    fn tables_leave_the_default_of_a_short_text_as_it_is() {
        let tables = PartialConfig { bigrams: Some(4096), per_layer_embeddings: Some(true), ..NONE };
        for bytes in [150_000, 60_000, 20_000] {
            let [with, without] =
                [&tables, &NONE].map(|partial| partial.config_for_text(512, bytes).unwrap());
            assert_eq!((with.width, with.layers), (without.width, without.layers), "{bytes} bytes of text");
        }
    }

    #[test]
    fn heads_have_pairs_of_channels_to_rotate() {
        for width in 1..300 {
            let heads = default_heads(2 * width, Position::Rotary);
            assert!((2 * width).is_multiple_of(2 * heads), "{heads} heads of width {}", 2 * width);
        }
        assert_eq!(default_heads(99, Position::None), 3);
    }
}
