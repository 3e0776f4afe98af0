//! Loss, logits, gradients and ten steps against PyTorch: vectors by tests/pytorch/make_vectors.py.

use std::collections::HashMap;

use pipsqueak::Config;
use pipsqueak::internal::math::Float;
use pipsqueak::internal::parameter::OF_EVERY_FILE;
use pipsqueak_trainer::data::batches::Batch;
use pipsqueak_trainer::network::Network;
use pipsqueak_trainer::network::gradients::{Gradients, Mode};
use pipsqueak_trainer::network::rounding::Rounding;
use pipsqueak_trainer::network::weights::Weights;
use pipsqueak_trainer::optimizer::schedule::{Decay, Schedule};
use pipsqueak_trainer::optimizer::{AdamW, Optimizer};
use pipsqueak_trainer::training::parameters::Parameters;
use pipsqueak_trainer::training::{HyperParameters, Training};

/// Accepted differences, by name, relative to the largest element: both sides are f32 and sum in different orders. Each is
/// three times the measured one, for machines whose matrix products sum in yet another order.
mod tolerance {
    /// Measured 3e-7: sums of some tens of terms.
    pub(crate) const LOGITS: f64 = 1e-6;
    /// Measured 7e-7: both passes.
    pub(crate) const GRADIENT: f64 = 2e-6;
    /// Measured 8e-8: a mean over 24 targets.
    pub(crate) const LOSS: f64 = 3e-7;
    /// For the pass in f64: the vectors have nine digits.
    pub(crate) const ROUNDED: f64 = 3e-8;
    /// Measured 2e-7, over ten steps.
    pub(crate) const STEPS: f64 = 6e-7;
    /// The gradient's norm over ten steps, where queries and keys have many channels: measured 7e-7, and PyTorch in f32 is as far as
    /// 4e-7 from itself in f64.
    pub(crate) const LATENT_NORMS: f64 = 2e-6;
    /// With experts: measured 6e-6. Where few tokens go to an expert, AdamW divides small gradients by small ones. PyTorch in f32 is
    /// 1e-6 from itself in f64; a balance over all sequences in place of each would be 1e-3 off.
    pub(crate) const ROUTED_NORMS: f64 = 1.7e-5;
}

const GPT2: Config = Config {
    vocab: 13,
    context: 8,
    width: 12,
    layers: 2,
    heads: 3,
    kv_heads: 3,
    hidden: 20,
    tied: false,
    ..Config::GPT2
};

const LLAMA: Config = Config { vocab: 13, context: 8, width: 16, layers: 2, hidden: 12, ..Config::LLAMA };

const EXPERTS: Config = Config { width: 8, heads: 2, kv_heads: 1, hidden: 6, experts: 3, ..LLAMA };

const TWO_EXPERTS: Config = Config { experts: 4, active_experts: 2, ..EXPERTS };

const TABLES: Config = Config { experts: 1, bigrams: 7, per_layer_embeddings: true, ..EXPERTS };

const LATENT: Config = Config { experts: 1, latent: 5, latent_rotary: 4, ..EXPERTS };

/// Named lists of numbers, as the script writes them.
struct Vectors(HashMap<String, Vec<f64>>);

impl Vectors {
    fn read(text: &str) -> Vectors {
        let lines: Vec<&str> = text.lines().collect();
        let numbers = |line: &str| line.split(' ').map(|number| number.parse().expect("a number")).collect();
        Vectors(lines.chunks(2).map(|pair| (pair[0].to_string(), numbers(pair[1]))).collect())
    }

    fn get(&self, name: &str) -> &[f64] {
        self.0.get(name).unwrap_or_else(|| panic!("no vector {name}"))
    }

    fn parameters<F: Float>(&self, config: &Config) -> Parameters<F> {
        let mut parameters = Parameters::zeros(config);
        for (parameter, values) in parameters.walk_mut() {
            let expected = self.get(&format!("parameter {}", parameter.name()));
            assert_eq!(values.len(), expected.len(), "{}", parameter.name());
            values.iter_mut().zip(expected).for_each(|(value, &expected)| *value = F::of(expected));
        }
        parameters
    }

    fn batch(&self, config: &Config) -> Batch {
        let tokens = self.get("tokens").iter().map(|&token| token as u16).collect();
        Batch { tokens, weights: Vec::new(), length: config.context }
    }
}

/// Panics with the index of the worst element if it differs by more than `tolerance` times the largest.
fn compare<F: Float>(name: &str, is: &[F], expected: &[f64], tolerance: f64) {
    assert_eq!(is.len(), expected.len(), "{name}");
    let largest = expected.iter().fold(0.0, |largest: f64, value| largest.max(value.abs()));
    let error = |i: usize| (is[i].to_f64() - expected[i]).abs() / largest;
    let worst = (0..is.len()).max_by(|&a, &b| error(a).total_cmp(&error(b))).expect("not empty");
    let at = format!("{name}[{worst}]: {:?} against {}, {:.1e}", is[worst], expected[worst], error(worst));
    println!("{at}");
    assert!(error(worst) <= tolerance, "{at}");
}

/// Which vectors a pass is compared with, and how closely.
struct Comparison {
    prefix: &'static str,
    rounding: Rounding,
    logits: f64,
    loss: f64,
    gradient: f64,
}

