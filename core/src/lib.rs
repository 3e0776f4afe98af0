#![doc = include_str!("../README.md")]
//!
//! # Where to look
//!
//! - A model in the program: [`include_model!`] and [`Embedded`]. A model from elsewhere: [`Model`], [`Memory`], [`Buffers`].
//! - Text, answers, scores and the self-test: [`Generator`], with [`Sampling`], [`Progress`], [`Choices`], [`Prefix`],
//!   [`Score`] and [`Difference`].
//! - A model's shape: [`Config`] and [`Precision`]. Its tokens: [`Tokenizer`]. Where it comes from: [`Provenance`].
//! - Everything that can go wrong, each as one sentence: [`Error`].
#![cfg_attr(not(test), no_std)]

mod bigram;
mod choices;
mod config;
mod decoder;
mod embedded;
mod error;
mod file;
mod float;
mod fold;
mod generator;
mod integer;
mod kernels;
mod known;
mod math;
mod matrix;
mod memory;
mod model;
mod numbers;
mod observer;
mod packing;
mod parameter;
mod parts;
mod prefix;
mod random;
mod reader;
mod router;
mod sampler;
mod scores;
mod self_test;
mod slices;
mod text;
mod thinking;
mod tokenizer;
mod window;

pub use choices::{Choices, Choosing};
pub use config::{Activation, Config, Mlp, Norm, Position, Precision};
pub use embedded::Embedded;
pub use error::Error;
pub use file::Provenance;
pub use generator::{Generator, Progress};
pub use memory::{Buffers, Memory};
pub use model::Model;
pub use observer::{Observer, Place, Values, Vector};
pub use prefix::Prefix;
pub use reader::memory_bytes;
pub use sampler::Sampling;
pub use self_test::Difference;
pub use text::TokenBytes;
pub use thinking::Score;
pub use tokenizer::Tokenizer;

/// The parts that the trainer, the firmware's checks and the benchmarks use beyond the public interface. They may change in any
/// release.
#[doc(hidden)]
pub mod internal {
    pub use crate::bigram::bigram_row;
    pub use crate::decoder::Decoder;
    pub use crate::error::Sentence;
    pub use crate::fold::fold;
    pub use crate::parameter::{Parameter, Shape};
    pub use crate::random::SplitMix64;

    pub mod config {
        pub use crate::config::*;
    }
    pub mod decoder {
        pub use crate::decoder::*;
    }
    pub mod embedded {
        pub use crate::embedded::*;
    }
    pub mod file {
        pub use crate::file::*;
    }
    pub mod float {
        pub use crate::float::*;
    }
    pub mod integer {
        pub use crate::integer::*;
    }
    pub mod kernels {
        pub use crate::kernels::*;
    }
    pub mod math {
        pub use crate::math::*;
    }
    pub mod matrix {
        pub use crate::matrix::*;
    }
    pub mod memory {
        pub use crate::memory::*;
    }
    pub mod numbers {
        pub use crate::numbers::*;
    }
    pub mod packing {
        pub use crate::packing::*;
    }
    pub mod parameter {
        pub use crate::parameter::*;
    }
    pub mod parts {
        pub use crate::parts::*;
    }
    pub mod sampler {
        pub use crate::sampler::*;
    }
    pub mod text {
        pub use crate::text::*;
    }
    pub mod tokenizer {
        pub use crate::tokenizer::*;
    }
}
