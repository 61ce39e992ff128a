//! Receiving message content: DATA and BDAT framing (RFC 5321 4.5.2, RFC 3030).
