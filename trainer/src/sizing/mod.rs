//! The shape of a model: presets, the sizes of boards, the rule that chooses a shape for one, and the search by trial.

pub mod amount;
pub mod boards;
pub mod budget;
pub mod presets;
pub mod shape;
pub mod sweep;
