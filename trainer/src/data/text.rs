//! Reading a corpus.

use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail, ensure};
use pipsqueak_stories::END_OF_STORY;

use crate::data::unseen::{Found, readable};
use crate::data::{clean, paragraphs};
use crate::human::counted;

/// How documents are told apart in a text; the model learns to begin and to end each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum Documents {
    /// By the marker <|endoftext|> where there is one; else the text is one running text
    Auto,
    /// By the marker <|endoftext|>
    Marker,
    /// By blank lines
    BlankLines,
    /// Not at all: one running text
    None,
}

/// How a text file is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// How documents are told apart.
    pub documents: Documents,
    /// Whether lines that were wrapped at a width are joined into paragraphs.
    pub joins_lines: bool,
    /// Whether a library's header and footer are left out.
    pub leaves_out_library_text: bool,
}

/// A change that reading has made to a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Characters that can't be seen, or that control a terminal, are left out.
    Unseen {
        /// Their number.
        count: usize,
    },
    /// Project Gutenberg's header and footer are left out.
    LibraryText {
        /// Their size.
        bytes: usize,
    },
    /// Lines are joined into paragraphs.
    Lines {
        /// Width that they were wrapped at, in characters.
        width: usize,
        /// Number of lines that were joined to the one before.
        joined: usize,
    },
}

/// A text to learn from: one running text, or documents. Its parts share one copy of the text.
#[derive(Debug, Clone)]
pub struct Corpus {
    text: Arc<String>,
    /// The part that this is.
    part: Range<usize>,
    name: String,
    documents: Documents,
    /// The changes that reading has made.
    pub changes: Vec<Change>,
}

impl Corpus {
    /// Reads a UTF-8 file.
    ///
    /// # Errors
    /// If it cannot be read, is no UTF-8, or holds no text.
    pub fn read(path: &Path, reading: Reading) -> Result<Self> {
        Self::from_file(read_text(path)?, &file_name(path), reading)
    }

    /// As [`Corpus::read`], of a file's text; `name` is what messages and model files call it.
    ///
    /// # Errors
    /// If it holds no text.
    pub fn from_file(text: String, name: &str, reading: Reading) -> Result<Self> {
        let mut changes = Vec::from_iter(left_out(&text));
        let mut text = clean::plain(text);
        if reading.leaves_out_library_text {
            changes
                .extend(clean::leave_out_library_text(&mut text).map(|bytes| Change::LibraryText { bytes }));
        }
        if reading.joins_lines {
            changes
                .extend(paragraphs::join(&mut text).map(|(width, joined)| Change::Lines { width, joined }));
        }
        Ok(Corpus { changes, ..Self::from_text(text, name, reading.documents)? })
    }

    /// The built-in corpus: `bytes` of stories.
    pub fn built_in(seed: u64, bytes: u64) -> Result<Self> {
        let mut text = Vec::new();
        pipsqueak_stories::write(seed, bytes, &mut text)?;
        let name = format!("built-in stories, seed {seed}, {bytes} bytes");
        Self::from_text(String::from_utf8(text)?, &name, Documents::Marker)
    }

    /// A text in memory; `name` is what messages and model files call it.
    ///
    /// # Errors
    /// If it holds no text.
    pub fn from_text(text: String, name: &str, documents: Documents) -> Result<Self> {
        let text = clean::plain(text);
        let marked = text.contains(END_OF_STORY);
        let part = 0..text.len();
        let mut corpus =
            Corpus { text: Arc::new(text), part, name: name.to_string(), documents, changes: Vec::new() };
        if documents == Documents::Auto {
            corpus.documents = if marked { Documents::Marker } else { Documents::None };
            if marked && corpus.documents().nth(1).is_none() {
                // A marker that divides nothing: one running text.
                corpus.part = corpus.first_document().unwrap_or(0..0);
                corpus.documents = Documents::None;
            }
        }
        ensure!(corpus.documents().next().is_some(), "{name} has no text in it");
        Ok(corpus)
    }

    /// The range of the first document in the text.
    fn first_document(&self) -> Option<Range<usize>> {
        let document = self.documents().next()?;
        let start = document.as_ptr().addr() - self.text.as_ptr().addr();
        Some(start..start + document.len())
    }