const EXACT: Comparison = Comparison {
    prefix: "",
    rounding: Rounding::None,
    logits: tolerance::LOGITS,
    loss: tolerance::LOSS,
    gradient: tolerance::GRADIENT,
};

/// Activations rounded to int8, and the straight-through gradient. To be run in f64, where no value comes so near the middle
/// between two integers that the two sides could round it differently.
const ROUNDED: Comparison = Comparison {
    prefix: "rounded ",
    rounding: Rounding::Int8,
    logits: tolerance::ROUNDED,
    loss: tolerance::ROUNDED,
    gradient: tolerance::ROUNDED,
};

/// One forward and backward pass.
fn one_pass<F: Float>(config: &Config, vectors: &Vectors, comparison: &Comparison) {
    let Comparison { prefix, rounding, .. } = *comparison;
    let expected = |name: &str| vectors.get(&format!("{prefix}{name}"));
    let (parameters, batch) = (vectors.parameters::<F>(config), vectors.batch(config));
    let weights = Weights { rounding, ..Weights::exact(&parameters) };
    let (windows, mut network) = (batch.windows(), Network::new(config));
    compare("logits", network.forward(weights, windows), expected("logits"), comparison.logits);
    let loss = network.loss(windows, None, F::of(1.0 / windows.weight())) / windows.weight();
    compare("loss", &[F::of(loss)], expected("loss"), comparison.loss);
    let mut gradients = Parameters::zeros(config);
    network.backward(Gradients { into: &mut gradients, mode: Mode::Write }, weights, windows);
    for (parameter, _, gradient) in gradients.walk() {
        let expected = expected(&format!("gradient {}", parameter.name()));
        compare(parameter.name(), gradient, expected, comparison.gradient);
    }
}

fn ten_steps(config: &Config, vectors: &Vectors, norms_tolerance: f64) {
    let hyper_parameters = HyperParameters {
        schedule: Schedule { maximum: 1e-2, minimum: 1e-3, decay: Decay::Cosine, warmup: 3, steps: 10 },
        optimizer: Optimizer::AdamW(AdamW::DEFAULT),
        clip: 0.5,
        dropout: 0.0,
    };
    let mut training = Training::new(config, hyper_parameters, 0).expect("the shape makes sense");
    training.parameters = vectors.parameters(config);
    let batch = vectors.batch(config);
    let reports: Vec<_> = (0..10).map(|_| training.step(&batch)).collect();
    let losses: Vec<f32> = reports.iter().map(|report| report.loss as f32).collect();
    let norms: Vec<f32> = reports.iter().map(|report| report.gradient_norm as f32).collect();
    compare("losses", &losses, vectors.get("losses"), tolerance::STEPS);
    compare("norms", &norms, vectors.get("norms"), norms_tolerance);
}

#[test]
fn gpt2() {
    let vectors = Vectors::read(include_str!("pytorch/gpt2.txt"));
    one_pass::<f32>(&GPT2, &vectors, &EXACT);
    one_pass::<f64>(&GPT2, &vectors, &ROUNDED);
    ten_steps(&GPT2, &vectors, tolerance::STEPS);
}

#[test]
fn llama() {
    let vectors = Vectors::read(include_str!("pytorch/llama.txt"));
    one_pass::<f32>(&LLAMA, &vectors, &EXACT);
    one_pass::<f64>(&LLAMA, &vectors, &ROUNDED);
    ten_steps(&LLAMA, &vectors, tolerance::STEPS);
}

/// The experts' balance is that of the sequences that a pass takes: in the one pass all three, in a step of training one.
#[test]
fn experts() {
    let vectors = Vectors::read(include_str!("pytorch/experts.txt"));
    one_pass::<f32>(&EXPERTS, &vectors, &EXACT);
    one_pass::<f64>(&EXPERTS, &vectors, &ROUNDED);
    ten_steps(&EXPERTS, &vectors, tolerance::ROUTED_NORMS);
}

#[test]
fn two_active_experts() {
    let vectors = Vectors::read(include_str!("pytorch/two_experts.txt"));
    one_pass::<f32>(&TWO_EXPERTS, &vectors, &EXACT);
    one_pass::<f64>(&TWO_EXPERTS, &vectors, &ROUNDED);
    ten_steps(&TWO_EXPERTS, &vectors, tolerance::ROUTED_NORMS);
}

#[test]
fn tables() {
    let vectors = Vectors::read(include_str!("pytorch/tables.txt"));
    one_pass::<f32>(&TABLES, &vectors, &EXACT);
    one_pass::<f64>(&TABLES, &vectors, &ROUNDED);
    ten_steps(&TABLES, &vectors, tolerance::STEPS);
}

#[test]
fn latent_attention() {
    let vectors = Vectors::read(include_str!("pytorch/latent.txt"));
    one_pass::<f32>(&LATENT, &vectors, &EXACT);
    one_pass::<f64>(&LATENT, &vectors, &ROUNDED);
    ten_steps(&LATENT, &vectors, tolerance::LATENT_NORMS);
}

#[test]
fn every_parameter_has_a_vector() {
    let vectors = Vectors::read(include_str!("pytorch/gpt2.txt"));
    let gradients = vectors.0.keys().filter(|name| name.starts_with("gradient "));
    assert_eq!(gradients.count(), OF_EVERY_FILE);
}
