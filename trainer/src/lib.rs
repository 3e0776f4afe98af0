//! Trains small transformer language models on a PC, by hand-written backpropagation, and measures them with the core's own
//! decoder.
//!
//! Without the feature `cli` there is the library alone, which a browser can run too: training goes a step at a time, and
//! model files and checkpoints are bytes.

mod aligned;
#[cfg(feature = "cli")]
pub mod bench;
pub mod calibration;
#[cfg(feature = "cli")]
pub mod cli;
pub mod data;
pub mod explain;
pub mod export;
pub mod files;
pub mod human;
pub mod import;
pub mod network;
pub mod optimizer;
pub mod random;
pub mod sizing;
pub mod training;
pub mod vector;
