//! Everything that changes while generating, in one statically sized array of bytes.
//!
//! A model's vectors and cache are cut from it at load, in this order: f32 and i32, then i8 (whole words), then u16. So
//! each piece starts on its boundary, and nothing lies unused between them.

use crate::Error;
use crate::config::{Config, Precision};
use crate::integer::attention::HEADS_AT_ONCE;
use crate::integer::quantize::quantized_len;
use crate::kernels::{cast, prepared_len};
use crate::math::word_padded;
use crate::packing::ROWS;
use crate::{file, known, parts};

impl Config {
    /// Bytes of [`Memory`] that a model of this shape and precision runs in, for any shape that [`check`](Self::check)
    /// accepts. Where they are more than a `usize` holds, `usize::MAX`.
    ///
    /// ```
    /// use pipsqueak::{Config, Memory, Precision};
    ///
    /// const SHAPE: Config = Config { vocab: 512, context: 128, width: 96, layers: 4, heads: 6, kv_heads: 3, ..Config::LLAMA };
    /// const BYTES: usize = SHAPE.memory_bytes(Precision::Int8);
    /// static MEMORY: Memory<BYTES> = Memory::new();
    /// assert_eq!(size_of_val(&MEMORY), BYTES);
    /// ```
    pub const fn memory_bytes(&self, precision: Precision) -> usize {
        memory_bytes_with_lanes(self, precision, 1)
    }
}

/// As [`Config::memory_bytes`], with what it takes to read a prompt by `lanes` positions at a time, at most [`LANES_MAX`].
pub const fn memory_bytes_with_lanes(config: &Config, precision: Precision, lanes: usize) -> usize {
    let (words, halves, kv_bytes) = match precision {
        Precision::F32 if !known::is_left_out(parts::F32) => {
            let vectors = 2 * config.width + block_width(config) + rotations_len(config);
            let words =
                vectors + quantized_columns(config) + kept_len(config) + config.vocab + config.context;
            (words, config.context + history_len(config), 4 * config.kv_width())
        }
        _ => {
            let vectors = values_len(config) + lanes * lane_words(config) + config.vocab;
            let words = vectors + (HEADS_AT_ONCE + 1) * config.context + quantized_words(config);
            let halves = config.context + history_len(config) + caches(config) * positions(config);
            (words, halves, word_padded(config.kv_width()))
        }
    };
    // The cache alone can be larger than a chip can address.
    let cache = positions(config).saturating_mul(caches(config) * kv_bytes);
    cache.saturating_add(4 * words + 2 * halves.next_multiple_of(2))
}

/// Positions of all layers.
const fn positions(config: &Config) -> usize {
    config.depth() * config.context
}

/// Vectors that the cache holds of a position: its key and its value, or the one that is both.
pub(crate) const fn caches(config: &Config) -> usize {
    if config.has_latent() { 1 } else { 2 }
}

/// Length of the buffer for what is quantised next, the residual stream or the heads' results; and for what two experts read.
pub(crate) const fn values_len(config: &Config) -> usize {
    let input = if config.has_two_active() { prepared_len(config.width) } else { 0 };
    max(max(config.width, config.attended_width()), input)
}

/// Values of an input that is kept in f32 for the second of two experts.
pub(crate) const fn kept_len(config: &Config) -> usize {
    if config.has_two_active() { config.width } else { 0 }
}

const fn max(a: usize, b: usize) -> usize {
    if a > b { a } else { b }
}

/// Words that an int8 vector takes, before it is prepared for a matrix.
const fn quantized_words(config: &Config) -> usize {
    quantized_len(quantized_columns(config)) / 4
}

/// The most positions that go through a layer one behind the other, while its weights are near: where memory is far.
pub const LANES_MAX: usize = if cfg!(target_pointer_width = "64") { 8 } else { 1 };

/// Words of the vectors that each position of an integer model needs on its way through the layers.
pub(crate) const fn lane_words(config: &Config) -> usize {
    config.width + block_width(config) + rotations_len(config) + prepared_len(quantized_columns(config))
}

/// Length of the buffer that holds queries, keys and values, and later the MLP's hidden units.
pub(crate) const fn block_width(config: &Config) -> usize {
    // Logits are computed in parts of this length, and rows come in fours.
    let experts = if known::is_left_out(file::FEATURE_EXPERTS) { 1 } else { config.experts };
    max(max(config.qkv_width(), config.up_width()), max(experts, ROWS))
}

/// Length of the rotary angles' buffer.
pub(crate) const fn rotations_len(config: &Config) -> usize {
    config.rotary_size()
}

/// Tokens that a model looks up again after their embedding.
pub(crate) const fn history_len(config: &Config) -> usize {
    if (config.bigrams > 0 || config.per_layer_embeddings)
        && !known::is_left_out(file::FEATURE_BIGRAMS | file::FEATURE_PER_LAYER_EMBEDDINGS)
    {
        config.context
    } else {
        0
    }
}

/// The longest vector that enters a matrix, or that some heads' queries make.
pub(crate) const fn quantized_columns(config: &Config) -> usize {
    let queries = if config.has_latent() { HEADS_AT_ONCE * config.head_size() } else { 0 };
    max(max(config.width, config.attended_width()), max(config.hidden, queries))
}

