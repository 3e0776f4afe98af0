//! Reading a corpus.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};

use pipsqueak_stories::END_OF_STORY;

/// How documents are told apart in a text; the model learns to begin and to end each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
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

/// A text to learn from: one running text, or documents. Its parts share one copy of the text.
#[derive(Debug, Clone)]
pub struct Corpus {
    text: Arc<String>,
    /// The part that this is.
    part: Range<usize>,
    name: String,
    documents: Documents,
}

impl Corpus {
    /// Reads a UTF-8 file.
    pub fn read(path: &Path, documents: Documents) -> Result<Self> {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Self::from_text(read_text(path)?, &name, documents)
    }

    /// The built-in corpus: `bytes` of stories.
    pub fn built_in(seed: u64, bytes: u64) -> Result<Self> {
        let mut text = Vec::new();
        pipsqueak_stories::write(seed, bytes, &mut text)?;
        let name = format!("built-in stories, seed {seed}, {bytes} bytes");
        Self::from_text(String::from_utf8(text)?, &name, Documents::Marker)
    }

    /// A text in memory; `name` is what messages and model files call it.
    pub fn from_text(mut text: String, name: &str, documents: Documents) -> Result<Self> {
        if text.contains("\r\n") {
            text = text.replace("\r\n", "\n");
        }
        let documents = match documents {
            Documents::Auto if text.contains(END_OF_STORY) => Documents::Marker,
            Documents::Auto => Documents::None,
            chosen => chosen,
        };
        let part = 0..text.len();
        let corpus = Corpus { text: Arc::new(text), part, name: name.to_string(), documents };
        if corpus.documents().next().is_none() {
            bail!("{name} has no text in it");
        }
        Ok(corpus)
    }

    /// What messages call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is divided, and so the model learns where documents end.
    pub fn has_documents(&self) -> bool {
        self.documents != Documents::None
    }

    /// Its documents, without the blank lines around them; or all of it as one.
    pub fn documents(&self) -> impl Iterator<Item = &str> {
        let mut rest = &self.text[self.part.clone()];
        let parts = std::iter::from_fn(move || {
            let (document, after) = split_first(rest, self.documents)?;
            rest = after;
            Some(document)
        });
        parts.filter(|document| !document.is_empty())
    }

    /// Bytes of text in its documents.
    pub fn text_bytes(&self) -> usize {
        self.documents().map(str::len).sum()
    }

    /// CRC-32 of the whole text, for a model's provenance.
    pub fn crc(&self) -> u32 {
        pipsqueak::file::checksum(self.text.as_bytes())
    }

    /// Splits off about the last `fraction` to validate with: at a character, and where there are documents at one's
    /// beginning. No text is copied.
    pub fn split(&self, fraction: f64) -> Result<(Corpus, Corpus)> {
        let cut = (self.text.len() as f64 * (1.0 - fraction)) as usize;
        let cut = self.text.floor_char_boundary(cut);
        let cut = match self.documents {
            Documents::Marker => {
                // The marker may lie across the cut.
                let from = self.text.floor_char_boundary(cut.saturating_sub(END_OF_STORY.len()));
                self.text[from..].find(END_OF_STORY).map_or(cut, |end| from + end + END_OF_STORY.len())
            }
            Documents::BlankLines => self.text[cut..].find("\n\n").map_or(cut, |end| cut + end + 2),
            Documents::Auto | Documents::None => cut,
        };
        Ok((self.part(0..cut, "training")?, self.part(cut..self.text.len(), "validation")?))
    }

    fn part(&self, part: Range<usize>, which: &str) -> Result<Corpus> {
        let part = Corpus { part, name: format!("{} ({which})", self.name), ..self.clone() };
        if part.documents().next().is_none() {
            bail!("{} has no text in it", part.name);
        }
        Ok(part)
    }
}

/// A UTF-8 file as text.
pub fn read_text(path: &Path) -> Result<String> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read the text {}", path.display()))?;
    String::from_utf8(bytes).map_err(|error| {
        anyhow::anyhow!(
            "{} is not UTF-8 text: byte {} is no part of a character; convert it to UTF-8",
            path.display(),
            error.utf8_error().valid_up_to()
        )
    })
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
    }
}
