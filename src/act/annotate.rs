//! Plans the banner as edits of the received octets, and weaves edits and octets into what is delivered.
//!
//! An edit replaces a range of the original by octets of ours (mostly an empty range). Between the edits the delivered
//! octets are slices of the received ones, so undoing the edits gives the original back. Doing it twice is doing it
//! once: a banner that stands where ours goes is what the edit replaces, octet for octet.

use super::banner::{self, Words};
use super::charset::Charset;
use super::displayed::{LeaveReason, displayed};
use super::fields::newline;
use super::grow::grow;
use super::html::{Place, place};
use super::older;
use super::transfer::{decode_start, replace};
use crate::limits::{MAX_HTML, MAX_OLD_BANNER, MAX_OLD_BANNERS};
use crate::model::{Message, Part, PartContent, ReversePath, TransferEncoding};
use bytes::Bytes;
use std::borrow::Cow;
use std::ops::Range;

/// Octets of HTML that are decoded first to find the body; eight times more when that was not enough.
const FIRST_LOOK: usize = 16 * 1_024;
/// Characters of a part that are compared with the octets they are said to come from.
const COMPARED: usize = 200;
/// Octets in which they must be found: no charset that we edit takes more for a character.
const COMPARED_WITHIN: usize = 4_096;

/// Replaces `range` of the received octets by `with`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Edit {
    pub(super) range: Range<usize>,
    pub(super) with: Bytes,
}

/// What became of the banner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BannerOutcome {
    /// It stands in so many parts; `missed` says why another displayed alternative got none.
    Inserted {
        /// Parts that carry it.
        parts: usize,
        /// Why one that should does not.
        missed: Option<LeaveReason>,
    },
    /// The message had no text: a text part of its own says it.
    Added,
    /// The verdict asks for none.
    NotWanted,
    /// The message is delivered as it came; the headers carry the verdict.
    LeftAlone(LeaveReason),
}

impl BannerOutcome {
    /// Why a reader may not see the banner that the verdict asks for.
    #[must_use]
    pub fn unsaid(self) -> Option<LeaveReason> {
        match self {
            Self::Inserted { missed, .. } => missed,
            Self::LeftAlone(reason) => Some(reason),
            Self::Added | Self::NotWanted => None,
        }
    }
}

/// The banner's edits.
#[derive(Debug)]
pub(super) struct Plan {
    /// Edits of the header section, in order and disjoint: only where a message without text is wrapped.
    pub(super) header: Vec<Edit>,
    /// Edits behind it, in order and disjoint.
    pub(super) body: Vec<Edit>,
    /// What becomes of the banner.
    pub(super) outcome: BannerOutcome,
}

impl Plan {
    /// Nothing is edited.
    pub(super) fn none(outcome: BannerOutcome) -> Self {
        Self { header: Vec::new(), body: Vec::new(), outcome }
    }
}

/// Plans the banner of one message.
pub(super) fn plan(
    octets: &[u8],
    message: &Message,
    reverse_path: &ReversePath,
    words: &Words<'_>,
    body_start: usize,
) -> Plan {
    let shown = match displayed(octets, message, reverse_path) {
        Ok(shown) => shown,
        Err(LeaveReason::NoText) => {
            return grow(octets, message, words, body_start)
                .unwrap_or_else(|| Plan::none(BannerOutcome::LeftAlone(LeaveReason::NoText)));
        }
        Err(reason) => return Plan::none(BannerOutcome::LeftAlone(reason)),
    };
    let mut body: Vec<Edit> = Vec::with_capacity(shown.parts.len());
    let mut missed = shown.missed;
    let mut parts = 0_usize;
    for (index, part) in shown.parts.iter().filter_map(|i| Some((*i, message.parts.get(*i)?))) {
        match edits(octets, part, words) {
            // An edit in the header section or out of order means that ranges do not describe these octets.
            Ok(edits) if start_of(&edits) < body.last().map_or(body_start, |last| last.range.end) => {
                missed = missed.or(Some(LeaveReason::Damaged));
            }
            Ok(edits) => {
                parts += 1;
                body.extend(edits);
                // Readers differ about what such octets say: one of them may not see the banner.
                missed = missed.or(is_damaged(message, index, part).then_some(LeaveReason::Damaged));
            }
            Err(reason) => missed = missed.or(Some(reason)),
        }
    }
    let outcome = match (parts, missed) {
        (0, reason) => BannerOutcome::LeftAlone(reason.unwrap_or(LeaveReason::NoText)),
        (parts, missed) => BannerOutcome::Inserted { parts, missed },
    };
    Plan { header: Vec::new(), body, outcome }
}

