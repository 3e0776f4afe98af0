//! Cleans a text file before anything is learned from it: removes what can't be seen, line ends of other systems, a
//! library's header and footer, and line ends in the middle of paragraphs.
//!
//! All of it happens in place: nothing becomes longer.

use unicode_normalization::char::compose;

/// The line ends that are read as LF: of other systems, of a page or of a column, and Unicode's own.
const LINE_ENDS: [char; 6] = ['\r', '\u{b}', '\u{c}', '\u{85}', '\u{2028}', '\u{2029}'];
/// Characters that can't be seen and change no word: soft hyphens, the mark of byte order, which is also found where files were joined,
/// and two kinds of a space without width. The joiners of emoji and of Persian stay.
const INVISIBLE: [char; 4] = ['\u{ad}', '\u{feff}', '\u{200b}', '\u{2060}'];

/// No character before this one is put onto another.
const FIRST_ACCENT: char = '\u{300}';

/// Whether a character is left out: one that can't be seen, or one that controls a terminal.
pub fn is_left_out(c: char) -> bool {
    INVISIBLE.contains(&c) || c.is_control() && !matches!(c, '\n' | '\t') && !LINE_ENDS.contains(&c)
}

/// The text with every line end as LF, without what [`is_left_out`], and with accents that follow their letters put onto them.
pub fn plain(text: String) -> String {
    let is_plain = |byte: u8| matches!(byte, b'\n' | b'\t' | b' '..=b'~');
    if text.bytes().all(is_plain) {
        return text;
    }
    edit(text, |bytes| {
        let (mut kept, mut next) = (0, 0);
        // The last character that is kept, and where it begins.
        let mut last: Option<(char, usize)> = None;
        while next < bytes.len() {
            let c = first_char(&bytes[next..]);
            next += c.len_utf8();
            if is_left_out(c) {
                continue;
            }
            let letter = last.filter(|_| c >= FIRST_ACCENT);
            let composed = letter.and_then(|(letter, at)| Some((compose(letter, c)?, at)));
            let (c, at) = composed.unwrap_or((c, kept));
            if c == '\r' && bytes.get(next) == Some(&b'\n') {
                continue;
            }
            let c = if LINE_ENDS.contains(&c) { '\n' } else { c };
            kept = at + c.encode_utf8(&mut bytes[at..next]).len();
            last = (!c.is_ascii_whitespace()).then_some((c, at));
        }
        kept
    })
}

/// The first character of UTF-8.
fn first_char(bytes: &[u8]) -> char {
    if bytes[0].is_ascii() {
        return bytes[0].into();
    }
    let length = bytes[0].leading_ones() as usize;
    let text = str::from_utf8(&bytes[..length]).expect("characters are read as a whole");
    text.chars().next().expect("it has a character")
}

/// Lets `shorten` move bytes to the front, as whole characters; it returns how many it keeps.
pub fn edit(text: String, shorten: impl FnOnce(&mut [u8]) -> usize) -> String {
    let mut bytes = text.into_bytes();
    let kept = shorten(&mut bytes);
    bytes.truncate(kept);
    // Text that is left out takes no memory for the rest of the run.
    bytes.shrink_to_fit();
    String::from_utf8(bytes).expect("whole characters are moved")
}

/// Leaves out the header and the footer of Project Gutenberg, one of each for each book in the text. Returns the bytes that
/// they took, if there are any.
pub fn leave_out_library_text(text: &mut String) -> Option<usize> {
    let parts = books(text)?;
    let before = text.len();
    *text = edit(std::mem::take(text), |bytes| {
        let mut kept = 0;
        for part in parts {
            if kept > 0 {
                bytes[kept..kept + 2].copy_from_slice(b"\n\n"); // markers took more
                kept += 2;
            }
            bytes.copy_within(part.clone(), kept);
            kept += part.len();
        }
        kept
    });
    Some(before - text.len())
}

/// Where a header ends or a footer begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Marker {
    Header,
    Footer,
}

impl Marker {
    fn of(line: &str) -> Option<Marker> {
        if !line.starts_with(['*', 'E', 'e']) || line.len() > 300 {
            return None;
        }
        let line = line.to_uppercase();
        let of_library = line.contains("PROJECT GUTENBERG");
        let stars = line.starts_with("***");
        if line.starts_with("*END*THE SMALL PRINT") || stars && of_library && line.contains("START OF TH") {
            Some(Marker::Header)
        } else if of_library && (stars && line.contains("END OF TH") || line.starts_with("END OF ")) {
            Some(Marker::Footer)
        } else {
            None
        }
    }
}

