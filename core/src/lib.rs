//! Small transformer language models on microcontrollers.
//!
//! No operating system, no heap: a [`Model`] is read in place from flash, everything that changes lies in a statically
//! sized [`Memory`], and a [`Generator`] turns a prompt into text. The same file, prompt and seed give the same tokens
//! and logits, bit for bit, on a PC and on every chip.
//!
//! To understand a transformer, follow a token through these files: [`tokenizer`], [`decoder`], [`ops::rms_norm`],
//! [`ops::attention`], [`ops::activation`], [`matrix`], [`sampler`].
//!
//! Not here, and not to come: allocation, tensors, autograd.
#![cfg_attr(not(test), no_std)]

pub mod config;
pub mod decoder;
mod error;
mod float_bytes;
pub mod generator;
pub mod kernels;
pub mod math;
pub mod matrix;
pub mod memory;
pub mod model;
pub mod ops;
pub mod packing;
pub mod parameter;
pub mod random;
pub mod sampler;
mod slices;
mod step;
pub mod text;
pub mod tokenizer;

pub use config::{Activation, Config, Mlp, Norm, Position, Precision};
pub use decoder::Decoder;
pub use error::Error;
pub use generator::Generator;
pub use memory::{Buffers, Memory, MemorySize};
pub use model::Model;
pub use parameter::{Parameter, Shape};
pub use random::SplitMix64;
pub use sampler::Sampling;
pub use tokenizer::{Pieces, Tokenizer, Vocabulary, Words};
