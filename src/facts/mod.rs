//! Establishes facts: pure, one file per family.
