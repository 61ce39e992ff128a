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
/// Octets of a delimiter: two hyphens and a boundary of at most 70 (RFC 2046 section 5.1.1).
const MAX_DELIMITER: usize = 72;

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
        if entity.ambiguous {
            // Two fields that disagree: the recipient's program may follow the one that we do not.
            self.gaps.push(Gap { what: self.named(&entity), why: "format".to_owned() });
        }
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
        let boundary = entity.boundary.as_deref().map(str::trim_end).filter(|b| !b.is_empty());
        let declared = boundary.map(|b| format!("--{b}").into_bytes());
        let divides =
            |delimiter: &Vec<u8>| Boundaries::new(source.octets, delimiter, body.clone()).next().is_some();
        let delimiter = declared.filter(divides).or_else(|| guessed_delimiter(source.slice(&body)));
        let Some(delimiter) = delimiter else {
            self.undivided(source, entity, body, spot);
            return;
        };
        let mut boundaries = Boundaries::new(source.octets, &delimiter, body.clone());
        let Some(mut current) = boundaries.next() else { return };
        if spot.depth >= MAX_DEPTH {
            self.limit();
            self.push(source, entity, &body, spot, PartContent::Multipart);
            return;
        }
        let index = self.push(source, entity, &body, spot, PartContent::Multipart);
        let child = Spot { parent: Some(index), depth: spot.depth + 1, attached: spot.attached };
        loop {
            let next = boundaries.next();
            let end = next.as_ref().map_or(body.end, |b| b.content_end).max(current.next);
            if self.parts.len() >= MAX_PARTS {
                self.limit();
                return;
            }
            // What stands directly behind a closing delimiter is no part; parts after it are, for some clients.
            if !current.closing {
                let section = fields::split(source.octets, current.next..end, MAX_ENTITY_FIELDS);
                self.entity(source, &section, end, child, digest);
            }
            match next {
                Some(next) => current = next,
                None => return,
            }
        }
    }

    /// A multipart in which no part is found: encoded as a whole, against RFC 2045 section 6.4 but decoded by many
    /// clients, or shown by them as text.
    fn undivided(&mut self, source: Source<'_>, entity: Entity, body: Range<usize>, spot: Spot) {
        let decoded = match entity.encoding {
            TransferEncoding::Base64 => decode::base64(source.slice(&body)).0,
            TransferEncoding::QuotedPrintable => decode::quoted_printable(source.slice(&body)),
            TransferEncoding::Identity | TransferEncoding::Unknown => {
                self.leaf(source, entity, body, spot);
                return;
            }
        };
        let received = source.received(&body);
        let inner = Source { octets: &decoded, outer: Some((received.start, received.end)) };
        let plain = Entity { encoding: TransferEncoding::Identity, ..entity };
        self.multipart(inner, plain, 0..decoded.len(), spot);
    }

    fn attached_message(&mut self, source: Source<'_>, entity: Entity, body: Range<usize>, spot: Spot) {
        let (encoding, raw) = (entity.encoding, body.clone());
        let named = entity.name.is_some();
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
                self.name_after_subject(index, named, source.octets, &section);
                self.entity(source, &section, raw.end, child, false);
                return;
            }
        };
        let received = source.received(&raw);
        let inner = Source { octets: &decoded, outer: Some((received.start, received.end)) };
        let section = fields::split(&decoded, 0..decoded.len(), MAX_ENTITY_FIELDS);
        self.name_after_subject(index, named, &decoded, &section);
        self.entity(inner, &section, decoded.len(), child, false);
    }

    /// Mail clients show an attached message without a name by its subject, so that is its name.
    fn name_after_subject(&mut self, index: usize, named: bool, octets: &[u8], section: &HeaderSection) {
        let Some(part) = self.parts.get_mut(index).filter(|_| !named) else { return };
        let subject = headers::read_top_level(octets, &section.fields).subject;
        part.name = Some(headers::clean_name(&subject)).filter(|name| !name.is_empty());
    }

    /// What a gap calls an entity: its name, or its place among the parts.
    fn named(&self, entity: &Entity) -> String {
        entity.name.clone().unwrap_or_else(|| format!("part-{}", self.parts.len() + 1))
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
        let what = self.named(&entity);
        if !sound && !body.is_empty() {
            self.gaps.push(Gap { what: what.clone(), why: "damaged".to_owned() });
        }
        let octets = octets.as_deref().unwrap_or(raw);
        let html = matches!(entity.media_type.as_str(), "text/html" | "application/xhtml+xml");
        let content = if html || is_textual(&entity.media_type) {
            let (text, known) = decode::text(octets, entity.charset.as_deref(), html);
            if !known {
                self.gaps.push(Gap { what, why: "charset".to_owned() });
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

/// The delimiter that a multipart without a usable `boundary` seems to have: the first line that begins with two
/// hyphens and stands above a Content- field. Clients that repair such mail do the same.
fn guessed_delimiter(body: &[u8]) -> Option<Vec<u8>> {
    let mut lines = body.split(|b| *b == b'\n').map(<[u8]>::trim_ascii_end).peekable();
    while let Some(line) = lines.next() {
        let is_field =
            |next: &&[u8]| next.get(..8).is_some_and(|word| word.eq_ignore_ascii_case(b"content-"));
        if line.starts_with(b"--")
            && (3..=MAX_DELIMITER).contains(&line.len())
            && lines.peek().is_some_and(is_field)
        {
            return Some(line.to_vec());
        }
    }
    None
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
            // Anything else makes it another, longer boundary, or text.
            if !padding.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            self.at = after + line.len();
            let before = self.octets.get(self.body.start..start).unwrap_or_default();
            let line_end = if before.ends_with(b"\r\n") { 2 } else { usize::from(before.ends_with(b"\n")) };
            return Some(Boundary { content_end: start - line_end, next: self.at, closing });
        }
    }
}
