//! The model file, read in place, also while the program is compiled, where serde can't go. Numbers and enums' variants are
//! LEB128, and what has no fixed length begins with it: postcard's [format](https://postcard.jamesmunns.com/wire-format).

use core::str;

use crate::Error;
use crate::config::{Activation, Config, Mlp, Norm, Position, Precision};
use crate::file::{
    self, ALIGNMENT, FEATURE_ACTIVE_EXPERTS, FEATURE_BIGRAMS, FEATURE_EXPERTS, FEATURE_LATENT,
    FEATURE_LATENT_ROTARY, FEATURE_LOOPS, FEATURE_PER_LAYER_EMBEDDINGS, FEATURES, File, Golden, Header,
    Pieces, Provenance, Tensor, Vocabulary, Words,
};
use crate::parameter::{PARAMETERS, Parameter};
use crate::parts;

/// Bytes of memory that the model in `file` runs in; the beginning of the file will do.
///
/// ```
/// use pipsqueak::{Memory, memory_bytes};
///
/// const BYTES: usize = match memory_bytes(include_bytes!("../models/tiny.pip")) {
///     Ok(bytes) => bytes,
///     Err(_) => panic!("tiny.pip is no model"),
/// };
/// let mut memory = Memory::<BYTES>::new();
/// ```
///
/// # Errors
/// Those of [`Model::load`](crate::Model::load) that the beginning of a file can have.
pub const fn memory_bytes(file: &[u8]) -> Result<usize, Error> {
    match beginning(file) {
        Ok((config, precision)) => Ok(config.memory_bytes(precision)),
        Err(error) => Err(error),
    }
}

/// Refuses a file whose first bytes say that it is no model, or one for another program.
pub(crate) const fn check_header(file: &[u8]) -> Result<(), Error> {
    let mut reader = Reader::new(file);
    let header = reader.header();
    if reader.wrong.is_some() { Err(Error::NotAModel) } else { header.check() }
}

/// Shape and number format, checked.
pub(crate) const fn beginning(file: &[u8]) -> Result<(Config, Precision), Error> {
    if let Err(error) = check_header(file) {
        return Err(error);
    }
    let mut reader = Reader::new(file);
    let features = reader.header().features;
    let (config, precision) = (reader.config(features), reader.precision());
    match (reader.wrong, config.check()) {
        (Some(error), _) | (None, Err(error)) => Err(error),
        (None, Ok(())) => Ok((config, precision)),
    }
}

/// The [parts](crate::parts) of the model in `file`, and the bytes of memory that it runs in; the beginning of the file will do.
///
/// # Errors
/// As [`memory_bytes`].
#[doc(hidden)]
pub const fn needs(file: &[u8]) -> Result<(u32, usize), Error> {
    let (config, precision) = match beginning(file) {
        Ok(beginning) => beginning,
        Err(error) => return Err(error),
    };
    let mut reader = Reader::new(file);
    let features = reader.header().features;
    _ = (reader.config(features), reader.precision());
    let vocabulary = reader.vocabulary();
    let parts =
        parts::of_config(&config) | parts::of_precision(precision) | parts::of_vocabulary(&vocabulary);
    match reader.wrong {
        Some(error) => Err(error),
        None => Ok((parts, config.memory_bytes(precision))),
    }
}

/// A file's contents and its length in bytes, checked but for the vocabulary. More may come after the file.
pub(crate) const fn whole(bytes: &[u8]) -> Result<(File<'_>, usize), Error> {
    if let Err(error) = check_header(bytes) {
        return Err(error);
    }
    let mut reader = Reader::new(bytes);
    let file = reader.file();
    let message = reader.so_far();
    let checksum = u32::from_le_bytes(reader.bytes());
    if let Some(error) = reader.wrong {
        return Err(error);
    }
    if file::checksum(message) != checksum {
        return Err(Error::BAD_CHECKSUM);
    }
    let others = parts::of_precision(file.precision) | parts::of_vocabulary(&file.vocabulary);
    if let Err(error) = parts::check(others) {
        return Err(error);
    }
    if let Err(error) = file.config.check() {
        return Err(error);
    }
    let mut i = 0;
    while i < PARAMETERS {
        if file.tensors[i].bytes.len() as u64 != Parameter::ALL[i].bytes(&file.config, file.precision) {
            return Err(Error::Damaged("a tensor's length does not fit the shape"));
        }
        i += 1;
    }
    Ok((file, reader.so_far().len()))
}

/// Reads from the front of a file. A value that can't be read is some value, and the first reason is kept.
struct Reader<'f> {
    file: &'f [u8],
    rest: &'f [u8],
    wrong: Option<Error>,
}

