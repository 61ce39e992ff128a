//! Octets to [`crate::model::Message`]: the only user of mail-parser.
