//! From text to batches: corpora, documents, prompts with answers, vocabularies.

pub mod batches;
pub mod bpe;
pub mod clean;
pub mod encoder;
pub mod material;
pub mod names;
pub mod pairs;
pub mod paragraphs;
pub mod text;
pub mod unseen;
pub mod vocabulary;

/// Follows a long pass over a text.
pub trait Progress {
    /// A pass begins, over `total` bytes or merges.
    fn begin(&self, what: &'static str, total: u64);
    /// The pass has advanced by this many bytes or merges.
    fn advance(&self, more: u64);
    /// The pass takes this much memory beside the text, in bytes.
    fn takes(&self, bytes: usize);
}

/// Ignores all progress.
impl Progress for () {
    fn begin(&self, _: &'static str, _: u64) {}
    fn advance(&self, _: u64) {}
    fn takes(&self, _: usize) {}
}
