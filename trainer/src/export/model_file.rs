//! Writing model files, and holding one so that the core can read it in place.

use std::fs::File as FsFile;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use pipsqueak::internal::Parameter;
use pipsqueak::internal::file::{ALIGNMENT, CRC, File, Golden, Header, Provenance, Tensor};
use pipsqueak::internal::parameter::{OF_EVERY_FILE, PARAMETERS};
use pipsqueak::{Config, Model, Precision};
use postcard::experimental::serialized_size;

use crate::data::vocabulary::OwnedVocabulary;
use crate::export::equalize::{Values, equalize};
use crate::export::golden::Recording;
use crate::export::quantize::{self, RowScales};
use crate::files::{self, Kind};
use crate::training::parameters::Parameters;

/// No microcontroller has more flash than this, and no file is read into memory beyond it.
const FILE_BYTES_MAX: u64 = 1 << 30;

/// The bytes of a model file, aligned as the core wants them.
#[derive(Debug, Clone)]
pub struct ModelFile {
    blocks: Vec<u128>,
    length: usize,
}

impl ModelFile {
    /// Reads a file, and checks that it is a model.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes =
            read_bounded(path).with_context(|| format!("cannot read the model {}", path.display()))?;
        let file = Self::from_bytes(&bytes);
        file.model().with_context(|| format!("cannot use {}", path.display()))?;
        Ok(file)
    }

    /// Copies bytes to where they are aligned.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let mut blocks = vec![0u128; bytes.len().div_ceil(ALIGNMENT)];
        bytemuck::cast_slice_mut(&mut blocks)[..bytes.len()].copy_from_slice(bytes);
        ModelFile { blocks, length: bytes.len() }
    }

    /// The file's bytes.
    pub fn bytes(&self) -> &[u8] {
        &bytemuck::cast_slice(&self.blocks)[..self.length]
    }

    /// The model in it.
    ///
    /// # Errors
    /// Those of [`Model::load`].
    pub fn model(&self) -> Result<Model<'_>, pipsqueak::Error> {
        Model::load(self.bytes())
    }

    /// Writes the file where it can, if not to `path`; see [`files::write_elsewhere`].
    pub fn save_elsewhere(&self, path: &Path) -> Option<PathBuf> {
        files::write_elsewhere(path, |out| out.write_all(self.bytes()))
    }

    /// Writes the file as a whole or not at all.
    pub fn save(&self, path: &Path) -> Result<()> {
        files::write(path, Kind::Model, |out| out.write_all(self.bytes()))
    }
}

fn read_bounded(path: &Path) -> Result<Vec<u8>> {
    let file = FsFile::open(path)?;
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        bail!("it is larger than 1 GiB, which no model file is");
    }
    Ok(bytes)
}

/// Builds a model file from f32 parameters `[layers, rows, columns]`, quantised to `precision`.
///
/// # Errors
/// A shape that makes no sense, parameters that are not numbers.
pub fn build<'p>(
    config: &Config,
    precision: Precision,
    vocabulary: &OwnedVocabulary,
    provenance: Provenance<'_>,
    values: impl Fn(Parameter) -> &'p [f32],
) -> Result<ModelFile> {
    config.check()?;
    let values = Parameter::ALL.into_iter().map(|parameter| values(parameter).to_vec()).collect();
    build_of(config, precision, vocabulary, provenance, values, None)
}

/// As [`build`], of parameters that are not needed any more: with less memory.
///
/// # Errors
/// As [`build`].
pub fn build_from(
    config: &Config,
    precision: Precision,
    vocabulary: &OwnedVocabulary,
    provenance: Provenance<'_>,
    parameters: Parameters<f32>,
) -> Result<ModelFile> {
    build_of(config, precision, vocabulary, provenance, checked(config, parameters)?, None)
}

/// As [`build_from`], of parameters whose matrices are rounded already, to integers times these `scales`.
///
/// # Errors
/// As [`build`].
pub fn build_rounded(
    config: &Config,
    precision: Precision,
    vocabulary: &OwnedVocabulary,
    provenance: Provenance<'_>,
    parameters: Parameters<f32>,
    scales: &RowScales,
) -> Result<ModelFile> {
    build_of(config, precision, vocabulary, provenance, checked(config, parameters)?, Some(scales))
}