/// Whether the transfer encoding of a part did not decode cleanly.
fn is_damaged(message: &Message, index: usize, part: &Part) -> bool {
    let named = part.name.clone().unwrap_or_else(|| format!("part-{}", index + 1));
    message.gaps.iter().any(|gap| gap.why == "damaged" && gap.what == named)
}

fn start_of(edits: &[Edit]) -> usize {
    edits.first().map_or(0, |edit| edit.range.start)
}

/// One text part, ready to be edited.
struct Text<'a> {
    octets: &'a [u8],
    part: &'a Part,
    raw: &'a [u8],
    charset: Charset,
    html: bool,
    newline: &'static str,
}

/// The edits that put the banner into one part and take older ones out, in order.
fn edits(octets: &[u8], part: &Part, words: &Words<'_>) -> Result<Vec<Edit>, LeaveReason> {
    let text = Text::open(octets, part)?;
    let top = if text.html { text.html_top()? } else { text.text_top() };
    let mut edits = vec![text.banner(&top, words)?];
    for old in text.older(top.range.end) {
        let Some(edit) = text.removal(&old) else { continue };
        // Too close to another one to be re-encoded apart from it: it stays.
        if edits.last().is_some_and(|last| edit.range.start >= last.range.end) {
            edits.push(edit);
        }
    }
    Ok(edits)
}

/// Where the banner goes, in characters of the view.
struct Top {
    range: Range<usize>,
    /// Line ends that the older banner had where it ends the part: the new one keeps to them.
    line_ends: Option<usize>,
}

impl<'a> Text<'a> {
    fn open(octets: &'a [u8], part: &'a Part) -> Result<Self, LeaveReason> {
        if part.encoding == TransferEncoding::Unknown {
            return Err(LeaveReason::TransferEncoding);
        }
        let raw = octets.get(part.body.clone()).ok_or(LeaveReason::Damaged)?;
        // Without an empty line before it the banner would be read as header lines.
        let before = octets.get(..part.body.start).unwrap_or_default();
        let whole = matches!(before, b"\r\n" | b"\n");
        if !(whole || before.ends_with(b"\n\r\n") || before.ends_with(b"\n\n")) {
            return Err(LeaveReason::Damaged);
        }
        let (start, _) = decode_start(raw, part.encoding, COMPARED_WITHIN);
        let charset = Charset::of(part, &start)?;
        let seen = if matches!(charset, Charset::Wide { .. }) { charset.view(start) } else { start };
        if !agrees(part, &seen) {
            return Err(LeaveReason::Damaged);
        }
        // Undecodable HTML may have been read as plain text; a client still shows it as what it says it is.
        let html = part.media_type == "text/html";
        Ok(Self { octets, part, raw, charset, html, newline: newline(octets) })
    }

    /// At least the first `count` characters, and whether those are all.
    fn view(&self, count: usize) -> (Cow<'a, [u8]>, bool) {
        let (start, whole) = decode_start(self.raw, self.part.encoding, self.charset.octets(count));
        (self.charset.view(start), whole)
    }

    /// The very start, or the older banner that stands there.
    fn text_top(&self) -> Top {
        let (start, whole) = self.view(MAX_OLD_BANNER + 8);
        let at = if start.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        Top::of(&start, whole, older::text_at(&start, at))
    }

    /// Where the body starts, or the older banner that stands there.
    fn html_top(&self) -> Result<Top, LeaveReason> {
        let mut look = FIRST_LOOK;
        loop {
            let (start, whole) = self.view(look);
            match place(&start) {
                Place::Frameset => return Err(LeaveReason::Frameset),
                Place::Beyond(_) if !whole && look < MAX_HTML => look = look.saturating_mul(8).min(MAX_HTML),
                Place::At(at) | Place::Beyond(at) => {
                    // In UTF-7 a `+` may write markup that is not seen here: before all of it is before the body.
                    let plain = self.charset != Charset::Utf7
                        || memchr::memchr(b'+', start.get(..at).unwrap_or_default()).is_none();
                    let at = if plain { at } else { 0 };
                    let (near, _) = self.view(at + MAX_OLD_BANNER);
                    if older::html_at(&near, at).is_empty() {
                        return Ok(Top { range: at..at, line_ends: None });
                    }
                    let (start, whole) = self.view(at + MAX_OLD_BANNER * MAX_OLD_BANNERS);
                    return Ok(Top::of(&start, whole, older::html_at(&start, at)));
                }
            }
        }
    }

