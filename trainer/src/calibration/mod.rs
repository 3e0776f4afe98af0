//! Rounding a model's weights by what they do on a text, without training.
//!
//! The text passes through two models at once, layer by layer: the exact one, and the one whose earlier matrices are rounded
//! already, and whose activations are rounded as the core rounds them. For each matrix, what it reads in both says how it is
//! best changed before rounding ([`statistics::compensate`]), and how each of its rows is best rounded ([`rounding`]). So a
//! matrix makes good for what was rounded before it, and its own values for each other.

pub mod factor;
pub mod rounding;
pub mod statistics;

use std::sync::Mutex;

use anyhow::{Context, Result, ensure};
use pipsqueak::Config;
use pipsqueak::internal::packing::Format;
use pipsqueak::internal::{Parameter, Shape};

use crate::data::batches::Windows;
use crate::export::quantize::{self, RowScales};
use crate::network::layerwise::Layerwise;
use crate::network::rounding::Rounding;
use crate::network::weights::Weights;
use crate::training::parallel;
use crate::training::parameters::Parameters;
use factor::Factor;
use rounding::round;
use statistics::{Inputs, compensate, damp, products};

/// Rows, or scales of a row, that are computed side by side: one AVX-512 register of f32.
pub const LANES: usize = 16;
/// Of the mean of what is on a matrix's diagonal: the choice of Frantar et al.
const DAMPING: f32 = 0.01;
/// The same for an embedding that is the head, too. Its rows also begin the residual stream, where the error of each value counts
/// alike. Of 0.1, 0.3, 1, 3 and 10, the best for stories260K in int4.
const DAMPING_OF_EMBEDDING: f32 = 1.0;
/// The matrices of a layer, in the order in which they are read.
const OF_LAYER: [Parameter; 4] = [Parameter::Qkv, Parameter::Output, Parameter::Up, Parameter::Down];

/// Calls of `progress` by [`calibrate`].
pub fn steps(config: &Config) -> usize {
    OF_LAYER.len() * config.layers + 1
}

/// Bytes for each token that [`calibrate`] takes.
pub fn bytes_per_token(config: &Config) -> usize {
    let columns = OF_LAYER.map(|matrix| matrix.shape(config).columns).into_iter().max().unwrap_or(0);
    (2 * columns + 3 * config.width) * size_of::<f32>()
}

/// Rounds every matrix of `parameters` to `format`, by what the model does with `windows`; returns the scales of the rows.
/// `progress` is called after each matrix.
///
/// # Errors
/// Tables beside the embedding, experts or loops, which no imported model has; activations that overflow.
pub fn calibrate(
    config: &Config,
    parameters: &mut Parameters<f32>,
    windows: Windows<'_>,
    format: Format,
    progress: &dyn Fn(),
) -> Result<RowScales> {
    let is_plain = config.loops == 1 && config.experts == 1;
    ensure!(
        is_plain && config.bigrams == 0 && !config.per_layer_embeddings,
        "a model with loops, experts, bigrams or per-layer embeddings cannot be calibrated; train it with the precision that it is for"
    );
    let scales = Parameter::ALL.map(|parameter| {
        let shape = parameter.shape(config);
        if parameter.is_matrix() { vec![0.0; shape.layers * shape.rows] } else { Vec::new() }
    });
    let (scales, layers) = (scales.into(), Layers::new(config));
    let mut run = Run { config, parameters, windows, format, scales, layers };
    run.all(progress)?;
    Ok(run.scales)
}

/// Buffers for as many threads as there are.
struct Layers {
    new: Layerwise<f32>,
    free: Mutex<Vec<Layerwise<f32>>>,
}

impl Layers {
    fn new(config: &Config) -> Layers {
        Layers { new: Layerwise::new(config), free: Mutex::default() }
    }

    fn with(&self, work: impl FnOnce(&mut Layerwise<f32>)) {
        let free = || self.free.lock().expect("no thread panics while it takes a buffer");
        let taken = free().pop();
        let mut layers = taken.unwrap_or_else(|| self.new.clone());
        work(&mut layers);
        free().push(layers);
    }
}

struct Run<'a> {
    config: &'a Config,
    /// The exact ones, which rounded ones replace, from the first to the last.
    parameters: &'a mut Parameters<f32>,
    windows: Windows<'a>,
    format: Format,
    scales: RowScales,
    layers: Layers,
}

