//! Slices, prefixes, scores, choices and filters change no bit of the text.

use pipsqueak::{
    Buffers, Choices, Embedded, Error, Generator, Observer, Place, Progress, Sampling, Values, Vector,
    include_model,
};

static TINY: &Embedded = include_model!("../models/tiny.pip");
const PROMPT: &str = "Once upon a time";
const SAMPLING: Sampling = Sampling { temperature: 0.9, top_k: 50, top_p: 0.95, repetition_penalty: 1.1 };

/// Runs `test` with a generator in memory of its own.
fn with_generator<R>(test: impl FnOnce(&mut Generator<'_, '_>) -> R) -> R {
    let model = TINY.model().unwrap();
    let mut memory = vec![0; model.config().memory_bytes(model.precision()) + 3];
    test(&mut Generator::new(model, Buffers::from(&mut memory[..])).unwrap())
}

fn generate(generator: &mut Generator<'_, '_>, tokens: usize) -> String {
    let mut text = String::new();
    for _ in 0..tokens {
        let Some(piece) = generator.next_piece() else { break };
        text += piece;
    }
    text
}

/// The text and its fingerprint.
fn story(prompt: &str, seed: u64, tokens: usize) -> (String, u32) {
    with_generator(|generator| {
        generator.start(prompt, SAMPLING, seed).unwrap();
        (generate(generator, tokens), generator.fingerprint())
    })
}

#[test]
fn a_model_in_the_program_is_lent_once() {
    static MODEL: &Embedded = include_model!("../models/tiny.pip");
    assert!(MODEL.generator().is_ok());
    assert_eq!(MODEL.generator().err(), Some(Error::MemoryTaken));
}

#[test]
fn slices_make_the_same_text() {
    // Longer than the context, so that the window slides.
    let (tokens, seed) = (300, 7);
    let whole = story(PROMPT, seed, tokens);
    let sliced = with_generator(|generator| {
        generator.start(PROMPT, SAMPLING, seed).unwrap();
        let (mut text, mut pieces, mut working) = (String::new(), 0, 0);
        while pieces < tokens {
            match generator.advance() {
                Progress::Working => working += 1,
                Progress::Piece(piece) => (text, pieces) = (text + piece, pieces + 1),
                Progress::Ended => break,
            }
        }
        assert!(working > 4 * pieces, "{working} slices for {pieces} pieces");
        (text, generator.fingerprint())
    });
    assert_eq!(whole, sliced);
}

#[test]
fn a_text_begun_in_the_middle_of_a_slice_is_the_same() {
    let expected = story(PROMPT, 1, 20);
    with_generator(|generator| {
        for slices in 0..12 {
            generator.start("There was a cat", SAMPLING, 3).unwrap();
            (0..slices).for_each(|_| _ = generator.advance());
            generator.start(PROMPT, SAMPLING, 1).unwrap();
            assert_eq!((generate(generator, 20), generator.fingerprint()), expected, "after {slices} slices");
        }
    });
}

#[test]
fn what_is_appended_is_read_as_a_prompt_is() {
    let expected = story("Once upon a time there was", 1, 20);
    with_generator(|generator| {
        generator.start("Once upon", SAMPLING, 1).unwrap();
        generator.advance();
        generator.append(" a time").unwrap();
        assert!(matches!(generator.append(" caf\u{e9}"), Err(Error::UnknownCharacter('\u{e9}'))));
        generator.append(" there was").unwrap();
        assert_eq!((generate(generator, 20), generator.fingerprint()), expected);
    });
}

#[test]
fn a_prefix_is_returned_to_as_often_as_one_likes() {
    let expected = [story("Once upon a time a mouse", 4, 30), story("Once upon a time", 5, 30)];
    with_generator(|generator| {
        generator.start(PROMPT, SAMPLING, 9).unwrap();
        let prefix = generator.prefix();
        for _ in 0..3 {
            generate(generator, 10);
            generator.return_to(&prefix, 4).unwrap();
            generator.append(" a mouse").unwrap();
            assert_eq!((generate(generator, 30), generator.fingerprint()), expected[0]);
            generator.return_to(&prefix, 5).unwrap();
            assert_eq!((generate(generator, 30), generator.fingerprint()), expected[1]);
        }
    });
}

