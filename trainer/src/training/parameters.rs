//! All parameters of a model in one flat vector, with a named range for each.
//!
//! Weights, gradients and the optimiser's moments are each one of these; [`Parameters::walk`] goes through all of them by
//! name.

use core::array;
use core::ops::Range;

use pipsqueak::Config;
use pipsqueak::internal::math::Float;
use pipsqueak::internal::parameter::PARAMETERS;
use pipsqueak::internal::{Parameter, Shape};

use crate::aligned::Aligned;
use crate::random::{SplitMix64, normal};

/// Standard deviation of an untrained matrix (GPT-2).
pub const INITIAL_DEVIATION: f64 = 0.02;

/// One value for each weight of a model, in the order of [`Parameter::ALL`].
#[derive(Debug, Clone, PartialEq)]
pub struct Parameters<F> {
    values: Aligned<F>,
    shapes: [Shape; PARAMETERS],
    starts: [usize; PARAMETERS],
}

impl<F: Float> Parameters<F> {
    /// All zero.
    pub fn zeros(config: &Config) -> Parameters<F> {
        let shapes = Parameter::ALL.map(|parameter| parameter.shape(config));
        let starts = array::from_fn(|i| shapes[..i].iter().map(Shape::len).sum());
        let total = shapes.iter().map(Shape::len).sum();
        Parameters { values: Aligned::filled(F::ZERO, total), shapes, starts }
    }

    /// Untrained weights: gains 1, biases and tables of rows 0, matrices normally distributed with deviation 0.02. The two matrices of a layer
    /// that add to the residual stream have 0.02 / sqrt(2 depth): the sum of all `2 depth` of them then starts as large as
    /// the embedding (GPT-2). The same for a random seed on every platform.
    pub fn init(config: &Config, seed: u64) -> Parameters<F> {
        let mut parameters = Parameters::zeros(config);
        let mut random = SplitMix64::new(seed);
        let onto_residual = INITIAL_DEVIATION / libm::sqrt(2.0 * config.depth() as f64);
        for (parameter, values) in parameters.walk_mut() {
            match parameter {
                Parameter::Output | Parameter::Down => fill_normal(values, onto_residual, &mut random),
                table if table.is_table() => {}
                matrix if matrix.is_matrix() => fill_normal(values, INITIAL_DEVIATION, &mut random),
                gain if is_gain(gain) => values.fill(F::ONE),
                _ => {}
            }
        }
        parameters
    }

    /// Number of values.
    #[expect(clippy::len_without_is_empty, reason = "no model is empty")]
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Bytes that one value for each weight of a model takes.
    pub fn bytes(config: &Config) -> usize {
        Parameter::ALL.iter().map(|parameter| parameter.shape(config).len()).sum::<usize>() * size_of::<F>()
    }

    /// Every value, parameter by parameter.
    pub fn values(&self) -> &[F] {
        &self.values
    }

    /// Every value, parameter by parameter.
    pub fn values_mut(&mut self) -> &mut [F] {
        &mut self.values
    }

    /// `[layers, rows, columns]` of one parameter.
    pub fn shape(&self, parameter: Parameter) -> Shape {
        self.shapes[parameter as usize]
    }

    /// The range of one parameter in [`Parameters::values`].
    pub fn range(&self, parameter: Parameter) -> Range<usize> {
        let start = self.starts[parameter as usize];
        start..start + self.shape(parameter).len()
    }

    /// One parameter, all layers; empty where the model has none.
    pub fn get(&self, parameter: Parameter) -> &[F] {
        &self.values[self.range(parameter)]
    }

    /// One parameter, all layers; empty where the model has none.
    pub fn get_mut(&mut self, parameter: Parameter) -> &mut [F] {
        let range = self.range(parameter);
        &mut self.values[range]
    }

    /// One parameter of one layer, `[rows, columns]`; empty where the model has none.
    pub fn layer(&self, parameter: Parameter, layer: usize) -> &[F] {
        &self.values[self.layer_range(parameter, layer)]
    }

    /// One parameter of one layer, `[rows, columns]`; empty where the model has none.
    pub fn layer_mut(&mut self, parameter: Parameter, layer: usize) -> &mut [F] {
        let range = self.layer_range(parameter, layer);
        &mut self.values[range]
    }

    /// The bias that goes with a matrix or a gain of one layer, `[rows]`; empty where the model has none.
    pub fn layer_bias(&self, parameter: Parameter, layer: usize) -> &[F] {
        bias_of(parameter).map_or(&[], |bias| self.layer(bias, layer))
    }

    /// A matrix or a gain of one layer, and its bias.
    pub fn layer_and_bias_mut(&mut self, parameter: Parameter, layer: usize) -> (&mut [F], &mut [F]) {
        let range = self.layer_range(parameter, layer);
        let Some(bias) = bias_of(parameter) else { return (&mut self.values[range], &mut []) };
        let ranges = [range, self.layer_range(bias, layer)];
        let [values, bias] = self.values.get_disjoint_mut(ranges).expect("two parameters do not overlap");
        (values, bias)
    }

