//! The transformer over many positions at once, and its backward pass, written by hand.
//!
//! One file an operation, its forward and backward next to each other; the gradient of `x` is `dx`. Gradients of
//! parameters add, and so do those of the residual stream, which several operations read: the caller zeroes them. Every
//! other activation has one reader, whose backward writes its gradient, in its place where nothing else reads it.
//!
//! Row operations are the core's own, so that what is learned here is what a chip will compute.

pub mod activation;
pub mod activations;
pub mod attention;
mod block;
#[cfg(test)]
pub(crate) mod differences;
pub mod embed;
pub mod linear;
pub mod loss;
pub mod matmul;
pub mod norm;
pub mod rotary;
pub mod rounding;
pub mod transpose;

use pipsqueak::Config;
use pipsqueak::config::Position;
use pipsqueak::internal::Parameter;
use pipsqueak::internal::math::{Float, add};

use crate::data::batches::Windows;
use crate::training::parameters::Parameters;
use activations::Activations;
use block::Block;
use embed::{backward_embed, embed, sinusoids};
use linear::Linear;
use loss::cross_entropy;
use norm::Norm;
use rotary::{turned_back, turns_table};
use rounding::round_rows;

/// A model's forward and backward pass over a few sequences, on one thread.
#[derive(Debug, Clone)]
pub struct Network<F> {
    /// Whether activations are rounded as in an integer model; see [`rounding`].
    pub rounds: bool,
    /// Whether the backward pass writes the gradients of linear maps instead of adding to them; see [`Network::writes`].
    pub fresh: bool,
    config: Config,
    /// Rotary `[context, head]`, sinusoidal `[context, width]`, else empty.
    positions: Vec<F>,
    positions_back: Vec<F>,
    activations: Activations<F>,
}

impl<F: Float> Network<F> {
    /// A network without buffers yet; the first pass allocates them.
    pub fn new(config: &Config) -> Network<F> {
        let positions = match config.position {
            Position::Rotary => turns_table(config),
            Position::Sinusoidal => sinusoids(config.context, config.width),
            Position::None | Position::Learned => Vec::new(),
        };
        let positions_back = turned_back(&positions);
        let activations = Activations::default();
        Network {
            rounds: false,
            fresh: false,
            config: config.clone(),
            positions,
            positions_back,
            activations,
        }
    }

    /// Bytes that passes over `sequences` of `length` allocate.
    pub fn bytes(config: &Config, sequences: usize, length: usize) -> usize {
        Activations::<F>::bytes(config, sequences, length)
    }

    /// Bytes that the passes so far have allocated.
    #[cfg(test)]
    pub(crate) fn allocated_bytes(&self) -> usize {
        self.activations.allocated_bytes()
    }

    /// Fills every activation, and returns the logits `[sequences, length, vocab]`.
    ///
    /// # Panics
    /// If a token is not below `vocab`, or the windows are longer than `context`.
    pub fn forward(&mut self, parameters: &Parameters<F>, windows: Windows<'_>) -> &[F] {
        self.forward_with(parameters, None, windows)
    }

    /// As [`Network::forward`]; faster with the matrices transposed beforehand, see [`transpose`].
    ///
    /// # Panics
    /// As [`Network::forward`].
    pub fn forward_with(
        &mut self,
        parameters: &Parameters<F>,
        transposed: Option<&Parameters<F>>,
        windows: Windows<'_>,
    ) -> &[F] {
        let length = windows.length;
        assert!(length <= self.config.context, "{length} positions, {} at most", self.config.context);
        let mut activations = core::mem::take(&mut self.activations);
        activations.fit(&self.config, windows.sequences(), length);
        self.embed(&mut activations, parameters, windows);
        for layer in 0..self.config.layers {
            let block = self.block(parameters, layer);
            let block = match transposed {
                Some(transposed) => block.with(transposed, layer),
                None => block,
            };
            block.forward(&mut activations, layer);
        }
        self.head(&mut activations, parameters, transposed);
        self.activations = activations;
        &self.activations.logits
    }

    /// The weighted sum of all losses; leaves their gradient times `scale` for the backward pass.
    pub fn loss(&mut self, windows: Windows<'_>, scale: F) -> f64 {
        let logits = self.activations.logits.chunks_exact_mut(windows.length * self.config.vocab);
        let sequences = logits.zip(windows.iter());
        sequences.map(|(logits, window)| cross_entropy(logits, window.targets, window.weights, scale)).sum()
    }