#[test]
fn a_prefix_is_not_read_again() {
    let slices = |generator: &mut Generator<'_, '_>| {
        let mut slices = 0;
        while generator.advance() == Progress::Working {
            slices += 1;
        }
        slices
    };
    with_generator(|generator| {
        let prompt = "Once upon a time, in a small house at the end of the lane, there lived a little girl. "
            .repeat(2);
        generator.start(&prompt, SAMPLING, 1).unwrap();
        let (prefix, first) = (generator.prefix(), slices(generator));
        generator.return_to(&prefix, 1).unwrap();
        let again = slices(generator);
        assert!(10 * again < first, "{again} slices, {first} at first");
    });
}

#[test]
fn a_stale_prefix_is_refused() {
    with_generator(|generator| {
        generator.start("Once upon", SAMPLING, 1).unwrap();
        let short = generator.prefix();
        generator.append(" a time").unwrap();
        let long = generator.prefix();
        generator.return_to(&short, 1).unwrap();
        generator.append(" a mouse ran").unwrap();
        assert_eq!(generator.return_to(&long, 1), Err(Error::StalePrefix), "another text was gone on with");
        let text = (generate(generator, 10), generator.fingerprint());
        assert_eq!(generator.return_to(&short, 1), Ok(()));
        generator.append(" a mouse ran").unwrap();
        assert_eq!(
            (generate(generator, 10), generator.fingerprint()),
            text,
            "a refusal leaves all as it was"
        );
        generator.start("The cat", SAMPLING, 1).unwrap();
        assert_eq!(generator.return_to(&short, 1), Err(Error::StalePrefix), "another text was started");
        let cat = generator.prefix();
        generator.append(&" and the cat".repeat(60)).unwrap();
        assert_eq!(generator.return_to(&cat, 1), Err(Error::StalePrefix), "the window has slid");
    });
}

/// By `logits` alone, in f64.
fn score_by_logits(prompt: &str, continuation: &str) -> f64 {
    with_generator(|generator| {
        let tokenizer = *generator.model().tokenizer();
        let tokens: Vec<u16> = tokenizer.continuation(continuation).map(Result::unwrap).collect();
        let mut total = 0.0;
        generator.start(prompt, SAMPLING, 1).unwrap();
        for token in tokens {
            let logits: Vec<f64> = generator.logits().iter().map(|&logit| logit.into()).collect();
            let sum: f64 = logits.iter().map(|logit| logit.exp()).sum();
            total += logits[usize::from(token)] - sum.ln();
            let forced = |logits: &mut [f32]| {
                logits
                    .iter_mut()
                    .enumerate()
                    .filter(|(id, _)| *id != usize::from(token))
                    .for_each(|(_, x)| *x = f32::NEG_INFINITY);
            };
            assert_eq!(generator.next_token_with(forced), Some(token));
        }
        total
    })
}

#[test]
fn scores_are_log_probabilities_and_leave_the_text() {
    let expected = story(PROMPT, 2, 40);
    with_generator(|generator| {
        generator.start(PROMPT, SAMPLING, 2).unwrap();
        let continuations = [" there was", ", in a", "zz", ""];
        let scores = generator.scores(continuations).unwrap();
        for (score, continuation) in scores.into_iter().zip(continuations) {
            let exact = score_by_logits(PROMPT, continuation);
            assert!((f64::from(score) - exact).abs() < 1e-4, "{continuation}: {score} {exact}");
            assert_eq!(generator.score(continuation).unwrap().to_bits(), score.to_bits());
        }
        assert!(scores[2] < scores[0] && scores[3] == 0.0, "{scores:?}");
        assert_eq!((generate(generator, 40), generator.fingerprint()), expected);
    });
}

#[test]
fn a_score_of_a_text_that_does_not_fit_is_refused() {
    with_generator(|generator| {
        let context = generator.model().config().context;
        generator.start(PROMPT, SAMPLING, 2).unwrap();
        let refusal = generator.score(&"the cat ".repeat(context)).unwrap_err();
        assert!(matches!(refusal, Error::TooLong { context: found, .. } if found == context), "{refusal}");
        assert!(matches!(generator.score("\u{e9}"), Err(Error::UnknownCharacter(_))));
    });
}

