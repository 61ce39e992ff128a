//! Walks the MIME tree (RFC 2046) depth first with every count limited.
//!
//! A multipart looks for its own boundary only inside the range that its parent gave it, so an outer boundary ends
//! inner parts (RFC 2046 section 5.1.2), and the cost is at most octets × `limits::MAX_DEPTH`.

use super::fields::{self, HeaderSection};
use super::headers::{self, Entity};
use super::{decode, limit_gap};
use crate::limits::{MAX_ATTACHED_MESSAGES, MAX_DEPTH, MAX_PARTS};
use crate::model::{Gap, Part, PartContent, TransferEncoding};
use memchr::memmem;
use std::ops::Range;

/// Header fields of one inner entity that are looked at.
const MAX_ENTITY_FIELDS: usize = 200;

/// The parts of a message and what could not be walked.
pub(super) struct Walked {
    pub(super) parts: Vec<Part>,
    pub(super) gaps: Vec<Gap>,
}

/// Walks the message whose header section is `section`. `cut`: the octets end before the message does.
pub(super) fn walk(octets: &[u8], section: &HeaderSection, cut: bool) -> Walked {
    let mut walker = Walker { parts: Vec::new(), gaps: Vec::new() };
    let source = Source { octets, outer: None };
    walker.entity(source, section, octets.len(), Spot::default(), false);
    if cut {
        // Nobody may re-encode a part whose rest we have not seen.
        for part in walker.parts.iter_mut().filter(|p| p.body.end >= octets.len()) {
            part.encoding = TransferEncoding::Unknown;
        }
    }
    Walked { parts: walker.parts, gaps: walker.gaps }
}

/// The octets being walked.
#[derive(Clone, Copy)]
struct Source<'a> {
    octets: &'a [u8],
    /// Set inside a transfer-encoded attached message, whose octets are not the received ones: the received range
    /// of that attachment's body then stands for every part in it.
    outer: Option<(usize, usize)>,
}

impl Source<'_> {
    fn slice(&self, range: &Range<usize>) -> &[u8] {
        self.octets.get(range.clone()).unwrap_or_default()
    }

    /// The range in the received octets.
    fn received(&self, range: &Range<usize>) -> Range<usize> {
        self.outer.map_or_else(|| range.clone(), |(start, end)| start..end)
    }
}

/// Where an entity stands in the tree.
#[derive(Clone, Copy, Default)]
struct Spot {
    parent: Option<usize>,
    depth: usize,
    /// How many attached messages enclose it.
    attached: usize,
}

struct Walker {
    parts: Vec<Part>,
    gaps: Vec<Gap>,
}

impl Walker {
    /// Reads the entity whose header section is given and whose body reaches to `end`.
    fn entity(
        &mut self,
        source: Source<'_>,
        section: &HeaderSection,
        end: usize,
        spot: Spot,
        in_digest: bool,
    ) {
        if self.parts.len() >= MAX_PARTS {
            self.limit();
            return;
        }
        let entity = headers::read_entity(source.octets, &section.fields, in_digest);
        let body = section.body_start.min(end)..end;
        if entity.media_type.starts_with("multipart/") {
            self.multipart(source, entity, body, spot);
        } else if is_message(&entity.media_type) {
            self.attached_message(source, entity, body, spot);
        } else {
            self.leaf(source, entity, body, spot);
        }
    }

    fn multipart(&mut self, source: Source<'_>, entity: Entity, body: Range<usize>, spot: Spot) {
        let digest = entity.media_type == "multipart/digest";
        let boundary = entity.boundary.clone().filter(|b| !b.trim_end().is_empty());
        let Some(delimiter) = boundary.map(|b| format!("--{}", b.trim_end()).into_bytes()) else {
            self.leaf(source, entity, body, spot);
            return;
        };
        let mut boundaries = Boundaries::new(source.octets, &delimiter, body.clone());
        let Some(mut current) = boundaries.next() else {
            // No part in it: clients show the body as text, so it is read as text.
            self.leaf(source, entity, body, spot);
            return;
        };
        if spot.depth >= MAX_DEPTH {
            self.limit();
            self.push(source, entity, &body, spot, PartContent::Multipart);
            return;
        }
        let index = self.push(source, entity, &body, spot, PartContent::Multipart);
        let child = Spot { parent: Some(index), depth: spot.depth + 1, attached: spot.attached };
        while !current.closing {
            let next = boundaries.next();
            let end = next.as_ref().map_or(body.end, |b| b.content_end).max(current.next);
            if self.parts.len() >= MAX_PARTS {
                self.limit();
                return;
            }
            let section = fields::split(source.octets, current.next..end, MAX_ENTITY_FIELDS);
            self.entity(source, &section, end, child, digest);
            match next {
                Some(next) => current = next,
                None => return,
            }
        }
    }

