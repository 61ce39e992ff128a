//! The supplier directory: in-process cache, Redis, database.

pub mod memory;
