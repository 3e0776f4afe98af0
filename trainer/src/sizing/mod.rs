//! Which shape of model: presets, what a board has room for, and the search for the best within it.

pub mod boards;
pub mod budget;
pub mod presets;
pub mod shape;
pub mod sweep;
