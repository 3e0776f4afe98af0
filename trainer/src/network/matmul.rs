//! Matrix products: the one place that calls the GEMM library, and the only `unsafe` of the trainer.

use core::sync::atomic::{AtomicBool, Ordering};

use pipsqueak::internal::math::Float;

use super::product::product;

/// A matrix in a slice: element `[row, column]` is at `row * row_stride + column * column_stride`.
#[derive(Debug, Clone, Copy)]
pub struct View<'a, F> {
    pub(super) values: &'a [F],
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) row_stride: usize,
    pub(super) column_stride: usize,
}

impl<'a, F> View<'a, F> {
    /// A view of `[rows, columns]` whose rows are `stride` values apart.
    pub fn new(values: &'a [F], rows: usize, columns: usize, stride: usize) -> View<'a, F> {
        assert_fits(values.len(), rows, columns, stride);
        View { values, rows, columns, row_stride: stride, column_stride: 1 }
    }

    /// The same values with rows as columns; nothing is copied.
    pub fn transposed(self) -> View<'a, F> {
        View {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }
}

/// A matrix to write to: `[rows, columns]` whose rows are `stride` values apart.
#[derive(Debug)]
pub struct ViewMut<'a, F> {
    pub(super) values: &'a mut [F],
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) stride: usize,
}

impl<'a, F> ViewMut<'a, F> {
    /// A view of `[rows, columns]` whose rows are `stride` values apart.
    pub fn new(values: &'a mut [F], rows: usize, columns: usize, stride: usize) -> ViewMut<'a, F> {
        assert_fits(values.len(), rows, columns, stride);
        ViewMut { values, rows, columns, stride }
    }
}

/// Panics unless every element is in the slice, and no two are in the same place.
fn assert_fits(length: usize, rows: usize, columns: usize, stride: usize) {
    assert!(rows > 0 && columns > 0, "an empty matrix");
    assert!(stride >= columns, "rows overlap");
    let end = (rows - 1).checked_mul(stride).and_then(|last_row| last_row.checked_add(columns));
    assert!(end.is_some_and(|end| end <= length), "[{rows}, {columns}] by {stride} in {length} values");
}

/// Tells the library to read the right-hand matrix in place for results of up to about 200 rows, which is what a small
/// model's passes have: copying it into another order first costs more there than it saves. For the whole program; changes
/// no result.
pub fn copy_little() {
    /// In units of the rows that the library's kernel takes at once, six for AVX-512.
    const ROWS: usize = 32;
    gemm::set_lhs_packing_threshold_single_thread(ROWS);
}

/// Whether sums are in the order that is the same on every machine.
static ONE_ORDER: AtomicBool = AtomicBool::new(false);

/// Has every product sum in one order, the browser's, so that the same training gives the same bits on every machine. For the whole
/// program.
pub fn sum_in_one_order() {
    ONE_ORDER.store(true, Ordering::Relaxed);
}

/// `out = scale * a b`.
pub fn multiply<F: Float>(out: ViewMut<'_, F>, a: View<'_, F>, b: View<'_, F>, scale: F) {
    gemm(out, a, b, scale, false);
}

/// `out += scale * a b`.
pub fn multiply_add<F: Float>(out: ViewMut<'_, F>, a: View<'_, F>, b: View<'_, F>, scale: F) {
    gemm(out, a, b, scale, true);
}

#[allow(unsafe_code)]
fn gemm<F: Float>(out: ViewMut<'_, F>, a: View<'_, F>, b: View<'_, F>, scale: F, add: bool) {
    assert!(
        out.rows == a.rows && out.columns == b.columns && a.columns == b.rows,
        "shapes do not go together"
    );
    // The library's kernels for a browser are slower.
    if cfg!(target_family = "wasm") || ONE_ORDER.load(Ordering::Relaxed) {
        return product(out, a, b, scale, add);
    }
    // SAFETY: the constructors of the views have checked that every element lies in its slice; transposing changes no
    // address. Elements of `out` are distinct and mutably borrowed, so nothing else points to them. The library knows
    // f32 and f64, and panics for another type.
    unsafe {
        gemm::gemm(
            out.rows,
            out.columns,
            a.columns,
            out.values.as_mut_ptr(),
            1,
            out.stride as isize,
            add,
            a.values.as_ptr(),
            a.column_stride as isize,
            a.row_stride as isize,
            b.values.as_ptr(),
            b.column_stride as isize,
            b.row_stride as isize,
            F::ONE,
            scale,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_product_and_its_transposes() {
        let a = [1.0f32, 2.0, 9.0, 3.0, 4.0]; // [2, 2] by 3
        let b = [5.0, 6.0, 7.0, 8.0];
        let (a, b) = (View::new(&a, 2, 2, 3), View::new(&b, 2, 2, 2));
        let mut out = [0.5f32; 4];
        multiply(ViewMut::new(&mut out, 2, 2, 2), a, b, 1.0);
        assert_eq!(out, [19.0, 22.0, 43.0, 50.0]);
        multiply_add(ViewMut::new(&mut out, 2, 2, 2), a.transposed(), b, 2.0);
        assert_eq!(out, [19.0 + 52.0, 22.0 + 60.0, 43.0 + 76.0, 50.0 + 88.0]);
    }

    #[test]
    #[should_panic(expected = "[2, 3] by 3 in 5 values")]
    fn a_view_past_the_end_is_refused() {
        View::new(&[0.0f32; 5], 2, 3, 3);
    }
}