/// The residual streams of both models, `[tokens, width]`.
struct Streams {
    exact: Vec<f32>,
    rounded: Vec<f32>,
}

/// The exact model's weights.
fn exact(values: &Parameters<f32>) -> Weights<'_, f32> {
    Weights::exact(values)
}

/// The same with a chip's activations.
fn on_chip(values: &Parameters<f32>) -> Weights<'_, f32> {
    Weights { rounding: Rounding::Int8, ..Weights::exact(values) }
}

impl Run<'_> {
    fn all(&mut self, progress: &dyn Fn()) -> Result<()> {
        let stream = self.layers.new.embed(self.parameters, self.windows);
        if self.config.tied {
            self.round_tied_embedding(stream.clone())?;
            progress();
        } else {
            self.round_to_nearest(Parameter::Embedding);
        }
        self.round_to_nearest(Parameter::Positions);
        let rounded = self.layers.new.embed(self.parameters, self.windows);
        let mut streams = Streams { exact: stream, rounded };
        for layer in 0..self.config.layers {
            self.layer(layer, &mut streams, progress)?;
        }
        if !self.config.tied {
            self.round_head(streams)?;
            progress();
        }
        Ok(())
    }

    /// Rounds one layer's matrices, and brings both streams behind it.
    fn layer(&mut self, layer: usize, streams: &mut Streams, progress: &dyn Fn()) -> Result<()> {
        let original = self.copy_of(layer);
        for matrix in OF_LAYER {
            let inputs = self.inputs_of(matrix, layer, &original, streams);
            self.round(matrix, layer, &inputs, DAMPING)?;
            progress();
        }
        self.forward(exact(&original), 0, &mut streams.exact);
        self.forward(on_chip(self.parameters), layer, &mut streams.rounded);
        Ok(())
    }

    /// The parameters of a model of this layer alone.
    fn copy_of(&self, layer: usize) -> Parameters<f32> {
        let mut copy = Parameters::zeros(&Config { layers: 1, vocab: 1, ..self.config.clone() });
        for (parameter, values) in copy.walk_mut() {
            let Shape { layers, rows, columns } = self.parameters.shape(parameter);
            if layers == self.config.layers && rows * columns == values.len() {
                values.copy_from_slice(self.parameters.layer(parameter, layer));
            }
        }
        copy
    }

    /// A matrix's inputs in both models; `original` is the layer before rounding.
    fn inputs_of(
        &self,
        matrix: Parameter,
        layer: usize,
        original: &Parameters<f32>,
        streams: &Streams,
    ) -> Inputs {
        let (columns, width) = (self.parameters.shape(matrix).columns, self.config.width);
        let tokens = self.windows.sequences() * self.windows.length;
        let [mut rounded, mut difference] = [(); 2].map(|()| vec![0.0; tokens * columns]);
        let mut stream = vec![0.0; tokens * width];
        let ins = self.parts(&streams.exact, width).zip(self.parts(&streams.rounded, width));
        let outs = self.parts_mut(&mut rounded, columns).zip(self.parts_mut(&mut difference, columns));
        let outs = outs.zip(self.parts_mut(&mut stream, width));
        let work = ins.zip(outs);
        parallel::for_each(
            parallel::available(),
            work,
            |((exact_in, rounded_in), ((x, difference), stream))| {
                self.layers.with(|layers| {
                    let (read, before) = layers.inputs_of(matrix, exact(original), 0, exact_in);
                    difference.copy_from_slice(read);
                    stream.copy_from_slice(before);
                    let (read, before) =
                        layers.inputs_of(matrix, on_chip(self.parameters), layer, rounded_in);
                    x.copy_from_slice(read);
                    subtract(difference, read);
                    subtract(stream, before);
                });
            },
        );
        if !(self.config.residual && matches!(matrix, Parameter::Output | Parameter::Down)) {
            stream = Vec::new();
        }
        Inputs { rounded, difference, stream }
    }

    /// Brings a stream behind a layer.
    fn forward(&self, weights: Weights<'_, f32>, layer: usize, stream: &mut [f32]) {
        parallel::for_each(parallel::available(), self.parts_mut(stream, self.config.width), |stream| {
            self.layers.with(|layers| layers.forward(weights, layer, stream));
        });
    }

    /// The head's inputs: the stream, normed.
    fn inputs_of_head(&self, weights: Weights<'_, f32>, mut stream: Vec<f32>) -> Vec<f32> {
        parallel::for_each(parallel::available(), self.parts_mut(&mut stream, self.config.width), |stream| {
            self.layers.with(|layers| {
                let read = layers.inputs_of_head(weights, stream).to_vec();
                stream.copy_from_slice(&read);
            });
        });
        stream
    }

    /// The windows' parts of a buffer `[tokens, columns]`.
    fn parts<'b>(
        &self,
        buffer: &'b [f32],
        columns: usize,
    ) -> impl Iterator<Item = &'b [f32]> + Send + use<'b> {
        buffer.chunks_exact(self.windows.length * columns)
    }

    fn parts_mut<'b>(
        &self,
        buffer: &'b mut [f32],
        columns: usize,
    ) -> impl Iterator<Item = &'b mut [f32]> + Send + use<'b> {
        buffer.chunks_exact_mut(self.windows.length * columns)
    }

    /// Rounds an embedding that is the head, too, by what the exact model's head reads: the layers cannot be rounded before it.
    fn round_tied_embedding(&mut self, mut stream: Vec<f32>) -> Result<()> {
        for layer in 0..self.config.layers {
            self.forward(exact(self.parameters), layer, &mut stream);
        }
        let rounded = self.inputs_of_head(on_chip(self.parameters), stream);
        let inputs = Inputs { rounded, difference: Vec::new(), stream: Vec::new() };
        self.round(Parameter::Embedding, 0, &inputs, DAMPING_OF_EMBEDDING)
    }

    fn round_head(&mut self, streams: Streams) -> Result<()> {
        let rounded = self.inputs_of_head(on_chip(self.parameters), streams.rounded);
        let mut difference = self.inputs_of_head(exact(self.parameters), streams.exact);
        subtract(&mut difference, &rounded);
        let inputs = Inputs { rounded, difference, stream: Vec::new() };
        self.round(Parameter::LmHead, 0, &inputs, DAMPING)
    }

    /// Rounds a table, which multiplies nothing.
    fn round_to_nearest(&mut self, table: Parameter) {
        let shape = self.parameters.shape(table);
        if !shape.is_empty() {
            let values = self.parameters.get_mut(table);
            self.scales[table as usize] = quantize::round_to_nearest(values, shape, self.format);
        }
    }

    /// Rounds one layer of a matrix by what it reads.
    fn round(&mut self, matrix: Parameter, layer: usize, inputs: &Inputs, damping: f32) -> Result<()> {
        let Shape { layers, rows, columns } = self.parameters.shape(matrix);
        let mut h = products(&inputs.rounded, &inputs.rounded, inputs.rounded.len() / columns);
        damp(&mut h, columns, damping);
        let factor = Factor::of(&h, columns).with_context(|| {
            let of_layer = if layers > 1 { format!(" of layer {layer}") } else { String::new() };
            format!(
                "{}{of_layer} cannot be calibrated: its inputs are too large for f32; leave --calibrate out",
                matrix.name()
            )
        })?;
        drop(h);
        let weights = self.parameters.layer_mut(matrix, layer);
        if !inputs.difference.is_empty() {
            compensate(weights, inputs, &factor);
        }
        let scales = round_rows(weights, &factor, self.format);
        self.scales[matrix as usize][layer * rows..][..rows].copy_from_slice(&scales);
        Ok(())
    }
}

