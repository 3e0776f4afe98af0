//! The transformer in f32, one operation a file: formula, forward, test.
//!
//! All but attention work on one position. They are generic over [`Float`](crate::math::Float), so that the trainer
//! runs the very same code, in f32 to train and in f64 to check its gradients.

pub mod activation;
pub mod attention;
pub mod norm;
pub mod rotary;
pub mod sinusoid;
pub mod softmax;
mod step;

pub(crate) use step::FloatStep;