    /// The same text as a model reads it that `knows` some characters; notes the others in `found`.
    pub fn readable(&self, knows: impl Fn(char) -> bool, found: &mut Found) -> Corpus {
        let part = &self.text[self.part.clone()];
        let documents = part.split(END_OF_STORY).map(|document| readable(document, &knows, found));
        let text = documents.collect::<Vec<_>>().join(END_OF_STORY);
        Corpus { part: 0..text.len(), text: Arc::new(text), ..self.clone() }
    }

    /// The corpus' name in messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the text is divided into documents, whose ends the model learns.
    pub fn has_documents(&self) -> bool {
        self.documents != Documents::None
    }

    /// The documents, without the blank lines around them; or the whole text as one.
    pub fn documents(&self) -> impl Iterator<Item = &str> {
        let mut rest = &self.text[self.part.clone()];
        let parts = std::iter::from_fn(move || {
            let (document, after) = split_first(rest, self.documents)?;
            rest = after;
            Some(document)
        });
        parts.filter(|document| !document.is_empty())
    }

    /// Bytes of text in the documents.
    pub fn text_bytes(&self) -> usize {
        self.documents().map(str::len).sum()
    }

    /// Bytes of the file, all parts included, as it lies in memory.
    pub fn file_bytes(&self) -> usize {
        self.text.len()
    }

    /// CRC-32 of the whole text, for a model's provenance.
    pub fn crc(&self) -> u32 {
        pipsqueak::internal::file::checksum(self.text.as_bytes())
    }

    /// Splits off about the last `fraction` to validate with: where a document begins, if there is more than one, else
    /// at a character. No text is copied.
    ///
    /// # Errors
    /// If one of the two would be empty.
    pub fn split(&self, fraction: f64) -> Result<(Corpus, Corpus)> {
        let share_of = |part: Range<usize>| part.start + (part.len() as f64 * (1.0 - fraction)) as usize;
        let wanted = self.text.floor_char_boundary(share_of(self.part.clone()));
        let within = self.first_document().map(|part| self.text.floor_char_boundary(share_of(part)));
        let cuts = [self.document_behind(wanted), self.document_before(wanted), within];
        let Range { start, end } = self.part;
        let halves = |cut: usize| {
            let halves = (self.part(start..cut, "training"), self.part(cut..end, "validation"));
            (halves.0.has_text() && halves.1.has_text()).then_some(halves)
        };
        let refusal = || {
            let bytes = self.text_bytes();
            if bytes as f64 * fraction < 1.0 && bytes > 1 {
                return anyhow!(
                    "{} has {bytes} bytes of text, of which --validation {fraction:?} keeps none back; \
                     use more, or 0 to learn all",
                    self.name
                );
            }
            anyhow!("{} is too short to learn from: it has {} of text", self.name, counted(bytes, "byte"))
        };
        cuts.into_iter().flatten().find_map(halves).ok_or_else(refusal)
    }

    /// The text that divides documents, if any.
    fn divider(&self) -> Option<&'static str> {
        match self.documents {
            Documents::Marker => Some(END_OF_STORY),
            Documents::BlankLines => Some("\n\n"),
            Documents::Auto | Documents::None => None,
        }
    }

    /// The end of the first divider that ends at `from` or behind it.
    fn document_behind(&self, from: usize) -> Option<usize> {
        let divider = self.divider()?;
        // The marker may lie across the cut.
        let from =
            if self.documents == Documents::Marker { from.saturating_sub(divider.len()) } else { from };
        let from = self.text.floor_char_boundary(from).max(self.part.start);
        self.text[from..self.part.end].find(divider).map(|at| from + at + divider.len())
    }

    /// The end of the last divider before `end`.
    fn document_before(&self, end: usize) -> Option<usize> {
        let divider = self.divider()?;
        self.text[self.part.start..end].rfind(divider).map(|at| self.part.start + at + divider.len())
    }

    fn part(&self, part: Range<usize>, which: &str) -> Corpus {
        Corpus { part, name: format!("{} ({which})", self.name), ..self.clone() }
    }

    fn has_text(&self) -> bool {
        self.documents().next().is_some()
    }
}

/// A file's name in messages, without its folder.
pub fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The characters that are left out of a text, apart from a byte-order mark at its beginning.
fn left_out(text: &str) -> Option<Change> {
    let behind_mark = text.strip_prefix('\u{feff}').unwrap_or(text);
    let count = behind_mark.chars().filter(|&c| clean::is_left_out(c)).count();
    (count > 0).then_some(Change::Unseen { count })
}

