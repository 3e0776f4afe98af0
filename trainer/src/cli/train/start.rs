//! `--from`: the model that a run begins with, instead of with untrained weights.

use std::path::Path;

use anyhow::{Result, ensure};
use pipsqueak::{Config, Precision};

use super::super::plan::Plan;
use super::super::shape::PrecisionName;
use crate::data::vocabulary::OwnedVocabulary;
use crate::export::dequantize;
use crate::export::model_file::ModelFile;
use crate::files::{self, Kind};
use crate::training::checkpoint;
use crate::training::parameters::Parameters;

/// A trained model to go on from.
pub(super) struct Start {
    pub(super) config: Config,
    pub(super) vocabulary: OwnedVocabulary,
    /// The number format of its file; int8 where that is f32.
    pub(super) precision: Precision,
    pub(super) parameters: Parameters<f32>,
}

impl Start {
    /// The same shape, in this number format or its own.
    pub(super) fn plan(&self, precision: Option<PrecisionName>) -> Plan {
        let precision = precision.map_or(self.precision, Precision::from);
        Plan::to_continue(&self.config, precision, self.vocabulary.bytes())
    }

    /// Reads a model file of any number format, or the best weights of a checkpoint.
    ///
    /// # Errors
    /// If it cannot be read, or is neither.
    pub(super) fn read(path: &Path) -> Result<Start> {
        ensure!(
            !files::is_special(path),
            "cannot go on from {}, which is a pipe and can't be read twice; name a file",
            path.display()
        );
        if files::holds(path, Kind::Checkpoint) {
            return Ok(Start::of_checkpoint(checkpoint::read_model(path, false)?));
        }
        let file = ModelFile::read(path)?;
        let model = file.model()?;
        Ok(Start {
            config: model.config().clone(),
            vocabulary: OwnedVocabulary::of_model(&model),
            precision: match model.precision() {
                Precision::F32 => Precision::Int8,
                precision => precision,
            },
            parameters: dequantize::parameters(&model),
        })
    }

    fn of_checkpoint(model: checkpoint::TrainedModel) -> Start {
        Start {
            precision: model.precision(),
            config: model.config,
            vocabulary: model.vocabulary,
            parameters: model.parameters,
        }
    }

    /// Tells one start from another.
    pub(super) fn checksum(&self) -> u32 {
        pipsqueak::internal::file::checksum(bytemuck::cast_slice(self.parameters.values()))
    }
}