    /// Every parameter that the model has, with its values.
    pub fn walk(&self) -> impl Iterator<Item = (Parameter, Shape, &[F])> {
        let present = Parameter::ALL.into_iter().filter(|&p| !self.shape(p).is_empty());
        present.map(|parameter| (parameter, self.shape(parameter), self.get(parameter)))
    }

    /// Every parameter that the model has, with its values to change.
    pub fn walk_mut(&mut self) -> impl Iterator<Item = (Parameter, &mut [F])> {
        let shapes = self.shapes;
        let mut rest = &mut *self.values;
        let split = move |parameter: Parameter| {
            let (values, after) = core::mem::take(&mut rest).split_at_mut(shapes[parameter as usize].len());
            rest = after;
            (parameter, values)
        };
        Parameter::ALL.into_iter().map(split).filter(|(_, values)| !values.is_empty())
    }

    /// Every layer of every parameter, to be written from that of `other`, which has the same shape.
    pub fn layers_with<'a>(&'a mut self, other: &'a Parameters<F>) -> impl Iterator<Item = LayerPair<'a, F>> {
        self.walk_mut().zip(other.walk()).flat_map(|((parameter, out), (_, shape, values))| {
            let length = shape.rows * shape.columns;
            let layers = out.chunks_exact_mut(length).zip(values.chunks_exact(length));
            layers.map(move |(out, values)| LayerPair { parameter, shape, out, values })
        })
    }

    /// The same values in another number format.
    pub fn convert<G: Float>(&self) -> Parameters<G> {
        let values = self.values.iter().map(|value| G::of(value.to_f64())).collect();
        Parameters { values, shapes: self.shapes, starts: self.starts }
    }

    fn layer_range(&self, parameter: Parameter, layer: usize) -> Range<usize> {
        let shape = self.shape(parameter);
        let length = shape.rows * shape.columns;
        let start = self.starts[parameter as usize] + layer * length;
        start..start + length
    }
}

/// One layer of a parameter in two sets of them.
#[derive(Debug)]
pub struct LayerPair<'a, F> {
    /// Which parameter.
    pub parameter: Parameter,
    /// Its shape.
    pub shape: Shape,
    /// `[rows, columns]`, to be written.
    pub out: &'a mut [F],
    /// `[rows, columns]`, to be read.
    pub values: &'a [F],
}

/// The bias that is added where this matrix or gain has multiplied.
fn bias_of(parameter: Parameter) -> Option<Parameter> {
    match parameter {
        Parameter::AttentionNormGain => Some(Parameter::AttentionNormBias),
        Parameter::Qkv => Some(Parameter::QkvBias),
        Parameter::Output => Some(Parameter::OutputBias),
        Parameter::MlpNormGain => Some(Parameter::MlpNormBias),
        Parameter::Up => Some(Parameter::UpBias),
        Parameter::Down => Some(Parameter::DownBias),
        Parameter::FinalNormGain => Some(Parameter::FinalNormBias),
        _ => None,
    }
}

fn is_gain(parameter: Parameter) -> bool {
    matches!(parameter, Parameter::AttentionNormGain | Parameter::MlpNormGain | Parameter::FinalNormGain)
}

fn fill_normal<F: Float>(values: &mut [F], deviation: f64, random: &mut SplitMix64) {
    values.iter_mut().for_each(|value| *value = F::of(deviation * normal(random)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sizing::presets::GPT;

    #[test]
    fn untrained_weights_have_their_deviation_and_repeat() {
        let parameters = Parameters::<f32>::init(&GPT, 5);
        let deviation = |p| {
            let values: &[f32] = parameters.get(p);
            let square: f64 = values.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
            libm::sqrt(square / values.len() as f64)
        };
        assert!((deviation(Parameter::Qkv) - 0.02).abs() < 3e-4);
        assert!((deviation(Parameter::Down) - 0.02 / libm::sqrt(8.0)).abs() < 1e-4);
        assert!(parameters.get(Parameter::FinalNormGain).iter().all(|&gain| gain == 1.0));
        assert_eq!(parameters, Parameters::init(&GPT, 5));
        assert_ne!(parameters, Parameters::init(&GPT, 6));
    }

    #[test]
    fn the_first_weights_are_these_on_every_platform() {
        let parameters = Parameters::<f32>::init(&GPT, 0);
        let bits = parameters.values()[..3].iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits, FIRST_BITS);
    }

    #[test]
    fn layers_lie_in_their_parameter_and_walks_agree() {
        let mut parameters = Parameters::<f32>::zeros(&GPT);
        parameters.layer_mut(Parameter::Qkv, 3)[0] = 1.0;
        let shape = parameters.shape(Parameter::Qkv);
        assert_eq!(parameters.get(Parameter::Qkv)[3 * shape.rows * shape.columns], 1.0);
        let lengths: Vec<_> = parameters.walk().map(|(p, shape, _)| (p, shape.len())).collect();
        let mutable: Vec<_> = parameters.walk_mut().map(|(p, values)| (p, values.len())).collect();
        assert_eq!(lengths, mutable);
        assert_eq!(lengths.iter().map(|(_, length)| length).sum::<usize>(), parameters.len());
    }

    /// Computed by the same formulas in Python.
    const FIRST_BITS: [u32; 3] = [3_155_450_898, 1_029_251_900, 3_164_731_664];
}