    fn banner(&self, top: &Top, words: &Words<'_>) -> Result<Edit, LeaveReason> {
        let inside = self.html && top.range.start > 0;
        let make = |extra: usize| {
            let extra = self.charset.characters(extra);
            let banner = if self.html {
                banner::html(words, self.newline, extra)
            } else {
                banner::text(words, self.newline, extra)
            };
            let banner = match top.line_ends {
                Some(count) => banner.trim_end_matches(['\r', '\n']).to_owned() + &self.newline.repeat(count),
                None => banner,
            };
            self.charset.encode(&format!("{}{banner}", if inside { self.newline } else { "" }))
        };
        self.edit(&top.range, &make).ok_or(LeaveReason::Damaged)
    }

    /// Banners behind the top one: in the thread below a reply.
    fn older(&self, from: usize) -> Vec<older::Older> {
        let (PartContent::Text(text) | PartContent::Html(text)) = &self.part.content else {
            return Vec::new();
        };
        if !older::mentioned(text, self.html) {
            return Vec::new();
        }
        let (all, _) = self.view(MAX_HTML);
        if self.html { older::html_after(&all, from) } else { older::text_after(&all, from) }
    }

    /// An empty line in its place: base64 may need a few characters there.
    fn removal(&self, old: &older::Older) -> Option<Edit> {
        let make = |extra: usize| {
            let blank = " ".repeat(self.charset.characters(extra));
            self.charset.encode(&format!("{}{blank}{}", old.prefix, self.newline))
        };
        self.edit(&old.range, &make)
    }

    fn edit(&self, range: &Range<usize>, make: &impl Fn(usize) -> Vec<u8>) -> Option<Edit> {
        let range = self.charset.offset(range.start)..self.charset.offset(range.end);
        let (at, with) = replace(self.raw, self.part.encoding, range, newline(self.octets), make)?;
        let start = self.part.body.start;
        Some(Edit { range: start + at.start..start + at.end, with: Bytes::from(with) })
    }
}

impl Top {
    fn of(start: &[u8], whole: bool, range: Range<usize>) -> Self {
        let ends = whole && !range.is_empty() && range.end == start.len();
        let old = start.get(range.clone()).unwrap_or_default();
        let tail = old.len() - old.trim_ascii_end().len();
        let tail = old.get(old.len() - tail..).unwrap_or_default();
        let line_ends = memchr::memchr_iter(b'\n', tail).count();
        Self { range, line_ends: ends.then_some(line_ends) }
    }
}

/// Whether the parsed text can come from these octets: its ASCII letters and digits occur there in order.
fn agrees(part: &Part, start: &[u8]) -> bool {
    let (PartContent::Text(text) | PartContent::Html(text)) = &part.content else { return false };
    let mut octets = start.iter();
    let letters = text.chars().take(COMPARED).filter(char::is_ascii_alphanumeric);
    letters.into_iter().all(|letter| octets.any(|b| char::from(*b) == letter))
}