/// The ranges between headers and footers, without blank lines around them; `None` where there is neither.
fn books(text: &str) -> Option<Vec<core::ops::Range<usize>>> {
    let mut books = Vec::new();
    let (mut start, mut at, mut found) = (Some(0), 0, false);
    let mut lines = text.split_inclusive('\n');
    while let Some(line) = lines.next() {
        let end = at;
        at += line.len();
        let Some(marker) = Marker::of(line) else { continue };
        found = true;
        if marker == Marker::Header {
            // A long title goes on in the next line.
            let wrapped = line.starts_with("***") && !line.trim_end().ends_with('*');
            at += wrapped.then(|| lines.next()).flatten().map_or(0, str::len);
            start = Some(at);
        } else if let Some(start) = start.take() {
            books.push(start..end);
        }
    }
    books.extend(start.map(|start| start..text.len()));
    let trimmed = books.into_iter().map(|book| {
        let part = &text[book.clone()];
        let start = book.start + part.len() - part.trim_start_matches('\n').len();
        start..start + text[start..book.end].trim_end().len()
    });
    found.then(|| trimmed.filter(|book| !book.is_empty()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_end_is_a_newline() {
        assert_eq!(plain("a\r\nb\rc\n\rd\r".into()), "a\nb\nc\n\nd\n");
        assert_eq!(plain("a\u{c}b\u{b}c\u{85}d\u{2028}e\u{2029}é\n".into()), "a\nb\nc\nd\ne\né\n");
        assert_eq!(plain("\r".into()), "\n");
        assert_eq!(plain("\r\u{feff}\n".into()), "\n\n");
        assert_eq!(plain(String::new()), "");
    }

    #[test]
    fn what_cannot_be_seen_is_left_out() {
        assert_eq!(plain("\u{feff}é\u{feff}\n\u{feff}".into()), "é\n");
        assert_eq!(plain("in\u{ad}ter\u{200b} \u{2060}a\tb".into()), "inter a\tb");
        assert_eq!(plain("\u{1b}[31mred\u{1b}[0m\u{8}\0\u{7f}\u{9b}\u{1a}".into()), "[31mred[0m");
        let joined = "\u{1f468}\u{200d}\u{1f469} \u{645}\u{6cc}\u{200c}\u{62e}";
        assert_eq!(plain(joined.into()), joined);
    }

    #[test]
    fn accents_are_put_onto_their_letters() {
        assert_eq!(plain("cafe\u{301} A\u{30a}\u{301} \u{301}".into()), "café \u{1fa} \u{301}");
        assert_eq!(plain("u\u{302}\u{323} e\u{ad}\u{301}".into()), "û\u{323} é", "order is left alone");
        assert_eq!(plain("\u{304b}\u{3099} \u{1112}\u{1161}\u{11ab}".into()), "\u{304c} \u{d55c}");
        for composed in ["Ünïcødé", "日本語", "\u{928}\u{93c}x"] {
            assert_eq!(plain(plain(composed.into())), plain(composed.into()));
        }
    }

    fn left(text: &str) -> String {
        let mut text = text.to_string();
        leave_out_library_text(&mut text);
        text
    }

    #[test]
    fn a_library_s_header_and_footer_are_left_out() {
        let book = "The Project Gutenberg eBook of Alice\nThis ebook is for the use of anyone\n\
            *** START OF THE PROJECT GUTENBERG EBOOK ALICE'S ADVENTURES IN\nWONDERLAND ***\n\n\nAlice was beginning\n\n\
            *** END OF THE PROJECT GUTENBERG EBOOK ALICE ***\nSTART: FULL LICENSE\n";
        assert_eq!(left(book), "Alice was beginning");
        assert_eq!(left(&book.repeat(2)), "Alice was beginning\n\nAlice was beginning");
        let old = "*END*THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*Ver.04.29.93*END*\nA tale.\nEnd of Project Gutenberg's Tale\n";
        assert_eq!(left(old), "A tale.");
        assert_eq!(left("A tale.\nEnd of the Project Gutenberg EBook of it\nlegal\n"), "A tale.");
        for other in ["*** START ***\nx\n", "Ends of Project Gutenberg\n", "I read Project Gutenberg.\n", ""]
        {
            assert_eq!((left(other).as_str(), leave_out_library_text(&mut other.to_string())), (other, None));
        }
        let bytes = book.len() - "Alice was beginning".len();
        assert_eq!(leave_out_library_text(&mut book.to_string()), Some(bytes));
    }
}
