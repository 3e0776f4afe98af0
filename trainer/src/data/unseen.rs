//! Characters of a text that a model never saw: what they are read as, or that they are left out.

use std::borrow::Cow;
use std::collections::BTreeMap;

use pipsqueak::internal::fold;

/// A character that a model has no token for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unseen {
    /// The character.
    pub character: char,
    /// How often it occurs.
    pub count: usize,
    /// Its variant that the model knows, empty if nothing is lost without it; `None` if it is left out.
    pub read_as: Option<&'static str>,
    /// The first line in which it stands, counted from 1.
    pub line: Option<usize>,
}

/// The characters found so far.
pub type Found = BTreeMap<char, Unseen>;

/// The text as a model that `knows` some characters reads it; records the others in `found`.
pub fn readable<'t>(text: &'t str, knows: impl Fn(char) -> bool, found: &mut Found) -> Cow<'t, str> {
    let mut known: BTreeMap<char, bool> = BTreeMap::new();
    let mut is_known = |c: char| *known.entry(c).or_insert_with(|| knows(c));
    let Some(first) = text.find(|c| !is_known(c)) else { return Cow::Borrowed(text) };
    let mut read = text[..first].to_string();
    for character in text[first..].chars() {
        if is_known(character) {
            read.push(character);
            continue;
        }
        let unseen = found.entry(character).or_insert_with(|| {
            let read_as = fold(character, &knows);
            Unseen { character, count: 0, read_as, line: None }
        });
        unseen.count += 1;
        read += unseen.read_as.unwrap_or_default();
    }
    Cow::Owned(read)
}

/// Records the first line of `text` in which each character stands.
pub fn place(found: &mut [Unseen], text: &str) {
    let mut missing = found.iter().filter(|unseen| unseen.line.is_none()).count();
    for (line, number) in text.lines().zip(1..) {
        if missing == 0 {
            return;
        }
        if line.is_ascii() && found.iter().all(|unseen| !unseen.character.is_ascii()) {
            continue;
        }
        for unseen in found.iter_mut().filter(|unseen| unseen.line.is_none()) {
            if line.contains(unseen.character) {
                unseen.line = Some(number);
                missing -= 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_never_seen_is_folded_or_left_out_and_counted() {
        let mut found = Found::new();
        let knows = |c: char| c.is_ascii_lowercase() || c == ' ' || c == '\n';
        assert!(matches!(readable("plain text", knows, &mut found), Cow::Borrowed(_)));
        let text = "caf\u{e9} Fj\n\u{1f42d} caf\u{e9}\u{301}\n9 \u{1f42d}";
        assert_eq!(readable(text, knows, &mut found), "cafe fj\n cafe\n ");
        let mut found: Vec<Unseen> = found.into_values().collect();
        place(&mut found, text);
        let all = [
            ('9', 1, None, 3),
            ('F', 1, Some("f"), 1),
            ('\u{e9}', 2, Some("e"), 1),
            ('\u{301}', 1, Some(""), 2),
            ('\u{1f42d}', 2, None, 2),
        ];
        let expected = all.map(|(character, count, read_as, line)| Unseen {
            character,
            count,
            read_as,
            line: Some(line),
        });
        assert_eq!(found, expected);
    }
}