/// The octets of `range` with the edits (in order, inside `range`) applied, as slices and replacements.
pub(super) fn weave(octets: &Bytes, range: Range<usize>, edits: &[Edit]) -> Vec<Bytes> {
    let mut out = Vec::with_capacity(edits.len() * 2 + 1);
    let mut push = |piece: Bytes| {
        if !piece.is_empty() {
            out.push(piece);
        }
    };
    let mut at = range.start;
    for edit in edits {
        let start = edit.range.start.clamp(at, range.end);
        push(octets.slice(at..start));
        push(edit.with.clone());
        at = edit.range.end.clamp(start, range.end);
    }
    push(octets.slice(at..range.end));
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ContentDisposition, EmailAddress, Severity};

    const WORDS: Words<'static> =
        Words { severity: Severity::Caution, headline: "First invoice.", advice: "Call them." };

    fn part(
        content: PartContent,
        charset: Option<&str>,
        encoding: TransferEncoding,
        body: Range<usize>,
    ) -> Part {
        let html = matches!(content, PartContent::Html(_));
        Part {
            parent: None,
            depth: 0,
            in_attached_message: false,
            media_type: if html { "text/html" } else { "text/plain" }.to_owned(),
            charset: charset.map(str::to_owned),
            parameters: Vec::new(),
            encoding,
            disposition: ContentDisposition::None,
            name: None,
            content_id: None,
            body,
            content,
        }
    }

    /// Plans over a single-part message whose body is `raw` and reads as `text`.
    fn run(raw: &[u8], text: &str, charset: Option<&str>, html: bool) -> (Vec<u8>, Vec<u8>, BannerOutcome) {
        let octets = Bytes::from([b"A: 1\r\n\r\n", raw].concat());
        let content =
            if html { PartContent::Html(text.to_owned()) } else { PartContent::Text(text.to_owned()) };
        let part = part(content, charset, TransferEncoding::Identity, 8..octets.len());
        let message = Message { parts: vec![part], body_start: 8, ..Message::default() };
        let path = ReversePath(EmailAddress::parse("a@b.example").ok());
        let Plan { body, outcome, .. } = plan(&octets, &message, &path, &WORDS, 8);
        let delivered = weave(&octets, 0..octets.len(), &body).concat();
        (octets.to_vec(), delivered, outcome)
    }

    #[test]
    fn two_byte_characters_are_no_markup() {
        // 0x3C21 0x2D2D in JIS X 0208 reads `<!--` octet by octet.
        let raw = b"<title>\x1b$B<!--\x1b(B</title><body><p>x".as_slice();
        let (_, delivered, _) = run(raw, "title", Some("iso-2022-jp"), true);
        let text = String::from_utf8_lossy(&delivered).into_owned();
        assert!(text.contains("<body>\r\n<!-- sentra:banner -->"), "{text}");
        let (_, delivered, _) = run(b"\x1b$B<body>\x1b(B", "", Some("iso-2022-jp"), true);
        assert!(delivered.starts_with(b"A: 1\r\n\r\n<!-- sentra:banner -->"));
    }

    #[test]
    fn a_body_that_no_empty_line_precedes_takes_no_banner() {
        let octets = Bytes::from_static(b"A: 1\r\nB: 2\r\n");
        let part = part(PartContent::Text(String::new()), None, TransferEncoding::Identity, 12..12);
        assert_eq!(edits(&octets, &part, &WORDS), Err(LeaveReason::Damaged));
    }

    #[test]
    fn octets_that_are_not_the_parsed_text_are_left_alone() {
        let (original, delivered, outcome) = run(b"Dear sir", "Quite another text", None, false);
        assert_eq!(outcome, BannerOutcome::LeftAlone(LeaveReason::Damaged));
        assert_eq!(original, delivered);
    }

    #[test]
    fn twice_is_once() {
        for (html, raw) in [
            (true, "<body><p>x"),
            (true, "<p>x"),
            (true, ""),
            (true, "<html>\r\n\r\n <p>x"),
            (false, "Dear sir"),
            (false, ""),
            (false, "\r\n\r\nDear sir"),
        ] {
            let (_, once, _) = run(raw.as_bytes(), raw, None, html);
            let body = &once[8..];
            let parsed = String::from_utf8(body.to_vec()).expect("ascii");
            let (_, twice, _) = run(body, &parsed, None, html);
            assert_eq!(String::from_utf8_lossy(&once), String::from_utf8_lossy(&twice), "{raw:?}");
        }
    }

    #[test]
    fn a_thread_carries_one_banner() {
        let (_, first, _) = run(b"Dear sir\r\n", "Dear sir\r\n", None, false);
        let mut thread = String::from_utf8(first[8..].to_vec()).expect("ascii");
        for reply in 0..5 {
            let quoted: String =
                thread.lines().map(|line| format!("> {line}").trim_end().to_owned() + "\r\n").collect();
            let text = format!("reply {reply}\r\n{quoted}");
            let (_, delivered, _) = run(text.as_bytes(), &text, None, false);
            thread = String::from_utf8(delivered[8..].to_vec()).expect("ascii");
            assert_eq!(thread.matches("**** Sentra: ").count(), 1, "{thread}");
            assert!(thread.contains("> Dear sir"), "{thread}");
        }
        let (_, first, _) = run(b"<p>first</p>", "<p>first</p>", None, true);
        let mut thread = String::from_utf8(first[8..].to_vec()).expect("ascii");
        for reply in 0..5 {
            let text =
                format!("<html><body><p>reply {reply}</p><blockquote>{thread}</blockquote></body></html>");
            let (_, delivered, _) = run(text.as_bytes(), &text, None, true);
            thread = String::from_utf8(delivered[8..].to_vec()).expect("ascii");
            assert_eq!(thread.matches("<!-- sentra:banner -->").count(), 1, "{thread}");
            assert!(thread.contains("<p>first</p>"), "{thread}");
        }
    }
}
