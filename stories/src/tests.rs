//! Properties that every story must have, checked on the first 2 MB.

use std::collections::{HashMap, HashSet};

use super::template::wants_an;
use super::*;

const TWO_MB: usize = 2_000_000;

/// The stories of the first 2 MB of seed 1, each with its shape.
fn two_megabytes() -> Vec<(&'static str, String)> {
    let mut stories = Stories::new(1);
    let (mut told, mut bytes) = (Vec::new(), 0);
    while bytes < TWO_MB {
        let shape = stories.next_shape();
        let text = stories.tell(shape);
        bytes += text.len() + END_OF_STORY.len() + 2;
        told.push((shape.name, text));
    }
    told
}

fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &b| (hash ^ u64::from(b)).wrapping_mul(0x100_0000_01b3))
}

fn written(seed: u64, bytes: u64) -> Vec<u8> {
    let mut out = Vec::new();
    write(seed, bytes, &mut out).unwrap();
    out
}

/// The words of a text in lower case, without punctuation.
fn words(text: &str) -> impl Iterator<Item = String> {
    let bare = |word: &str| word.trim_matches(|c: char| !c.is_ascii_alphanumeric()).to_ascii_lowercase();
    text.split_whitespace().map(bare).filter(|word| !word.is_empty())
}

/// Fails with the first stories that break a rule.
fn every_story(rule: &str, holds: impl Fn(&str) -> bool) {
    let stories = two_megabytes();
    let broken: Vec<_> = stories.iter().filter(|(_, text)| !holds(text)).take(3).collect();
    assert!(broken.is_empty(), "not every story {rule}: {broken:#?}");
}

#[test]
fn corpus_is_the_same_for_ever() {
    assert_eq!(fnv1a(&written(1, 1 << 20)[..1 << 16]), 10495226110853856902);
}

#[test]
fn corpus_differs_by_seed() {
    assert_ne!(written(1, 5000), written(2, 5000));
}

#[test]
fn corpus_has_the_size_asked_for() {
    for bytes in [0, 1, 1000, 100_000] {
        let mut out = Vec::new();
        let count = write(7, bytes, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.matches(&format!("\n{END_OF_STORY}\n")).count() as u64, count);
        assert!((bytes..bytes + 1500).contains(&(text.len() as u64)) || bytes == 0 && count == 0);
    }
}

#[test]
fn no_two_stories_are_alike() {
    let stories = two_megabytes();
    let distinct: HashSet<_> = stories.iter().map(|(_, text)| text).collect();
    assert_eq!(distinct.len(), stories.len());
    let firsts: HashSet<_> = stories.iter().filter_map(|(_, text)| text.split('.').next()).collect();
    println!("{} stories, {} first sentences", stories.len(), firsts.len());
    assert!(firsts.len() * 10 > stories.len() * 9);
}

/// The sentences of a story that any other story of the same shape says in the very same words.
#[test]
fn stories_of_one_shape_share_less_than_half_of_their_sentences() {
    let mut by_shape: HashMap<_, Vec<HashSet<String>>> = HashMap::new();
    for (shape, text) in two_megabytes() {
        let sentences = text.split_inclusive(['.', '!', '?']).map(|s| s.trim().to_string()).collect();
        by_shape.entry(shape).or_default().push(sentences);
    }
    let (mut pairs, mut close, mut worst) = (0, 0, HashMap::<_, usize>::new());
    for (shape, stories) in &by_shape {
        for (at, a) in stories.iter().enumerate() {
            for b in &stories[..at] {
                pairs += 1;
                if 2 * a.intersection(b).count() > a.len().min(b.len()) {
                    close += 1;
                    *worst.entry(shape).or_default() += 1;
                }
            }
        }
    }
    let mut worst: Vec<_> = worst.into_iter().collect();
    worst.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
    println!("{close} of {pairs} pairs share more than half; most in {:?}", &worst[..worst.len().min(8)]);
    assert!(close * 100 < 2 * pairs);
}

#[test]
fn every_shape_is_told() {
    let told: HashSet<_> = two_megabytes().iter().map(|(shape, _)| *shape).collect();
    assert!(SHAPES.len() >= 40);
    assert_eq!(told.len(), SHAPES.len());
}

#[test]
fn there_are_enough_words_and_not_too_many() {
    let names = [words::GIRLS, words::BOYS, words::HER_NAMES, words::HIS_NAMES].concat();
    let mut counts = HashMap::<String, usize>::new();
    two_megabytes()
        .iter()
        .flat_map(|(_, text)| words(text))
        .for_each(|word| *counts.entry(word).or_default() += 1);
    counts.retain(|word, _| !names.iter().any(|name| name.eq_ignore_ascii_case(word.trim_end_matches("'s"))));
    let content =
        counts.keys().filter(|word| !STOPWORDS.split_whitespace().any(|stop| stop == *word)).count();
    println!("{} words, {content} of them content words", counts.len());
    assert!(content >= 400 && counts.len() <= 1550);
}

