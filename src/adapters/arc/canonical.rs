//! The relaxed canonical form (RFC 6376 sections 3.4.2 and 3.4.4) of a message that lies in segments.

use crate::limits;
use aws_lc_rs::digest::{Context, SHA256};
use bytes::Bytes;
use mail_auth::dkim::Canonicalization;
use mail_auth::dkim::canonicalize::BodyHasher;

/// A field: its name as written, and its value with folding, without the last line end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Field<'a> {
    pub(super) name: &'a [u8],
    pub(super) value: &'a [u8],
}

impl Field<'_> {
    pub(super) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }

    /// `name:value`, relaxed, without a line end.
    pub(super) fn relaxed(&self) -> Vec<u8> {
        relaxed(self.name, self.value)
    }
}

/// `name:value` in relaxed form: name in lower case, value unfolded, white space runs as one space, none at its ends.
pub(super) fn relaxed(name: &[u8], value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(name.len().saturating_add(value.len()).saturating_add(1));
    out.extend(name.trim_ascii_end().iter().map(u8::to_ascii_lowercase));
    out.push(b':');
    let start = out.len();
    let mut space = false;
    for octet in value {
        match octet {
            b'\r' | b'\n' => {}
            b' ' | b'\t' => space = true,
            other => {
                if space && out.len() > start {
                    out.push(b' ');
                }
                space = false;
                out.push(*other);
            }
        }
    }
    out
}

/// The fields of a header section with CRLF line ends, top down. What is no field is left out.
pub(super) fn fields(head: &[u8]) -> Vec<Field<'_>> {
    let mut fields = Vec::new();
    let mut rest = head;
    while !rest.is_empty() && !rest.starts_with(b"\r\n") {
        let mut end = 0;
        loop {
            let line = memchr::memchr(b'\n', rest.get(end..).unwrap_or_default());
            end = line.map_or(rest.len(), |at| end.saturating_add(at).saturating_add(1));
            if !matches!(rest.get(end), Some(b' ' | b'\t')) {
                break;
            }
        }
        let (field, after) = rest.split_at(end);
        rest = after;
        let Some(colon) = memchr::memchr(b':', field) else { continue };
        let (name, value) = field.split_at(colon);
        let value = value.get(1..).unwrap_or_default();
        let value = value.strip_suffix(b"\n").unwrap_or(value);
        let value = value.strip_suffix(b"\r").unwrap_or(value);
        fields.push(Field { name: name.trim_ascii_end(), value });
    }
    fields
}

/// A composed message: its header section in one piece, its body as it lies.
pub(super) struct Outgoing {
    pub(super) head: Vec<u8>,
    body: Vec<Bytes>,
}

impl Outgoing {
    /// Only the header section is copied. `None` when it does not end, or is larger than a header section may be.
    pub(super) fn of(segments: &[Bytes]) -> Option<Self> {
        let mut head: Vec<u8> = Vec::new();
        for (index, segment) in segments.iter().enumerate() {
            // An empty line may lie across the end of a segment.
            let from = head.len().saturating_sub(3);
            head.extend_from_slice(segment);
            let end = memchr::memmem::find(head.get(from..)?, b"\r\n\r\n");
            if let Some(end) = end.map(|at| at.saturating_add(from).saturating_add(4)) {
                let behind = head.len().saturating_sub(end);
                let rest = segment.slice(segment.len().saturating_sub(behind)..);
                head.truncate(end);
                let body =
                    std::iter::once(rest).chain(segments.iter().skip(index.saturating_add(1)).cloned());
                return Some(Self { head, body: body.collect() });
            }
            if head.len() > limits::MAX_SEALED_HEAD {
                return None;
            }
        }
        None
    }

    /// SHA-256 of the relaxed body, in one pass over the segments.
    pub(super) fn body_hash(&self) -> Vec<u8> {
        let mut hasher = BodyHasher::new(Context::new(&SHA256), Canonicalization::Relaxed, 0);
        self.body.iter().for_each(|segment| hasher.write(segment));
        let (context, _) = hasher.finish();
        context.finish().as_ref().to_vec()
    }
}
