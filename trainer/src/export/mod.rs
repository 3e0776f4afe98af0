//! From weights to a model file and back: quantisation, writing the file, and evaluation with the core's own decoder.

pub mod answers;
pub mod decoding;
pub mod dequantize;
pub mod equalize;
pub mod golden;
pub mod hugging_face;
pub mod model_file;
pub mod passes;
pub mod quantize;
