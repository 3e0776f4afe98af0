//! Every buffer of a pass between the tokens and the loss, allocated once and reused for every step.

use pipsqueak::Config;
use pipsqueak::internal::math::Float;

use super::attention::scratch_len;
use super::experts::Routes;
use crate::aligned::Aligned;

/// The activations of one layer, which the forward pass leaves for the backward pass; that puts gradients in place of some.
/// `rows` counts the positions of all sequences.
#[derive(Debug, Clone, Default)]
pub struct Layer<F> {
    /// `[rows, width]`: the residual stream before attention.
    pub input: Aligned<F>,
    /// `[rows, width]`.
    pub attention_normed: Aligned<F>,
    /// `[rows, 2]`: mean and inverse deviation.
    pub attention_norm: Aligned<F>,
    /// `[rows, qkv_width]`, rotated where positions are rotary.
    pub qkv: Aligned<F>,
    /// `[sequences, heads, length, 2]` values: maximum and inverse sum of each query's scores.
    pub softmax: Aligned<F>,
    /// `[rows, attended_width]`: the heads' results.
    pub attended: Aligned<F>,
    /// `[rows, width]`: the residual stream before the MLP.
    pub middle: Aligned<F>,
    /// `[rows, width]`.
    pub mlp_normed: Aligned<F>,
    /// `[rows, 2]`.
    pub mlp_norm: Aligned<F>,
    /// `[rows, hidden or 2 hidden]`, with two active experts twice as many rows; the activation function leaves its slopes here, and the backward pass the gradient.
    pub up: Aligned<F>,
    /// `[rows, hidden]`, or twice as many rows: after the activation function.
    pub active: Aligned<F>,
    /// `[rows, experts]`: what the router gives each expert; the backward pass leaves the gradient of its scores. Without experts,
    /// this and the next are empty.
    pub probabilities: Aligned<F>,
    /// `[rows, width]`, or twice as many rows: `mlp_normed`, sorted by experts, as `up` and `active` then are, too.
    pub expert_input: Aligned<F>,
    /// `[rows, width]`, or twice as many rows: the experts' results, sorted likewise.
    pub expert_output: Aligned<F>,
    /// Which experts each row goes to.
    pub routes: Routes,
}

/// Every buffer of a forward and backward pass over some sequences.
#[derive(Debug, Clone, Default)]
pub struct Activations<F> {
    /// Positions of each sequence.
    pub length: usize,
    /// `[depth]`: those of all loops.
    pub layers: Vec<Layer<F>>,
    /// `[rows, width]`: the residual stream after the last layer.
    pub output: Aligned<F>,
    /// `[rows, width]`.
    pub final_normed: Aligned<F>,
    /// `[rows, 2]`.
    pub final_norm: Aligned<F>,
    /// `[rows, vocab]`; the loss replaces them by their gradient.
    pub logits: Aligned<F>,
    /// `[rows, width]`: gradient of the residual stream.
    pub dstream: Aligned<F>,
    /// `[rows, attended_width]`: gradient of the heads' results of one layer.
    pub dattended: Aligned<F>,
    /// `[rows, attended_width]`: the heads' results of one layer as the next matrix reads them, where these are rounded.
    pub rounded: Aligned<F>,
    /// Working memory of attention.
    pub scratch: Aligned<F>,
}

impl<F: Float> Activations<F> {
    /// Resizes the buffers for `sequences` of `length`; allocates only beyond the largest size so far.
    pub fn fit(&mut self, config: &Config, sequences: usize, length: usize) {
        let rows = sequences * length;
        self.length = length;
        self.layers.resize_with(config.depth(), Layer::default);
        for (buffer, columns) in self.layers.iter_mut().flat_map(|layer| layer.buffers(config)) {
            buffer.resize(rows * columns, F::ZERO);
        }
        for (buffer, columns) in self.buffers(config) {
            buffer.resize(rows * columns, F::ZERO);
        }
        self.scratch.resize(scratch_len(config, length), F::ZERO);
    }

    /// Bytes that [`Activations::fit`] allocates.
    pub fn bytes(config: &Config, sequences: usize, length: usize) -> usize {
        let columns =
            |buffers: &[(&mut Aligned<F>, usize)]| buffers.iter().map(|(_, columns)| columns).sum::<usize>();
        let layer = columns(&Layer::default().buffers(config));
        let outside = columns(&Activations::default().buffers(config));
        let rows = sequences * length;
        (rows * (config.depth() * layer + outside) + scratch_len(config, length)) * size_of::<F>()
    }

    #[cfg(test)]
    pub(crate) fn allocated_bytes(&mut self, config: &Config) -> usize {
        let mut values = self.scratch.capacity();
        values += self.layers.iter_mut().flat_map(|layer| layer.buffers(config)).map(capacity).sum::<usize>();
        values += self.buffers(config).into_iter().map(capacity).sum::<usize>();
        values * size_of::<F>()
    }

    /// Each buffer that grows with the rows, and its values per row.
    fn buffers(&mut self, config: &Config) -> [(&mut Aligned<F>, usize); 7] {
        [
            (&mut self.output, config.width),
            (&mut self.final_normed, config.width),
            (&mut self.final_norm, 2),
            (&mut self.logits, config.vocab),
            (&mut self.dstream, config.width),
            (&mut self.dattended, config.attended_width()),
            (&mut self.rounded, config.attended_width()),
        ]
    }
}

#[cfg(test)]
fn capacity<F: Copy>((buffer, _): (&mut Aligned<F>, usize)) -> usize {
    buffer.capacity()
}

impl<F> Layer<F> {
    fn buffers(&mut self, config: &Config) -> [(&mut Aligned<F>, usize); 14] {
        let active = config.active_experts;
        let (experts, routed) =
            if config.experts > 1 { (config.experts, active * config.width) } else { (0, 0) };
        [
            (&mut self.input, config.width),
            (&mut self.attention_normed, config.width),
            (&mut self.attention_norm, 2),
            (&mut self.qkv, config.qkv_width()),
            (&mut self.softmax, 2 * config.heads),
            (&mut self.attended, config.attended_width()),
            (&mut self.middle, config.width),
            (&mut self.mlp_normed, config.width),
            (&mut self.mlp_norm, 2),
            (&mut self.up, active * config.up_width()),
            (&mut self.active, active * config.hidden),
            (&mut self.probabilities, experts),
            (&mut self.expert_input, routed),
            (&mut self.expert_output, routed),
        ]
    }
}
