//! The parsed view of a message. It points into the received octets by byte ranges, so that whoever edits splices.

use serde::{Deserialize, Serialize};
use std::ops::Range;

/// One `display name <address>` of From, Sender, Reply-To, To or Cc. Text as decoded (RFC 2047), not validated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mailbox {
    /// Decoded display name, if any.
    pub name: Option<String>,
    /// The address text as written.
    pub address: String,
}

/// One header field of the top-level header section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderField {
    /// Field name as written.
    pub name: String,
    /// The whole field: name, colon, folded value and the final line end.
    pub range: Range<usize>,
    /// The value: after the colon up to and including the final line end.
    pub value: Range<usize>,
}

/// Content-Transfer-Encoding (RFC 2045 section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransferEncoding {
    /// 7bit, 8bit, binary, or none given.
    Identity,
    /// quoted-printable
    QuotedPrintable,
    /// base64
    Base64,
    /// Anything else (`x-uuencode` …): read as identity, never edited.
    Unknown,
}

/// Content-Disposition (RFC 2183).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentDisposition {
    /// Not given.
    None,
    /// `inline`
    Inline,
    /// `attachment`
    Attachment,
}

/// What a part holds after decoding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PartContent {
    /// text/plain and other text but HTML: decoded to Unicode.
    Text(String),
    /// text/html: decoded to Unicode, markup kept.
    Html(String),
    /// Anything else: transfer-decoded octets.
    Binary(Vec<u8>),
    /// A multipart: children follow in the part list.
    Multipart,
    /// message/rfc822: its parts follow in the part list, with this part as ancestor.
    AttachedMessage,
}

/// One MIME entity (RFC 2045) in depth-first order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Index of the enclosing part in [`Message::parts`]; `None` for the root.
    pub parent: Option<usize>,
    /// Nesting depth, 0 for the root.
    pub depth: usize,
    /// `true` below a message/rfc822: read, never edited.
    pub in_attached_message: bool,
    /// `type/subtype` in lower case; `text/plain` when none was given (RFC 2045 section 5.2).
    pub media_type: String,
    /// `charset` parameter as written.
    pub charset: Option<String>,
    /// Further Content-Type parameters, names in lower case (`format`, `protocol`, `smime-type`, `method` …).
    pub parameters: Vec<(String, String)>,
    /// Content-Transfer-Encoding.
    pub encoding: TransferEncoding,
    /// Content-Disposition.
    pub disposition: ContentDisposition,
    /// File name from Content-Disposition or Content-Type, decoded.
    pub name: Option<String>,
    /// Content-ID without angle brackets, for telling inline images.
    pub content_id: Option<String>,
    /// The raw body octets of this part inside the received octets (still transfer-encoded).
    pub body: Range<usize>,
    /// Decoded content.
    pub content: PartContent,
}

impl Part {
    /// A Content-Type parameter by lower-case name.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Something that could not be looked at. A gap is a fact, never an error and never a "no".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// What: a file name, or `message`.
    pub what: String,
    /// Why, in stable words: `password`, `limit`, `format`, `charset`, `damaged`, `timeout`.
    pub why: String,
}

/// A parsed message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// Top-level header fields in order of appearance.
    pub headers: Vec<HeaderField>,
    /// Offset of the first octet after the empty line that ends the header section (the octets' length if none).
    pub body_start: usize,
    /// From (RFC 5322 3.6.2).
    pub from: Vec<Mailbox>,
    /// Sender.
    pub sender: Option<Mailbox>,
    /// Reply-To.
    pub reply_to: Vec<Mailbox>,
    /// To and Cc.
    pub to: Vec<Mailbox>,
    /// Decoded subject.
    pub subject: String,
    /// Message-ID with angle brackets, as written; empty when missing.
    pub message_id: String,
    /// In-Reply-To and References ids, without brackets.
    pub references: Vec<String>,
    /// Date header as Unix seconds.
    pub date: Option<i64>,
    /// All parts, depth first; index 0 is the root.
    pub parts: Vec<Part>,
    /// What could not be parsed.
    pub gaps: Vec<Gap>,
}

impl Message {
    /// Values (raw, folded) of every top-level field of that name, in order.
    pub fn header_values<'a>(&'a self, octets: &'a [u8], name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.headers
            .iter()
            .filter(move |field| field.name.eq_ignore_ascii_case(name))
            .filter_map(move |field| octets.get(field.value.clone()))
    }
}
