//! The commands, one file each.

pub mod bench;
pub mod bench_pc;
pub mod bench_train;
pub mod build;
pub mod demo;
pub mod dist;
pub mod flash;
pub mod fuzz;
pub mod page;
pub mod run;
pub mod setup;
pub mod test;