    /// Whether this parameter's gradient is written where the backward pass is fresh: the others must be zero before.
    pub fn writes(&self, parameter: Parameter) -> bool {
        use Parameter::{Down, Output, Qkv, Up};
        matches!(parameter, Qkv | Output | Up | Down) || parameter == self.head_parameter()
    }

    /// Adds to `gradients`; after [`Network::forward`] and [`Network::loss`] with the same arguments.
    pub fn backward(
        &mut self,
        gradients: &mut Parameters<F>,
        parameters: &Parameters<F>,
        windows: Windows<'_>,
    ) {
        let mut activations = core::mem::take(&mut self.activations);
        self.backward_head(gradients, &mut activations, parameters);
        for layer in (0..self.config.layers).rev() {
            self.block(parameters, layer).backward(gradients, &mut activations, layer);
        }
        self.backward_embed(gradients, &activations, windows);
        self.activations = activations;
    }

    fn embed(&self, activations: &mut Activations<F>, parameters: &Parameters<F>, windows: Windows<'_>) {
        let width = self.config.width;
        let positions = self.position_vectors(parameters);
        let stream = &mut activations.layers[0].input;
        for (stream, window) in stream.chunks_exact_mut(windows.length * width).zip(windows.iter()) {
            embed(stream, window.inputs, parameters.get(Parameter::Embedding), width);
            add(stream, positions);
        }
    }

    fn backward_embed(
        &self,
        gradients: &mut Parameters<F>,
        activations: &Activations<F>,
        windows: Windows<'_>,
    ) {
        let width = self.config.width;
        let dstream = activations.dstream.chunks_exact(windows.length * width);
        for (dstream, window) in dstream.zip(windows.iter()) {
            add(gradients.get_mut(Parameter::Positions), dstream);
            backward_embed(gradients.get_mut(Parameter::Embedding), dstream, window.inputs, width);
        }
    }

    /// What is added to the embeddings, `[context, width]`, or nothing.
    fn position_vectors<'a>(&'a self, parameters: &'a Parameters<F>) -> &'a [F] {
        match self.config.position {
            Position::Learned => parameters.get(Parameter::Positions),
            Position::Sinusoidal => &self.positions,
            Position::None | Position::Rotary => &[],
        }
    }

    fn head(
        &self,
        activations: &mut Activations<F>,
        parameters: &Parameters<F>,
        transposed: Option<&Parameters<F>>,
    ) {
        let (norm, head) = self.head_weights(parameters);
        let transposed = transposed.map_or(&[][..], |transposed| transposed.get(self.head_parameter()));
        let head = Linear { transposed, ..head };
        norm.forward(&mut activations.final_normed, &mut activations.final_norm, &activations.output);
        if self.rounds {
            round_rows(&mut activations.final_normed, self.config.width);
        }
        head.forward(&mut activations.logits, &activations.final_normed);
    }

    fn backward_head(
        &self,
        gradients: &mut Parameters<F>,
        activations: &mut Activations<F>,
        parameters: &Parameters<F>,
    ) {
        let (norm, head) = self.head_weights(parameters);
        let Activations { logits: dlogits, final_normed, dstream, output, final_norm, .. } = activations;
        head.backward(final_normed, [gradients.get_mut(self.head_parameter()), &mut []], dlogits);
        dstream.fill(F::ZERO);
        let dnorm = gradients.layer_pair_mut(Parameter::FinalNormGain, Parameter::FinalNormBias, 0);
        norm.backward(dstream, dnorm, final_normed, output, final_norm);
    }

    fn head_weights<'a>(&self, parameters: &'a Parameters<F>) -> (Norm<'a, F>, Linear<'a, F>) {
        let gain = parameters.get(Parameter::FinalNormGain);
        let norm = Norm::new(&self.config, gain, parameters.get(Parameter::FinalNormBias));
        let weight = parameters.get(self.head_parameter());
        (norm, Linear { weight, transposed: &[], bias: &[], inputs: self.config.width, fresh: self.fresh })
    }

    const fn head_parameter(&self) -> Parameter {
        if self.config.tied { Parameter::Embedding } else { Parameter::LmHead }
    }

    fn block<'a>(&'a self, parameters: &'a Parameters<F>, layer: usize) -> Block<'a, F> {
        let rotations: [&[F]; 2] = match self.config.position {
            Position::Rotary => [&self.positions, &self.positions_back],
            _ => [&[], &[]],
        };
        let block = Block::new(&self.config, parameters, layer, rotations);
        let block = if self.fresh { block.fresh() } else { block };
        if self.rounds { block.rounding() } else { block }
    }
}
