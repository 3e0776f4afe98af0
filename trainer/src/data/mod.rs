//! From text to batches: corpora, documents, prompts with answers, vocabularies.

pub mod batches;
pub mod bpe;
pub mod clean;
pub mod encoder;
pub mod material;
pub mod pairs;
pub mod paragraphs;
pub mod text;
pub mod unseen;
pub mod vocabulary;

/// Hears how far a long pass over a text has come, and what it takes.
pub trait Progress {
    /// A pass over so many bytes, or so many merges, begins.
    fn begin(&self, what: &'static str, total: u64);
    /// So much more is done.
    fn advance(&self, more: u64);
    /// The pass takes so many bytes beside the text.
    fn takes(&self, bytes: usize);
}

/// Says nothing.
impl Progress for () {
    fn begin(&self, _: &'static str, _: u64) {}
    fn advance(&self, _: u64) {}
    fn takes(&self, _: usize) {}
}
