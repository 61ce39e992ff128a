//! Splices into a transfer-encoded body (RFC 2045 section 6) without decoding and re-encoding the rest.
//!
//! A decoded position is mapped back to the encoded octets. Quoted-printable gets whole encoded lines; base64 gets
//! the touched three-octet groups encoded anew. Every other encoded octet stays as it was sent.

use crate::model::TransferEncoding;
use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use std::borrow::Cow;
use std::ops::Range;

/// Longest encoded line (RFC 2045 sections 6.7 and 6.8).
const LINE: usize = 76;

/// Base64 whose last group may lack its padding or hold stray bits, as senders write it.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// At least the first `max` decoded octets (all, if fewer), and whether those are all.
pub(super) fn decode_start(raw: &[u8], encoding: TransferEncoding, max: usize) -> (Cow<'_, [u8]>, bool) {
    match encoding {
        TransferEncoding::Identity | TransferEncoding::Unknown => match raw.get(..max) {
            Some(start) => (Cow::Borrowed(start), start.len() == raw.len()),
            None => (Cow::Borrowed(raw), true),
        },
        TransferEncoding::QuotedPrintable => {
            let mut out = Vec::with_capacity(max.min(raw.len()));
            let whole = quoted_printable(raw, max, Some(&mut out)).is_none();
            (Cow::Owned(out), whole)
        }
        TransferEncoding::Base64 => {
            let wanted = max.div_ceil(3).saturating_mul(4);
            let mut letters: Vec<u8> = alphabet(raw).map(|(_, b)| b).take(wanted.saturating_add(1)).collect();
            let whole = letters.len() <= wanted;
            letters.truncate(wanted);
            if letters.len() % 4 == 1 {
                letters.pop();
            }
            // Only letters of the alphabet in a possible number are left: this cannot fail.
            (Cow::Owned(LENIENT.decode(&letters).unwrap_or_default()), whole)
        }
    }
}

/// An insertion that can be made a little longer, for base64: `make(extra)` is as long as `make(0)` plus `extra`,
/// modulo three.
pub(super) trait Filler: Fn(usize) -> Vec<u8> {}
impl<F: Fn(usize) -> Vec<u8>> Filler for F {}

/// The edit of the encoded octets `raw` that replaces the decoded `range` by what `make` gives.
///
/// That is ASCII in whole lines, or UTF-16. For quoted-printable and base64 everything before `range` is walked.
/// `None` when the octets have no such decoded range.
pub(super) fn replace(
    raw: &[u8],
    encoding: TransferEncoding,
    range: Range<usize>,
    newline: &str,
    make: &impl Filler,
) -> Option<(Range<usize>, Vec<u8>)> {
    match encoding {
        TransferEncoding::Identity => {
            raw.get(range.clone())?;
            Some((range, make(0)))
        }
        TransferEncoding::QuotedPrintable => {
            let start = quoted_printable(raw, range.start, None)?;
            let end = if range.is_empty() { start } else { quoted_printable(raw, range.end, None)? };
            let after = raw.get(end..).unwrap_or_default();
            let with = match String::from_utf8(make(0)) {
                Ok(text) if !text.contains('\0') => encode_lines(&text, newline),
                Ok(text) => encode_octets(text.as_bytes(), newline, after),
                Err(octets) => encode_octets(octets.as_bytes(), newline, after),
            };
            Some((start..end, with))
        }
        TransferEncoding::Base64 => base64_replace(raw, range, newline, make),
        TransferEncoding::Unknown => None,
    }
}

