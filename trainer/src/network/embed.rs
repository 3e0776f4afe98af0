//! Embedding: `out[position] = embedding[token]`, plus the position's vector where positions are learned or sinusoidal.

use pipsqueak::internal::float::sinusoid::add_sinusoid;
use pipsqueak::internal::math::{Float, add};

/// Embeds one sequence: `out` is `[length, width]`, `embedding` `[vocab, width]`.
pub fn embed<F: Float>(out: &mut [F], tokens: &[u16], embedding: &[F], width: usize) {
    for (out, &token) in out.chunks_exact_mut(width).zip(tokens) {
        out.copy_from_slice(&embedding[usize::from(token) * width..][..width]);
    }
}

/// `dembedding[token] += dout[position]`: a token's gradient is the sum over all its positions.
pub fn backward_embed<F: Float>(dembedding: &mut [F], dout: &[F], tokens: &[u16], width: usize) {
    for (dout, &token) in dout.chunks_exact(width).zip(tokens) {
        add(&mut dembedding[usize::from(token) * width..][..width], dout);
    }
}

/// The sinusoidal vectors of the first positions, `[length, width]`.
pub fn sinusoids<F: Float>(length: usize, width: usize) -> Vec<F> {
    let mut table = vec![F::ZERO; length * width];
    for (position, row) in table.chunks_exact_mut(width).enumerate() {
        add_sinusoid(row, position);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::differences::{check, values, weighted};

    #[test]
    fn gradients_are_those_of_differences() {
        let tokens = [2, 0, 2, 1]; // token 2 twice: its gradients add
        let (embedding, dout) = (values(4 * 3, 1), values(4 * 3, 2));
        let loss = |embedding: &[f64]| {
            let mut out = [0.0; 12];
            embed(&mut out, &tokens, embedding, 3);
            weighted(&out, &dout)
        };
        let mut dembedding = vec![0.0; 12];
        backward_embed(&mut dembedding, &dout, &tokens, 3);
        check("embed", &dembedding, &embedding, loss);
    }
}
