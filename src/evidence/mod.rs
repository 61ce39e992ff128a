//! Gathers what the outside knows: concurrently, under one deadline.
