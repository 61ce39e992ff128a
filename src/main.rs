//! The `sentra` binary.

fn main() {}
