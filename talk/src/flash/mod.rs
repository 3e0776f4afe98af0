//! Getting a model, and the firmware that runs it, onto a board.

mod frame;
pub mod loader;
