//! The options that say what to learn from, shared by `train` and `sweep`, and how a text is read.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use super::options;
use super::output::say;
use super::words;
use crate::data::encoder::Encoder;
use crate::data::material::Material;
use crate::data::pairs::{self, Pair};
use crate::data::text::{Change, Corpus, Documents, Reading, file_name};
use crate::data::unseen::{Found, Unseen};
use crate::data::vocabulary::{OwnedVocabulary, Tokens};
use crate::files::Files;
use crate::human::{self, ByteCount};
use crate::training::recipe::VALIDATION_SHARE;

/// The most kept-back pairs that are listed by name.
const NAMED_PAIRS: usize = 10;

/// The options that say what to learn from.
#[derive(Debug, Args)]
#[command(next_help_heading = "Text")]
pub(super) struct Source {
    /// The UTF-8 text to learn from
    #[arg(long, value_name = "FILE", required_unless_present_any = ["built_in", "pairs"], conflicts_with_all = ["built_in", "pairs"])]
    pub(super) text: Option<PathBuf>,
    /// Prompts with their answers to learn from, for a board that answers: lines of a prompt, a tab and an answer
    #[arg(long, value_name = "FILE.tsv", conflicts_with = "built_in")]
    pub(super) pairs: Option<PathBuf>,
    /// Learn from the built-in stories
    #[arg(long)]
    pub(super) built_in: bool,
    /// How much of the built-in stories, as 300K or 16M
    #[arg(long, value_name = "BYTES", default_value = "16M", requires = "built_in", value_parser = options::bytes(1024..=1 << 32))]
    corpus_bytes: ByteCount,
    #[command(flatten)]
    pub(super) reading: ReadingOptions,
    /// Share that is kept back to validate with: the end of a text, or random pairs; 0 keeps nothing back
    /// [default: 0.1 of a text, 0 of pairs]
    #[arg(long, value_name = "SHARE", value_parser = options::number::<f64>(0.0..=0.9))]
    validation: Option<f64>,
}

/// How text becomes tokens.
#[derive(Debug, Args)]
#[command(next_help_heading = "Text")]
pub(super) struct TokenOptions {
    /// How text is cut into tokens
    #[arg(long, value_enum, default_value_t = Tokens::Bpe)]
    pub(super) tokens: Tokens,
    /// Number of tokens of a BPE vocabulary [default: 512, or what suits a --board]
    #[arg(long, value_name = "TOKENS", value_parser = options::whole::<usize>(2..=65_535))]
    pub(super) vocab: Option<usize>,
}

/// How a text is read.
#[derive(Debug, Args)]
#[command(next_help_heading = "Text")]
pub(super) struct ReadingOptions {
    /// How documents are told apart in the text; a model learns to begin and to end each
    #[arg(long, value_enum, default_value_t = Documents::Auto)]
    pub(super) documents: Documents,
    /// Keep the line ends of a text that was wrapped at a width, instead of joining its lines into paragraphs
    #[arg(long)]
    keep_lines: bool,
    /// Keep Project Gutenberg's header and footer in the text
    #[arg(long)]
    keep_header: bool,
}

impl ReadingOptions {
    pub(super) fn reading(&self) -> Reading {
        Reading {
            documents: self.documents,
            joins_lines: !self.keep_lines,
            leaves_out_library_text: !self.keep_header,
        }
    }
}

impl Source {
    /// Registers the files that are read.
    pub(super) fn note(&self, files: &mut Files) {
        if let Some(text) = &self.text {
            files.reads("--text", text);
        }
        if let Some(pairs) = &self.pairs {
            files.reads("--pairs", pairs);
        }
    }

    /// The share that is kept back.
    pub(super) fn share(&self) -> f64 {
        self.validation.unwrap_or(if self.pairs.is_some() { 0.0 } else { VALIDATION_SHARE })
    }

