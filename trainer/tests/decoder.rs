//! The network that learns and the decoder that ships give the same logits, for every choice of a config.

use pipsqueak::internal::file::Provenance;
use pipsqueak::internal::{Decoder, Parameter};
use pipsqueak::{Activation, Config, Mlp, Norm, Position, Precision};
use pipsqueak_trainer::data::batches::Batch;
use pipsqueak_trainer::data::vocabulary::{OwnedPieces, OwnedVocabulary};
use pipsqueak_trainer::export::decoding::OwnedMemory;
use pipsqueak_trainer::export::model_file;
use pipsqueak_trainer::network::Network;
use pipsqueak_trainer::network::weights::Weights;
use pipsqueak_trainer::random::{SplitMix64, normal};
use pipsqueak_trainer::training::parameters::Parameters;

/// Relative to the largest logit; measured 1e-6. The matrix products add up in another order, and fused.
const TOLERANCE: f32 = 5e-6;
/// More than one tile of attention.
const LENGTH: usize = 40;

const BASE: Config = Config {
    vocab: 256,
    context: LENGTH,
    width: 32,
    layers: 2,
    heads: 4,
    kv_heads: 4,
    hidden: 48,
    tied: false,
    ..Config::GPT2
};

fn check(what: &str, config: &Config) {
    let mut parameters = Parameters::<f32>::zeros(config);
    let mut random = SplitMix64::new(1);
    for (parameter, values) in parameters.walk_mut() {
        let middle = if parameter.name().ends_with("gain") { 1.0 } else { 0.0 };
        values.iter_mut().for_each(|value| *value = (middle + 0.2 * normal(&mut random)) as f32);
    }
    let tokens: Vec<u16> = (0..=LENGTH).map(|_| random.below(config.vocab) as u16).collect();
    let batch = Batch { tokens, weights: Vec::new(), length: LENGTH };
    let mut network = Network::new(config);
    let expected = network.forward(Weights::exact(&parameters), batch.windows());

    let is = decoded(config, &parameters, &batch.tokens[..LENGTH]);
    let largest = pipsqueak::internal::math::maximum(expected);
    let error = |i: usize| (is[i] - expected[i]).abs() / largest;
    let worst = (0..is.len()).max_by(|&a, &b| error(a).total_cmp(&error(b))).expect("not empty");
    let (position, id) = (worst / config.vocab, worst % config.vocab);
    let at = format!("{what}: [{position}, {id}]: {} against {}", is[worst], expected[worst]);
    println!("{at}: {:.1e}", error(worst));
    assert!(error(worst) < TOLERANCE, "{at}");
}

/// The core's logits, `[positions, vocab]`.
fn decoded(config: &Config, parameters: &Parameters<f32>, tokens: &[u16]) -> Vec<f32> {
    let vocabulary = OwnedVocabulary {
        pieces: OwnedPieces::Bytes,
        specials: 0,
        begin: None,
        end: None,
        prefix_space: false,
    };
    let provenance = Provenance { bytes_per_token: 1.0, ..Provenance::UNKNOWN };
    let values = |parameter: Parameter| parameters.get(parameter);
    let file =
        model_file::build(config, Precision::F32, &vocabulary, provenance, values).expect("a model file");
    let model = file.model().expect("a model");
    let mut memory = OwnedMemory::of(&model);
    let (mut decoder, _) = Decoder::new(model, memory.buffers()).expect("memory enough");
    let mut logits = Vec::new();
    for (position, &token) in tokens.iter().enumerate() {
        decoder.forward(token, position).expect("within the context");
        logits.extend_from_slice(decoder.logits());
    }
    logits
}

#[test]
fn positions() {
    check("learned", &BASE);
    check("sinusoidal", &Config { position: Position::Sinusoidal, ..BASE });
    check("rotary, grouped queries", &Config { position: Position::Rotary, kv_heads: 2, ..BASE });
    check("none", &Config { position: Position::None, ..BASE });
}

#[test]
fn loops() {
    check("loops", &Config { loops: 2, ..BASE });
}

#[test]
fn experts() {
    check("experts", &Config { experts: 5, ..BASE });
    let two = Config { experts: 5, active_experts: 2, ..BASE };
    check("two of five experts", &two);
    check("two of two without residuals", &Config { experts: 2, residual: false, ..two });
}

#[test]
fn tables() {
    check("embeddings of pairs", &Config { bigrams: 50, ..BASE });
    check("per-layer embeddings", &Config { per_layer_embeddings: true, ..BASE });
    let both = Config { bigrams: 1, per_layer_embeddings: true, ..BASE };
    check("both, looped", &Config { loops: 2, position: Position::Rotary, ..both });
}

#[test]
fn latent_attention() {
    let latent = Config { kv_heads: 1, latent: 10, ..BASE };
    check("latent", &latent);
    let rotary = Config { position: Position::Rotary, latent_rotary: 6, ..latent };
    check("rotary latent", &rotary);
    check("latent that is wider than the stream", &Config { latent: 40, norm: Norm::Rms, ..rotary });
    check("latent of one head", &Config { heads: 1, latent: 3, latent_rotary: 2, ..rotary });
}

#[test]
fn norms_biases_and_head() {
    check("RMS", &Config { norm: Norm::Rms, ..BASE });
    check("no norm", &Config { norm: Norm::None, ..BASE });
    check("no biases", &Config { bias: false, ..BASE });
    check("tied", &Config { tied: true, ..BASE });
}

#[test]
fn mlps_and_residuals() {
    for activation in [Activation::Relu, Activation::Gelu, Activation::Silu] {
        for mlp in [Mlp::Plain, Mlp::Gated] {
            check(&format!("{activation:?} {mlp:?}"), &Config { activation, mlp, ..BASE });
        }
    }
    check("no residuals", &Config { residual: false, ..BASE });
}
