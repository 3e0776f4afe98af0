//! The gradient of whole models against central differences in f64, for configs that together cover every choice.

use pipsqueak::internal::Parameter;
use pipsqueak::{Activation, Config, Mlp, Norm, Position};
use pipsqueak_trainer::data::batches::{Batch, Windows};
use pipsqueak_trainer::network::Network;
use pipsqueak_trainer::network::dropout::Dropout;
use pipsqueak_trainer::network::gradients::{Gradients, Mode};
use pipsqueak_trainer::network::weights::Weights;
use pipsqueak_trainer::random::{SplitMix64, normal};
use pipsqueak_trainer::training::parameters::Parameters;

/// Step of the difference. Its error goes with the square of the step times a third derivative (1e-9), the rounding
/// of f64 with 1e-16 / step (1e-11).
const STEP: f64 = 2e-6;
/// Largest accepted error relative to the largest gradient of the parameter. Measured: 8e-9; a wrong formula is wrong
/// from 1e-3 on.
const TOLERANCE: f64 = 1e-7;

const BASE: Config = Config {
    vocab: 7,
    context: 6,
    width: 8,
    layers: 2,
    heads: 2,
    kv_heads: 2,
    hidden: 10,
    rotary_base: 100.0,
    tied: false,
    ..Config::GPT2
};

/// Weights far from zero, so that every path carries a gradient.
fn parameters(config: &Config) -> Parameters<f64> {
    let mut parameters = Parameters::zeros(config);
    let mut random = SplitMix64::new(3);
    for (parameter, values) in parameters.walk_mut() {
        let middle = if parameter.name().ends_with("gain") { 1.0 } else { 0.0 };
        values.iter_mut().for_each(|value| *value = middle + 0.3 * normal(&mut random));
    }
    parameters
}

/// Two sequences, shorter than the context, with unequal weights.
fn batch(config: &Config) -> Batch {
    let mut random = SplitMix64::new(4);
    let length = config.context - 1;
    let tokens = (0..2 * (length + 1)).map(|_| random.below(config.vocab) as u16).collect();
    let weights = (0..2 * length).map(|i| [1.0, 0.5, 0.0][i % 3]).collect();
    Batch { tokens, weights, length }
}

fn loss(network: &mut Network<f64>, weights: Weights<'_, f64>, windows: Windows<'_>) -> f64 {
    network.forward(weights, windows);
    (network.loss(windows, None, 1.0 / windows.weight()) + network.balance()) / windows.weight()
}

fn check(what: &str, config: &Config) {
    check_with(what, config, Dropout::NONE);
}

fn check_with(what: &str, config: &Config, dropout: Dropout) {
    assert_eq!(config.check(), Ok(()), "{what}");
    let (mut parameters, batch) = (parameters(config), batch(config));
    let mut network = Network::new(config);
    let mut gradients = Parameters::zeros(config);
    fn with(dropout: Dropout, values: &Parameters<f64>) -> Weights<'_, f64> {
        Weights { dropout, ..Weights::exact(values) }
    }
    loss(&mut network, with(dropout, &parameters), batch.windows());
    let into = Gradients { into: &mut gradients, mode: Mode::Write };
    network.backward(into, with(dropout, &parameters), batch.windows());
    let present: Vec<_> = gradients.walk().map(|(parameter, _, _)| parameter).collect();
    for parameter in present {
        let gradient = gradients.get(parameter);
        let largest = gradient.iter().fold(0.0, |largest: f64, g| largest.max(g.abs()));
        assert!(largest > 1e-6, "{what}: no gradient reaches {}", parameter.name());
        let mut worst = (0.0, 0, 0.0);
        for (i, gradient) in gradient.iter().enumerate() {
            let difference = difference(&mut parameters, parameter, i, |p| {
                loss(&mut network, with(dropout, p), batch.windows())
            });
            let error = (gradient - difference).abs() / largest.max(1e-2);
            worst = if error > worst.0 { (error, i, difference) } else { worst };
        }
        let (error, i, difference) = worst;
        let shape = gradients.shape(parameter);
        let [row, column] = [i / shape.columns, i % shape.columns];
        let at =
            format!("{what}: {}[{row}, {column}]: {} against {difference}", parameter.name(), gradient[i]);
        println!("{at}: {error:.1e}");
        assert!(error < TOLERANCE, "{at}: {error:.1e}");
    }
}

