//! The promise over time: these fingerprints are literals, so that no change to the code can move a bit unseen. What
//! the emulated chips compute is compared with the PC in `board.rs`.

use pipsqueak::internal::file::{File, Golden};
use pipsqueak::{Difference, Generator, Precision, Sampling};
use pipsqueak_tests::{generate, pretrained, random_model, shapes};
use pipsqueak_trainer::export::decoding::OwnedMemory;
use pipsqueak_trainer::export::model_file::{self, ModelFile};

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

/// Runs the self-test with this golden run in place of the model's own.
fn self_test(file: &ModelFile, golden: Golden<'_>) -> Result<(), Difference> {
    let contents: File<'_> = postcard::from_bytes(file.bytes()).unwrap();
    let changed = model_file::serialize(File { golden, ..contents }).unwrap();
    let model = changed.model().unwrap();
    let mut memory = OwnedMemory::of(&model);
    Generator::new(model, memory.buffers()).unwrap().self_test()
}

#[test]
fn golden_runs_are_what_the_core_generates() {
    for (name, config) in shapes() {
        for precision in [Precision::F32, Precision::Int8, Precision::Int4, Precision::Ternary] {
            let file = random_model(&config, precision);
            let golden = *file.model().unwrap().golden();
            assert_eq!(golden.tokens.len(), 2 * Golden::TOKENS, "{name}");
            assert_eq!(self_test(&file, golden), Ok(()), "{name}, {}", precision.name());
        }
    }
}

#[test]
fn a_self_test_names_the_first_difference() {
    let file = random_model(&shapes()[0].1, Precision::Int8);
    let golden = *file.model().unwrap().golden();
    let [mut tokens, mut fingerprints] = [golden.tokens.to_vec(), golden.fingerprints.to_vec()];
    tokens[2 * 7] ^= 1;
    fingerprints[4 * 5] ^= 1;
    let found = u16::from_le_bytes([golden.tokens[2 * 7], golden.tokens[2 * 7 + 1]]);
    let other_token = Difference::Token { place: 7, found: Some(found), expected: found ^ 1 };
    assert_eq!(self_test(&file, Golden { tokens: &tokens, ..golden }), Err(other_token));
    let difference = self_test(&file, Golden { fingerprints: &fingerprints, ..golden }).unwrap_err();
    assert_eq!(
        difference.to_string(),
        "the logits of token 5 of the golden run differ, though not the token"
    );
    assert_eq!(self_test(&file, Golden::default()), Err(Difference::NoGoldenRun));
}

#[test]
fn the_pretrained_model_tells_its_story() {
    let story = generate(&pretrained(), "Once upon a time", Sampling::default(), 42, 200);
    assert_eq!(story.fingerprint, 0xdab5_a84f, "{:#010x}: {}", story.fingerprint, story.text);
}
