//! Every processor computes the same bits: a text's fingerprint is a literal, whatever machine these tests run on.

use pipsqueak::{Embedded, Sampling, include_model};

static TINY: &Embedded = include_model!("../models/tiny.pip");

/// Of the text that `pipsqueak generate --model core/models/tiny.pip --prompt 'Once upon a time' --length 120` writes.
const FINGERPRINT: u32 = 0x0790_ec54;

#[test]
fn the_fingerprint_and_the_golden_run_are_those_of_every_machine() {
    let generator = TINY.generator().unwrap();
    generator.start("Once upon a time", Sampling::default(), 42).unwrap();
    for _ in 0..120 {
        generator.next_token().unwrap();
    }
    assert_eq!(generator.fingerprint(), FINGERPRINT, "{:#010x}", generator.fingerprint());
    assert_eq!(generator.self_test(), Ok(()));
}
