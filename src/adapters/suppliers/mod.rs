//! Supplier sources.