#[test]
fn only_choices_are_written() {
    let answers = [" a mouse", " a little mouse", " a cat", "."];
    let mut chosen = [0; 4];
    with_generator(|generator| {
        let choices = Choices::<64>::new(generator.model().tokenizer(), &answers).unwrap();
        for seed in 0..60 {
            generator
                .start(
                    "Once upon a time there was",
                    Sampling { temperature: 2.0, top_k: 0, ..SAMPLING },
                    seed,
                )
                .unwrap();
            let prefix = generator.prefix();
            let choice = generator.choose(&choices);
            chosen[choice] += 1;
            // The answer is part of the text now.
            let fingerprint = next_fingerprint(generator);
            generator.return_to(&prefix, seed).unwrap();
            generator.append(answers[choice]).unwrap();
            assert_eq!(next_fingerprint(generator), fingerprint, "{}", answers[choice]);
        }
    });
    assert!(chosen.iter().filter(|&&count| count > 0).count() >= 3, "{chosen:?}");
}

/// Of the next logits alone.
fn next_fingerprint(generator: &mut Generator<'_, '_>) -> Vec<u32> {
    generator.logits().iter().map(|logit| logit.to_bits()).collect()
}

#[test]
fn the_likeliest_choice_is_taken_by_a_cold_sampler() {
    with_generator(|generator| {
        let choices = Choices::<32>::new(generator.model().tokenizer(), &["zzz", " a time", "qqq"]).unwrap();
        generator.start("Once upon", Sampling::GREEDY, 1).unwrap();
        assert_eq!(generator.choose(&choices), 1);
        assert_eq!(
            generator.tokens() as usize,
            generator.model().tokenizer().continuation(" a time").count()
        );
    });
}

#[test]
fn a_filter_masks_what_it_likes() {
    with_generator(|generator| {
        let e = generator.model().tokenizer().encode("e").next().unwrap().unwrap();
        generator.start(PROMPT, SAMPLING, 1).unwrap();
        for _ in 0..200 {
            let token = generator.next_token_with(|logits| logits[usize::from(e)] = f32::NEG_INFINITY);
            assert_ne!(token, Some(e));
        }
        generator.start(PROMPT, SAMPLING, 1).unwrap();
        assert_eq!(generator.next_token_with(|logits| logits.fill(f32::NEG_INFINITY)), None);
        assert_eq!(generator.advance(), Progress::Ended);
        generator.append(" there").unwrap();
        assert!(generator.next_token().is_some(), "a text that has ended can be gone on with");
    });
}

/// The last logits, and the places in the order in which they were shown.
#[derive(Default)]
struct Watcher {
    logits: Vec<f32>,
    places: Vec<Place>,
}

impl Observer for Watcher {
    fn see(&mut self, place: Place, values: Values<'_>) {
        assert!(!values.is_empty() && values.iter().count() == values.len(), "{place:?}");
        if place.vector == Vector::Logits {
            self.logits = values.iter().collect();
        }
        self.places.push(place);
    }
}

#[test]
fn looking_on_changes_no_bit() {
    // Longer than the context, so that windows are read that have slid.
    let plain = story(PROMPT, 5, 300);
    let observed = with_generator(|generator| {
        generator.start(PROMPT, SAMPLING, 5).unwrap();
        let mut text = String::new();
        for i in 0..300 {
            if i % 20 == 3 {
                let mut watcher = Watcher::default();
                generator.observe(&mut watcher);
                let same = generator
                    .logits()
                    .iter()
                    .map(|x| x.to_bits())
                    .eq(watcher.logits.iter().map(|x| x.to_bits()));
                assert!(same, "token {i}");
                let positions: Vec<usize> = watcher.places.iter().map(|place| place.position).collect();
                assert!(positions.is_sorted());
                assert_eq!(positions.last(), Some(&(generator.window().len() - 1)));
            }
            let Some(piece) = generator.next_piece() else { break };
            text += piece;
        }
        (text, generator.fingerprint())
    });
    assert_eq!(plain, observed);
}
