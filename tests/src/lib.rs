//! Shared by the end-to-end tests: small models to run, and the reference data where it is at hand.

pub mod chip;

use std::path::PathBuf;

use pipsqueak::internal::file::Provenance;
use pipsqueak::internal::{Parameter, SplitMix64};
use pipsqueak::{Activation, Config, Generator, Mlp, Norm, Position, Precision, Sampling};
use pipsqueak_trainer::data::vocabulary::{OwnedPieces, OwnedVocabulary};
use pipsqueak_trainer::export::decoding::OwnedMemory;
use pipsqueak_trainer::export::model_file::{self, ModelFile};
use pipsqueak_trainer::training::parameters::Parameters;

/// A small shape with byte tokens; tests change what they are about.
pub const SMALL: Config = Config {
    vocab: 256,
    context: 48,
    width: 32,
    layers: 2,
    heads: 4,
    kv_heads: 2,
    hidden: 52,
    ..Config::LLAMA
};

/// [`SMALL`] and its opposite in every choice, so that both together reach all of the core.
pub fn shapes() -> [(&'static str, Config); 3] {
    let Config { context, width, layers, .. } = SMALL;
    let gpt = Config { context, width, layers, hidden: 70, tied: false, ..Config::GPT2 };
    let plain = Config {
        position: Position::Sinusoidal,
        norm: Norm::None,
        activation: Activation::Relu,
        mlp: Mlp::Plain,
        width: 30,
        heads: 3,
        kv_heads: 1,
        layers: 1,
        ..SMALL
    };
    [("Llama's choices", SMALL), ("GPT-2's choices", gpt), ("neither's", plain)]
}

/// Architectures by which larger models save, each in a small shape: tested where they differ from [`shapes`].
pub fn architectures() -> [(&'static str, Config); 6] {
    [
        ("loops", Config { loops: 3, ..SMALL }),
        ("experts", Config { experts: 3, bias: true, ..SMALL }),
        ("two experts", Config { experts: 3, active_experts: 2, ..SMALL }),
        ("embeddings of pairs", Config { bigrams: 300, ..SMALL }),
        ("per-layer embeddings", Config { bigrams: 7, per_layer_embeddings: true, loops: 2, ..SMALL }),
        ("latent", Config { kv_heads: 1, latent: 16, latent_rotary: 8, position: Position::Rotary, ..SMALL }),
    ]
}

/// A model with random weights, large enough that no two tokens tie.
pub fn random_model(config: &Config, precision: Precision) -> ModelFile {
    build(config, precision, &random_parameters(config))
}

/// Its weights.
pub fn random_parameters(config: &Config) -> Parameters<f32> {
    let mut parameters = Parameters::<f32>::init(config, 7);
    let mut random = SplitMix64::new(11);
    for (parameter, values) in parameters.walk_mut() {
        let size = if parameter.is_matrix() { 0.35 } else { 0.2 };
        for value in values {
            *value += size * uniform(&mut random);
        }
    }
    parameters
}

fn uniform(random: &mut SplitMix64) -> f32 {
    use rand_core::Rng;
    random.next_u32() as f32 / 2f32.powi(31) - 1.0
}

/// A model of these weights.
pub fn build(config: &Config, precision: Precision, parameters: &Parameters<f32>) -> ModelFile {
    let vocabulary = OwnedVocabulary {
        pieces: OwnedPieces::Bytes,
        specials: config.vocab - 256,
        begin: None,
        end: None,
        prefix_space: false,
    };
    let provenance = Provenance { corpus: "random weights", bytes_per_token: 1.0, ..Provenance::UNKNOWN };
    let values = |parameter: Parameter| parameters.get(parameter);
    model_file::build(config, precision, &vocabulary, provenance, values).expect("the shapes make sense")
}

/// The model that comes with the project.
pub fn pretrained() -> ModelFile {
    ModelFile::read(&xtask::paths::pretrained_model()).expect("the model comes with the project")
}

/// A file in the target folder. Its place is not taken at compile time, because a checkout may move.
pub fn temporary(name: &str) -> PathBuf {
    let folder = xtask::paths::target().join("tmp");
    std::fs::create_dir_all(&folder).expect("the target folder can be written to");
    folder.join(name)
}

/// A generated text, and its fingerprint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generated {
    /// The text, without the prompt.
    pub text: String,
    /// Tokens generated.
    pub tokens: u32,
    /// See [`Generator::fingerprint`].
    pub fingerprint: u32,
}

/// Generates on the PC.
pub fn generate(file: &ModelFile, prompt: &str, sampling: Sampling, seed: u64, length: u32) -> Generated {
    let model = file.model().expect("a model");
    let mut memory = OwnedMemory::of(&model);
    let mut generator = Generator::new(model, memory.buffers()).expect("memory of its own size");
    generator.start(prompt, sampling, seed).expect("a prompt and settings in order");
    let mut text = String::new();
    while generator.tokens() < length {
        let Some(piece) = generator.next_piece() else { break };
        text += piece;
    }
    Generated { text, tokens: generator.tokens(), fingerprint: generator.fingerprint() }
}

/// A folder of reference data, where there is one: beside the repository, or where `PIPSQUEAK_REFERENCE` says.
pub fn reference(name: &str) -> Option<PathBuf> {
    let beside = xtask::paths::root().join("../shared/data");
    let root = std::env::var_os("PIPSQUEAK_REFERENCE").map_or(beside, PathBuf::from);
    let folder = root.join(name);
    if folder.exists() {
        return Some(folder);
    }
    eprintln!("skipped: there is no {}", folder.display());
    None
}
