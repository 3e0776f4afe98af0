//! The model file: one [postcard](https://docs.rs/postcard) message, a [`File`], and the CRC-32 of its bytes, little-endian.
//!
//! The types here are its schema, so that any program can read one; [`Model::load`](crate::Model::load) checks one and
//! is then a view of it, which leaves every weight where it lies in flash.
//!
//! ```
//! use pipsqueak::internal::file::Header;
//!
//! # fn main() -> Result<(), postcard::Error> {
//! # let mut bytes = [0; 16];
//! # postcard::to_slice(&Header::CURRENT, &mut bytes)?;
//! let (header, _) = postcard::take_from_bytes::<Header>(&bytes)?;
//! assert_eq!((&header.magic, header.version), (b"PIPS", 2));
//! # Ok(())
//! # }
//! ```

use serde::{Deserialize, Deserializer, Serialize};

pub use crate::reader::{memory_bytes, needs};

use crate::Error;
use crate::config::{Config, Precision};
use crate::parameter::PARAMETERS;
use crate::sampler::Sampling;

/// The first four bytes of every model file.
pub const MAGIC: [u8; 4] = *b"PIPS";
/// The format version this crate reads.
pub const VERSION: u16 = 2;
/// The feature bit of looped models: [`Config::loops`] follows the config.
pub const FEATURE_LOOPS: u32 = 1;
/// The feature bit of mixtures of experts: [`Config::experts`] follows the config, and one more tensor, the router, the others.
pub const FEATURE_EXPERTS: u32 = 2;
/// The feature bit of embeddings of pairs of tokens: [`Config::bigrams`] follows the config, and a tensor, the table, the others.
pub const FEATURE_BIGRAMS: u32 = 4;
/// The feature bit of embeddings for each layer: [`Config::per_layer_embeddings`] follows the config, and a tensor, the table, the
/// others.
pub const FEATURE_PER_LAYER_EMBEDDINGS: u32 = 8;
/// The feature bit of latent attention: [`Config::latent`] follows the config.
pub const FEATURE_LATENT: u32 = 16;
/// The feature bit of latent attention with rotary positions: [`Config::latent_rotary`] follows the config.
pub const FEATURE_LATENT_ROTARY: u32 = 32;
/// The feature bit of mixtures of which a token goes through several experts: [`Config::active_experts`] follows the config.
pub const FEATURE_ACTIVE_EXPERTS: u32 = 64;
/// The feature bits this crate knows.
pub const FEATURES: u32 = FEATURE_LOOPS
    | FEATURE_EXPERTS
    | FEATURE_BIGRAMS
    | FEATURE_PER_LAYER_EMBEDDINGS
    | FEATURE_LATENT
    | FEATURE_LATENT_ROTARY
    | FEATURE_ACTIVE_EXPERTS;
/// A model file's tensors start on multiples of this, and so must the file in memory.
pub const ALIGNMENT: usize = 16;

/// Bytes, or a memory, on the boundary that a model file needs.
#[repr(C, align(16))]
pub struct Aligned<T: ?Sized>(pub T);

const _: () = assert!(align_of::<Aligned<u8>>() == ALIGNMENT);

/// The bytes of tables that checksums are computed with: 1 KB, or none where flash is short, which takes longer.
#[cfg(any(feature = "every-model", one_model))]
type CrcTable = crc::Table<1>;
#[cfg(not(any(feature = "every-model", one_model)))]
type CrcTable = crc::NoTable;

/// CRC-32/ISO-HDLC, as in zip and PNG.
#[doc(hidden)]
pub const CRC: crc::Crc<u32, CrcTable> = crc::Crc::<u32, CrcTable>::new(&crc::CRC_32_ISO_HDLC);
/// A checksum of bytes that come one after the other.
#[doc(hidden)]
pub type CrcDigest = crc::Digest<'static, u32, CrcTable>;

/// The same, 16 bytes at a time, by tables that are too large for a chip.
#[cfg(not(target_os = "none"))]
static FAST_CRC: crc::Crc<u32, crc::Table<16>> = crc::Crc::<u32, crc::Table<16>>::new(&crc::CRC_32_ISO_HDLC);
#[cfg(target_os = "none")]
const FAST_CRC: crc::Crc<u32, CrcTable> = CRC;

/// The checksum that closes a model file: CRC-32/ISO-HDLC, as in zip and PNG.
///
/// ```
/// assert_eq!(pipsqueak::internal::file::checksum(b"123456789"), 0xcbf4_3926);
/// ```
pub const fn checksum(bytes: &[u8]) -> u32 {
    FAST_CRC.checksum(bytes)
}

