//! The models that come with the project: one for a demo that begins at once, and one of English to go on from.

use pipsqueak::Sampling;
use pipsqueak_stories::{Cohesion, Stories};
use pipsqueak_tests::{generate, pretrained};
use pipsqueak_trainer::data::batches::Split;
use pipsqueak_trainer::data::text::{Corpus, Documents};
use pipsqueak_trainer::data::vocabulary;
use pipsqueak_trainer::export::decoding::loss_over;
use pipsqueak_trainer::export::model_file::ModelFile;
use xtask::paths;

const FLASH_BYTES_MAX: usize = 512 << 10;
/// The model's loss is 0.2033; one that has learnt the words alone is above 1.
const LOSS_MAX: f64 = 0.24;
const TOKENS: usize = 8_000;

/// Written for this test, so that no model has learned it.
const ENGLISH: &str = "The miller's youngest daughter had never been further than the bridge. One evening she took a loaf of \
    bread, a knife and her father's coat, and went along the river until it was dark. There she heard a voice that said, \
    \"Why do you walk alone, my child?\" She looked behind her, but nobody was there, only the water and the trees.";
/// A model that knows only how often each letter of a text occurs needs more than 4 bits a byte.
const ENGLISH_BITS_MAX: f64 = 2.2;

#[test]
fn it_foretells_stories_that_it_has_not_seen() {
    let file = pretrained();
    let model = file.model().unwrap();
    assert!(file.bytes().len() <= FLASH_BYTES_MAX, "{} bytes", file.bytes().len());
    assert_eq!(model.provenance().licence, "MIT OR Apache-2.0");
    let unseen = Corpus::built_in(2, 200_000).unwrap();
    let mut tokens = vocabulary::encode(model.tokenizer(), &unseen).unwrap();
    tokens.truncate(TOKENS);
    let loss = loss_over(&model, &Split::of_text(tokens), |_| ()).unwrap();
    println!("{loss:.4} nats a token");
    assert!(loss < LOSS_MAX, "{loss} nats a token");
}

/// The model writes words that the corpus has, and stories that end.
#[test]
fn it_writes_words_and_ends_its_stories() {
    let known: std::collections::HashSet<String> =
        Stories::new(1).take(5_000).flat_map(|story| words(&story).collect::<Vec<_>>()).collect();
    let (mut written, mut unknown, mut ended) = (0, Vec::new(), 0);
    for seed in 0..10 {
        let story = generate(&pretrained(), "Once upon a time", Sampling::default(), seed, 600);
        ended += usize::from(story.tokens < 600);
        written += words(&story.text).count();
        unknown.extend(words(&story.text).filter(|word| !known.contains(word)));
    }
    println!("{written} words, {ended} of 10 stories end, not in the corpus: {unknown:?}");
    assert!(ended >= 7, "{ended} of 10 stories end");
    assert!(unknown.len() * 100 <= written, "of {written} words the corpus lacks {unknown:?}");
}

/// What `pipsqueak stories-check` prints of it.
#[test]
fn its_stories_hold_together() {
    let mut found = Cohesion::default();
    for seed in 1..=200 {
        let story = generate(&pretrained(), "Once upon a time", Sampling::default(), seed, 500);
        found.count(&format!("Once upon a time{}", story.text));
    }
    println!("{found:?}");
    assert!(found.returns >= 194 && found.crowded == 0, "{found:?}");
}

#[test]
fn the_english_model_knows_english() {
    let file = ModelFile::read(&paths::pretrained_english()).unwrap();
    let model = file.model().unwrap();
    assert!(file.bytes().len() <= FLASH_BYTES_MAX, "{} bytes", file.bytes().len());
    assert_eq!(model.provenance().licence, "MIT OR Apache-2.0");
    let corpus = Corpus::from_text(ENGLISH.into(), "english", Documents::None).unwrap();
    let tokens = vocabulary::encode(model.tokenizer(), &corpus).unwrap();
    let predicted = tokens.len() - 1;
    let loss = loss_over(&model, &Split::of_text(tokens), |_| ()).unwrap();
    let bits = loss * predicted as f64 / ENGLISH.len() as f64 / std::f64::consts::LN_2;
    println!("{bits:.3} bits a byte");
    assert!(bits < ENGLISH_BITS_MAX, "{bits} bits a byte");
}

fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty()).map(str::to_lowercase)
}
