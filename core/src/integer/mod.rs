//! The transformer in integers, for int8, int4 and ternary models: the operations of [`float`](crate::float), under the
//! same names, on vectors of i32 with one f32 scale each.
//!
//! Softmax is part of [`attention`] here, since its inner loops are kernels; [`quantize`] has no float counterpart.

pub mod activation;
pub mod attention;
pub mod norm;
pub mod quantize;
pub mod rotary;
pub mod sinusoid;
mod step;

pub(crate) use step::IntegerStep;