/// Memory for any model that needs at most `BYTES`, the number that `pipsqueak inspect` prints and that
/// [`Config::memory_bytes`] computes. It can be a `static`, and the linker then counts it.
///
/// ```
/// use pipsqueak::{Config, Memory, Precision};
///
/// // Room for any model of up to 60,000 bytes. As a `static`, it is lent through a cell such as `static_cell`'s.
/// let mut memory = Memory::<60_000>::new();
/// let buffers = memory.buffers();
/// ```
#[repr(C, align(4))]
pub struct Memory<const BYTES: usize> {
    bytes: [u8; BYTES],
}

impl<const BYTES: usize> Memory<BYTES> {
    /// All zero, so that a static lies in `.bss`.
    pub const fn new() -> Self {
        Memory { bytes: [0; BYTES] }
    }

    /// Lends the bytes to a model.
    pub fn buffers(&mut self) -> Buffers<'_> {
        Buffers { bytes: &mut self.bytes }
    }
}

impl<const BYTES: usize> Default for Memory<BYTES> {
    fn default() -> Self {
        Self::new()
    }
}

/// Memory lent to a model: that of a [`Memory`], or any bytes, as on a PC that learns at run time how many it takes.
///
/// ```
/// use pipsqueak::Buffers;
///
/// let mut bytes = vec![0; 60_000];
/// let buffers = Buffers::from(&mut bytes[..]);
/// ```
pub struct Buffers<'m> {
    bytes: &'m mut [u8],
}

/// Leaves out up to 3 bytes at the beginning, so that the rest starts on a word.
impl<'m> From<&'m mut [u8]> for Buffers<'m> {
    fn from(bytes: &'m mut [u8]) -> Self {
        Buffers { bytes: cast::from_a_word_on(bytes) }
    }
}

impl<'m> Buffers<'m> {
    /// Bytes there are.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Refuses a model that needs more than there is.
    pub(crate) fn check(&self, needs: usize) -> Result<(), Error> {
        let has = self.len();
        if needs <= has { Ok(()) } else { Err(Error::MemoryTooSmall { needs, has }) }
    }

    /// Cuts `length` values off the front.
    pub(crate) fn take<T: cast::Plain>(&mut self, length: usize) -> &'m mut [T] {
        cast::take(&mut self.bytes, length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Position, TINY};
    use crate::float::FloatStep;
    use crate::integer::IntegerStep;

    #[test]
    fn stories260k_in_100_and_190_kibibytes() {
        let stories = |context| Config {
            vocab: 512,
            context,
            width: 64,
            layers: 5,
            heads: 8,
            kv_heads: 4,
            hidden: 172,
            position: Position::Rotary,
            mlp: crate::config::Mlp::Gated,
            ..TINY
        };
        let bytes = |context| stories(context).memory_bytes(Precision::Int8);
        assert!(bytes(256) <= 100 * 1024, "{}", bytes(256));
        assert!(bytes(512) <= 190 * 1024, "{}", bytes(512));
    }

    /// Its queries and its heads' results are longer than the residual stream.
    const LATENT: Config = Config { kv_heads: 1, latent: 10, latent_rotary: 0, ..TINY };

    /// [`TINY`] and one whose cache has an odd number of scales and keys that do not fill their words.
    const SHAPES: [Config; 6] = [
        TINY,
        Config { context: 7, layers: 1, width: 15, heads: 3, kv_heads: 1, ..TINY },
        Config { context: 7, bigrams: 5, ..TINY },
        LATENT,
        Config { experts: 3, active_experts: 2, ..TINY },
        Config { context: 7, width: 9, heads: 1, latent: 3, latent_rotary: 0, hidden: 2, ..LATENT },
    ];

    #[test]
    fn a_model_takes_all_of_its_memory_and_no_more() {
        for config in SHAPES {
            for (precision, lanes) in [(Precision::F32, 1), (Precision::Int8, 1), (Precision::Int8, 3)] {
                let needs = memory_bytes_with_lanes(&config, precision, lanes);
                let mut bytes = std::vec![0; needs + 4];
                let mut buffers = Buffers::from(&mut bytes[..]);
                buffers.bytes = buffers.take(needs);
                match precision.format() {
                    None => _ = FloatStep::lay_out(&config, &mut buffers),
                    Some(format) => _ = IntegerStep::lay_out(&config, format, &mut buffers),
                }
                let tokens: &[u16] = buffers.take(config.context + history_len(&config));
                assert_eq!(tokens.len(), config.context + history_len(&config));
                assert!(buffers.len() < 4, "{} of {needs} bytes are left in {precision:?}", buffers.len());
            }
        }
    }

    #[test]
    fn too_small_a_memory_is_told_in_bytes() {
        let mut memory = Memory::<100>::new();
        let buffers = memory.buffers();
        assert_eq!(buffers.check(101), Err(Error::MemoryTooSmall { needs: 101, has: 100 }));
        assert_eq!(buffers.check(100), Ok(()));
    }

    #[test]
    fn no_shape_overflows_its_bytes() {
        let largest = Config {
            vocab: 65_535,
            context: 65_535,
            width: 65_535,
            layers: 128,
            loops: 2,
            heads: 65_535,
            kv_heads: 65_535,
            hidden: 32_767,
            ..TINY
        };
        assert_eq!(largest.check(), Ok(()));
        assert!(largest.memory_bytes(Precision::F32) > 1 << 42);
    }

    #[test]
    fn any_bytes_are_cut_to_words() {
        let mut bytes = std::vec![0; 64];
        for start in 0..4 {
            let mut buffers = Buffers::from(&mut bytes[start..]);
            assert!(buffers.len() >= 64 - start - 3);
            assert_eq!(buffers.take::<f32>(12).len(), 12);
            assert_eq!(buffers.take::<f32>(12).len(), 0);
        }
    }
}
