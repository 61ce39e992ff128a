//! The command line.

pub mod suppliers;