/// A UTF-8 file as text.
///
/// # Errors
/// If it cannot be read, or is no UTF-8.
pub fn read_text(path: &Path) -> Result<String> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read the text {}", path.display()))?;
    utf8(bytes, &path.display().to_string())
}

/// The whole characters among the first `limit` bytes of a UTF-8 file, and whether it has more.
///
/// # Errors
/// As [`read_text`].
pub fn read_beginning(path: &Path, limit: usize) -> Result<(String, bool)> {
    let name = path.display().to_string();
    let mut bytes = Vec::new();
    let mut read = || File::open(path)?.take(limit as u64 + 1).read_to_end(&mut bytes);
    read().with_context(|| format!("cannot read the text {name}"))?;
    let has_more = bytes.len() > limit;
    bytes.truncate(limit);
    if let Some(cut) = str::from_utf8(&bytes).err().filter(|error| has_more && error.error_len().is_none()) {
        bytes.truncate(cut.valid_up_to());
    }
    Ok((utf8(bytes, &name)?, has_more))
}

/// A file's bytes as text; `name` is what messages call it.
///
/// # Errors
/// If they are no UTF-8; the message says where.
pub fn utf8(bytes: Vec<u8>, name: &str) -> Result<String> {
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let line = line_of(error.as_bytes(), at);
        let what = match error.as_bytes() {
            [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => "it is UTF-32".to_string(),
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "it is UTF-16".to_string(),
            _ => format!("byte {at}, in line {line}, is no part of a character"),
        };
        anyhow!("{name} is not UTF-8 text: {what}; convert it to UTF-8")
    })?;
    refuse_nul(text, name)
}

/// UTF-16 without a mark of byte order is valid UTF-8 if it holds ASCII alone: every other byte is NUL.
fn refuse_nul(text: String, name: &str) -> Result<String> {
    let Some(at) = text.find('\0') else { return Ok(text) };
    let line = line_of(text.as_bytes(), at);
    bail!(
        "{name} is not UTF-8 text: byte {at}, in line {line}, is NUL, as in UTF-16 and in files that are no text; \
         convert it to UTF-8"
    )
}

/// The line that byte `at` is in, counted from 1, whichever system's line ends a text has.
fn line_of(bytes: &[u8], at: usize) -> usize {
    let ends = |(i, &byte): (usize, &u8)| byte == b'\n' || byte == b'\r' && bytes.get(i + 1) != Some(&b'\n');
    1 + bytes[..at].iter().enumerate().filter(|&byte| ends(byte)).count()
}

