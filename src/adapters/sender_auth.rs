//! Sender authentication.
