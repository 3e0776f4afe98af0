//! A checked view of a model file.

use crate::Error;
use crate::config::{Config, Precision};
use crate::file::{ALIGNMENT, CRC, File, Golden, Header, Provenance};
use crate::kernels::cast;
use crate::matrix::Matrix;
use crate::parameter::{PARAMETERS, Parameter};
use crate::tokenizer::Tokenizer;

/// A checked view of a model file.
#[derive(Debug, Clone)]
pub struct Model<'a> {
    config: Config,
    precision: Precision,
    tokenizer: Tokenizer<'a>,
    provenance: Provenance<'a>,
    golden: Golden<'a>,
    tensors: [&'a [u8]; PARAMETERS],
    file_bytes: usize,
}

impl<'a> Model<'a> {
    /// Reads a model in place. `file` must start on a multiple of [`ALIGNMENT`] and may go on after the model, as a
    /// flash region does.
    ///
    /// # Errors
    /// Whatever is wrong with the file: not a model, another version, damaged, a shape that makes no sense.
    pub fn load(file: &'a [u8]) -> Result<Model<'a>, Error> {
        let (header, _) = postcard::take_from_bytes::<Header>(file).map_err(|_| Error::NotAModel)?;
        header.check()?;
        if !file.as_ptr().addr().is_multiple_of(ALIGNMENT) {
            return Err(Error::Misaligned { alignment: ALIGNMENT });
        }
        let (contents, rest) =
            postcard::take_from_bytes_crc32::<File<'a>>(file, CRC.digest()).map_err(damage)?;
        contents.config.check()?;
        check_tensors(&contents)?;
        let tokenizer = Tokenizer::new(contents.vocabulary, contents.config.vocab)?;
        Ok(Model {
            precision: contents.precision,
            tokenizer,
            provenance: contents.provenance,
            golden: contents.golden,
            tensors: contents.tensors.map(|tensor| tensor.bytes),
            config: contents.config,
            file_bytes: file.len() - rest.len(),
        })
    }

    /// The model's shape and choices.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The format of its matrices.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// How its ids become text.
    pub fn tokenizer(&self) -> &Tokenizer<'a> {
        &self.tokenizer
    }

    /// Where it comes from.
    pub fn provenance(&self) -> &Provenance<'a> {
        &self.provenance
    }

    /// What it generates on a machine that computes as it should.
    pub fn golden(&self) -> &Golden<'a> {
        &self.golden
    }

    /// The size of its file, checksum included: the flash it takes.
    pub fn file_bytes(&self) -> usize {
        self.file_bytes
    }

    /// A parameter's bytes, as [`Tensor::bytes`](crate::file::Tensor::bytes) says.
    pub fn bytes(&self, parameter: Parameter) -> &'a [u8] {
        self.tensors[parameter as usize]
    }

    /// A matrix of `layer`; 0 for one outside the layers.
    pub fn matrix(&self, parameter: Parameter, layer: usize) -> Matrix<'a> {
        Matrix::view(self.bytes(parameter), self.precision, parameter.shape(&self.config), layer)
    }

    /// A vector of `layer`; 0 for one outside the layers. Empty where the model has none.
    pub fn vector(&self, parameter: Parameter, layer: usize) -> &'a [f32] {
        let columns = parameter.shape(&self.config).columns;
        cast::floats(self.bytes(parameter)).get(layer * columns..(layer + 1) * columns).unwrap_or_default()
    }
}

fn damage(error: postcard::Error) -> Error {
    match error {
        postcard::Error::DeserializeBadCrc => Error::BAD_CHECKSUM,
        postcard::Error::DeserializeUnexpectedEnd => Error::Damaged("it ends early"),
        _ => Error::UNREADABLE,
    }
}

fn check_tensors(file: &File<'_>) -> Result<(), Error> {
    for (parameter, tensor) in Parameter::ALL.into_iter().zip(&file.tensors) {
        if tensor.bytes.len() as u64 != parameter.bytes(&file.config, file.precision) {
            return Err(Error::Damaged("a tensor's length does not fit the shape"));
        }
        if !tensor.bytes.is_empty() && !tensor.bytes.as_ptr().addr().is_multiple_of(ALIGNMENT) {
            return Err(Error::Damaged("a tensor does not start on its boundary"));
        }
    }
    Ok(())
}
