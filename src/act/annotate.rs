//! Plans the banner as edits of the received octets, and weaves edits and octets into what is delivered.
//!
//! An edit replaces a range of the original by octets of ours (mostly an empty range). Between the edits the delivered
//! octets are slices of the received ones, so undoing the edits gives the original back.

use super::banner::{self, Words};
use super::displayed::{LeaveReason, displayed};
use super::fields::newline;
use super::html::{Place, place};
use super::transfer::{decode_start, replace};
use crate::limits::{MAX_HTML, MAX_OLD_BANNER};
use crate::model::{Message, Part, PartContent, ReversePath, TransferEncoding};
use bytes::Bytes;
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
    /// The verdict asks for none.
    NotWanted,
    /// The message is delivered as it came; the headers carry the verdict.
    LeftAlone(LeaveReason),
}

/// The banner's edits, in order and disjoint, and what becomes of the banner.
pub(super) fn plan(
    octets: &[u8],
    message: &Message,
    reverse_path: &ReversePath,
    words: &Words<'_>,
    body_start: usize,
) -> (Vec<Edit>, BannerOutcome) {
    let parts = match displayed(octets, message, reverse_path) {
        Ok(parts) => parts,
        Err(reason) => return (Vec::new(), BannerOutcome::LeftAlone(reason)),
    };
    let mut edits: Vec<Edit> = Vec::with_capacity(parts.len());
    let mut missed = None;
    for part in parts.iter().filter_map(|i| message.parts.get(*i)) {
        match edit(octets, part, words) {
            // An edit in the header section or out of order means that ranges do not describe these octets.
            Ok(edit) if edit.range.start < edits.last().map_or(body_start, |last| last.range.end) => {
                missed = missed.or(Some(LeaveReason::Damaged));
            }
            Ok(edit) => edits.push(edit),
            Err(reason) => missed = missed.or(Some(reason)),
        }
    }
    let outcome = match (edits.len(), missed) {
        (0, reason) => BannerOutcome::LeftAlone(reason.unwrap_or(LeaveReason::NoText)),
        (parts, missed) => BannerOutcome::Inserted { parts, missed },
    };
    (edits, outcome)
}

/// The edit that puts the banner into one part.
fn edit(octets: &[u8], part: &Part, words: &Words<'_>) -> Result<Edit, LeaveReason> {
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
    let charset = charset(part, &start)?;
    // Undecodable HTML may have been read as plain text; a client still shows it as what it says it is.
    let is_html = part.media_type == "text/html";
    let range = if agrees(part, &start) {
        if is_html { html_range(raw, part.encoding, charset)? } else { text_range(raw, part.encoding) }
    } else if agrees(part, raw.get(..COMPARED_WITHIN).unwrap_or(raw)) {
        // So broken an encoding that the reader took it as it stands: no position inside is sure, the start is.
        0..0
    } else {
        return Err(LeaveReason::Damaged);
    };
    let newline = newline(octets);
    let inside = is_html && range.start > 0;
    let make = |extra: usize| {
        let lead = if inside { newline } else { "" };
        let banner =
            if is_html { banner::html(words, newline, extra) } else { banner::text(words, newline, extra) };
        format!("{lead}{banner}")
    };
    let (at, with) = replace(raw, part.encoding, range, newline, &make).ok_or(LeaveReason::Damaged)?;
    let range = part.body.start + at.start..part.body.start + at.end;
    Ok(Edit { range, with: Bytes::from(with) })
}

/// How octets below 0x80 are to be read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Charset {
    /// As ASCII, always.
    AsciiSuperset,
    /// As ASCII until an escape sequence says otherwise (ISO 2022).
    Iso2022,
}

fn charset(part: &Part, start: &[u8]) -> Result<Charset, LeaveReason> {
    if start.starts_with(b"\xfe\xff") || start.starts_with(b"\xff\xfe") {
        return Err(LeaveReason::Charset);
    }
    let label = part.charset.as_deref().map_or("", str::trim);
    if label.is_empty() || label.eq_ignore_ascii_case("unknown-8bit") {
        return Ok(Charset::AsciiSuperset);
    }
    match encoding_rs::Encoding::for_label(label.as_bytes()) {
        Some(encoding) if encoding == encoding_rs::ISO_2022_JP => Ok(Charset::Iso2022),
        Some(encoding) if encoding != encoding_rs::REPLACEMENT && encoding.is_ascii_compatible() => {
            Ok(Charset::AsciiSuperset)
        }
        Some(_) => Err(LeaveReason::Charset),
        // Labels that nobody knows are shown as ASCII where the octets are; UTF-7 is ASCII only to look at.
        None if label.to_ascii_lowercase().contains("utf-7") => Err(LeaveReason::Charset),
        None if start.iter().all(|b| matches!(b, b' '..=b'~' | b'\r' | b'\n' | b'\t')) => {
            Ok(Charset::AsciiSuperset)
        }
        None => Err(LeaveReason::Charset),
    }
}

