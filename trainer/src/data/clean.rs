//! Cleans a text file before anything is learned from it: removes a byte-order mark, line ends of other systems, a
//! library's header and footer, and line ends in the middle of paragraphs.
//!
//! All of it happens in place: nothing becomes longer.

/// The mark of byte order, in UTF-8.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// The text without a mark of byte order at its beginning, with every line end (CR, LF, or both) as LF.
pub fn plain(text: String) -> String {
    if !text.starts_with('\u{feff}') && !text.contains('\r') {
        return text;
    }
    edit(text, |bytes| {
        let mut next = if bytes.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
        let mut kept = 0;
        while next < bytes.len() {
            let carriage_return = bytes[next] == b'\r';
            bytes[kept] = if carriage_return { b'\n' } else { bytes[next] };
            kept += 1;
            next += if carriage_return && bytes.get(next + 1) == Some(&b'\n') { 2 } else { 1 };
        }
        kept
    })
}

/// Lets `shorten` move bytes to the front, as whole characters; it returns how many it keeps.
pub fn edit(text: String, shorten: impl FnOnce(&mut [u8]) -> usize) -> String {
    let mut bytes = text.into_bytes();
    let kept = shorten(&mut bytes);
    bytes.truncate(kept);
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
    fn every_line_end_is_a_newline_and_the_mark_is_gone() {
        assert_eq!(plain("\u{feff}a\r\nb\rc\n\rd\r".into()), "a\nb\nc\n\nd\n");
        assert_eq!(plain("\u{feff}é".into()), "é");
        assert_eq!(plain("é\u{feff}".into()), "é\u{feff}");
        assert_eq!(plain("\r".into()), "\n");
        assert_eq!(plain(String::new()), "");
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
