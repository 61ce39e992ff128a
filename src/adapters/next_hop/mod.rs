//! The way on.
