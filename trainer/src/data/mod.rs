//! From text to batches: corpora, documents, prompts with answers, vocabularies.

pub mod batches;
pub mod pairs;
pub mod text;
pub mod vocabulary;
