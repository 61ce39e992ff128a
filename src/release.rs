//! The story of a held message.
