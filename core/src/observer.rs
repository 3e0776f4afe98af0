//! The forward pass, seen from inside: every vector on the way from a token to the logits, in f32 or in integers as the model
//! computes.
//!
//! A program that observes nothing has no code for this: [`Observer`] is a type parameter of the pass, and with [`Unobserved`]
//! all that serves only observers is left out by the compiler.

use core::ops::Range;

use crate::kernels::portable::power;

/// Whoever looks on while [`Generator::observe`](crate::Generator::observe) reads a text.
pub trait Observer {
    #[doc(hidden)]
    const WATCHES: bool = true;

    /// Takes a vector that was just computed. Vectors come by their positions, each position's by layers, and each
    /// layer's in the order of [`Vector`].
    fn see(&mut self, place: Place, values: Values<'_>);
}

/// Nobody looks on.
pub(crate) struct Unobserved;

impl Observer for Unobserved {
    const WATCHES: bool = false;

    fn see(&mut self, _: Place, _: Values<'_>) {}
}

/// An observer of one layer's attention at one position.
pub(crate) struct View<'o, O> {
    pub(crate) observer: &'o mut O,
    pub(crate) position: usize,
    pub(crate) layer: usize,
}

impl<O: Observer> View<'_, O> {
    /// Shows a vector, which is made only if somebody looks on.
    #[inline(always)]
    pub(crate) fn show<'v>(&mut self, vector: Vector, values: impl FnOnce() -> Values<'v>) {
        if O::WATCHES {
            self.observer.see(Place { position: self.position, layer: self.layer, vector }, values());
        }
    }
}

/// Which vector it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Of the token, from 0.
    pub position: usize,
    /// Counted through all loops; 0 for what comes before the layers, and the last for what comes behind them.
    pub layer: usize,
    /// Its part in the pass.
    pub vector: Vector,
}

/// The vectors of one token, in the order of their computation. What a model does not have is not shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Vector {
    /// The embedding with the position's vector, `[width]`: the residual stream as it begins.
    Embedding,
    /// Input of attention: the normalised residual stream, `[width]`.
    AttentionInput,
    /// The key of one key head, `[head]`, rotated by the position where positions are rotary.
    Key {
        /// From 0.
        head: usize,
    },
    /// The value of one key head, `[value]`: as long as a key, but with latent attention, where it is the key's first channels.
    Value {
        /// From 0.
        head: usize,
    },
    /// The query of one head, `[head]`, rotated as keys are.
    Query {
        /// From 0.
        head: usize,
    },
    /// `q · k / sqrt(head)` with the key of each position up to this one, `[position + 1]`.
    Scores {
        /// From 0.
        head: usize,
    },
    /// The softmax of the scores: how much of each position's value the head takes.
    Weights {
        /// From 0.
        head: usize,
    },
    /// The weighted sums of values of all heads, `[heads * value]`.
    Heads,
    /// The heads' outputs through the output matrix, `[width]`.
    AttentionOutput,
    /// The residual stream behind attention, `[width]`.
    AttentionResidual,
    /// Input of the MLP: the normalised residual stream, `[width]`.
    MlpInput,
    /// The router's score of each expert, `[experts]`.
    Router,
    /// The probability of an expert that was chosen, `[1]`; the units that follow, and what the MLP adds, are that expert's. Where two
    /// are active, the second one's come behind all of the first one's.
    Expert {
        /// From 0.
        index: usize,
    },
    /// The MLP's units before the activation function, `[hidden]`; with a gate, `[2, hidden]`, the gate first.
    Units,
    /// The units behind the activation function and the gate, `[hidden]`.
    Activated,
    /// The MLP's output, which joins the residual stream, `[width]`.
    MlpOutput,
    /// The residual stream behind the MLP, `[width]`.
    MlpResidual,
    /// Input of the head: the normalised residual stream, `[width]`.
    Final,
    /// `[vocab]`.
    Logits,
}

