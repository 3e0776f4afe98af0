//! Shapes that others have published figures for.

use pipsqueak::Config;

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
