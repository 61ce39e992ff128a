//! A message without text (a scan, a forwarded message) gets a text part of its own in front, by splicing only.
//!
//! A multipart/mixed gets one more part before its first delimiter. A message that is nothing but a document is
//! wrapped: its Content- fields move from the header section into the part that its body becomes, and a
//! multipart/mixed stands around it. Not an octet of any other part changes; a DKIM signature over the body or those
//! fields breaks, as it does with every banner.

use super::annotate::{BannerOutcome, Edit, Plan};
use super::banner::{self, Words};
use super::displayed::may_grow;
use super::fields::{Fields, newline};
use crate::limits::MAX_MOVED_FIELDS;
use crate::model::{Message, Part, PartContent};
use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use memchr::memmem;
use std::fmt::Write as _;

/// Longest boundary (RFC 2046 section 5.1.1).
const MAX_BOUNDARY: usize = 70;

/// The plan that adds the part; `None` where the structure does not allow it for certain.
pub(super) fn grow(octets: &[u8], message: &Message, words: &Words<'_>, body_start: usize) -> Option<Plan> {
    let root = message.parts.first().filter(|root| root.body.start == body_start)?;
    if !may_grow(message) {
        return None;
    }
    match (&root.content, root.media_type.as_str()) {
        (PartContent::Multipart, "multipart/mixed") => add(octets, root, words),
        (PartContent::Binary(_) | PartContent::AttachedMessage, _) => wrap(octets, words, body_start),
        _ => None,
    }
}

/// Header and text of the new part, up to but not including the line end before the next delimiter.
fn text_part(words: &Words<'_>, newline: &str) -> String {
    let text = banner::text(words, newline, 0);
    let text = text.trim_end_matches(['\r', '\n']);
    format!(
        "Content-Type: text/plain; charset=us-ascii{newline}Content-Transfer-Encoding: 7bit{newline}{newline}{text}"
    )
}

fn add(octets: &[u8], root: &Part, words: &Words<'_>) -> Option<Plan> {
    let boundary = root.parameter("boundary").map(str::trim_end)?;
    let sound =
        (1..=MAX_BOUNDARY).contains(&boundary.len()) && boundary.bytes().all(|b| matches!(b, b' '..=b'~'));
    if !sound {
        return None;
    }
    let at = first_delimiter(octets, root, &format!("--{boundary}"))?;
    let newline = newline(octets);
    let with = format!("--{boundary}{newline}{}{newline}", text_part(words, newline));
    let edit = Edit { range: at..at, with: Bytes::from(with) };
    Some(Plan { header: Vec::new(), body: vec![edit], outcome: BannerOutcome::Added })
}

/// Offset of the first line of the body that is this delimiter; `None` when another kind of line comes first that
/// could be read as one.
fn first_delimiter(octets: &[u8], root: &Part, delimiter: &str) -> Option<usize> {
    let body = octets.get(root.body.clone())?;
    for at in memmem::find_iter(body, delimiter.as_bytes()) {
        let starts = at == 0 || body.get(at - 1) == Some(&b'\n');
        let rest = body.get(at + delimiter.len()..).unwrap_or_default();
        let line = rest.split(|b| *b == b'\n').next().unwrap_or_default();
        if starts {
            return line.iter().all(u8::is_ascii_whitespace).then_some(root.body.start + at);
        }
    }
    None
}

fn wrap(octets: &[u8], words: &Words<'_>, body_start: usize) -> Option<Plan> {
    let newline = newline(octets);
    let boundary = boundary(octets)?;
    let mut header: Vec<Edit> = Vec::new();
    let mut moved: Vec<u8> = Vec::new();
    for field in Fields::new(octets).filter(|field| is_content_field(octets, field.range.start)) {
        let first = header.is_empty();
        moved.extend_from_slice(octets.get(field.range.clone())?);
        let with = if first {
            format!("Content-Type: multipart/mixed; boundary=\"{boundary}\"{newline}")
        } else {
            String::new()
        };
        header.push(Edit { range: field.removal(octets), with: Bytes::from(with) });
        // So many of them belong to no honest message.
        if header.len() > MAX_MOVED_FIELDS || !moved.ends_with(b"\n") {
            return None;
        }
    }
    if header.is_empty() {
        return None;
    }
    let mut before =
        format!("--{boundary}{newline}{}{newline}--{boundary}{newline}", text_part(words, newline))
            .into_bytes();
    before.extend_from_slice(&moved);
    before.extend_from_slice(newline.as_bytes());
    let after = format!("{newline}--{boundary}--{newline}");
    let end = octets.len();
    let body = vec![
        Edit { range: body_start..body_start, with: Bytes::from(before) },
        Edit { range: end..end, with: Bytes::from(after) },
    ];
    Some(Plan { header, body, outcome: BannerOutcome::Added })
}

fn is_content_field(octets: &[u8], at: usize) -> bool {
    let name = b"content-";
    octets.get(at..at + name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
}

/// A boundary that depends on the message alone and does not occur in it.
fn boundary(octets: &[u8]) -> Option<String> {
    let mut boundary = "sentra-".to_owned();
    for octet in digest(&SHA256, octets).as_ref().iter().take(16) {
        // Writing into a String cannot fail.
        write!(boundary, "{octet:02x}").ok();
    }
    memmem::find(octets, boundary.as_bytes()).is_none().then_some(boundary)
}