/// Walks quoted-printable until `limit` decoded octets are passed; the encoded offset there, `None` if the body is
/// shorter. White space at line ends does not count (rule 3), broken escapes stand for themselves.
fn quoted_printable(raw: &[u8], limit: usize, mut out: Option<&mut Vec<u8>>) -> Option<usize> {
    let mut decoded = 0_usize;
    let mut emit = |octets: &[u8]| {
        if let Some(out) = out.as_deref_mut() {
            out.extend_from_slice(octets);
        }
        decoded += octets.len();
        decoded
    };
    let mut at = 0_usize;
    if limit == 0 {
        return Some(0);
    }
    for line in raw.split_inclusive(|b| *b == b'\n') {
        let end: &[u8] = match line {
            [.., b'\r', b'\n'] => b"\r\n",
            [.., b'\n'] => b"\n",
            _ => b"",
        };
        let text = line.get(..line.len() - end.len()).unwrap_or_default().trim_ascii_end();
        let mut soft = false;
        let mut i = 0;
        while let Some(rest) = text.get(i..).filter(|rest| !rest.is_empty()) {
            let (length, octet) = match rest {
                [b'='] => {
                    soft = true;
                    break;
                }
                [b'=', high, low, ..] => match (hex(*high), hex(*low)) {
                    (Some(high), Some(low)) => (3, high * 16 + low),
                    _ => (1, b'='),
                },
                [octet, ..] => (1, *octet),
                [] => break,
            };
            i += length;
            if emit(&[octet]) >= limit {
                return Some(at + i);
            }
        }
        at += line.len();
        if !soft && emit(end) >= limit {
            return Some(at);
        }
    }
    None
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// Encodes any octets as escapes on lines of their own, between soft breaks; `after` is what follows.
fn encode_octets(octets: &[u8], newline: &str, after: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(octets.len() * 3 + octets.len() / 4 + 8);
    let soft_break = |out: &mut Vec<u8>| {
        out.push(b'=');
        out.extend_from_slice(newline.as_bytes());
    };
    soft_break(&mut out);
    for (i, chunk) in octets.chunks(LINE / 3).enumerate() {
        if i > 0 {
            soft_break(&mut out);
        }
        chunk.iter().for_each(|octet| out.extend_from_slice(format!("={octet:02X}").as_bytes()));
    }
    // A soft break that stands there already ends our last line.
    if !(after.starts_with(b"=\r\n") || after.starts_with(b"=\n")) {
        soft_break(&mut out);
    }
    out
}

/// Encodes ASCII text line by line; lines that are too long get soft breaks.
fn encode_lines(text: &str, newline: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + text.len() / 8);
    for line in text.split_inclusive('\n') {
        let body = line.trim_end_matches(['\r', '\n']);
        let mut column = 0;
        for (i, octet) in body.bytes().enumerate() {
            let last = i + 1 == body.len();
            let plain =
                matches!(octet, b'!'..=b'<' | b'>'..=b'~') || (matches!(octet, b' ' | b'\t') && !last);
            let width = if plain { 1 } else { 3 };
            if column + width >= LINE {
                out.push(b'=');
                out.extend_from_slice(newline.as_bytes());
                column = 0;
            }
            if plain {
                out.push(octet);
            } else {
                out.extend_from_slice(format!("={octet:02X}").as_bytes());
            }
            column += width;
        }
        if line.ends_with('\n') {
            out.extend_from_slice(newline.as_bytes());
        }
    }
    out
}

