//! Carries a verdict out: annotates by splicing, composes held mail and notices.
