//! What the tests share: servers they start, fixtures, builders.
pub mod redis;
pub mod sink;