/// A vector's numbers.
///
/// ```
/// use pipsqueak::{Observer, Place, Sampling, Values, Vector};
///
/// /// Prints the first number that enters each MLP, and the integer that it is.
/// struct FirstInputs;
///
/// impl Observer for FirstInputs {
///     fn see(&mut self, place: Place, values: Values<'_>) {
///         if let (Vector::MlpInput, Some(value), Some(integer)) = (place.vector, values.get(0), values.integer(0)) {
///             println!("layer {}: {value} = {integer} times {}", place.layer, values.unit());
///             assert_eq!(value, integer as f32 * values.unit());
///         }
///     }
/// }
///
/// # fn main() -> Result<(), pipsqueak::Error> {
/// let generator = pipsqueak::include_model!("../models/tiny.pip").generator()?;
/// generator.start("Once upon a time", Sampling::GREEDY, 0)?;
/// generator.observe(&mut FirstInputs);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Values<'a> {
    numbers: Numbers<'a>,
    unit: f32,
}

#[derive(Debug, Clone, Copy)]
enum Numbers<'a> {
    Floats(&'a [f32]),
    Words(&'a [i32]),
    Bytes(&'a [i8]),
    /// Every `step`th score, from the first; `2^(15 + score - largest)` of it, if there is a `largest`.
    Scores {
        scores: &'a [i32],
        step: usize,
        largest: Option<i32>,
    },
}

impl<'a> Values<'a> {
    pub(crate) fn floats(values: &'a [f32]) -> Self {
        Values { numbers: Numbers::Floats(values), unit: 1.0 }
    }

    pub(crate) fn words(values: &'a [i32], unit: f32) -> Self {
        Values { numbers: Numbers::Words(values), unit }
    }

    pub(crate) fn bytes(values: &'a [i8], unit: f32) -> Self {
        Values { numbers: Numbers::Bytes(values), unit }
    }

    /// Scores of one head of several, in [fractions of a power of two](crate::integer::attention).
    pub(crate) fn scores(scores: &'a [i32], step: usize, unit: f32) -> Self {
        Values { numbers: Numbers::Scores { scores, step, largest: None }, unit }
    }

    /// The softmax of such scores, of which `largest` is the largest.
    pub(crate) fn weights(scores: &'a [i32], step: usize, largest: i32) -> Self {
        let mut weights =
            Values { numbers: Numbers::Scores { scores, step, largest: Some(largest) }, unit: 1.0 };
        let total: i32 = weights.range().filter_map(|i| weights.integer(i)).sum();
        weights.unit = 1.0 / total.max(1) as f32;
        weights
    }

    /// Their number.
    pub fn len(&self) -> usize {
        match self.numbers {
            Numbers::Floats(values) => values.len(),
            Numbers::Words(values) => values.len(),
            Numbers::Bytes(values) => values.len(),
            Numbers::Scores { scores, step, .. } => scores.len().div_ceil(step),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The numbers, in order.
    pub fn iter(&self) -> impl Iterator<Item = f32> + '_ {
        self.range().filter_map(|i| self.get(i))
    }

    /// The number at `i`.
    pub fn get(&self, i: usize) -> Option<f32> {
        match self.numbers {
            Numbers::Floats(values) => values.get(i).copied(),
            _ => self.integer(i).map(|value| value as f32 * self.unit),
        }
    }

    /// The integer at `i`, where the pass computes in integers: the number is this times [`unit`](Self::unit).
    pub fn integer(&self, i: usize) -> Option<i32> {
        match self.numbers {
            Numbers::Floats(_) => None,
            Numbers::Words(values) => values.get(i).copied(),
            Numbers::Bytes(values) => values.get(i).copied().map(i32::from),
            Numbers::Scores { scores, step, largest } => {
                let score = *scores.get(i.checked_mul(step)?)?;
                Some(largest.map_or(score, |largest| power(largest.wrapping_sub(score) as u32) as i32))
            }
        }
    }

    /// The value that an integer of 1 stands for; 1 in f32.
    pub fn unit(&self) -> f32 {
        self.unit
    }

    fn range(&self) -> Range<usize> {
        0..self.len()
    }
}