/// The first document, and what follows it.
fn split_first(text: &str, documents: Documents) -> Option<(&str, &str)> {
    if text.is_empty() {
        return None;
    }
    let trim = |document: &'_ str| -> usize { document.trim_start_matches('\n').len() };
    match documents {
        Documents::Auto | Documents::None => Some((text, "")),
        Documents::Marker => {
            let (document, rest) = text.split_once(END_OF_STORY).unwrap_or((text, ""));
            Some((document[document.len() - trim(document)..].trim_end(), rest))
        }
        Documents::BlankLines => {
            let mut end = 0;
            for line in text.split_inclusive('\n') {
                if line.trim().is_empty() {
                    return Some((text[..end].trim_end(), &text[end + line.len()..]));
                }
                end += line.len();
            }
            Some((text.trim_end(), ""))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn corpus(text: &str, documents: Documents) -> Corpus {
        Corpus::from_text(text.into(), "x", documents).unwrap()
    }

    fn documents(text: &str, documents: Documents) -> Vec<String> {
        corpus(text, documents).documents().map(String::from).collect()
    }

    #[test]
    fn documents_are_divided_and_trimmed() {
        let marked = "\na b\n\n<|endoftext|>\r\nc\n<|endoftext|>\n";
        assert_eq!(documents(marked, Documents::Auto), ["a b", "c"]);
        assert_eq!(documents("\na\n", Documents::Auto), ["\na\n"]);
        let verses = "\n\na\nb\n \n\nc\n\r\nd";
        assert_eq!(documents(verses, Documents::BlankLines), ["a\nb", "c", "d"]);
        assert_eq!(documents(verses, Documents::Auto), ["\n\na\nb\n \n\nc\n\nd"]);
        assert_eq!(documents(marked, Documents::None).len(), 1);
        assert!(corpus(verses, Documents::Marker).has_documents());
        assert!(!corpus(verses, Documents::Auto).has_documents());
    }

    #[test]
    fn what_is_no_utf_8_is_told_with_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.txt");
        let refusal = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            read_text(&path).unwrap_err().to_string().split_once("is not UTF-8 text: ").unwrap().1.to_string()
        };
        let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
        assert_eq!(refusal(&utf16("\u{feff}a cat")), "it is UTF-16; convert it to UTF-8");
        assert!(refusal(&utf16("a cat")).starts_with("byte 1, in line 1, is NUL, as in UTF-16"));
        assert!(refusal(b"\xff\xfe\0\0a\0\0\0").starts_with("it is UTF-32"));
        for end in ["\r", "\n", "\r\n"] {
            let text = [format!("a{end}b{end}caf").as_bytes(), b"\xe9"].concat();
            assert!(refusal(&text).contains(", in line 3, is no part of a character"), "{end:?}");
        }
        std::fs::write(&path, "\u{feff}a\u{200b} b\x1b[0m\n").unwrap();
        let reading =
            Reading { documents: Documents::Auto, joins_lines: true, leaves_out_library_text: true };
        assert_eq!(Corpus::read(&path, reading).unwrap().changes, [Change::Unseen { count: 2 }]);
        std::fs::write(&path, "\u{feff}a\r\nb\x0c").unwrap();
        assert_eq!(Corpus::read(&path, reading).unwrap().changes, []);
    }

    #[test]
    fn what_has_no_text_is_refused() {
        for text in ["", "\n<|endoftext|>\n"] {
            assert!(Corpus::from_text(text.into(), "x", Documents::Auto).is_err());
        }
        assert!(Corpus::from_text("\n \n".into(), "x", Documents::BlankLines).is_err());
    }

    #[test]
    fn validation_is_the_end_of_the_text() {
        let (a, b) = corpus("0123456789", Documents::Auto).split(0.1).unwrap();
        assert_eq!((a.documents().next(), b.documents().next()), (Some("012345678"), Some("9")));
        assert!(Arc::ptr_eq(&a.text, &b.text), "the text is held twice");
        let stories = "a\n<|endoftext|>\nb\n<|endoftext|>\nc\n<|endoftext|>\n";
        for (fraction, first) in [(0.4, 2), (0.6, 2), (0.8, 1)] {
            let (a, b) = corpus(stories, Documents::Auto).split(fraction).unwrap();
            assert_eq!((a.documents().count(), b.documents().count()), (first, 3 - first), "{fraction}");
        }
        let (a, b) = corpus("a\n\nb\n\nc\n\nd", Documents::BlankLines).split(0.5).unwrap();
        assert_eq!((a.documents().count(), b.documents().count()), (3, 1));
        let (a, b) = corpus("a\n\nb\n\nlong end", Documents::BlankLines).split(0.1).unwrap();
        assert_eq!((a.documents().count(), b.documents().next()), (2, Some("long end")), "the last document");
    }

    #[test]
    fn one_document_with_a_marker_at_its_end_is_one_text() {
        for text in
            ["\n0123456789\n<|endoftext|>\n", "<|endoftext|>\n0123456789\n\n<|endoftext|>\n<|endoftext|>"]
        {
            let one = corpus(text, Documents::Auto);
            assert!(!one.has_documents());
            assert_eq!(one.documents().collect::<Vec<_>>(), ["0123456789"]);
            let (a, b) = one.split(0.2).unwrap();
            assert_eq!((a.documents().next(), b.documents().next()), (Some("01234567"), Some("89")));
            let (a, b) = corpus(text, Documents::Marker).split(0.5).unwrap();
            let text: String = a.documents().chain(b.documents()).collect();
            assert_eq!(text.trim(), "0123456789");
        }
        let refusal = |text: &str, share| corpus(text, Documents::Auto).split(share).unwrap_err().to_string();
        assert_eq!(refusal("x", 0.1), "x is too short to learn from: it has 1 byte of text");
        assert!(refusal(&"x".repeat(99), 1e-300).contains("--validation 1e-300 keeps none back"));
    }
}