    /// Reads it, and says what of it is kept back by `seed` or changed. If its `vocabulary` is given, characters that have no
    /// token are replaced or left out.
    ///
    /// # Errors
    /// A file that cannot be read, or that is no text or no pairs.
    pub(super) fn read(&self, seed: u64, vocabulary: Option<&OwnedVocabulary>) -> Result<Material> {
        let encoder = vocabulary.map(|vocabulary| Encoder::new(vocabulary.borrow()));
        let mut found = Found::new();
        let material = if let Some(path) = &self.pairs {
            let pairs = match &encoder {
                Some(encoder) => pairs::readable(pairs::read(path)?, |c| encoder.knows(c), &mut found),
                None => pairs::read(path)?,
            };
            Material::of_pairs(pairs, &file_name(path), self.share(), seed)?
        } else {
            let corpus = match &self.text {
                Some(text) => read_text(text, &self.reading)?,
                None => Corpus::built_in(1, self.corpus_bytes.0)?,
            };
            let corpus = match &encoder {
                Some(encoder) => corpus.readable(|c| encoder.knows(c), &mut found),
                None => corpus,
            };
            Material::of_text(corpus, self.share())?
        };
        if !found.is_empty() {
            let unseen: Vec<Unseen> = found.into_values().collect();
            let name = material.corpus.name();
            say!("{name} has characters that the model has no token for: {}", words::list(&unseen));
        }
        if let Some((learned, kept)) = material.pairs() {
            say!("{}: {}", material.corpus.name(), describe_pairs(learned, kept));
        }
        Ok(material)
    }
}

/// Reads a text, and prints how it was changed.
///
/// # Errors
/// If it cannot be read, or holds no text.
pub(super) fn read_text(path: &std::path::Path, options: &ReadingOptions) -> Result<Corpus> {
    let corpus = Corpus::read(path, options.reading())?;
    print_changes(&corpus, true);
    Ok(corpus)
}

/// Prints how a text was changed; `has_options` if the command can be told not to.
pub(super) fn print_changes(corpus: &Corpus, has_options: bool) {
    for &change in &corpus.changes {
        let (what, option) = describe(change);
        say!("{}: {what}{}", corpus.name(), if has_options { option } else { "" });
    }
}

/// A change of the text, and the option that leaves it out.
fn describe(change: Change) -> (String, &'static str) {
    match change {
        Change::Unseen { count } => {
            let count = human::counted(count, "character");
            (format!("{count} left out, which can't be seen or would control a terminal"), "")
        }
        Change::LibraryText { bytes } => {
            let bytes = human::count(bytes as u64);
            (
                format!("Project Gutenberg's header and footer, {bytes} bytes, are left out"),
                " (--keep-header keeps them)",
            )
        }
        Change::Lines { width, joined } => {
            let joined = human::count(joined as u64);
            (
                format!("{joined} lines that were wrapped at {width} characters are joined into paragraphs"),
                " (--keep-lines leaves them)",
            )
        }
    }
}

fn describe_pairs(learned: usize, kept: &[Pair]) -> String {
    let pairs =
        |count: usize| format!("{} pair{}", human::count(count as u64), if count == 1 { "" } else { "s" });
    if kept.is_empty() {
        let all = pairs(learned);
        return format!(
            "{all}, all learned; the losses are of the same (--validation 0.1 keeps a tenth back)"
        );
    }
    let named = kept.iter().take(NAMED_PAIRS).map(|pair| format!("line {} «{}»", pair.line, pair.prompt));
    let more = if kept.len() > NAMED_PAIRS { ", …" } else { "" };
    format!(
        "{} to learn from; {} kept back to validate with and not learned: {}{more} (--validation 0 learns all)",
        pairs(learned),
        pairs(kept.len()),
        named.collect::<Vec<_>>().join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_that_are_kept_back_are_named() {
        let pair = |line| Pair { line, prompt: format!("p{line}"), answer: String::new() };
        assert!(describe_pairs(1, &[]).starts_with("1 pair, all learned"));
        let said = describe_pairs(18, &[pair(3), pair(7)]);
        assert!(
            said.contains("18 pairs to learn from; 2 pairs kept back")
                && said.contains("line 3 «p3», line 7 «p7» ("),
            "{said}"
        );
        let said = describe_pairs(18, &(1..30).map(pair).collect::<Vec<_>>());
        assert!(said.contains("line 10 «p10», … (") && !said.contains("p11"), "{said}");
    }
}
