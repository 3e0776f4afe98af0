//! The promise over time: these fingerprints are literals, so that no change to the code can move a bit unseen. What
//! the emulated chips compute is compared with the PC in `board.rs`.

use pipsqueak::{Precision, Sampling};
use pipsqueak_tests::{generate, pretrained, random_model, shapes};

/// Of each of [`shapes`], the fingerprint in f32, int8, int4 and ternary.
const FINGERPRINTS: [[u32; 4]; 3] = [
    [0xc005_c425, 0x960d_9156, 0xf67a_9d2b, 0xa62b_a558],
    [0x2f4a_9d5d, 0x5f44_39f9, 0xfea7_62bd, 0x69c3_59df],
    [0x74f0_924f, 0x1730_8d1f, 0x3889_a3b1, 0xec9c_5344],
];

#[test]
fn fingerprints_are_those_of_every_earlier_version() {
    let sampling = Sampling { temperature: 0.9, top_k: 50, top_p: 0.95, repetition_penalty: 1.1 };
    let found = shapes().map(|(_, config)| {
        [Precision::F32, Precision::Int8, Precision::Int4, Precision::Ternary].map(|precision| {
            // Longer than the context, so that the window slides.
            generate(&random_model(&config, precision), "Once", sampling, 5, 100).fingerprint
        })
    });
    assert_eq!(found, FINGERPRINTS, "{found:#010x?}");
}

#[test]
fn the_pretrained_model_tells_its_story() {
    let story = generate(&pretrained(), "Once upon a time", Sampling::default(), 42, 200);
    assert_eq!(story.fingerprint, 0x224b_f9f5, "{:#010x}: {}", story.fingerprint, story.text);
}
