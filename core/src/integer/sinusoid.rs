//! [Sinusoidal positions](crate::float::sinusoid) in integers.

use crate::float::sinusoid::channel;

/// Writes the position's vector to `out` `[width]` as integers; returns what they count.
pub fn sinusoid(out: &mut [i32], position: usize) -> f32 {
    const ONE: f32 = (1 << 20) as f32;
    let width = out.len();
    for (i, out) in out.iter_mut().enumerate() {
        *out = (channel::<f32>(i, position, width) * ONE) as i32;
    }
    1.0 / ONE
}