/// Letters of the base64 alphabet with their offsets, up to the first padding; others are passed over.
fn alphabet(raw: &[u8]) -> impl Iterator<Item = (usize, u8)> {
    raw.iter()
        .copied()
        .enumerate()
        .take_while(|(_, b)| *b != b'=')
        .filter(|(_, b)| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/'))
}

fn base64_replace(
    raw: &[u8],
    range: Range<usize>,
    newline: &str,
    make: &impl Filler,
) -> Option<(Range<usize>, Vec<u8>)> {
    let (first, last) = (range.start - range.start % 3, range.end.div_ceil(3) * 3);
    // One group more than needed tells whether the touched group is the last.
    let (decoded, _) = decode_start(raw, TransferEncoding::Base64, last + 3);
    let final_group = last > first && last >= decoded.len() || decoded.is_empty();
    let head = decoded.get(first..range.start)?;
    let tail = decoded.get(range.end..if final_group { decoded.len() } else { last })?;

    let length = head.len() + make(0).len() + tail.len();
    let text = make(if final_group { 0 } else { (3 - length % 3) % 3 });
    let group = [head, text.as_slice(), tail].concat();
    let encoded = base64::engine::general_purpose::STANDARD.encode(group);

    let start = letters_end(raw, first / 3 * 4)?;
    let end = if final_group {
        let end = alphabet(raw).last().map_or(0, |(at, _)| at + 1);
        let rest = raw.get(end..)?;
        end + rest.iter().take_while(|b| **b == b'=').count()
    } else {
        letters_end(raw, last / 3 * 4)?
    };
    let mut out = Vec::with_capacity(encoded.len() + encoded.len() / 32 + 4);
    // An empty line would end the body for some readers: break only where a line stands.
    if start > 0 && raw.get(start - 1) != Some(&b'\n') {
        out.extend_from_slice(newline.as_bytes());
    }
    for (i, line) in encoded.as_bytes().chunks(LINE).enumerate() {
        if i > 0 {
            out.extend_from_slice(newline.as_bytes());
        }
        out.extend_from_slice(line);
    }
    if !matches!(raw.get(end), None | Some(b'\r' | b'\n')) {
        out.extend_from_slice(newline.as_bytes());
    }
    Some((start..end, out))
}

/// Offset right after the first `count` letters.
fn letters_end(raw: &[u8], count: usize) -> Option<usize> {
    match count.checked_sub(1) {
        None => Some(0),
        Some(before) => alphabet(raw).nth(before).map(|(at, _)| at + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn filler(extra: usize) -> Vec<u8> {
        format!("[banner = 1]{}\r\n", " ".repeat(extra)).into_bytes()
    }

    fn decode(raw: &[u8], encoding: TransferEncoding) -> Vec<u8> {
        decode_start(raw, encoding, usize::MAX / 8).0.into_owned()
    }

    fn splice(raw: &[u8], encoding: TransferEncoding, range: Range<usize>) -> Vec<u8> {
        let (at, with) = replace(raw, encoding, range, "\r\n", &filler).expect("in range");
        [&raw[..at.start], &with, &raw[at.end..]].concat()
    }

    fn base64_lines(plain: &[u8], width: usize) -> String {
        let encoded = base64::engine::general_purpose::STANDARD.encode(plain);
        let lines: Vec<&str> =
            encoded.as_bytes().chunks(width).map(|l| std::str::from_utf8(l).expect("ascii")).collect();
        lines.join("\r\n") + "\r\n"
    }

    fn squeeze(octets: &[u8]) -> String {
        String::from_utf8_lossy(octets)
            .replace("[banner = 1]  \r\n", "[banner = 1]\r\n")
            .replace("[banner = 1] \r\n", "[banner = 1]\r\n")
    }

    #[test]
    fn quoted_printable_positions_follow_the_tokens() {
        let raw = b"<body=20class=3D\"x\"=3E=\r\nDear S=FCpplier,\r\n";
        assert_eq!(
            String::from_utf8_lossy(&splice(raw, TransferEncoding::QuotedPrintable, 15..15)),
            "<body=20class=3D\"x\"[banner =3D 1]\r\n=3E=\r\nDear S=FCpplier,\r\n"
        );
        assert_eq!(
            String::from_utf8_lossy(&splice(raw, TransferEncoding::QuotedPrintable, 16..16)),
            "<body=20class=3D\"x\"=3E[banner =3D 1]\r\n=\r\nDear S=FCpplier,\r\n"
        );
    }

    #[test]
    fn base64_touches_only_the_groups_around() {
        let plain = b"<html><body>Dear supplier, please pay.</body></html>";
        let raw = base64_lines(plain, 20);
        for at in [0, 6, 12, 13, 14, plain.len() - 1, plain.len()] {
            let spliced = splice(raw.as_bytes(), TransferEncoding::Base64, at..at);
            let expected = [&plain[..at], filler(0).as_slice(), &plain[at..]].concat();
            assert_eq!(
                squeeze(&decode(&spliced, TransferEncoding::Base64)),
                String::from_utf8_lossy(&expected),
                "{at}"
            );
            assert!(!String::from_utf8_lossy(&spliced).contains("\r\n\r\n"), "{at}");
        }
    }

    #[test]
    fn empty_bodies_take_a_banner() {
        for encoding in
            [TransferEncoding::Identity, TransferEncoding::QuotedPrintable, TransferEncoding::Base64]
        {
            let spliced = splice(b"", encoding, 0..0);
            assert_eq!(decode(&spliced, encoding), filler(0), "{encoding:?}");
        }
    }

    #[test]
    fn wide_text_goes_into_quoted_printable_twice_the_same() {
        let wide = |_: usize| b"h\0i\0\r\0\n\0".repeat(9);
        let raw = b"=FF=FEa=00b=00\r\n".as_slice();
        let (at, with) =
            replace(raw, TransferEncoding::QuotedPrintable, 2..2, "\r\n", &wide).expect("in range");
        let once = [&raw[..at.start], &with, &raw[at.end..]].concat();
        assert!(once.split(|b| *b == b'\n').all(|line| line.len() <= LINE + 1));
        let expected = [b"\xff\xfe", wide(0).as_slice(), b"a\0b\0\r\n"].concat();
        assert_eq!(decode(&once, TransferEncoding::QuotedPrintable), expected);
        let range = 2..2 + wide(0).len();
        let (at, with) =
            replace(&once, TransferEncoding::QuotedPrintable, range, "\r\n", &wide).expect("range");
        assert_eq!([&once[..at.start], &with, &once[at.end..]].concat(), once);
    }

    #[test]
    fn long_lines_are_broken_softly() {
        let encoded = encode_lines(&format!("{} \r\n", "=x".repeat(80)), "\r\n");
        let text = String::from_utf8(encoded.clone()).expect("ascii");
        assert!(text.lines().all(|line| line.len() <= LINE), "{text}");
        assert_eq!(
            decode(&encoded, TransferEncoding::QuotedPrintable),
            format!("{} \r\n", "=x".repeat(80)).as_bytes()
        );
    }

    proptest! {
        #[test]
        fn decoded_text_is_the_original_with_the_banner(
            plain in prop::collection::vec(any::<u8>(), 0..200),
            at in 0_usize..200, length in 0_usize..40, width in 1_usize..76,
        ) {
            let at = at.min(plain.len());
            let end = (at + length).min(plain.len());
            let raw = base64_lines(&plain, width);
            let spliced = splice(raw.as_bytes(), TransferEncoding::Base64, at..end);
            let found = decode(&spliced, TransferEncoding::Base64);
            let fits = (0..3).any(|pad| found == [&plain[..at], filler(pad).as_slice(), &plain[end..]].concat());
            prop_assert!(fits, "{:?}", String::from_utf8_lossy(&found));
        }

        #[test]
        fn any_octets_in_any_encoding(raw in "[a-zA-Z0-9+/= \r\n]{0,80}", at in 0_usize..60, end in 0_usize..60) {
            for encoding in [TransferEncoding::Identity, TransferEncoding::QuotedPrintable, TransferEncoding::Base64] {
                let range = at.min(end)..at.max(end);
                if let Some((found, _)) = replace(raw.as_bytes(), encoding, range, "\r\n", &filler) {
                    prop_assert!(raw.as_bytes().get(found).is_some());
                }
            }
        }
    }
}