/// `a -= b`.
fn subtract(a: &mut [f32], b: &[f32]) {
    a.iter_mut().zip(b).for_each(|(a, b)| *a -= b);
}

/// Rounds the rows of a matrix; returns their scales as a model file holds them.
fn round_rows(weights: &mut [f32], factor: &Factor, format: Format) -> Vec<f32> {
    let columns = factor.columns();
    let mut scales = vec![0.0; weights.len() / columns];
    let rows = weights.chunks_exact_mut(columns).zip(&mut scales);
    parallel::for_each(parallel::available(), rows, |(row, scale)| {
        let rounded = round(row, factor, format);
        row.iter_mut().zip(&rounded.integers).for_each(|(w, &q)| *w = f32::from(q));
        *scale = rounded.scale;
    });
    let scales = quantize::storable(&scales);
    for (row, scale) in weights.chunks_exact_mut(columns).zip(&scales) {
        row.iter_mut().for_each(|w| *w *= scale);
    }
    scales
}

#[cfg(test)]
mod tests {
    use pipsqueak::Precision;
    use pipsqueak::internal::file::Provenance;

    use super::*;
    use crate::data::vocabulary::{OwnedPieces, OwnedVocabulary};
    use crate::export::{dequantize, model_file};
    use crate::network::Network;
    use crate::sizing::presets::{GPT, STORIES_260K};

