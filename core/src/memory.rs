//! Everything that changes while generating, in statically sized arrays.

use crate::Error;
use crate::config::{Config, Position, Precision};
use crate::integer::attention::HEADS_AT_ONCE;
use crate::integer::quantize::quantized_len;
use crate::kernels::prepared_len;
use crate::math::word_padded;

/// How many elements of each kind a model needs while it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MemorySize {
    /// f32: logits; of an f32 model all vectors, keys and values.
    pub floats: usize,
    /// i32: the vectors of an integer model, attention's scores.
    pub words: usize,
    /// u16: the window's token ids; scales of the cached keys and values.
    pub halves: usize,
    /// i8: a quantised vector; cached keys and values.
    pub bytes: usize,
}

impl MemorySize {
    /// The memory that a model of this shape and precision needs.
    pub const fn of(config: &Config, precision: Precision) -> MemorySize {
        let positions = config.layers * config.context;
        let vectors = 2 * config.width + block_width(config) + rotations_len(config);
        let window = config.context;
        match precision {
            Precision::F32 => MemorySize {
                floats: vectors
                    + quantized_columns(config)
                    + config.vocab
                    + config.context
                    + 2 * positions * config.kv_width(),
                words: 0,
                halves: window.next_multiple_of(2),
                bytes: 0,
            },
            Precision::Int8 | Precision::Int4 | Precision::Ternary => MemorySize {
                floats: config.vocab,
                words: config.width + lane_words(config) + (HEADS_AT_ONCE + 1) * config.context,
                halves: (window + 2 * positions).next_multiple_of(2),
                bytes: quantized_len(quantized_columns(config))
                    + 2 * positions * word_padded(config.kv_width()),
            },
        }
    }

    /// As [`of`](Self::of), with what it takes to read a prompt by so many positions at a time, up to [`LANES_MAX`].
    pub const fn with_lanes(config: &Config, precision: Precision, lanes: usize) -> MemorySize {
        let mut size = MemorySize::of(config, precision);
        if !matches!(precision, Precision::F32) {
            size.words += lanes.saturating_sub(1) * lane_words(config);
        }
        size
    }

    /// The size of a [`Memory`] of these lengths.
    pub const fn total_bytes(&self) -> usize {
        4 * self.floats + 4 * self.words + 2 * self.halves.next_multiple_of(2) + word_padded(self.bytes)
    }
}

/// The most positions that go through a layer one behind the other, while its weights are near: where memory is far.
pub const LANES_MAX: usize = if cfg!(target_pointer_width = "64") { 8 } else { 1 };

/// Words of the vectors that each position of an integer model needs on its way through the layers.
pub(crate) const fn lane_words(config: &Config) -> usize {
    config.width + block_width(config) + rotations_len(config) + prepared_len(quantized_columns(config))
}

/// Length of the buffer that holds queries, keys and values, and later the MLP's hidden units.
pub(crate) const fn block_width(config: &Config) -> usize {
    if config.qkv_width() > config.up_width() { config.qkv_width() } else { config.up_width() }
}

/// Length of the rotary angles' buffer.
pub(crate) const fn rotations_len(config: &Config) -> usize {
    if matches!(config.position, Position::Rotary) { config.head_size() } else { 0 }
}

/// The longest vector that enters a matrix.
pub(crate) const fn quantized_columns(config: &Config) -> usize {
    if config.width > config.hidden { config.width } else { config.hidden }
}

/// Memory for any model whose [`MemorySize`] it covers. It can be a `static`, and the linker then counts it.
///
/// ```
/// use pipsqueak::{Memory, MemorySize};
/// const SIZE: MemorySize = MemorySize { floats: 100, words: 20, halves: 30, bytes: 400 };
/// static MEMORY: Memory<{ SIZE.floats }, { SIZE.words }, { SIZE.halves }, { SIZE.bytes }> = Memory::new();
/// assert_eq!(size_of_val(&MEMORY), SIZE.total_bytes());
/// ```
#[repr(C)]
pub struct Memory<const FLOATS: usize, const WORDS: usize, const HALVES: usize, const BYTES: usize> {
    floats: [f32; FLOATS],
    words: [i32; WORDS],
    bytes: Words<BYTES>,
    halves: [u16; HALVES],
}

