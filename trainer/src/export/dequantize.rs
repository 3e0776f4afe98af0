//! The weights of a model file in f32.

use pipsqueak::Model;
use pipsqueak::internal::Parameter;

use crate::training::parameters::Parameters;

/// The weights of a model in any number format; of integers, the values that they stand for.
pub fn parameters(model: &Model<'_>) -> Parameters<f32> {
    let mut parameters = Parameters::zeros(model.config());
    for parameter in Parameter::ALL {
        let shape = parameter.shape(model.config());
        let layers = parameters.get_mut(parameter).chunks_exact_mut((shape.rows * shape.columns).max(1));
        for (layer, values) in layers.enumerate() {
            if !parameter.is_matrix() {
                values.copy_from_slice(model.vector(parameter, layer));
                continue;
            }
            let matrix = model.matrix(parameter, layer);
            let mut integers = vec![0; shape.columns];
            for (row, values) in values.chunks_exact_mut(shape.columns).enumerate() {
                if model.precision().format().is_none() {
                    matrix.row(row, values);
                } else {
                    let unit = matrix.integer_row(row, &mut integers);
                    values.iter_mut().zip(&integers).for_each(|(value, &q)| *value = q as f32 * unit);
                }
            }
        }
    }
    parameters
}

#[cfg(test)]
mod tests {
    use pipsqueak::internal::file::Provenance;
    use pipsqueak::{Config, Precision};

    use super::*;
    use crate::data::batches::Split;
    use crate::data::vocabulary::{OwnedPieces, OwnedVocabulary};
    use crate::export::decoding::loss_over;
    use crate::export::model_file::build;
    use crate::sizing::presets::{GPT, STORIES_260K};

    #[test]
    fn the_weights_make_the_same_model() {
        let pieces = OwnedPieces::Bytes;
        let vocabulary = OwnedVocabulary { pieces, specials: 0, begin: None, end: None, prefix_space: false };
        let tokens = Split::of_text((0..200u32).map(|i| (i * i % 251) as u16).collect());
        for shape in [STORIES_260K, Config { bias: true, ..GPT }] {
            let size = Config { vocab: 256, context: 8, width: 24, layers: 2, hidden: 30, ..shape };
            let config = Config { heads: 2, kv_heads: 2, ..size };
            let mut original = Parameters::<f32>::init(&config, 3);
            original.walk_mut().for_each(|(_, values)| values.iter_mut().for_each(|value| *value *= 3.0));
            let of = |parameters: &Parameters<f32>, precision| {
                build(&config, precision, &vocabulary, Provenance::UNKNOWN, |p| parameters.get(p)).unwrap()
            };
            for precision in [Precision::F32, Precision::Int8, Precision::Int4, Precision::Ternary] {
                let file = of(&original, precision);
                let found = parameters(&file.model().unwrap());
                let loss = |file: &crate::export::model_file::ModelFile| {
                    loss_over(&file.model().unwrap(), &tokens, |_| ()).unwrap()
                };
                let (expected, is) = (loss(&file), loss(&of(&found, Precision::F32)));
                assert!((expected - is).abs() < 0.01, "{precision:?}: {expected} {is}");
                assert!((loss(&of(&original, Precision::F32)) - is).abs() < 1.0, "{precision:?}: {is}");
            }
        }
    }
}
