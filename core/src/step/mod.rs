//! What a step of the decoder consists of, and its two forms: in f32, and in integers.

mod float;
mod integer;

pub(crate) use float::FloatStep;
pub(crate) use integer::IntegerStep;

use crate::model::Model;
use crate::parameter::Parameter;

/// The operations between a token and its logits, on vectors that the implementation keeps.
pub(crate) trait Step {
    /// Positions that it has vectors for: so many can go through a layer one behind the other.
    fn lanes(&self) -> usize {
        1
    }
    /// The vectors are those of lane `lane` from now on.
    fn select(&mut self, _lane: usize) {}
    /// The residual stream begins as the token's embedding, and learns its position.
    fn embed(&mut self, model: &Model<'_>, token: usize, position: usize);
    /// The input becomes the norm of the residual stream.
    fn norm(&mut self, model: &Model<'_>, gain: Parameter, bias: Parameter, layer: usize);
    /// The block becomes `matrix * input + bias`.
    fn project(&mut self, model: &Model<'_>, matrix: Parameter, bias: Parameter, layer: usize);
    /// Takes keys and values from the block into the cache, and turns them and the queries by their position.
    fn remember(&mut self, model: &Model<'_>, layer: usize, position: usize);
    /// From the queries in the block and the cache to what the heads found: the new input.
    fn attend(&mut self, model: &Model<'_>, layer: usize, position: usize);
    /// From the MLP's hidden units in the block to the new input.
    fn activate(&mut self, model: &Model<'_>);
    /// `matrix * input + bias` joins the residual stream, or replaces it.
    fn join(&mut self, model: &Model<'_>, matrix: Parameter, bias: Parameter, layer: usize);
    /// The logits become `matrix * input`.
    fn head(&mut self, model: &Model<'_>, matrix: Parameter);
    /// `[vocab]`.
    fn logits(&mut self) -> &mut [f32];
}
