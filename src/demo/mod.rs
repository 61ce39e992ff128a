//! The whole product in a temporary folder.
