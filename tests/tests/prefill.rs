//! A prompt that is read several positions at a time leaves the same bits as one that is read one by one, and so does one
//! that is read in slices of a token.

use pipsqueak::internal::decoder::Slice;
use pipsqueak::internal::memory::LANES_MAX;
use pipsqueak::internal::{Decoder, SplitMix64};
use pipsqueak::{Config, Mlp, Model, Position, Precision};
use pipsqueak_tests::{architectures, random_model, shapes};
use pipsqueak_trainer::export::decoding::OwnedMemory;
use rand_core::Rng;

/// A decoder whose memory has this many lanes.
fn with_lanes<R>(model: &Model<'_>, lanes: usize, work: impl FnOnce(&mut Decoder<'_, '_>) -> R) -> R {
    let mut memory = OwnedMemory::with_lanes(model, lanes);
    let (mut decoder, _) = Decoder::new(model.clone(), memory.buffers()).expect("memory enough");
    work(&mut decoder)
}

fn bits(logits: &[f32]) -> Vec<u32> {
    logits.iter().map(|logit| logit.to_bits()).collect()
}

/// The logits after each token, read one by one.
fn one_by_one(model: &Model<'_>, tokens: &[u16]) -> Vec<Vec<u32>> {
    with_lanes(model, 1, |decoder| {
        let step = |(position, &token): (usize, &u16)| {
            decoder.forward(token, position).expect("within the context");
            bits(decoder.logits())
        };
        tokens.iter().enumerate().map(step).collect()
    })
}

/// As many tokens as the context has positions.
fn random_tokens(config: &Config) -> Vec<u16> {
    let random = &mut SplitMix64::new(9);
    (0..config.context).map(|_| (random.next_u32() % config.vocab as u32) as u16).collect()
}

fn check(what: &str, model: &Model<'_>) {
    let tokens = random_tokens(model.config());
    let expected = one_by_one(model, &tokens);
    for lanes in 1..=LANES_MAX + 1 {
        // Parts of every length, so that lanes are left over, and so that one part begins where another ends.
        for part in [1, 2, lanes.saturating_sub(1).max(1), lanes, lanes + 1, 2 * lanes + 3, tokens.len()] {
            with_lanes(model, lanes, |decoder| {
                let mut expected = expected.iter();
                for (i, tokens) in tokens.chunks(part).enumerate() {
                    let each = |logits: &mut [f32]| {
                        assert_eq!(
                            Some(&bits(logits)),
                            expected.next(),
                            "{what}: {lanes} lanes, {part} a time"
                        );
                    };
                    decoder.forward_each(tokens, i * part, each).expect("within the context");
                }
                assert_eq!(expected.next(), None);
            });
        }
        let (&last, prompt) = tokens.split_last().expect("tokens");
        for first in [0, 1, prompt.len() / 2] {
            with_lanes(model, lanes, |decoder| {
                decoder.prefill(&prompt[..first], 0).expect("within the context");
                decoder.prefill(&prompt[first..], first).expect("within the context");
                decoder.forward(last, prompt.len()).expect("within the context");
                assert_eq!(Some(&bits(decoder.logits())), expected.last(), "{what}: {lanes} lanes, prefill");
            });
        }
    }
}

#[test]
fn the_same_bits_whatever_is_read_at_once() {
    let odd =
        Config { kv_heads: 1, heads: 3, latent: 9, position: Position::Learned, ..shapes()[0].1.clone() };
    let latent = [("latent without rotary positions", odd)];
    for (name, config) in shapes().into_iter().chain(architectures()).chain(latent) {
        for precision in [Precision::F32, Precision::Int8, Precision::Int4, Precision::Ternary] {
            let file = random_model(&config, precision);
            check(&format!("{name}, {precision:?}"), &file.model().expect("a model"));
        }
    }
}

/// The slices of a batch of tokens, and the logits after each of them.
fn in_slices(decoder: &mut Decoder<'_, '_>) -> (Vec<Slice>, Vec<Vec<u32>>) {
    let (mut slices, mut logits) = (vec![], vec![]);
    while let Some(slice) = decoder.advance() {
        slices.push(slice);
        if slice == Slice::Logits {
            logits.push(bits(decoder.logits()));
        }
    }
    (slices, logits)
}

#[test]
fn the_same_bits_in_slices() {
    // The last one has fewer hidden units than rows that are packed together.
    let narrow =
        Config { width: 1, heads: 1, kv_heads: 1, hidden: 1, mlp: Mlp::Plain, ..shapes()[2].1.clone() };
    for (name, config) in shapes().into_iter().chain([("one channel", narrow)]) {
        for precision in [Precision::F32, Precision::Int8, Precision::Int4, Precision::Ternary] {
            let file = random_model(&config, precision);
            let (model, tokens) = (file.model().expect("a model"), random_tokens(&config));
            let expected = one_by_one(&model, &tokens);
            for (lanes, wants_logits) in [(1, true), (3, true), (3, false)] {
                with_lanes(&model, lanes, |decoder| {
                    assert_eq!(decoder.advance(), None, "nothing is begun yet");
                    let mut position = 0;
                    while position < tokens.len() {
                        // Tokens that are begun and abandoned leave no trace.
                        decoder.begin(&[0], position, true).expect("within the context");
                        (0..position % 4).for_each(|_| _ = decoder.advance());
                        let begun = decoder.begin(&tokens[position..], position, wants_logits);
                        let begun = begun.expect("within the context");
                        let (slices, logits) = in_slices(decoder);
                        assert!(begun == 1 || begun <= lanes, "{name}: {begun} tokens begun");
                        if wants_logits {
                            assert_eq!(logits, expected[position..][..begun], "{name}, {precision:?}");
                            assert!(
                                slices.len() > 2 * config.depth() && slices.last() == Some(&Slice::Logits)
                            );
                        } else {
                            assert_eq!(slices, vec![Slice::Part; 2 * config.depth() - 1]);
                        }
                        position += begun;
                    }
                    let (&last, prompt) = tokens.split_last().expect("tokens");
                    decoder.forward(last, prompt.len()).expect("within the context");
                    assert_eq!(Some(&bits(decoder.logits())), expected.last(), "{name}, {precision:?}");
                });
            }
        }
    }
}

#[test]
fn beyond_the_context_nothing_is_read() {
    let file = random_model(&shapes()[0].1, Precision::Int8);
    let model = file.model().expect("a model");
    let context = model.config().context;
    with_lanes(&model, LANES_MAX, |decoder| {
        assert!(decoder.prefill(&[1; 3], context - 3).is_ok());
        let error = decoder.prefill(&[1; 3], context - 2).unwrap_err().to_string();
        assert_eq!(error, format!("position {context} is outside the model, which has {context}"));
        assert!(decoder.prefill(&[1, u16::MAX], 0).is_err());
        assert!(decoder.prefill(&[1], usize::MAX).is_err());
        assert!(decoder.prefill(&[], 0).is_ok());
        assert!(
            decoder.begin(&[1; 3], context - 2, true).is_err()
                && decoder.begin(&[u16::MAX], 0, true).is_err()
        );
        assert_eq!(decoder.begin(&[], 0, true), Ok(0));
        assert_eq!(decoder.advance(), None);
    });
}