fn difference(
    parameters: &mut Parameters<f64>,
    parameter: Parameter,
    i: usize,
    mut loss: impl FnMut(&Parameters<f64>) -> f64,
) -> f64 {
    let value = parameters.get(parameter)[i];
    let mut at = |step: f64| {
        parameters.get_mut(parameter)[i] = value + step;
        loss(parameters)
    };
    let difference = (at(STEP) - at(-STEP)) / (2.0 * STEP);
    at(0.0);
    difference
}

#[test]
fn gpt2() {
    check("GPT-2", &BASE);
}

#[test]
fn llama() {
    let Config { vocab, context, width, layers, hidden, rotary_base, .. } = BASE;
    let llama = Config { vocab, context, width, layers, hidden, rotary_base, ..Config::LLAMA };
    check("Llama", &llama);
    check("Llama with biases and free head", &Config { bias: true, tied: false, ..llama });
}

#[test]
fn positions() {
    check("sinusoidal", &Config { position: Position::Sinusoidal, tied: true, ..BASE });
    check("no positions", &Config { position: Position::None, ..BASE });
}

#[test]
fn norms() {
    check("no norm", &Config { norm: Norm::None, ..BASE });
    check("layer norm without bias", &Config { bias: false, ..BASE });
    check("RMS norm with biases", &Config { norm: Norm::Rms, ..BASE });
}

#[test]
fn activations() {
    for activation in [Activation::Relu, Activation::Gelu, Activation::Silu] {
        for mlp in [Mlp::Plain, Mlp::Gated] {
            check(&format!("{activation:?} {mlp:?}"), &Config { activation, mlp, ..BASE });
        }
    }
}

#[test]
fn residuals() {
    check("no residuals", &Config { residual: false, ..BASE });
    check("no residuals, no norm", &Config { residual: false, norm: Norm::None, ..BASE });
}

#[test]
fn loops() {
    check("two layers, three times each", &Config { loops: 3, ..BASE });
    let dropout = Dropout::new(0.3, [1, 2, 3, 4]);
    check_with("loops with dropout", &Config { loops: 2, layers: 1, ..BASE }, dropout);
}

#[test]
fn experts() {
    check("experts", &Config { experts: 2, ..BASE });
    check(
        "gated experts without residuals",
        &Config { experts: 2, mlp: Mlp::Gated, residual: false, ..BASE },
    );
    let dropout = Dropout::new(0.3, [1, 2, 3, 4]);
    check_with("looped experts with dropout", &Config { experts: 2, loops: 2, layers: 1, ..BASE }, dropout);
}

#[test]
fn two_active_experts() {
    let two = Config { experts: 3, active_experts: 2, ..BASE };
    check("two of three experts", &two);
    check(
        "two of two gated experts without residuals",
        &Config { experts: 2, mlp: Mlp::Gated, residual: false, ..two },
    );
    let dropout = Dropout::new(0.3, [1, 2, 3, 4]);
    check_with("looped, with dropout", &Config { loops: 2, layers: 1, ..two }, dropout);
}

#[test]
fn tables() {
    check("embeddings of pairs", &Config { bigrams: 5, ..BASE });
    check("per-layer embeddings", &Config { per_layer_embeddings: true, ..BASE });
    let both = Config { bigrams: 5, per_layer_embeddings: true, tied: true, ..BASE };
    check("both without residuals", &Config { residual: false, ..both });
    let dropout = Dropout::new(0.3, [1, 2, 3, 4]);
    check_with("both, looped, with dropout", &Config { loops: 3, ..both }, dropout);
}

#[test]
fn latent_attention() {
    let latent = Config { kv_heads: 1, latent: 5, ..BASE };
    check("latent", &latent);
    check("rotary latent", &Config { position: Position::Rotary, latent_rotary: 2, ..latent });
    let dropout = Dropout::new(0.3, [1, 2, 3, 4]);
    let wide = Config { latent: 20, latent_rotary: 4, position: Position::Rotary, loops: 2, ..latent };
    check_with("wide latent, looped, with dropout", &wide, dropout);
}

#[test]
fn dropped_activations() {
    let dropout = Dropout::new(0.3, [1, 2, 3, 4]);
    check_with("dropout", &BASE, dropout);
    check_with("dropout without residuals", &Config { residual: false, ..BASE }, dropout);
}

#[test]
fn one_key_head_for_all() {
    check("multi-query", &Config { heads: 4, kv_heads: 1, ..BASE });
}
