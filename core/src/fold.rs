//! Replacements for characters that a model never saw: a typographic variant, or the letter without its accent.
//!
//! One table for the PC and for every chip, so that a prompt means the same to both. It goes both ways: a model that knows
//! only curly quotes takes a straight one for one of them.

use crate::text::has;

/// Characters that stand for each other. Where one is unknown, the others are tried in this order.
const VARIANTS: [&str; 6] = [
    "'\u{2019}\u{2018}\u{201b}\u{2032}`\u{b4}\u{2bc}\u{201a}\u{2039}\u{203a}",
    "\"\u{201d}\u{201c}\u{201e}\u{201f}\u{2033}\u{ab}\u{bb}",
    "-\u{2013}\u{2014}\u{2010}\u{2011}\u{2012}\u{2015}\u{2212}",
    "\n\r\u{2028}\u{2029}\u{85}",
    " \u{a0}\t\u{2009}\u{202f}\u{2002}\u{2003}\u{2007}\u{2008}\u{200a}\u{2004}\u{2005}\u{2006}\u{2000}\u{2001}\u{205f}\u{3000}",
    ".\u{2024}",
];

/// The group whose members become a space where no line end is known.
const LINE_ENDS: usize = 3;

/// Each character with what it is spelled as, one after the other.
const SPELLED: &str = "\u{2026}... \u{c6}AE \u{e6}ae \u{152}OE \u{153}oe \u{df}ss \u{de}Th \u{fe}th \u{132}IJ \u{133}ij \u{149}'n \
    \u{fb00}ff \u{fb01}fi \u{fb02}fl \u{fb03}ffi \u{fb04}ffl \u{1a0}O \u{1a1}o \u{1af}U \u{1b0}u \u{218}S \u{219}s \u{21a}T \u{21b}t \
    \u{1cd}A \u{1ce}a \u{1cf}I \u{1d0}i \u{1d1}O \u{1d2}o \u{1d3}U \u{1d4}u \u{401}\u{415} \u{451}\u{435} \
    \u{386}\u{391} \u{388}\u{395} \u{389}\u{397} \u{38a}\u{399} \u{38c}\u{39f} \u{38e}\u{3a5} \u{38f}\u{3a9} \
    \u{3ac}\u{3b1} \u{3ad}\u{3b5} \u{3ae}\u{3b7} \u{3af}\u{3b9} \u{3cc}\u{3bf} \u{3cd}\u{3c5} \u{3ce}\u{3c9}";

/// The letters of Latin-1 and of Latin Extended-A without their accents, from U+00C0 on.
const LATIN: &str = "\
    AAAAAA CEEEEIIIIDNOOOOO OUUUUY  aaaaaa ceeeeiiiidnooooo ouuuuy y\
    AaAaAaCcCcCcCcDdDdEeEeEeEeEeGgGgGgGgHhHhIiIiIiIiIi  JjKkkLlLlLlL\
    lLlNnNnNn   OoOoOo  RrRrRrSsSsSsSsTtTtTtUuUuUuUuUuUuWwYyYZzZzZz ";
const LATIN_FIRST: u32 = 0xc0;

/// The letters of Vietnamese without their accents, from U+1EA0 on.
const VIETNAMESE: &str = "\
    AaAaAaAaAaAaAaAaAaAaAaAaEeEeEeEeEeEeEeEeIiIiOoOoOoOoOoOoOoOoOoOoOoOoUuUuUuUuUuUuUuYyYyYyYy";
const VIETNAMESE_FIRST: u32 = 0x1ea0;

/// ASCII from the space on; its full-width forms follow U+FF00 in this order.
const ASCII: &str =
    " !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~";
const FULL_WIDTH_FIRST: u32 = 0xff00;

/// The replacement for `character` in a model that has no token for it: the first of its variants all of whose characters
/// `knows` accepts. Empty for a character that can be left out without loss; `None` where no variant is known.
// Neither generic nor made of iterators, which would take three times the flash.
pub fn fold(character: char, knows: &dyn Fn(char) -> bool) -> Option<&'static str> {
    let letter = spelled(character).or_else(|| unaccented(character));
    let letter_or_itself = letter.and_then(|letter| letter.chars().next()).unwrap_or(character);
    let space = if has(VARIANTS[LINE_ENDS], character) { Some(" ") } else { None };
    let ignored = if is_ignorable(character) { Some("") } else { None };
    let variant = variant(character, knows);
    let candidates = [variant, letter, other_case(letter_or_itself), space, ignored];
    candidates.into_iter().flatten().find(|text| text.chars().all(knows))
}

