//! Filling and polishing the sentences.
//!
//! A template is a text with three kinds of marks: `[dog|cat]` is one of its alternatives, chosen at random each time, and
//! they can hold further marks; `{hero}` is the text that the story has bound to that name; `«Yes!»` is speech. Line breaks
//! and runs of spaces count as one space.

use super::random::{Choose, SplitMix64};

/// Replaces every `[a|b]` by one of its alternatives, the inner ones last.
pub(super) fn choose(template: &str, random: &mut SplitMix64) -> String {
    let Some(open) = template.find('[') else {
        return template.to_string();
    };
    let (alternatives, rest) = split_alternatives(&template[open + 1..]);
    let chosen = choose(random.pick::<&str>(&alternatives), random);
    template[..open].to_string() + &chosen + &choose(rest, random)
}

/// The alternatives up to the bracket that closes them, and what follows it.
fn split_alternatives(text: &str) -> (Vec<&str>, &str) {
    let (mut alternatives, mut start, mut depth) = (Vec::new(), 0, 0);
    for (at, c) in text.char_indices() {
        match c {
            '[' => depth += 1,
            ']' if depth > 0 => depth -= 1,
            '|' if depth == 0 => {
                alternatives.push(&text[start..at]);
                start = at + 1;
            }
            ']' => {
                alternatives.push(&text[start..at]);
                return (alternatives, &text[at + 1..]);
            }
            _ => {}
        }
    }
    panic!("no closing bracket in: {text}")
}

/// Replaces every `{name}` by the result of `look_up`.
pub(super) fn fill(template: &str, mut look_up: impl FnMut(&str) -> String) -> String {
    let mut parts = template.split('{');
    let mut text = parts.next().unwrap_or_default().to_string();
    for part in parts {
        let (name, rest) = part.split_once('}').unwrap_or_else(|| panic!("no closing brace in: {template}"));
        text += &look_up(name);
        text += rest;
    }
    text
}

/// `text` with its first letter in upper case.
pub(super) fn capitalised(text: &str) -> String {
    text[..1].to_ascii_uppercase() + &text[1..]
}

/// The last touch to a paragraph: single spaces, `a` or `an`, capitals, plain quotes.
pub(super) fn polish(paragraph: &str) -> String {
    let words: Vec<&str> = paragraph.split_whitespace().collect();
    let text = with_articles(&words).join(" ");
    with_capitals(&text)
        .replace("!».", "!»")
        .replace("?».", "?»")
        .replace(".».", ".»")
        .replace(['«', '»'], "\"")
}

/// The words, each lone `a` as the next word wants it.
fn with_articles<'a>(words: &[&'a str]) -> Vec<&'a str> {
    let article = |at: usize| match (words[at], words.get(at + 1)) {
        ("a", Some(next)) if wants_an(next) => "an",
        ("A", Some(next)) if wants_an(next) => "An",
        (word, _) => word,
    };
    (0..words.len()).map(article).collect()
}

/// Whether the article before `word` is "an".
pub(super) fn wants_an(word: &str) -> bool {
    let sounds_like_a_consonant = ["one", "once", "use"].iter().any(|start| word.starts_with(start));
    word.starts_with("hour") || word.starts_with(['a', 'e', 'i', 'o', 'u']) && !sounds_like_a_consonant
}

/// Capitals at the start and after every full stop.
///
/// After `?»` and `!»` a sentence may go on («Why?» he asked): there, a template writes its own capitals.
fn with_capitals(text: &str) -> String {
    let (mut starts, mut polished) = (true, String::with_capacity(text.len()));
    let mut before = ' ';
    for c in text.chars() {
        polished.push(if starts { c.to_ascii_uppercase() } else { c });
        starts = match c {
            '.' | '!' | '?' => true,
            '»' => before == '.',
            ' ' | '«' => starts,
            _ => false,
        };
        before = c;
    }
    polished
}