/// The whole message. The CRC-32 of its bytes follows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct File<'a> {
    /// Magic, version and features.
    pub header: Header,
    /// The shape and the choices.
    pub config: Config,
    /// The format of the matrices.
    pub precision: Precision,
    /// How ids become text.
    #[serde(borrow)]
    pub vocabulary: Vocabulary<'a>,
    /// Where the model comes from.
    #[serde(borrow)]
    pub provenance: Provenance<'a>,
    /// A short run of the model, by which any machine can check that it computes the same.
    #[serde(borrow)]
    pub golden: Golden<'a>,
    /// The parameters, in a fixed order: embedding; positions; then of all layers the attention norm's gain and bias,
    /// query, key and value and their bias, the attention's output and its bias, the MLP norm's gain and bias, up and its
    /// bias, down and its bias; then the final norm's gain and bias; the head. Empty where the model has none.
    ///
    /// Those of [`FEATURES`] come last, and are left out where the model has none.
    #[serde(borrow, with = "tensors")]
    pub tensors: [Tensor<'a>; PARAMETERS],
}

/// Decoded and checked before all else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// [`MAGIC`].
    pub magic: [u8; 4],
    /// [`VERSION`].
    pub version: u16,
    /// Bits of what a reader must know beyond the version: [`FEATURES`].
    pub features: u32,
}

impl Header {
    /// The header of files that this crate writes, of a model without features.
    pub const CURRENT: Header = Header { magic: MAGIC, version: VERSION, features: 0 };

    /// The header of a file of this shape.
    pub const fn of(config: &Config) -> Header {
        Header { features: config.features(), ..Header::CURRENT }
    }

    pub(crate) const fn check(&self) -> Result<(), Error> {
        let unknown = self.features & !FEATURES;
        if u32::from_le_bytes(self.magic) != u32::from_le_bytes(MAGIC) {
            Err(Error::NotAModel)
        } else if self.version != VERSION {
            Err(Error::Version { found: self.version, known: VERSION })
        } else if unknown != 0 {
            Err(Error::Feature { bit: unknown.trailing_zeros() })
        } else {
            Ok(())
        }
    }
}

/// A model's vocabulary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vocabulary<'a> {
    /// The text of the first ids.
    #[serde(borrow)]
    pub pieces: Pieces<'a>,
    /// The special that is read before a text.
    pub begin: Option<u16>,
    /// The special that ends a text.
    pub end: Option<u16>,
    /// Whether a text is read with a space before it, which is left out again when writing (SentencePiece).
    pub prefix_space: bool,
}

/// The pieces of text that tokens stand for. The specials' ids follow theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Pieces<'a> {
    /// The 256 bytes.
    Bytes,
    /// These characters, in this order.
    Characters(&'a str),
    /// Byte-level BPE.
    Merges {
        /// The text of the first ids, each as a length in one byte and then its bytes. A text is cut into the
        /// longest that fit, and of equal ones into the first.
        atoms: &'a [u8],
        /// Pairs of little-endian u16 ids, in the order learned.
        pairs: &'a [u8],
        /// Where words begin: no merge joins across.
        #[serde(borrow)]
        words: Words<'a>,
    },
}

/// How text is cut into words before merging.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Words<'a> {
    /// Runs of letters (with `'` and all that is not ASCII), of digits, of spaces, or of other characters; one space
    /// before a run belongs to it.
    Runs,
    /// Before every space.
    Spaces,
    /// Before every space that does not follow another (SentencePiece with tokens of several spaces).
    SpaceRuns,
    /// As GPT-2: runs of letters, of numbers, or of other characters, with one space before a run belonging to it; the endings
    /// `'s`, `'t`, `'re`, `'ve`, `'m`, `'ll` and `'d`; and white space, whose last character stands apart from what
    /// follows.
    Gpt2 {
        /// The classes of all characters, as runs in the order of their numbers: each is a LEB128 of four times its length,
        /// plus 1 for letters, 2 for numbers, 3 for white space and 0 for others. Characters behind the last are others.
        classes: &'a [u8],
        /// Whether every number is a word of its own, without the space before it.
        single_digits: bool,
    },
}

