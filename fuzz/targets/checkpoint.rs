//! A checkpoint of a training, and the model file made from what can be read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pipsqueak::internal::file::Provenance;
use pipsqueak_trainer::export::model_file;
use pipsqueak_trainer::training::checkpoint::{TrainedModel, model_in};

fuzz_target!(|bytes: &[u8]| {
    let Some((&choice, bytes)) = bytes.split_first() else { return };
    let file = if choice & 1 == 0 { assembled(bytes) } else { bytes.to_vec() };
    if let Ok(model) = model_in(&file, choice & 2 == 0) {
        export(&model);
    }
});

/// A file whose lengths and quotation marks are right, from the metadata, the header's tensors, and their bytes, with a zero
/// byte between them.
fn assembled(bytes: &[u8]) -> Vec<u8> {
    let mut parts = bytes.splitn(3, |&byte| byte == 0);
    let mut text = || String::from_utf8_lossy(parts.next().unwrap_or_default());
    let (metadata, tensors) = (text(), text());
    let metadata = serde_json::to_string(&metadata).expect("any text can be quoted");
    let header = format!("{{\"__metadata__\":{{\"pipsqueak\":{metadata}}},{tensors}}}");
    let length = (header.len() as u64).to_le_bytes();
    [&length[..], header.as_bytes(), parts.next().unwrap_or_default()].concat()
}

/// As `pipsqueak export`.
fn export(model: &TrainedModel) {
    let weights = model.weights();
    let provenance = Provenance { steps: model.steps as u32, ..Provenance::UNKNOWN };
    let file =
        model_file::build(&model.config, model.precision(), &model.vocabulary, provenance, |parameter| {
            weights.get(parameter)
        });
    if let Ok(file) = file {
        file.model().expect("a file that is written here can be read");
    }
}