/// The first known one of the other members of the character's group.
fn variant(character: char, knows: &dyn Fn(char) -> bool) -> Option<&'static str> {
    let mut rest = *VARIANTS.iter().find(|group| has(group, character))?;
    while let Some(member) = rest.chars().next() {
        let (text, after) = rest.split_at_checked(member.len_utf8())?;
        if member != character && knows(member) {
            return Some(text);
        }
        rest = after;
    }
    None
}

fn spelled(character: char) -> Option<&'static str> {
    let mut rest = SPELLED;
    while !rest.is_empty() {
        let end = rest.bytes().position(|byte| byte == b' ').unwrap_or(rest.len());
        let mut entry = rest.get(..end)?.chars();
        if entry.next() == Some(character) {
            return Some(entry.as_str());
        }
        rest = rest.get(end + 1..).unwrap_or_default();
    }
    None
}

fn unaccented(character: char) -> Option<&'static str> {
    let tables = [(LATIN, LATIN_FIRST), (VIETNAMESE, VIETNAMESE_FIRST), (ASCII, FULL_WIDTH_FIRST)];
    let letter = tables.into_iter().find_map(|(table, first)| entry(table, u32::from(character), first));
    letter.filter(|&letter| letter != " ")
}

/// An ASCII letter as a capital if it is small, and the other way round.
fn other_case(character: char) -> Option<&'static str> {
    let letter = character.is_ascii_alphabetic().then_some(u32::from(character) ^ 0x20)?;
    entry(ASCII, letter, u32::from(' '))
}

/// The character's place in a table of ASCII that begins with `first`.
fn entry(table: &'static str, character: u32, first: u32) -> Option<&'static str> {
    let at = character.checked_sub(first)? as usize;
    table.get(at..=at)
}

/// Accents that stand alone, and what takes no room: soft hyphens, joiners, marks of direction and of byte order.
fn is_ignorable(character: char) -> bool {
    matches!(character,
        '\u{300}'..='\u{36f}' | '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::String;

    /// As a model reads `text` that knows `known` alone; characters that it cannot read are `?`.
    fn folded(text: &str, known: &str) -> String {
        let knows = |c| known.contains(c);
        let mut read = String::new();
        for c in text.chars() {
            match fold(c, &knows) {
                _ if knows(c) => read.push(c),
                Some(text) => read.push_str(text),
                None => read.push('?'),
            }
        }
        read
    }

    #[test]
    fn typography_becomes_plain() {
        let curly = "\u{201c}It\u{2019}s\u{a0}5\u{2013}6\u{2014}or\tso\u{2026}\u{201d}";
        assert_eq!(folded(curly, ASCII), "\"It's 5-6-or so...\"");
        assert_eq!(
            folded("cafe\u{301} caf\u{e9} \u{141}\u{f3}d\u{17a} \u{1ec7} \u{fb01}t \u{c6}", ASCII),
            "cafe cafe Lodz e fit AE"
        );
        assert_eq!(folded("\u{feff}\u{ff21}\u{ff01}\u{ff5e}\u{ad}", ASCII), "A!~");
        assert_eq!(folded("a\nb\r\u{2028}", " ab"), "a b  ");
        assert_eq!(folded("\u{1f42d}\u{44f}", ASCII), "??");
        assert_eq!(folded("\u{451}\u{3ac}", "\u{435}\u{3b1}"), "\u{435}\u{3b1}");
    }

    #[test]
    fn a_model_of_curly_quotes_takes_straight_ones() {
        assert_eq!(
            folded("don't - \"x\"", "dontx \u{2019}\u{201c}\u{201d}\u{2014}"),
            "don\u{2019}t \u{2014} \u{201d}x\u{201d}"
        );
    }

    #[test]
    fn a_letter_in_the_other_case_is_the_last_resort() {
        assert_eq!(folded("Light \u{c9}", "light e"), "light e");
        assert_eq!(folded("on", "ON"), "ON");
        assert_eq!(folded("o1", "ON"), "O?");
    }

    #[test]
    fn what_is_folded_is_known() {
        for known in ["", "a", ASCII, "\u{2019}\u{2014} e"] {
            for c in ('\0'..='\u{ffff}').step_by(1) {
                let text = fold(c, &|c| known.contains(c));
                assert!(text.is_none_or(|text| text.chars().all(|c| known.contains(c))), "{c:?}");
            }
        }
    }

    #[test]
    fn the_tables_are_as_long_as_they_say() {
        assert_eq!((LATIN.len(), VIETNAMESE.len(), ASCII.len()), (0x180 - 0xc0, 0x1efa - 0x1ea0, 95));
        assert_eq!(unaccented('\u{17e}'), Some("z"));
        assert_eq!(unaccented('\u{1ef9}'), Some("y"));
        assert_eq!(unaccented('\u{ff5e}'), Some("~"));
        assert_eq!(unaccented('\u{d7}'), None);
    }
}
