//! Trains small transformer language models on a PC, by hand-written backpropagation, and measures them with the core's own
//! decoder.

mod aligned;
pub mod bench;
pub mod cli;
pub mod data;
pub mod export;
pub mod files;
pub mod import;
pub mod network;
pub mod optimizer;
pub mod random;
pub mod sizing;
pub mod training;
pub mod vector;