/// int8 rows are read in words.
#[repr(C, align(4))]
struct Words<const BYTES: usize>([i8; BYTES]);

impl<const FLOATS: usize, const WORDS: usize, const HALVES: usize, const BYTES: usize>
    Memory<FLOATS, WORDS, HALVES, BYTES>
{
    /// All zero, so that a static lies in `.bss`.
    pub const fn new() -> Self {
        Memory { floats: [0.0; FLOATS], words: [0; WORDS], bytes: Words([0; BYTES]), halves: [0; HALVES] }
    }

    /// Lends the arrays to a model.
    pub fn buffers(&mut self) -> Buffers<'_> {
        Buffers {
            floats: &mut self.floats,
            words: &mut self.words,
            halves: &mut self.halves,
            bytes: &mut self.bytes.0,
        }
    }
}

impl<const FLOATS: usize, const WORDS: usize, const HALVES: usize, const BYTES: usize> Default
    for Memory<FLOATS, WORDS, HALVES, BYTES>
{
    fn default() -> Self {
        Self::new()
    }
}

/// Memory borrowed from a [`Memory`], or on a PC from vectors.
pub struct Buffers<'m> {
    /// See [`MemorySize::floats`].
    pub floats: &'m mut [f32],
    /// See [`MemorySize::words`].
    pub words: &'m mut [i32],
    /// See [`MemorySize::halves`].
    pub halves: &'m mut [u16],
    /// See [`MemorySize::bytes`].
    pub bytes: &'m mut [i8],
}

impl<'m> Buffers<'m> {
    /// Says which part is too small for a model of this size, if one is.
    pub(crate) fn check(&self, size: &MemorySize) -> Result<(), Error> {
        let parts = [
            ("floats", size.floats, self.floats.len()),
            ("32-bit words", size.words, self.words.len()),
            ("16-bit halves", size.halves, self.halves.len()),
            ("bytes of cache", size.bytes, self.bytes.len()),
        ];
        match parts.into_iter().find(|(_, needs, has)| needs > has) {
            Some((part, needs, has)) => Err(Error::MemoryTooSmall { part, needs, has }),
            None => Ok(()),
        }
    }
}

/// Takes the first `length` elements off `buffer`, or all there are.
pub(crate) fn take<'m, T>(buffer: &mut &'m mut [T], length: usize) -> &'m mut [T] {
    let all = core::mem::take(buffer);
    let (taken, rest) = all.split_at_mut(length.min(all.len()));
    *buffer = rest;
    taken
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::TINY;

    #[test]
    fn a_memory_is_as_large_as_its_size_says() {
        const SIZE: MemorySize = MemorySize::of(&TINY, Precision::Int8);
        type TinyMemory = Memory<{ SIZE.floats }, { SIZE.words }, { SIZE.halves }, { SIZE.bytes }>;
        assert_eq!(size_of::<TinyMemory>(), SIZE.total_bytes());
    }

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
        let bytes = |context| MemorySize::of(&stories(context), Precision::Int8).total_bytes();
        assert!(bytes(256) <= 100 * 1024, "{}", bytes(256));
        assert!(bytes(512) <= 190 * 1024, "{}", bytes(512));
    }

    #[test]
    fn too_small_a_memory_names_its_part() {
        let size = MemorySize::of(&TINY, Precision::Int8);
        let mut bytes = std::vec![0; size.bytes - 1];
        let buffers = Buffers {
            floats: &mut std::vec![0.0; size.floats],
            words: &mut std::vec![0; size.words],
            halves: &mut std::vec![0; size.halves],
            bytes: &mut bytes,
        };
        assert_eq!(
            buffers.check(&size),
            Err(Error::MemoryTooSmall { part: "bytes of cache", needs: size.bytes, has: size.bytes - 1 })
        );
    }
}
