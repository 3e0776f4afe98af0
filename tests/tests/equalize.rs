//! The exporter moves scales between the parameters of an int8 model without changing its function.

use pipsqueak::Precision;
use pipsqueak::internal::{Decoder, Parameter};
use pipsqueak_tests::{architectures, build, random_parameters, shapes};
use pipsqueak_trainer::export::decoding::OwnedMemory;
use pipsqueak_trainer::export::equalize::equalize;
use pipsqueak_trainer::export::model_file::ModelFile;

/// The logits after three tokens.
fn logits(file: &ModelFile) -> Vec<f32> {
    let model = file.model().unwrap();
    let mut memory = OwnedMemory::of(&model);
    let (mut decoder, _) = Decoder::new(model, memory.buffers()).unwrap();
    for (position, token) in [7, 200, 31].into_iter().enumerate() {
        decoder.forward(token, position).unwrap();
    }
    decoder.logits().to_vec()
}

#[test]
fn the_function_stays() {
    for (name, config) in shapes().into_iter().chain(architectures()) {
        let mut parameters = random_parameters(&config);
        let before = logits(&build(&config, Precision::F32, &parameters));
        let mut values = Parameter::ALL.map(|parameter| parameters.get(parameter).to_vec()).to_vec();
        equalize(&config, &mut values);
        let moved = values[Parameter::Qkv as usize] != parameters.get(Parameter::Qkv);
        assert!(moved, "{name}: nothing was equalised");
        for (parameter, values) in Parameter::ALL.into_iter().zip(values) {
            parameters.get_mut(parameter).copy_from_slice(&values);
        }
        let after = logits(&build(&config, Precision::F32, &parameters));
        let size = before.iter().fold(0f32, |so_far, x| so_far.max(x.abs()));
        for (before, after) in before.iter().zip(after) {
            assert!((before - after).abs() < 1e-4 * size, "{name}: {before} became {after}");
        }
    }
}
