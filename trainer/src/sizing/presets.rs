//! Shapes that others have published figures for, and a toy.

use pipsqueak::{Activation, Config, Mlp, Norm, Position};

/// The shape of nanoGPT's recipe for a CPU, which learns characters of Shakespeare.
pub const GPT: Config = Config {
    vocab: 65,
    context: 64,
    width: 128,
    layers: 4,
    heads: 4,
    kv_heads: 4,
    hidden: 512,
    bias: false,
    ..Config::GPT2
};

/// Half of [`GPT`]: small enough to watch while it learns.
pub const TWO_LAYERS: Config = Config { width: 64, layers: 2, heads: 2, kv_heads: 2, hidden: 256, ..GPT };

/// The shape of llama2.c's stories260K, with the context that it is trained with here.
pub const STORIES_260K: Config = Config {
    vocab: 512,
    context: 256,
    width: 64,
    layers: 5,
    heads: 8,
    kv_heads: 4,
    hidden: 172,
    ..Config::LLAMA
};

/// Small enough to see every number of it: no norm and no residual connection stand in the way.
pub const TOY: Config = Config {
    context: 3,
    width: 4,
    layers: 1,
    heads: 2,
    kv_heads: 2,
    hidden: 8,
    position: Position::Sinusoidal,
    norm: Norm::None,
    activation: Activation::Relu,
    mlp: Mlp::Plain,
    residual: false,
    tied: false,
    ..Config::GPT2
};
