//! Everything between a PC and a board: models and firmware into its flash, and its prompt at a terminal.

pub mod flash;
#[cfg(feature = "pc")]
pub mod port;
#[cfg(feature = "pc")]
pub mod terminal;
