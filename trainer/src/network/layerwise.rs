//! The forward pass a layer at a time, for whoever changes a layer's weights before the next one is computed.

use pipsqueak::Config;
use pipsqueak::internal::Parameter;
use pipsqueak::internal::math::{Float, add};

use super::Network;
use super::block::Block;
use super::embed::embed;
use super::head::Head;
use super::weights::Weights;
use crate::data::batches::Windows;
use crate::training::parameters::Parameters;

/// The layers of a model, one of which is computed at a time, with buffers for one.
#[derive(Debug, Clone)]
pub struct Layerwise<F>(Network<F>);

impl<F: Float> Layerwise<F> {
    /// For a model of this shape, without tables beside the embedding.
    pub fn new(config: &Config) -> Layerwise<F> {
        Layerwise(Network::new(&Config { layers: 1, loops: 1, vocab: 1, tied: true, ..config.clone() }))
    }

    /// The residual stream `[sequences, length, width]` as it begins.
    pub fn embed(&self, parameters: &Parameters<F>, windows: Windows<'_>) -> Vec<F> {
        let width = self.0.config.width;
        let mut stream = vec![F::ZERO; windows.sequences() * windows.length * width];
        for (stream, window) in stream.chunks_exact_mut(windows.length * width).zip(windows.iter()) {
            embed(stream, window.inputs, parameters.get(Parameter::Embedding), width);
            add(stream, self.0.position_vectors(parameters));
        }
        stream
    }

    /// For one sequence's residual stream `[length, width]` before a `layer`: what the layer's `matrix` reads, `[length, columns]`,
    /// and the residual stream there.
    pub fn inputs_of(
        &mut self,
        matrix: Parameter,
        weights: Weights<'_, F>,
        layer: usize,
        stream: &[F],
    ) -> (&[F], &[F]) {
        let Network { config, rotations, activations, .. } = &mut self.0;
        activations.fit(config, 1, stream.len() / config.width);
        activations.layers[0].input.copy_from_slice(stream);
        Block::at(config, rotations, weights, 0, layer).inputs_of(matrix, activations)
    }

    /// Replaces one sequence's residual stream `[length, width]` before a `layer` by the one behind it.
    pub fn forward(&mut self, weights: Weights<'_, F>, layer: usize, stream: &mut [F]) {
        let Network { config, rotations, activations, .. } = &mut self.0;
        activations.fit(config, 1, stream.len() / config.width);
        activations.layers[0].input.copy_from_slice(stream);
        Block::at(config, rotations, weights, 0, layer).forward(activations);
        stream.copy_from_slice(&activations.output);
    }

    /// For one sequence's residual stream `[length, width]` behind the layers: what the head reads, as long.
    pub fn inputs_of_head(&mut self, weights: Weights<'_, F>, stream: &[F]) -> &[F] {
        let Network { config, activations, .. } = &mut self.0;
        activations.fit(config, 1, stream.len() / config.width);
        activations.output.copy_from_slice(stream);
        Head::new(config, weights).norm(activations);
        &activations.final_normed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::rounding::Rounding;
    use crate::sizing::presets::{GPT, STORIES_260K};

    /// A product of fewer rows may sum in another order.
    fn assert_near(a: &[f64], b: &[f64]) {
        assert_eq!(a.len(), b.len());
        for (i, (a, b)) in a.iter().zip(b).enumerate() {
            assert!((a - b).abs() < 1e-9, "[{i}]: {a} {b}");
        }
    }

    #[test]
    fn layer_by_layer_is_the_same_as_all_at_once() {
        const LENGTH: usize = 8;
        for shape in [STORIES_260K, GPT] {
            let size = Config { vocab: 32, context: LENGTH, width: 16, hidden: 20, layers: 3, ..shape };
            let config = Config { heads: 4, kv_heads: 4, tied: true, ..size };
            let mut parameters = Parameters::<f64>::init(&config, 5);
            parameters.values_mut().iter_mut().for_each(|value| *value *= 4.0);
            let tokens: Vec<u16> = (0..2 * (LENGTH as u16 + 1)).map(|i| i * i % 32).collect();
            let windows = Windows { tokens: &tokens, weights: &[], length: LENGTH };
            for rounding in [Rounding::None, Rounding::Int8] {
                let weights = Weights { rounding, ..Weights::exact(&parameters) };
                let mut network = Network::new(&config);
                network.forward(weights, windows);
                let whole = &network.activations;
                let mut layers = Layerwise::new(&config);
                let part = LENGTH * config.width;
                let mut stream = layers.embed(&parameters, windows);
                for layer in 0..config.layers {
                    let second = &mut stream[part..];
                    let expected = &whole.layers[layer];
                    let mut inputs = |matrix| layers.inputs_of(matrix, weights, layer, second).0.to_vec();
                    assert_near(&inputs(Parameter::Qkv), &expected.attention_normed[part..]);
                    assert_near(&inputs(Parameter::Up), &expected.mlp_normed[part..]);
                    assert_near(&inputs(Parameter::Down), &expected.active[LENGTH * config.hidden..]);
                    if rounding == Rounding::None {
                        assert_near(&inputs(Parameter::Output), &expected.attended[part..]);
                    }
                    stream.chunks_exact_mut(part).for_each(|stream| layers.forward(weights, layer, stream));
                }
                assert_near(&stream, &whole.output);
                assert_near(layers.inputs_of_head(weights, &stream[part..]), &whole.final_normed[part..]);
            }
        }
    }
}
