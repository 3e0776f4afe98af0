//! The transformer over many positions at once, and its backward pass, written by hand.
//!
//! One file an operation, its forward and backward next to each other; the gradient of `x` is `dx`. Gradients of
//! parameters add up, and so do those of the residual stream, which several operations read. Every other activation has
//! one reader, whose backward pass writes its gradient, in its place where nothing else reads it.
//!
//! Norms, rotations, sinusoids, ReLU and the loss's softmax are the core's own, so that what is learned here is what a chip
//! computes. Matrix products, GELU, SiLU and attention with its softmax are second implementations, for speed: the core's
//! take one position at a time, these take many side by side, and leave what the backward pass needs. `tests/decoder.rs`
//! holds the two to the same logits, for every choice of a config.

pub mod activation;
pub mod activations;
pub mod attention;
mod block;
#[cfg(test)]
pub(crate) mod differences;
pub mod dropout;
pub mod embed;
pub mod experts;
pub mod gradients;
mod head;
pub mod layerwise;
pub mod linear;
pub mod loss;
pub mod matmul;
pub mod name_loss;
pub mod norm;
mod product;
pub mod rotary;
pub mod rounding;
mod tables;
pub mod transpose;
pub mod weights;

use pipsqueak::internal::Parameter;
use pipsqueak::internal::math::{Float, add};
use pipsqueak::{Config, Position};

use crate::data::batches::Windows;
use crate::data::names::Names;
use crate::training::parameters::Parameters;
use activations::Activations;
use block::Block;
use dropout::Place;
use embed::{backward_embed, embed, sinusoids};
use gradients::{Gradients, Mode};
use head::{Head, head_matrix};
use loss::cross_entropy;
use name_loss::NameLoss;
use rotary::Rotations;
use tables::{Depth, add_tables, backward_add_tables};
use weights::Weights;

/// A model's forward and backward pass over a few sequences, on one thread.
#[derive(Debug, Clone)]
pub struct Network<F> {
    config: Config,
    rotations: Rotations<F>,
    /// `[context, width]`; empty where positions are not sinusoidal.
    sinusoids: Vec<F>,
    activations: Activations<F>,
    /// By which the gradient of the losses is multiplied.
    scale: F,
}

impl<F: Float> Network<F> {
    /// A network without buffers yet; the first pass allocates them.
    pub fn new(config: &Config) -> Network<F> {
        let positions = if config.position == Position::Sinusoidal { config.context } else { 0 };
        Network {
            config: config.clone(),
            rotations: Rotations::new(config),
            sinusoids: sinusoids(positions, config.width),
            activations: Activations::default(),
            scale: F::ZERO,
        }
    }

    /// Bytes that passes over `sequences` of `length` allocate.
    pub fn bytes(config: &Config, sequences: usize, length: usize) -> usize {
        Activations::<F>::bytes(config, sequences, length)
    }

    /// Bytes that the passes so far have allocated.
    #[cfg(test)]
    pub(crate) fn allocated_bytes(&mut self) -> usize {
        self.activations.allocated_bytes(&self.config)
    }

    /// Fills every activation, and returns the logits `[sequences, length, vocab]`.
    ///
    /// # Panics
    /// If a token is not below `vocab`, or the windows are longer than `context`.
    pub fn forward(&mut self, weights: Weights<'_, F>, windows: Windows<'_>) -> &[F] {
        let (length, context) = (windows.length, self.config.context);
        assert!(length <= context, "{length} positions; the context is {context}");
        let mut activations = core::mem::take(&mut self.activations);
        activations.fit(&self.config, windows.sequences(), length);
        self.embed(&mut activations, weights, windows);
        for depth in 0..self.config.depth() {
            let stream = &mut activations.layers[depth].input;
            add_tables(stream, weights.values, windows, self.depth(depth));
            Block::new(&self.config, &self.rotations, weights, depth).forward(&mut activations);
        }
        Head::new(&self.config, weights).forward(&mut activations);
        self.activations = activations;
        &self.activations.logits
    }

    /// The weighted sum of all losses; leaves their gradient times `scale` for the backward pass, and with `names` also that of
    /// which name is meant.
    pub fn loss(&mut self, windows: Windows<'_>, names: Option<&Names>, scale: F) -> f64 {
        self.scale = scale;
        let vocab = self.config.vocab;
        let logits = self.activations.logits.chunks_exact_mut(windows.length * vocab);
        let sequences = logits.zip(windows.iter());
        let losses = sequences.map(|(logits, window)| {
            let name_loss = names.map(|names| NameLoss::of(names, logits, window));
            let loss = cross_entropy(logits, window.targets, window.weights, scale);
            if let Some(name_loss) = name_loss {
                name_loss.add_to(logits, vocab, scale);
            }
            loss
        });
        losses.sum()
    }

    /// The term that the use of the experts adds to the loss that the backward pass follows, summed over all layers and rows; after
    /// [`Network::forward`].
    pub fn balance(&self) -> f64 {
        self.activations.layers.iter().map(|layer| layer.routes.balance(&layer.probabilities)).sum()
    }

    /// Leaves the gradient of the parameters in `gradients`; after [`Network::forward`] and [`Network::loss`] with the same
    /// arguments.
    pub fn backward(
        &mut self,
        mut gradients: Gradients<'_, F>,
        weights: Weights<'_, F>,
        windows: Windows<'_>,
    ) {
        gradients.clear(|parameter| self.is_linear(parameter));
        let mut activations = core::mem::take(&mut self.activations);
        Head::new(&self.config, weights).backward(&mut gradients, &mut activations);
        for depth in (0..self.config.depth()).rev() {
            Block::new(&self.config, &self.rotations, weights, depth).backward(
                &mut gradients,
                &mut activations,
                self.scale,
            );
            backward_add_tables(gradients.into, &activations.dstream, windows, self.depth(depth));
            // The gradients of a matrix that several loops use add up.
            if depth % self.config.layers == 0 {
                gradients.mode = Mode::Add;
            }
        }
        weights.dropout.drop(&mut activations.dstream, Place::Embedding);
        self.backward_embed(gradients.into, &activations, windows);
        self.activations = activations;
    }

    fn depth(&self, depth: usize) -> Depth {
        Depth { depth, layer: depth % self.config.layers }
    }

    /// Whether a parameter is the matrix of a linear map, whose gradient is a matrix product.
    fn is_linear(&self, parameter: Parameter) -> bool {
        use Parameter::{Down, Output, Qkv, Router, Up};
        matches!(parameter, Qkv | Output | Up | Down | Router) || parameter == head_matrix(&self.config)
    }

    fn embed(&self, activations: &mut Activations<F>, weights: Weights<'_, F>, windows: Windows<'_>) {
        let Weights { values: parameters, dropout, .. } = weights;
        let width = self.config.width;
        let positions = self.position_vectors(parameters);
        let stream = &mut activations.layers[0].input;
        for (stream, window) in stream.chunks_exact_mut(windows.length * width).zip(windows.iter()) {
            embed(stream, window.inputs, parameters.get(Parameter::Embedding), width);
            add(stream, positions);
        }
        dropout.drop(&mut activations.layers[0].input, Place::Embedding);
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

    /// The vectors that are added to the embeddings, `[context, width]`, or none.
    fn position_vectors<'a>(&'a self, parameters: &'a Parameters<F>) -> &'a [F] {
        match self.config.position {
            Position::Learned => parameters.get(Parameter::Positions),
            Position::Sinusoidal => &self.sinusoids,
            Position::None | Position::Rotary => &[],
        }
    }
}
