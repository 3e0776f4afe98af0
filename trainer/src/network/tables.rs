//! Tables whose rows are added to the residual stream beside the embedding: `x[position] += table[row(position)]`.
//!
//! Of pairs of tokens, once, before the first layer: the row is a hash of the token before and the token, and the first position
//! has none. Of single tokens, before each layer, from a table of the layer's own.

use pipsqueak::internal::Parameter::{self, Bigrams, PerLayerEmbeddings};
use pipsqueak::internal::math::{Float, add};
use pipsqueak::internal::{Shape, bigram_row};

use crate::data::batches::Windows;
use crate::training::parameters::Parameters;

/// Adds to the residual stream `[rows, width]` before the layer at this depth.
pub(super) fn add_tables<F: Float>(
    stream: &mut [F],
    parameters: &Parameters<F>,
    windows: Windows<'_>,
    depth: Depth,
) {
    for (table, layer) in depth.tables() {
        let Shape { rows, columns, .. } = parameters.shape(table);
        let values = parameters.layer(table, layer);
        each_row(table, rows, windows, |position, row| {
            add(&mut stream[position * columns..][..columns], &values[row * columns..][..columns]);
        });
    }
}

/// The tables' gradients from that of the residual stream, which stays: a row's is the sum over all its positions.
pub(super) fn backward_add_tables<F: Float>(
    gradients: &mut Parameters<F>,
    dstream: &[F],
    windows: Windows<'_>,
    depth: Depth,
) {
    for (table, layer) in depth.tables() {
        let Shape { rows, columns, .. } = gradients.shape(table);
        let dvalues = gradients.layer_mut(table, layer);
        each_row(table, rows, windows, |position, row| {
            add(&mut dvalues[row * columns..][..columns], &dstream[position * columns..][..columns]);
        });
    }
}

/// Where in the network a layer is used.
#[derive(Debug, Clone, Copy)]
pub(super) struct Depth {
    /// Layers before it, those of all loops counted.
    pub(super) depth: usize,
    /// Whose weights it has.
    pub(super) layer: usize,
}

impl Depth {
    /// The tables that are added before the layer, and the layer of each.
    fn tables(self) -> impl Iterator<Item = (Parameter, usize)> {
        let pairs = (self.depth == 0).then_some((Bigrams, 0));
        pairs.into_iter().chain([(PerLayerEmbeddings, self.layer)])
    }
}

/// Calls `each` with every position of all windows that has a row in a table of so many `rows`, and with the row.
fn each_row(table: Parameter, rows: usize, windows: Windows<'_>, mut each: impl FnMut(usize, usize)) {
    if rows == 0 {
        return;
    }
    for (i, window) in windows.iter().enumerate() {
        let start = i * windows.length;
        if table == Bigrams {
            let pairs = window.inputs.windows(2).zip(start + 1..);
            pairs.for_each(|(pair, position)| each(position, bigram_row(pair[0], pair[1], rows)));
        } else {
            let tokens = window.inputs.iter().zip(start..);
            tokens.for_each(|(&token, position)| each(position, token.into()));
        }
    }
}