#[test]
fn every_story_is_plain_text() {
    every_story("is ASCII", |text| text.is_ascii());
    every_story("has single spaces", |text| {
        !text.contains("  ") && !text.contains(" \n") && !text.contains("\n ")
    });
    every_story("has no open marks", |text| !text.contains(['{', '}', '[', ']', '|']));
    every_story("has a usual length", |text| (400..=1300).contains(&text.len()));
}

#[test]
fn every_story_is_punctuated() {
    every_story("begins with a capital", |text| text.starts_with(|c: char| c.is_ascii_uppercase()));
    every_story("ends a sentence", |text| text.ends_with(['.', '!', '?', '"']));
    every_story("closes its quotes", |text| text.lines().all(|line| line.matches('"').count() % 2 == 0));
    let clashes = [
        "..", ",.", ".,", " .", " ,", "!.", "?.", "?!", "!?", ".!", ".?", ",,", "!,", "?,", "\".", "\",",
        "\"\"",
    ];
    every_story("has clean punctuation", |text| !clashes.iter().any(|clash| text.contains(clash)));
}

/// Each sentence that follows another begins with a capital, except for "he said" after a cry or a question.
#[test]
fn every_sentence_begins_with_a_capital() {
    let verbs = "said asked called cried shouted thought whispered wrote laughed wanted he she it they we and was not went is in";
    let goes_on = |rest: &str| verbs.split(' ').any(|verb| rest.split([' ', ',', '.']).next() == Some(verb));
    every_story("has its capitals", |text| {
        ["? ", "! ", ". ", ".\" ", "!\" ", "?\" ", "\n"].iter().all(|end| {
            text.split(end).skip(1).all(|rest| {
                !rest.starts_with(|c: char| c.is_ascii_lowercase()) || end.contains('"') && goes_on(rest)
            })
        })
    });
}

#[test]
fn every_article_agrees() {
    every_story("agrees in a and an", |text| {
        let words: Vec<_> = words(text).collect();
        words.windows(2).all(|pair| match pair[0].as_str() {
            "a" => !wants_an(&pair[1]),
            "an" => wants_an(&pair[1]),
            _ => true,
        })
    });
}

#[test]
fn no_word_is_said_twice_in_a_row() {
    every_story("avoids doubled words", |text| {
        let words: Vec<_> = text.split([' ', '\n']).collect();
        words.windows(2).all(|pair| pair[0] != pair[1] || pair[0].ends_with(','))
    });
}

/// Names of people in a text, as they come.
fn people(text: &str) -> impl Iterator<Item = &'static str> {
    text.split(|c: char| !c.is_ascii_alphanumeric()).filter_map(|word| names().find(|name| *name == word))
}

#[test]
fn who_is_named_first_is_named_again_in_the_last_third() {
    every_story("comes back to its first person", |text| {
        let first = people(text).next();
        people(&text[text.len() * 2 / 3..]).any(|name| Some(name) == first)
    });
}

#[test]
fn templates_choose_and_fill() {
    let mut random = SplitMix64::new(3);
    let chosen = template::choose("[a|b[c|d]] e", &mut random);
    assert!(["a e", "bc e", "bd e"].contains(&chosen.as_str()));
    assert_eq!(template::fill("{x} and {y}.", |name| name.repeat(2)), "xx and yy.");
    assert_eq!(
        template::polish(" a apple  fell. it was a  old one. «Yes?» he asked"),
        "An apple fell. It was an old one. \"Yes?\" he asked"
    );
}

/// Prints stories to be read: `cargo test -p pipsqueak-stories read_some -- --ignored --nocapture`.
#[test]
#[ignore = "for reading, not for checking"]
fn read_some_stories() {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let mut stories = Stories::new(seed);
    for _ in 0..SHAPES.len() {
        let shape = stories.next_shape();
        println!("[{}]\n{}\n", shape.name, stories.tell(shape));
    }
}

const STOPWORDS: &str = "a about above across after again against ahead all almost alone along already also always am \
    an and another any anybody anyone anything are around as asked at away back be because become becomes been \
    before behind being below beside besides best better between big both but by came can cannot close could did do \
    does done down each either else enough even ever every everybody everyone everything far few first for forever \
    from get give go goes got had has have he her here herself hers him himself his how i if in inside instead into \
    is it its itself just last later least left less let long lot lots made make many may maybe me mine more most \
    much must my myself near never next no nobody none nor not nothing now of off oh on once one only onto or other \
    others our ours out outside over own past quite rather really said same she should since so some somebody \
    someone something somewhere soon still such than that the their them themselves then there these they this \
    those though through till to together too toward two three four five six seven eight nine ten twelve twenty \
    thirty forty under until up upon us very was we well went were what whatever when whenever where which while \
    who whoever whole whom whose why will with within without would yes yet you your yours";