/// Whether the parsed text can come from these octets: its ASCII letters and digits occur there in order.
fn agrees(part: &Part, start: &[u8]) -> bool {
    let (PartContent::Text(text) | PartContent::Html(text)) = &part.content else { return false };
    let mut octets = start.iter();
    let letters = text.chars().take(COMPARED).filter(char::is_ascii_alphanumeric);
    letters.into_iter().all(|letter| octets.any(|b| char::from(*b) == letter))
}

/// Decoded range in text that the banner replaces: an older banner at the very start, else nothing.
fn text_range(raw: &[u8], encoding: TransferEncoding) -> Range<usize> {
    let (start, _) = decode_start(raw, encoding, MAX_OLD_BANNER + 8);
    let at = if start.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    banner::old_text(&start, at)
}

/// Decoded range in HTML that the banner replaces: an older banner where the body starts, else nothing.
fn html_range(raw: &[u8], encoding: TransferEncoding, charset: Charset) -> Result<Range<usize>, LeaveReason> {
    let mut look = FIRST_LOOK;
    loop {
        let (mut start, whole) = decode_start(raw, encoding, look);
        if charset == Charset::Iso2022 {
            mask_shifted(start.to_mut());
        }
        match place(&start) {
            Place::Frameset => return Err(LeaveReason::Frameset),
            Place::Beyond(_) if !whole && look < MAX_HTML => look = look.saturating_mul(8).min(MAX_HTML),
            Place::At(at) | Place::Beyond(at) => {
                let (start, _) = decode_start(raw, encoding, at + MAX_OLD_BANNER + 8);
                return Ok(banner::old_html(&start, at));
            }
        }
    }
}

/// Overwrites what is not in ASCII state, so that no two-byte character looks like markup. The escape sequence goes
/// too: the place before it is in ASCII state.
fn mask_shifted(octets: &mut [u8]) {
    let mut shifted = false;
    let mut at = 0;
    while let Some(rest) = octets.get_mut(at..).filter(|rest| !rest.is_empty()) {
        let length = match rest {
            [0x1b, b'(', b'B', ..] => {
                shifted = false;
                3
            }
            [0x1b, ..] => {
                shifted = true;
                1
            }
            _ if shifted => 1,
            _ => {
                at += 1;
                continue;
            }
        };
        rest.iter_mut().take(length).for_each(|b| *b = b'x');
        at += length;
    }
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
        let (edits, outcome) = plan(&octets, &message, &path, &WORDS, 8);
        let delivered = weave(&octets, 0..octets.len(), &edits).concat();
        (octets.to_vec(), delivered, outcome)
    }

    #[test]
    fn charsets_decide_whether_ascii_can_be_inserted() {
        let one = BannerOutcome::Inserted { parts: 1, missed: None };
        let left = BannerOutcome::LeftAlone(LeaveReason::Charset);
        let rows: [(&str, &[u8], Option<&str>, BannerOutcome); 10] = [
            ("none", b"Dear", None, one),
            ("windows-1252", b"Dear \xa3", Some("windows-1252"), one),
            ("shift_jis", b"Dear \x83\x41", Some("Shift_JIS"), one),
            ("iso-2022-jp", b"Dear \x1b$B0!\x1b(B", Some("iso-2022-jp"), one),
            ("utf-16", b"D\0e\0", Some("utf-16"), left),
            ("utf-16 mark", b"\xff\xfeD\0", None, left),
            ("utf-7", b"+AEQ-", Some("utf-7"), left),
            ("ebcdic", b"\xc4\x85\x81\x99", Some("x-ebcdic-us"), left),
            ("unknown but ascii", b"Dear", Some("x-nobody-knows"), one),
            ("hz", b"~{0!~}", Some("hz-gb-2312"), left),
        ];
        for (name, raw, charset, expected) in rows {
            let (original, delivered, outcome) = run(raw, "", charset, false);
            assert_eq!(outcome, expected, "{name}");
            assert_eq!(original == delivered, expected == left, "{name}");
        }
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
        assert_eq!(edit(&octets, &part, &WORDS), Err(LeaveReason::Damaged));
    }

    #[test]
    fn octets_that_are_not_the_parsed_text_are_left_alone() {
        let (original, delivered, outcome) = run(b"Dear sir", "Quite another text", None, false);
        assert_eq!(outcome, BannerOutcome::LeftAlone(LeaveReason::Damaged));
        assert_eq!(original, delivered);
    }

    #[test]
    fn a_second_banner_replaces_the_first() {
        for (html, raw, text) in [(true, &b"<body><p>x"[..], "<body><p>x"), (false, b"Dear sir", "Dear sir")]
        {
            let (_, once, _) = run(raw, text, None, html);
            let body = &once[8..];
            let parsed = String::from_utf8(body.to_vec()).expect("ascii");
            let (_, twice, _) = run(body, &parsed, None, html);
            let squeezed = |o: &[u8]| String::from_utf8_lossy(o).replace("\r\n\r\n", "\r\n");
            assert_eq!(squeezed(&once), squeezed(&twice), "html: {html}");
        }
    }
}
