//! The kernels that this machine runs against the portable ones; what the boards run as well.

#[path = "../../firmware/src/kernel_checks.rs"]
mod kernel_checks;

use kernel_checks::{Room, check};

#[test]
fn kernels_equal_the_portable_ones() {
    let mut room = Box::new(Room::NEW);
    match check(&mut room) {
        Ok(count) => assert!(count > 1_000_000, "{count} results compared"),
        Err(difference) => panic!("{difference}"),
    }
}