/// The values of each parameter of a model whose shape makes sense.
fn checked(config: &Config, parameters: Parameters<f32>) -> Result<Values> {
    config.check()?;
    Ok(Parameter::ALL.into_iter().map(|parameter| parameters.get(parameter).to_vec()).collect())
}

fn build_of(
    config: &Config,
    precision: Precision,
    vocabulary: &OwnedVocabulary,
    provenance: Provenance<'_>,
    mut values: Values,
    scales: Option<&RowScales>,
) -> Result<ModelFile> {
    if precision == Precision::Int8 && scales.is_none() {
        equalize(config, &mut values);
    }
    let mut encoded = Vec::with_capacity(Parameter::ALL.len());
    // Each parameter's values are freed when they are encoded.
    for (parameter, values) in Parameter::ALL.into_iter().zip(values) {
        if let Some(wrong) = values.iter().find(|value| !value.is_finite()) {
            bail!("the parameter {} holds {wrong}, which is no number", parameter.name());
        }
        let scales = scales.map(|scales| scales[parameter as usize].as_slice());
        encoded.push(encode(parameter, config, precision, &values, scales));
    }
    let tensors = std::array::from_fn(|i| Tensor { padding: &[], bytes: &encoded[i] });
    write(File {
        header: Header::of(config),
        config: config.clone(),
        precision,
        vocabulary: vocabulary.borrow(),
        provenance,
        golden: Golden::default(),
        tensors,
    })
}

/// Writes `file` with its golden run and its padding, whatever it had of both.
pub fn write(file: File<'_>) -> Result<ModelFile> {
    let without_golden = serialize(File { golden: Golden::default(), ..file.clone() })?;
    let recording = Recording::of(&without_golden.model()?)?;
    serialize(File { golden: recording.golden(), ..file })
}

/// Writes `file` with its padding, whatever it had.
pub fn serialize(mut file: File<'_>) -> Result<ModelFile> {
    pad(&mut file)?;
    let length = serialized_size(&file)? + size_of::<u32>();
    let mut blocks = vec![0u128; length.div_ceil(ALIGNMENT)];
    postcard::to_slice_crc32(&file, bytemuck::cast_slice_mut(&mut blocks), CRC.digest())?;
    Ok(ModelFile { blocks, length })
}

fn encode(
    parameter: Parameter,
    config: &Config,
    precision: Precision,
    values: &[f32],
    scales: Option<&[f32]>,
) -> Vec<u8> {
    let shape = parameter.shape(config);
    match (precision.format().filter(|_| parameter.is_matrix()), scales) {
        (Some(format), None) => quantize::rows(values, shape, format),
        (Some(format), Some(scales)) => quantize::rounded_rows(values, scales, shape, format),
        _ => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
    }
}

/// Gives each tensor the padding that puts it on its boundary.
fn pad(file: &mut File<'_>) -> Result<()> {
    const ZEROS: [u8; ALIGNMENT] = [0; ALIGNMENT];
    // The bytes before the tensors: of an empty one, both lengths take a byte.
    let tensors = [Tensor::default(); PARAMETERS];
    let mut end = serialized_size(&File { tensors, ..file.clone() })? - 2 * OF_EVERY_FILE;
    let features = file.header.features;
    let present = |parameter: Parameter| parameter.feature() & !features == 0;
    let tensors = file.tensors.iter_mut().zip(Parameter::ALL).filter(|(_, parameter)| present(*parameter));
    for (tensor, _) in tensors {
        let start = end + 1 + serialized_size(&tensor.bytes.len())?;
        let padding = if tensor.bytes.is_empty() { 0 } else { start.next_multiple_of(ALIGNMENT) - start };
        tensor.padding = &ZEROS[..padding];
        end = start + padding + tensor.bytes.len();
    }
    Ok(())
}
