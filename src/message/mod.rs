//! Stage 1, parse: received octets → [`Message`], a tree of parts that points back into the octets.
//!
//! Nothing here can fail: what could not be looked at is listed as a [`Gap`], so that later stages never take "not
//! read" for "not there". The walk over MIME entities is our own, because whoever splices a banner in needs exact
//! byte ranges and because every count has a limit; decoding of single header fields and charsets is left to
//! mail-parser, and this module is its only user.

mod decode;
mod fields;
mod headers;
mod walk;

#[cfg(test)]
mod tests;

use crate::limits::{MAX_HEADER_FIELDS, MAX_HEADER_SECTION, MAX_INSPECTED_OCTETS};
use crate::model::{Gap, Message};

/// Parses a message (RFC 5322, RFC 2045) under the limits of [`crate::limits`].
///
/// Total: any octets give a [`Message`] with at least the root part. Of a message over
/// [`MAX_INSPECTED_OCTETS`] the head is parsed, and a part that is cut there is marked
/// [`crate::model::TransferEncoding::Unknown`], which nobody edits.
#[must_use]
pub fn parse(octets: &[u8]) -> Message {
    let mut gaps = Vec::new();
    let inspected = octets.get(..MAX_INSPECTED_OCTETS).unwrap_or(octets);
    if inspected.len() < octets.len() {
        gaps.push(limit_gap());
    }
    let section = fields::split(inspected, 0..inspected.len(), MAX_HEADER_FIELDS);
    let oversized = section.truncated || section.body_start > MAX_HEADER_SECTION;
    if oversized && gaps.is_empty() {
        gaps.push(limit_gap());
    }
    if section.malformed {
        gaps.push(Gap { what: "message".to_owned(), why: "format".to_owned() });
    }
    let mut message = headers::read_top_level(inspected, &section.fields);
    message.body_start = section.body_start;
    let walked = walk::walk(inspected, &section, inspected.len() < octets.len());
    message.headers = section.fields;
    message.parts = walked.parts;
    for gap in walked.gaps {
        if !gaps.contains(&gap) {
            gaps.push(gap);
        }
    }
    message.gaps = gaps;
    message
}

/// The gap of a limit that concerns the message as a whole.
fn limit_gap() -> Gap {
    Gap { what: "message".to_owned(), why: "limit".to_owned() }
}
