//! Linear maps: `out = x weightᵀ + bias`, with `x` `[rows, inputs]`, `weight` `[outputs, inputs]`.

use pipsqueak::internal::math::{Float, add};

use super::matmul::{View, ViewMut, multiply, multiply_add};

/// A matrix and its bias, of one layer; an empty `bias` is none.
#[derive(Debug, Clone, Copy)]
pub struct Linear<'a, F> {
    /// `[outputs, inputs]`.
    pub weight: &'a [F],
    /// The same as `[inputs, outputs]`, which makes the forward pass faster; or empty.
    pub transposed: &'a [F],
    /// `[outputs]`, or empty.
    pub bias: &'a [F],
    /// Length of a row of `x`.
    pub inputs: usize,
}

/// Whether gradients replace what was there, or add to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Replaces it: for the first pass over a batch. Matrix products then need no zeroed memory to add to.
    Write,
    /// Adds to it: for the passes after that.
    Add,
}

/// Where the gradients of a matrix and its bias go.
#[derive(Debug)]
pub struct LinearGradient<'a, F> {
    /// `[outputs, inputs]`.
    pub weight: &'a mut [F],
    /// `[outputs]`, or empty; always added to.
    pub bias: &'a mut [F],
    /// Whether the matrix's gradient is written or added.
    pub mode: Mode,
}

impl<'a, F: Float> Linear<'a, F> {
    fn outputs(&self) -> usize {
        self.weight.len() / self.inputs
    }

    fn weight(&self) -> View<'a, F> {
        View::new(self.weight, self.outputs(), self.inputs, self.inputs)
    }

    /// `weightᵀ`.
    fn transposed(&self) -> View<'a, F> {
        match self.transposed {
            [] => self.weight().transposed(),
            transposed => View::new(transposed, self.inputs, self.outputs(), self.outputs()),
        }
    }

    fn x<'b>(&self, x: &'b [F]) -> View<'b, F> {
        View::new(x, x.len() / self.inputs, self.inputs, self.inputs)
    }

    fn out<'b>(&self, out: &'b [F]) -> View<'b, F> {
        View::new(out, out.len() / self.outputs(), self.outputs(), self.outputs())
    }

    fn out_mut<'b>(&self, out: &'b mut [F]) -> ViewMut<'b, F> {
        let rows = out.len() / self.outputs();
        ViewMut::new(out, rows, self.outputs(), self.outputs())
    }

    /// `out = x weightᵀ + bias`; `out` is `[rows, outputs]`.
    pub fn forward(&self, out: &mut [F], x: &[F]) {
        multiply(self.out_mut(out), self.x(x), self.transposed(), F::ONE);
        self.add_bias(out);
    }

    /// `out += x weightᵀ + bias`: onto the residual stream.
    pub fn forward_onto(&self, out: &mut [F], x: &[F]) {
        multiply_add(self.out_mut(out), self.x(x), self.transposed(), F::ONE);
        self.add_bias(out);
    }

    fn add_bias(&self, out: &mut [F]) {
        if !self.bias.is_empty() {
            out.chunks_exact_mut(self.bias.len()).for_each(|out| add(out, self.bias));
        }
    }

    /// `dx = dout weight`, in place of `x`, and [`Linear::backward_weight`].
    pub fn backward(&self, x: &mut [F], gradient: LinearGradient<'_, F>, dout: &[F]) {
        self.backward_weight(gradient, dout, x);
        self.backward_input(x, dout);
    }

    /// `dx = dout weight`.
    pub fn backward_input(&self, dx: &mut [F], dout: &[F]) {
        let dx = ViewMut::new(dx, dout.len() / self.outputs(), self.inputs, self.inputs);
        multiply(dx, self.out(dout), self.weight(), F::ONE);
    }

    /// `dweight = doutᵀ x` or `dweight += doutᵀ x`, by the gradient's mode; `dbias += Σ dout`, over the rows.
    pub fn backward_weight(&self, gradient: LinearGradient<'_, F>, dout: &[F], x: &[F]) {
        let LinearGradient { weight: dweight, bias: dbias, mode } = gradient;
        let dweight = ViewMut::new(dweight, self.outputs(), self.inputs, self.inputs);
        let (dout_transposed, x) = (self.out(dout).transposed(), self.x(x));
        match mode {
            Mode::Write => multiply(dweight, dout_transposed, x, F::ONE),
            Mode::Add => multiply_add(dweight, dout_transposed, x, F::ONE),
        }
        if !dbias.is_empty() {
            dout.chunks_exact(dbias.len()).for_each(|dout| add(dbias, dout));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::differences::{check, values, weighted};
    use crate::network::transpose::transpose;

    #[test]
    fn the_transposed_weights_give_the_same() {
        let (x, weight, bias) = (values(6, 1), values(6, 2), values(2, 3));
        let mut transposed = vec![0.0; 6];
        transpose(ViewMut::new(&mut transposed, 3, 2, 2), View::new(&weight, 2, 3, 3));
        let forward = |transposed| {
            let mut out = [0.0; 4];
            Linear { weight: &weight, transposed, bias: &bias, inputs: 3 }.forward(&mut out, &x);
            out
        };
        let same = forward(&[]).iter().zip(forward(&transposed)).all(|(a, b)| (a - b).abs() < 1e-12);
        assert!(same, "{:?} {:?}", forward(&[]), forward(&transposed));
    }

    #[test]
    fn gradients_are_those_of_differences() {
        const ROWS: usize = 3;
        const INPUTS: usize = 5;
        const OUTPUTS: usize = 4;
        let (x, weight, bias) = (values(ROWS * INPUTS, 1), values(OUTPUTS * INPUTS, 2), values(OUTPUTS, 3));
        let dout = values(ROWS * OUTPUTS, 4);
        let loss = |x: &[f64], weight: &[f64], bias: &[f64]| {
            let mut out = [0.0; ROWS * OUTPUTS];
            Linear { weight, transposed: &[], bias, inputs: INPUTS }.forward(&mut out, x);
            weighted(&out, &dout)
        };
        let linear = Linear { weight: &weight, transposed: &[], bias: &bias, inputs: INPUTS };
        let (mut dx, mut dweight, mut dbias) = (x.clone(), vec![0.0; weight.len()], vec![0.0; OUTPUTS]);
        let gradient = LinearGradient { weight: &mut dweight, bias: &mut dbias, mode: Mode::Add };
        linear.backward(&mut dx, gradient, &dout);
        check("linear dx", &dx, &x, |x| loss(x, &weight, &bias));
        check("linear dweight", &dweight, &weight, |weight| loss(&x, weight, &bias));
        check("linear dbias", &dbias, &bias, |bias| loss(&x, &weight, bias));
        let mut written = vec![f64::NAN; weight.len()];
        let gradient = LinearGradient { weight: &mut written, bias: &mut dbias, mode: Mode::Write };
        linear.backward_weight(gradient, &dout, &x);
        assert_eq!(written, dweight);
    }
}
