//! The beginning of a model file, read in a `const` context, where serde can't go: header, shape and number format, in
//! postcard's [format](https://postcard.jamesmunns.com/wire-format). Integers are LEB128, and so are the variants of enums.

use crate::Error;
use crate::config::{Activation, Config, Mlp, Norm, Position, Precision};
use crate::file::{self, Header};

/// Bytes of memory that the model in `file` runs in; the beginning of the file will do.
///
/// ```
/// use pipsqueak::{Memory, memory_bytes};
///
/// const BYTES: usize = match memory_bytes(include_bytes!("../../models/tiny.pip")) {
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

/// As [`memory_bytes`] for a whole file, of which the checksum is checked, too.
pub(super) const fn checked_memory_bytes(file: &[u8]) -> Result<usize, Error> {
    let bytes = memory_bytes(file);
    match (bytes, file.split_last_chunk()) {
        (Ok(bytes), Some((message, checksum)))
            if file::checksum(message) == u32::from_le_bytes(*checksum) =>
        {
            Ok(bytes)
        }
        (Ok(_), _) => Err(Error::BAD_CHECKSUM),
        (Err(error), _) => Err(error),
    }
}

/// Shape and number format, checked.
const fn beginning(file: &[u8]) -> Result<(Config, Precision), Error> {
    let mut reader = Reader { file, next: 0, failed: false };
    let header = reader.header();
    if reader.failed {
        return Err(Error::NotAModel);
    }
    if let Err(error) = header.check() {
        return Err(error);
    }
    let config = reader.config();
    let precision = reader.precision();
    match config.check() {
        _ if reader.failed => Err(Error::UNREADABLE),
        Ok(()) => Ok((config, precision)),
        Err(error) => Err(error),
    }
}

/// Reads from the front of a file. A value that can't be read is some value, and `failed` is set.
struct Reader<'f> {
    file: &'f [u8],
    next: usize,
    failed: bool,
}

impl Reader<'_> {
    const fn header(&mut self) -> Header {
        let magic = self.bytes();
        Header { magic, version: self.number() as u16, features: self.number() as u32 }
    }

    const fn config(&mut self) -> Config {
        Config {
            vocab: self.number(),
            context: self.number(),
            width: self.number(),
            layers: self.number(),
            heads: self.number(),
            kv_heads: self.number(),
            hidden: self.number(),
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
            residual: self.choice(&[false, true]),
            bias: self.choice(&[false, true]),
            tied: self.choice(&[false, true]),
        }
    }

    const fn precision(&mut self) -> Precision {
        self.choice(&[Precision::F32, Precision::Int8, Precision::Int4, Precision::Ternary])
    }

    /// One of `all`, by its place among them.
    const fn choice<T: Copy, const N: usize>(&mut self, all: &[T; N]) -> T {
        let place = self.number();
        self.failed |= place >= N;
        all[place % N]
    }

    /// Seven bits a byte, the lowest first; the last byte is below 128.
    const fn number(&mut self) -> usize {
        let (mut value, mut shift) = (0, 0);
        loop {
            let [byte] = self.bytes();
            self.failed |= shift >= usize::BITS;
            if self.failed {
                return 0;
            }
            value |= (byte as usize & 127) << shift;
            if byte < 128 {
                return value;
            }
            shift += 7;
        }
    }

    const fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let rest = match self.file.split_at_checked(self.next) {
            Some((_, rest)) => rest,
            None => &[],
        };
        self.next += N;
        match rest.first_chunk() {
            Some(bytes) => *bytes,
            None => {
                self.failed = true;
                [0; N]
            }
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
        let beginning = Beginning { header: Header::CURRENT, config: config.clone(), precision };
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

    #[test]
    fn a_whole_file_has_its_checksum() {
        let mut file = bytes(&TINY, Precision::Int8);
        let checksum = file::checksum(&file);
        file.extend(checksum.to_le_bytes());
        assert!(checked_memory_bytes(&file).is_ok());
        file[20] ^= 1;
        assert!(checked_memory_bytes(&file).is_err());
    }
}