impl<'f> Reader<'f> {
    const fn new(file: &'f [u8]) -> Self {
        Reader { file, rest: file, wrong: None }
    }

    const fn file(&mut self) -> File<'f> {
        let header = self.header();
        File {
            header,
            config: self.config(header.features),
            precision: self.precision(),
            vocabulary: self.vocabulary(),
            provenance: self.provenance(),
            golden: self.golden(),
            tensors: self.tensors(header.features),
        }
    }

    #[inline(never)]
    const fn header(&mut self) -> Header {
        let magic = self.bytes();
        Header { magic, version: self.half(), features: self.number(u32::MAX as u64) as u32 }
    }

    const fn config(&mut self, features: u32) -> Config {
        let config = Config {
            vocab: self.size(),
            context: self.size(),
            width: self.size(),
            layers: self.size(),
            heads: self.size(),
            kv_heads: self.size(),
            hidden: self.size(),
            position: self.choice(&[
                Position::None,
                Position::Learned,
                Position::Sinusoidal,
                Position::Rotary,
            ]),
            rotary_base: f32::from_le_bytes(self.bytes()),
            norm: self.choice(&[Norm::None, Norm::Layer, Norm::Rms]),
            norm_epsilon: f32::from_le_bytes(self.bytes()),
            activation: self.choice(&[Activation::Relu, Activation::Gelu, Activation::Silu]),
            mlp: self.choice(&[Mlp::Plain, Mlp::Gated]),
            residual: self.flag(),
            bias: self.flag(),
            tied: self.flag(),
            loops: if features & FEATURE_LOOPS != 0 { self.size() } else { 1 },
            experts: if features & FEATURE_EXPERTS != 0 { self.size() } else { 1 },
            bigrams: if features & FEATURE_BIGRAMS != 0 { self.size() } else { 0 },
            per_layer_embeddings: features & FEATURE_PER_LAYER_EMBEDDINGS != 0 && self.flag(),
            latent: if features & FEATURE_LATENT != 0 { self.size() } else { 0 },
            latent_rotary: if features & FEATURE_LATENT_ROTARY != 0 { self.size() } else { 0 },
            active_experts: if features & FEATURE_ACTIVE_EXPERTS != 0 { self.size() } else { 1 },
        };
        if config.features() != features & FEATURES {
            self.fail(Error::Damaged("its features do not fit its shape"));
        }
        config
    }

    const fn precision(&mut self) -> Precision {
        self.choice(&[Precision::F32, Precision::Int8, Precision::Int4, Precision::Ternary])
    }

    const fn vocabulary(&mut self) -> Vocabulary<'f> {
        Vocabulary {
            pieces: self.pieces(),
            begin: self.special(),
            end: self.special(),
            prefix_space: self.flag(),
        }
    }

    const fn pieces(&mut self) -> Pieces<'f> {
        match self.choice(&[0, 1, 2]) {
            0 => Pieces::Bytes,
            1 => Pieces::Characters(self.text()),
            _ => Pieces::Merges { atoms: self.slice(), pairs: self.slice(), words: self.words() },
        }
    }

    const fn words(&mut self) -> Words<'f> {
        match self.choice(&[0, 1, 2, 3]) {
            0 => Words::Runs,
            1 => Words::Spaces,
            2 => Words::SpaceRuns,
            _ => Words::Gpt2 { classes: self.slice(), single_digits: self.flag() },
        }
    }

    #[inline(never)]
    const fn special(&mut self) -> Option<u16> {
        if self.flag() { Some(self.half()) } else { None }
    }

    const fn provenance(&mut self) -> Provenance<'f> {
        Provenance {
            corpus: self.text(),
            licence: self.text(),
            corpus_crc: self.number(u32::MAX as u64) as u32,
            steps: self.number(u32::MAX as u64) as u32,
            loss_f32: f32::from_le_bytes(self.bytes()),
            loss: f32::from_le_bytes(self.bytes()),
            bytes_per_token: f32::from_le_bytes(self.bytes()),
        }
    }

    const fn golden(&mut self) -> Golden<'f> {
        Golden {
            prompt: self.text(),
            seed: self.number(u64::MAX),
            tokens: self.slice(),
            fingerprints: self.slice(),
        }
    }

    const fn tensors(&mut self, features: u32) -> [Tensor<'f>; PARAMETERS] {
        let mut tensors = [Tensor { padding: &[], bytes: &[] }; PARAMETERS];
        let mut i = 0;
        while i < PARAMETERS {
            if Parameter::ALL[i].feature() & !features != 0 {
                i += 1;
                continue;
            }
            let (padding, bytes) = (self.slice(), self.slice());
            let start = self.so_far().len() - bytes.len();
            if !bytes.is_empty() && !start.is_multiple_of(ALIGNMENT) {
                self.fail(Error::Damaged("a tensor does not start on its boundary"));
            }
            tensors[i] = Tensor { padding, bytes };
            i += 1;
        }
        tensors
    }

    #[inline(never)]
    const fn text(&mut self) -> &'f str {
        match str::from_utf8(self.slice()) {
            Ok(text) => text,
            Err(_) => {
                self.fail(Error::UNREADABLE);
                ""
            }
        }
    }

    /// Bytes behind their number.
    #[inline(never)]
    const fn slice(&mut self) -> &'f [u8] {
        let length = self.size();
        match self.rest.split_at_checked(length) {
            Some((bytes, rest)) => {
                self.rest = rest;
                bytes
            }
            None => {
                self.fail(Error::ENDS_EARLY);
                &[]
            }
        }
    }

    #[inline(never)]
    const fn flag(&mut self) -> bool {
        self.choice(&[false, true])
    }

    /// One of `all`, by its place among them.
    const fn choice<T: Copy, const N: usize>(&mut self, all: &[T; N]) -> T {
        let place = self.number(u32::MAX as u64) as usize;
        if place >= N {
            self.fail(Error::UNREADABLE);
        }
        all[place % N]
    }

    #[inline(never)]
    const fn size(&mut self) -> usize {
        self.number(usize::MAX as u64) as usize
    }

    const fn half(&mut self) -> u16 {
        self.number(u16::MAX as u64) as u16
    }

    /// Seven bits a byte, the lowest first; the last byte is below 128.
    #[inline(never)]
    const fn number(&mut self, max: u64) -> u64 {
        let (mut value, mut shift) = (0u64, 0);
        loop {
            let [byte] = self.bytes();
            let bits = byte as u64 & 127;
            value |= bits << shift;
            if value > max || value >> shift & 127 != bits {
                self.fail(Error::UNREADABLE);
            }
            if byte < 128 {
                return if value > max { 0 } else { value };
            }
            shift += 7;
            if shift >= u64::BITS {
                self.fail(Error::UNREADABLE);
                return 0;
            }
        }
    }

    #[inline(never)]
    const fn bytes<const N: usize>(&mut self) -> [u8; N] {
        match self.rest.split_first_chunk() {
            Some((bytes, rest)) => {
                self.rest = rest;
                *bytes
            }
            None => {
                self.fail(Error::ENDS_EARLY);
                [0; N]
            }
        }
    }

    /// The bytes that have been read.
    const fn so_far(&self) -> &'f [u8] {
        match self.file.split_at_checked(self.file.len() - self.rest.len()) {
            Some((so_far, _)) => so_far,
            None => self.file,
        }
    }

    const fn fail(&mut self, error: Error) {
        if self.wrong.is_none() {
            self.wrong = Some(error);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::TINY;
    use serde::Serialize;

    #[derive(Serialize)]
    struct Beginning {
        header: Header,
        config: Config,
        precision: Precision,
    }

    const POSITIONS: [Position; 4] =
        [Position::None, Position::Learned, Position::Sinusoidal, Position::Rotary];
    const PRECISIONS: [Precision; 4] = [Precision::F32, Precision::Int8, Precision::Int4, Precision::Ternary];

    fn bytes(config: &Config, precision: Precision) -> std::vec::Vec<u8> {
        let beginning = Beginning { header: Header::of(config), config: config.clone(), precision };
        postcard::to_slice(&beginning, &mut [0; 128]).unwrap().to_vec()
    }

    /// Every variant of every choice, and dimensions of one, two and three bytes.
    fn shapes() -> impl Iterator<Item = (Config, Precision)> {
        POSITIONS.into_iter().flat_map(|position| {
            PRECISIONS.into_iter().zip([1, 127, 128, 65_535]).map(move |(precision, size)| {
                let i = precision as usize;
                let config = Config {
                    vocab: size,
                    context: 65_536 - size,
                    width: 24,
                    layers: size.min(256),
                    hidden: size.min(32_767),
                    position,
                    rotary_base: 500_000.0 + i as f32,
                    norm: [Norm::None, Norm::Layer, Norm::Rms][i % 3],
                    norm_epsilon: 1e-6,
                    activation: [Activation::Relu, Activation::Gelu, Activation::Silu][i % 3],
                    mlp: [Mlp::Plain, Mlp::Gated][i % 2],
                    residual: i < 2,
                    bias: i.is_multiple_of(2),
                    tied: i.is_multiple_of(3),
                    loops: if size == 127 { 2 } else { 1 },
                    experts: if size <= 127 { 5 } else { 1 },
                    bigrams: if size >= 127 { size } else { 0 },
                    per_layer_embeddings: size == 128,
                    ..TINY
                };
                (config, precision)
            })
        })
    }

    #[test]
    fn it_reads_what_serde_writes() {
        for (config, precision) in shapes() {
            let bytes = bytes(&config, precision);
            assert_eq!(beginning(&bytes), Ok((config.clone(), precision)));
            assert_eq!(memory_bytes(&bytes), Ok(config.memory_bytes(precision)));
        }
    }

    #[test]
    fn it_refuses_what_ends_early_or_makes_no_sense() {
        let whole = bytes(&TINY, Precision::Int8);
        for length in 0..whole.len() {
            assert!(memory_bytes(&whole[..length]).is_err(), "{length}");
        }
        let unlooped = Beginning {
            header: Header { features: FEATURE_LOOPS, ..Header::CURRENT },
            config: TINY,
            precision: Precision::Int8,
        };
        let mut room = [0; 128];
        let unlooped = postcard::to_slice(&unlooped, &mut room).unwrap();
        let refusal = Err(Error::Damaged("its features do not fit its shape"));
        assert_eq!(memory_bytes(unlooped), refusal, "one loop is none");
        assert_eq!(memory_bytes(b"# Pipsqueak"), Err(Error::NotAModel));
        let wrong = bytes(&Config { width: 13, ..TINY }, Precision::Int8);
        assert_eq!(memory_bytes(&wrong), Config { width: 13, ..TINY }.check().map(|()| 0));
        let mut other = whole.clone();
        other[4] = 1;
        assert_eq!(memory_bytes(&other), Err(Error::Version { found: 1, known: 2 }));
        let (last, _) = other.split_last_mut().unwrap();
        *last = 4;
        other[4] = 2;
        assert_eq!(memory_bytes(&other), Err(Error::UNREADABLE), "there are four formats");
    }

    const TINY_FILE: &[u8] = include_bytes!("../models/tiny.pip");

    #[test]
    fn the_beginning_of_a_file_tells_what_it_needs() {
        let (file, _) = whole(TINY_FILE).unwrap();
        let parts = parts::of_config(&file.config)
            | parts::of_precision(file.precision)
            | parts::of_vocabulary(&file.vocabulary);
        let needed = Ok((parts, file.config.memory_bytes(file.precision)));
        assert_eq!(needs(TINY_FILE), needed);
        let enough = (0..TINY_FILE.len()).find(|&length| needs(&TINY_FILE[..length]) == needed).unwrap();
        assert!(enough < TINY_FILE.len() / 2, "{enough}");
        for length in 0..enough {
            assert!(needs(&TINY_FILE[..length]).is_err(), "{length}");
        }
    }

    #[test]
    fn a_whole_file_is_what_serde_reads() {
        let (expected, checksum) = postcard::take_from_bytes::<File<'_>>(TINY_FILE).unwrap();
        assert_eq!(checksum.len(), 4);
        let mut longer = TINY_FILE.to_vec();
        longer.extend([0xff; 5]);
        for file in [TINY_FILE, &longer] {
            let (contents, length) = whole(file).unwrap();
            assert_eq!(length, TINY_FILE.len(), "flash goes on behind a file");
            assert_eq!(contents, expected);
        }
    }

    #[test]
    fn a_file_that_ends_early_or_has_another_bit_is_refused() {
        for length in (0..TINY_FILE.len()).step_by(331) {
            assert!(whole(&TINY_FILE[..length]).is_err(), "{length}");
        }
        let mut other = TINY_FILE.to_vec();
        for place in (0..TINY_FILE.len()).step_by(331) {
            other[place] ^= 1 << (place % 8);
            assert!(whole(&other).is_err(), "{place}");
            other[place] = TINY_FILE[place];
        }
    }

    #[test]
    fn numbers_that_do_not_fit_are_refused() {
        // 65,538 as a version, whose lower half is 2.
        let mut other = bytes(&TINY, Precision::Int8);
        other.splice(4..5, [0x82, 0x80, 0x04]);
        assert_eq!(memory_bytes(&other), Err(Error::NotAModel));
        for (bytes, max, expected) in [
            (&[0x7f][..], 127, Some(127)),
            (&[0x80, 0x01], 127, None),
            (&[0xff, 0xff, 0x03], u16::MAX.into(), Some(65_535)),
            (&[0xff; 9], u64::MAX, None),
            (&[255, 255, 255, 255, 255, 255, 255, 255, 255, 1], u64::MAX, Some(u64::MAX)),
            (&[255, 255, 255, 255, 255, 255, 255, 255, 255, 2], u64::MAX, None),
            (&[128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 0], u64::MAX, None),
        ] {
            let mut reader = Reader::new(bytes);
            let number = reader.number(max);
            assert_eq!(reader.wrong.is_none().then_some(number), expected, "{bytes:?}");
        }
    }
}
