//! The operations of a transformer, one file each: formula, forward, test.
//!
//! All but attention work on one position. They are generic over [`Float`](crate::math::Float) so that the trainer
//! runs the very same code, in f32 to learn and in f64 to check its gradients.

pub mod activation;
pub mod attention;
pub mod fixed;
pub mod integer_activation;
pub mod integer_attention;
pub mod integer_norm;
pub mod layer_norm;
pub mod quantize;
pub mod rms_norm;
pub mod rotary;
pub mod sinusoid;
pub mod softmax;

use crate::math::Float;

/// `x += y`: a block's result joins the residual stream; a bias is added.
pub fn add<F: Float>(x: &mut [F], y: &[F]) {
    for (x, &y) in x.iter_mut().zip(y) {
        *x += y;
    }
}