/// Where a model comes from.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Provenance<'a> {
    /// The training text, in words.
    pub corpus: &'a str,
    /// The corpus' licence, or empty where it is not known.
    pub licence: &'a str,
    /// CRC-32 of the corpus.
    pub corpus_crc: u32,
    /// Optimizer steps.
    pub steps: u32,
    /// Validation loss in nats a token, as trained in f32; not a number where it is not known.
    #[serde(with = "float_bytes")]
    pub loss_f32: f32,
    /// Validation loss in nats a token at the file's precision, by this crate's decoder; not a number where unknown.
    #[serde(with = "float_bytes")]
    pub loss: f32,
    /// Mean bytes of text a token, by which nats a token become bits per byte; 0 where it is not known.
    #[serde(with = "float_bytes")]
    pub bytes_per_token: f32,
}

impl Provenance<'_> {
    /// Nothing is known.
    #[doc(hidden)]
    pub const UNKNOWN: Self = Provenance {
        corpus: "",
        licence: "",
        corpus_crc: 0,
        steps: 0,
        loss_f32: f32::NAN,
        loss: f32::NAN,
        bytes_per_token: 0.0,
    };
}

/// A text that the model generated where its file was written: `prompt`, continued with [`Golden::SAMPLING`]. A machine
/// that computes as it should generates the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Golden<'a> {
    /// The beginning of the text.
    pub prompt: &'a str,
    /// The random seed.
    pub seed: u64,
    /// The tokens generated, each a little-endian u16; at most [`Golden::TOKENS`], fewer if the model ends its text.
    pub tokens: &'a [u8],
    /// After each token, a little-endian u32: [`Generator::fingerprint`](crate::Generator::fingerprint).
    pub fingerprints: &'a [u8],
}

impl Golden<'_> {
    /// How the tokens are chosen: every part of the sampler is used.
    pub const SAMPLING: Sampling =
        Sampling { temperature: 0.8, top_k: 40, top_p: 0.95, repetition_penalty: 1.1 };
    /// The most tokens of a golden run.
    pub const TOKENS: usize = 24;
}

/// One parameter's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tensor<'a> {
    /// Zeros, as many as make `bytes` start on a multiple of [`ALIGNMENT`].
    #[serde(borrow)]
    pub padding: &'a [u8],
    /// Little-endian. A vector, and a matrix of an f32 model: f32 values. A matrix of an integer model: the packed weights
    /// of all layers as `docs/model-format.md` says, each layer's rows padded to a multiple of 4; then a u16 a padded row,
    /// at most 32,767; then an f32 a layer. Row `r` of layer `l` has the scale `u16[l][r] * f32[l]`.
    pub bytes: &'a [u8],
}

/// The tensors of every file, and behind them those that a feature has. serde reads files without features.
mod tensors {
    use serde::ser::SerializeTuple;
    use serde::{Deserialize, Deserializer, Serializer};

    use super::Tensor;
    use crate::parameter::{OF_EVERY_FILE, PARAMETERS};

    pub(super) fn serialize<S: Serializer>(
        tensors: &[Tensor<'_>; PARAMETERS],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let mut tuple = serializer.serialize_tuple(PARAMETERS)?;
        let written =
            |(place, tensor): &(usize, &Tensor<'_>)| *place < OF_EVERY_FILE || !tensor.bytes.is_empty();
        for (_, tensor) in tensors.iter().enumerate().filter(written) {
            tuple.serialize_element(tensor)?;
        }
        tuple.end()
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<[Tensor<'de>; PARAMETERS], D::Error> {
        let of_every_file = <[Tensor<'de>; OF_EVERY_FILE]>::deserialize(deserializer)?;
        let mut tensors = [Tensor::default(); PARAMETERS];
        tensors.iter_mut().zip(of_every_file).for_each(|(tensor, read)| *tensor = read);
        Ok(tensors)
    }
}

/// A number that only models with a certain feature have, and others `DEFAULT`. Formats for people name it; of a model file,
/// only [`reader`](crate::reader) knows whether it is there, so that serde reads files without features.
pub(crate) fn extension<'de, const DEFAULT: usize, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<usize, D::Error> {
    if deserializer.is_human_readable() { usize::deserialize(deserializer) } else { Ok(DEFAULT) }
}

/// As [`extension`], of a choice that other models lack.
pub(crate) fn extension_flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    if deserializer.is_human_readable() { bool::deserialize(deserializer) } else { Ok(false) }
}

/// f32 in a model file as its four bytes, which is how postcard writes one, too: reading bytes has no path to a panic.
/// Formats for people, as the JSON of a checkpoint, hold the number.
pub(crate) mod float_bytes {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer>(value: &f32, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            return serializer.serialize_f32(*value);
        }
        value.to_le_bytes().serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f32, D::Error> {
        if deserializer.is_human_readable() {
            return f32::deserialize(deserializer);
        }
        <[u8; 4]>::deserialize(deserializer).map(f32::from_le_bytes)
    }
}