    const LENGTH: usize = 16;

    fn shapes() -> [Config; 3] {
        [STORIES_260K, Config { tied: false, ..STORIES_260K }, Config { bias: true, ..GPT }].map(|shape| {
            let size = Config { vocab: 256, context: LENGTH, width: 24, layers: 2, hidden: 30, ..shape };
            Config { heads: 2, kv_heads: 2, ..size }
        })
    }

    /// Weights of a model that does something.
    fn weights(config: &Config) -> Parameters<f32> {
        let mut parameters = Parameters::init(config, 3);
        let matrices = parameters.walk_mut().filter(|(parameter, _)| parameter.is_matrix());
        matrices.for_each(|(_, values)| values.iter_mut().for_each(|value| *value *= 8.0));
        parameters
    }

    /// Noise from `first` on, of fewer tokens than there are.
    fn tokens(first: usize) -> Vec<u16> {
        (first..first + 80 * (LENGTH + 1)).map(|i| (i * i % 251 * i % 61) as u16).collect()
    }

    /// Mean square of what the logits are wrong by, with a chip's activations.
    fn error(config: &Config, parameters: &Parameters<f32>, tokens: &[u16]) -> f64 {
        let windows = Windows { tokens, weights: &[], length: LENGTH };
        let logits = |weights| Network::new(config).forward(weights, windows).to_vec();
        let (is, expected) = (logits(on_chip(parameters)), logits(exact(&self::weights(config))));
        let square = is.iter().zip(&expected).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>();
        square / is.len() as f64
    }

    #[test]
    fn calibrated_models_lose_less_than_rounded_ones_on_another_text_and_files_hold_them() {
        let pieces = OwnedPieces::Bytes;
        let vocabulary = OwnedVocabulary { pieces, specials: 0, begin: None, end: None, prefix_space: false };
        for config in shapes() {
            for precision in [Precision::Int8, Precision::Int4, Precision::Ternary] {
                let format = precision.format().unwrap();
                let (mut calibrated, mut rounded) = (weights(&config), weights(&config));
                for (parameter, values) in rounded.walk_mut().filter(|(parameter, _)| parameter.is_matrix()) {
                    quantize::round_to_nearest(values, parameter.shape(&config), format);
                }
                let (text, steps_done) = (tokens(0), std::cell::Cell::new(0));
                let windows = Windows { tokens: &text, weights: &[], length: LENGTH };
                let progress = || steps_done.set(steps_done.get() + 1);
                let scales = calibrate(&config, &mut calibrated, windows, format, &progress).unwrap();
                assert_eq!(steps_done.get(), steps(&config));
                let error = |parameters| error(&config, parameters, &tokens(100_000));
                let (is, plain) = (error(&calibrated), error(&rounded));
                assert!(is < 0.9 * plain, "{precision:?}: {is} {plain}");

                let expected = calibrated.clone();
                let provenance = Provenance::UNKNOWN;
                let file = model_file::build_rounded(
                    &config,
                    precision,
                    &vocabulary,
                    provenance,
                    calibrated,
                    &scales,
                );
                let held = dequantize::parameters(&file.unwrap().model().unwrap());
                for ((parameter, _, held), (_, _, expected)) in held.walk().zip(expected.walk()) {
                    let largest = expected.iter().fold(0f32, |a, b| a.max(b.abs()));
                    for (held, expected) in held.iter().zip(expected) {
                        let error = (held - expected).abs();
                        assert!(error <= 1e-6 * largest, "{}: {held} {expected}", parameter.name());
                    }
                }
            }
        }
    }

    #[test]
    fn what_cannot_be_calibrated_is_refused() {
        let [config, ..] = shapes();
        let text = tokens(0);
        let windows = Windows { tokens: &text, weights: &[], length: LENGTH };
        let looped = Config { loops: 2, ..config.clone() };
        let refused = |config: &Config, mut parameters: Parameters<f32>| {
            calibrate(config, &mut parameters, windows, Format::Int4, &|| ()).unwrap_err().to_string()
        };
        assert!(refused(&looped, weights(&looped)).contains("loops"));
        let mut huge = weights(&config);
        huge.get_mut(Parameter::AttentionNormGain).fill(1e30);
        assert!(refused(&config, huge).contains("too large for f32"));
    }
}
