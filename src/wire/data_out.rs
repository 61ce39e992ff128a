//! Sending message content: dot-stuffing and BDAT.
