//! Trains small transformer language models on a PC, by hand-written backpropagation over the core's own operations,
//! and measures them with the core's own decoder.

mod aligned;
pub mod batches;
pub mod bench;
pub mod boards;
pub mod budget;
pub mod chart;
pub mod checkpoint;
pub mod commands;
pub mod corpus;
pub mod curve;
pub mod decoding;
pub mod equalize;
pub mod human;
pub mod llama2c;
pub mod model_file;
pub mod network;
pub mod optimizer;
pub mod pairs;
pub mod parallel;
pub mod parameters;
pub mod presets;
pub mod progress;
pub mod quantize;
pub mod random;
pub mod schedule;
pub mod shape;
pub mod sweep;
pub mod sweep_chart;
pub mod text;
pub mod training;
pub mod vector;
pub mod vocabulary;
