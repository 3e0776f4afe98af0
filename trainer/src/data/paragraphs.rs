//! Paragraphs whose lines were wrapped at a width: a model would spend itself on where lines end.
//!
//! A line end was put in by wrapping if the next line's first word would not have fitted into the line. Where that holds of
//! nearly all line ends within paragraphs the text is wrapped, and those of which it holds become spaces; those of verses,
//! headings and lists stay. In verse, code, and lists of names it holds of few.

use crate::data::clean::edit;

/// The longest line of wrapped text, in characters.
const LENGTH_MAX: usize = 160;
/// The smallest width that text is wrapped at; narrower columns are lists.
const WIDTH_MIN: usize = 40;
/// First words longer than this are counted as this long, in characters.
const WORD_MAX: usize = 40;
/// In wrapped text, at least this share of the line ends within paragraphs stand where the next word did not fit.
const SHARE_MIN: f64 = 0.8;
/// The least line ends that can show that a text is wrapped.
const ENDS_MIN: u64 = 12;

/// Joins the lines of a wrapped text, in place. Returns the width and how many lines were joined, or `None` of a text that is
/// not wrapped.
pub fn join(text: &mut String) -> Option<(usize, usize)> {
    let width = width(text)?;
    let ends = forced_ends(text, width);
    *text = edit(std::mem::take(text), |bytes| {
        let (mut kept, mut ends) = (0, ends.iter().peekable());
        for at in 0..bytes.len() {
            if ends.next_if(|&&end| end == at).is_none() {
                bytes[kept] = bytes[at];
                kept += 1;
                continue;
            }
            kept = bytes[..kept].trim_ascii_end().len();
            // A word that was cut at its hyphen, or a dash between two words, is joined without a space.
            if !bytes[..kept].ends_with(b"-") || bytes[..kept].ends_with(b" -") {
                bytes[kept] = b' ';
                kept += 1;
            }
        }
        kept
    });
    Some((width, ends.len()))
}

/// The positions of the line ends that wrapping has put in.
fn forced_ends(text: &str, width: usize) -> Vec<usize> {
    let mut ends = Vec::new();
    let (mut before, mut at) = ("", 0);
    for line in text.split('\n') {
        if LineEnd::between(before, line).is_some_and(|end| end.is_forced(width)) {
            ends.push(at - 1);
        }
        before = line;
        at += line.len() + 1;
    }
    ends
}

/// A line end within a paragraph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct LineEnd {
    /// Characters of the line before it.
    length: usize,
    /// Characters of the first word behind it.
    word: usize,
}

impl LineEnd {
    /// `None` where one of the lines is blank, or the second begins with a space, as a new paragraph's or a verse's does.
    fn between(line: &str, next: &str) -> Option<LineEnd> {
        let word = next.split_whitespace().next().filter(|_| !next.starts_with(char::is_whitespace))?;
        let line = line.trim_end();
        let count = |text: &str, most: usize| text.chars().take(most).count();
        (!line.is_empty()).then(|| LineEnd { length: count(line, LENGTH_MAX), word: count(word, WORD_MAX) })
    }

    fn is_forced(self, width: usize) -> bool {
        self.length < LENGTH_MAX && self.length + 1 + self.word > width
    }
}

