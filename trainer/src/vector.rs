//! Loops compiled for the widest vector registers that the processor turns out to have.
//!
//! They compute the same bits as when compiled for the narrowest: the compiler neither reorders sums nor fuses
//! multiplications into them.

/// Defines a function that is compiled once for each vector extension, together with all `#[inline(always)]` functions that
/// it calls; a call runs the best version for this processor. A type parameter stands for any
/// [`Float`](pipsqueak::internal::math::Float).
macro_rules! vectorised {
    (
        $(#[$attribute:meta])*
        $visibility:vis fn $name:ident $(<$float:ident>)? ($($argument:ident: $type:ty),* $(,)?) $(-> $output:ty)? $body:block
    ) => {
        $(#[$attribute])*
        $visibility fn $name $(<$float: pipsqueak::internal::math::Float>)? ($($argument: $type),*) $(-> $output)? {
            // The compiler knows that arguments do not overlap; of a structure's fields it does not know it.
            #[inline(always)]
            fn body $(<$float: pipsqueak::internal::math::Float>)? ($($argument: $type),*) $(-> $output)? $body

            struct Call<A>(A);

            impl $(<$float: pipsqueak::internal::math::Float>)? pulp::WithSimd for Call<($($type,)*)> {
                type Output = $crate::vector::output!($($output)?);

                #[inline(always)]
                fn with_simd<S: pulp::Simd>(self, _: S) -> Self::Output {
                    let Call(($($argument,)*)) = self;
                    body($($argument),*)
                }
            }

            pulp::Arch::new().dispatch(Call(($($argument,)*)))
        }
    };
}

/// A function's return type: `()` where none is written.
macro_rules! output {
    () => {
        ()
    };
    ($output:ty) => {
        $output
    };
}

pub(crate) use output;
pub(crate) use vectorised;

#[cfg(test)]
mod tests {
    use pipsqueak::internal::math;

    #[inline(always)]
    fn narrow(x: &[f32]) -> [u32; 2] {
        [math::dot(x, x), math::sum(x, |x| math::exp(x) * x + 0.1)].map(f32::to_bits)
    }

    vectorised! {
        fn wide(x: &[f32]) -> [u32; 2] {
            narrow(x)
        }
    }

    #[test]
    fn wide_vectors_compute_the_same() {
        let x: Vec<f32> = (0..1000).map(|i| (i as f32 * 0.37).sin()).collect();
        assert_eq!(narrow(&x), wide(&x));
    }
}