    fn attached_message(&mut self, source: Source<'_>, entity: Entity, body: Range<usize>, spot: Spot) {
        let (encoding, raw) = (entity.encoding, body.clone());
        let index = self.push(source, entity, &body, spot, PartContent::AttachedMessage);
        if spot.attached >= MAX_ATTACHED_MESSAGES || spot.depth >= MAX_DEPTH {
            self.limit();
            return;
        }
        let child = Spot { parent: Some(index), depth: spot.depth + 1, attached: spot.attached + 1 };
        let decoded = match encoding {
            TransferEncoding::Base64 => decode::base64(source.slice(&raw)).0,
            TransferEncoding::QuotedPrintable => decode::quoted_printable(source.slice(&raw)),
            // The only ones that RFC 2046 section 5.2.1 allows.
            TransferEncoding::Identity | TransferEncoding::Unknown => {
                let section = fields::split(source.octets, raw.clone(), MAX_ENTITY_FIELDS);
                self.entity(source, &section, raw.end, child, false);
                return;
            }
        };
        let received = source.received(&raw);
        let inner = Source { octets: &decoded, outer: Some((received.start, received.end)) };
        let section = fields::split(&decoded, 0..decoded.len(), MAX_ENTITY_FIELDS);
        self.entity(inner, &section, decoded.len(), child, false);
    }

    fn leaf(&mut self, source: Source<'_>, entity: Entity, body: Range<usize>, spot: Spot) {
        let raw = source.slice(&body);
        let (octets, sound) = match entity.encoding {
            TransferEncoding::Base64 => {
                let (octets, sound) = decode::base64(raw);
                (Some(octets), sound)
            }
            TransferEncoding::QuotedPrintable => (Some(decode::quoted_printable(raw)), true),
            TransferEncoding::Identity => (None, true),
            TransferEncoding::Unknown => (None, false),
        };
        let what = || entity.name.clone().unwrap_or_else(|| format!("part-{}", self.parts.len() + 1));
        if !sound && !body.is_empty() {
            self.gaps.push(Gap { what: what(), why: "damaged".to_owned() });
        }
        let octets = octets.as_deref().unwrap_or(raw);
        let html = matches!(entity.media_type.as_str(), "text/html" | "application/xhtml+xml");
        let content = if html || is_textual(&entity.media_type) {
            let (text, known) = decode::text(octets, entity.charset.as_deref(), html);
            if !known {
                self.gaps.push(Gap { what: what(), why: "charset".to_owned() });
            }
            if html { PartContent::Html(text) } else { PartContent::Text(text) }
        } else {
            PartContent::Binary(octets.to_vec())
        };
        self.push(source, entity, &body, spot, content);
    }

    fn push(
        &mut self,
        source: Source<'_>,
        entity: Entity,
        body: &Range<usize>,
        spot: Spot,
        content: PartContent,
    ) -> usize {
        self.parts.push(Part {
            parent: spot.parent,
            depth: spot.depth,
            in_attached_message: spot.attached > 0,
            media_type: entity.media_type,
            charset: entity.charset,
            parameters: entity.parameters,
            encoding: entity.encoding,
            disposition: entity.disposition,
            name: entity.name,
            content_id: entity.content_id,
            body: source.received(body),
            content,
        });
        self.parts.len() - 1
    }

    fn limit(&mut self) {
        let gap = limit_gap();
        if !self.gaps.contains(&gap) {
            self.gaps.push(gap);
        }
    }
}

fn is_message(media_type: &str) -> bool {
    matches!(media_type, "message/rfc822" | "message/global" | "message/news")
}

/// Text, and a multipart without parts, which clients show as text.
fn is_textual(media_type: &str) -> bool {
    media_type.starts_with("text/") || media_type.starts_with("multipart/")
}

/// A delimiter line (RFC 2046 section 5.1.1).
struct Boundary {
    /// Offset of the line end before it, which belongs to the delimiter and not to the part.
    content_end: usize,
    /// Offset after the line.
    next: usize,
    closing: bool,
}

/// The delimiter lines of one multipart, in order.
struct Boundaries<'a> {
    octets: &'a [u8],
    finder: memmem::Finder<'a>,
    body: Range<usize>,
    at: usize,
}

impl<'a> Boundaries<'a> {
    fn new(octets: &'a [u8], delimiter: &'a [u8], body: Range<usize>) -> Self {
        Self { octets, finder: memmem::Finder::new(delimiter), at: body.start, body }
    }

    fn next(&mut self) -> Option<Boundary> {
        loop {
            let window = self.octets.get(self.at..self.body.end)?;
            let start = self.at + self.finder.find(window)?;
            let after = start + self.finder.needle().len();
            self.at = after;
            let line_start = start == self.body.start || self.octets.get(start - 1) == Some(&b'\n');
            if !line_start {
                continue;
            }
            let rest = self.octets.get(after..self.body.end).unwrap_or_default();
            let line = rest.split_inclusive(|b| *b == b'\n').next().unwrap_or_default();
            let (closing, padding) = match line.strip_prefix(b"--") {
                Some(padding) => (true, padding),
                None => (false, line),
            };
            // Anything else makes it another, longer boundary (but a closing one needs no line end).
            if !closing && !padding.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            self.at = after + line.len();
            let before = self.octets.get(self.body.start..start).unwrap_or_default();
            let line_end = if before.ends_with(b"\r\n") { 2 } else { usize::from(before.ends_with(b"\n")) };
            return Some(Boundary { content_end: start - line_end, next: self.at, closing });
        }
    }
}
