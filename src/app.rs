//! The composition root: configuration to running parts.
