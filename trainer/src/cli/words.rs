//! How characters that a model never saw are told to a person.

use crate::data::unseen::Unseen;
use crate::human;

/// The most characters that are listed.
const NAMED: usize = 12;

/// Lists the characters, each with its count, its first line, and its replacement.
pub(super) fn list(unseen: &[Unseen]) -> String {
    let more = unseen.len().saturating_sub(NAMED);
    let named = unseen.iter().take(NAMED).map(describe);
    let more = (more > 0).then(|| format!("and {} more", human::count(more as u64)));
    named.chain(more).collect::<Vec<_>>().join(", ")
}

fn describe(unseen: &Unseen) -> String {
    let &Unseen { character, count, read_as, line } = unseen;
    let times = if count > 1 { format!(" {} times", human::count(count as u64)) } else { String::new() };
    let place = match line {
        Some(line) if count > 1 => format!(", first in line {line}"),
        Some(line) => format!(" in line {line}"),
        None => String::new(),
    };
    let becomes = match read_as {
        Some(text) if !text.is_empty() => format!("read as {}", shown(text)),
        _ => "left out".into(),
    };
    format!("{}{times}{place} ({becomes})", shown(character.encode_utf8(&mut [0; 4])))
}

/// A character in quotes, or its number if it is invisible.
pub(super) fn shown(text: &str) -> String {
    match text.chars().next() {
        Some(c) if c.is_control() || c.is_whitespace() && c != ' ' || is_invisible(c) => {
            format!("U+{:04X}", c as u32)
        }
        _ => format!("'{text}'"),
    }
}

/// Combining accents, joiners and marks, which would sit on the quotation mark or not show at all.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{300}'..='\u{36f}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_listed_with_their_places() {
        let unseen = |character, count, read_as, line| Unseen { character, count, read_as, line };
        let all = [
            unseen('\u{e9}', 1, Some("e"), Some(2)),
            unseen('\u{1f42d}', 1200, None, Some(7)),
            unseen('\u{301}', 1, Some(""), None),
            unseen('\t', 2, Some(" "), None),
        ];
        assert_eq!(
            list(&all),
            "'\u{e9}' in line 2 (read as 'e'), '\u{1f42d}' 1,200 times, first in line 7 (left out), U+0301 (left out), \
             U+0009 2 times (read as ' ')"
        );
        assert!(list(&[all[0]; 15]).ends_with(", and 3 more"));
    }
}