/// The width that a text is wrapped at, if it is.
fn width(text: &str) -> Option<usize> {
    // [LENGTH_MAX + 1, WORD_MAX + 1]: how many line ends are of each kind.
    let mut ends = vec![0u64; (LENGTH_MAX + 1) * (WORD_MAX + 1)];
    let (mut before, mut words) = ("", 0);
    for line in text.split('\n') {
        if let Some(LineEnd { length, word }) = LineEnd::between(before, line) {
            ends[length * (WORD_MAX + 1) + word] += 1;
            words += before.split_whitespace().take(LENGTH_MAX).count() as u64;
        }
        before = line;
    }
    let total: u64 = ends.iter().sum();
    let prose = words >= 4 * total;
    if total < ENDS_MIN || !prose {
        return None;
    }
    let explained = |&width: &usize| -> u64 {
        let lengths = (0..width + 1).map(|length| (length, (width - length).min(WORD_MAX + 1)));
        lengths
            .map(|(length, word)| {
                ends[length * (WORD_MAX + 1) + word..(length + 1) * (WORD_MAX + 1)].iter().sum::<u64>()
            })
            .sum()
    };
    let width = (WIDTH_MIN..LENGTH_MAX).rev().max_by_key(explained)?;
    (explained(&width) as f64 >= SHARE_MIN * total as f64).then_some(width)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROSE: &str = "Alice was beginning to get very tired of sitting by her sister on the bank, and of having \
        nothing to do: once or twice she had peeped into the book her sister was reading, but it had no pictures or \
        conversations in it, and what is the use of a book, thought Alice without pictures or conversation? So she was \
        considering in her own mind (as well as she could, for the hot day made her feel very sleepy and stupid), whether \
        the pleasure of making a well-known daisy-chain would be worth the trouble of getting up and picking the daisies, \
        when suddenly a White Rabbit with pink eyes ran close by her.";

    /// As an editor wraps it: as many words as fit.
    fn wrapped(text: &str, width: usize) -> String {
        let mut lines = vec![String::new()];
        for word in text.split(' ') {
            let last = lines.last_mut().unwrap();
            if last.is_empty() {
                *last += word;
            } else if last.chars().count() + 1 + word.chars().count() <= width {
                *last += " ";
                *last += word;
            } else {
                lines.push(word.into());
            }
        }
        lines.join("\n")
    }

    fn joined(text: &str) -> Option<String> {
        let mut text = text.to_string();
        join(&mut text).map(|_| text)
    }

    #[test]
    fn wrapped_prose_is_joined_at_whatever_width() {
        for width in [44, 65, 72, 80, 120] {
            let text =
                format!("CHAPTER I\n\n{}\n\n{}\n", wrapped(PROSE, width), wrapped(PROSE, width).repeat(2));
            let mut joined = text.clone();
            let (found, count) = join(&mut joined).unwrap();
            assert!(found <= width && found + 12 > width, "{found} for {width}");
            assert!(joined.starts_with(&format!("CHAPTER I\n\n{PROSE}\n\n")), "{joined}");
            assert!(count > 8 && joined.len() == text.len());
        }
    }

    #[test]
    fn verse_and_indented_lines_stay_as_they_are() {
        let verse = "  'You are old, Father William,'\n  the young man said,\nShort line\nand another\n";
        let text = format!("{}\n\n{verse}\n{}", wrapped(PROSE, 65), wrapped(PROSE, 65));
        assert!(joined(&text).unwrap().contains(verse));
    }

    #[test]
    fn a_word_that_was_cut_at_its_hyphen_is_whole_again() {
        let text = wrapped(&PROSE.repeat(2), 65).replacen(
            "very tired",
            "WAISTCOAT-POCKET-AND-MORE-THAN-THAT-TO-THE-LAST-OF-IT-ALL-\nPOCKET",
            1,
        );
        assert!(joined(&text).unwrap().contains("IT-ALL-POCKET of"), "{:?}", joined(&text));
    }

    #[test]
    fn what_is_not_wrapped_is_left_alone() {
        let verse =
            "So foul and fair a day\nI have not seen.\nHow far is it called to Forres?\nWhat are these\n"
                .repeat(50);
        let names = "emma\nolivia\nava\nisabella\nsophia\n".repeat(50);
        let long = format!("{PROSE}\n").repeat(50);
        let code = "fn main() {\n    let x = 1;\n    println!(\"{x}\");\n}\n".repeat(50);
        for text in [verse, names, long, code, PROSE.into(), "a b c d e f\n".repeat(100), String::new()] {
            assert_eq!(joined(&text), None, "{}", &text[..text.len().min(60)]);
        }
    }
}
