//! Splits a header section into fields with exact byte ranges (RFC 5322 section 2.2), CRLF and bare LF alike.
//!
//! A line that is neither a field nor a continuation is passed over and reported, because mail clients do the same:
//! if we took it for the end of the header, one such line would hide the MIME structure from us alone.

use crate::model::HeaderField;
use memchr::memchr;
use std::ops::Range;

/// A header section and where the body begins.
#[derive(Debug, Default)]
pub(super) struct HeaderSection {
    /// Fields in order, at most as many as asked for.
    pub(super) fields: Vec<HeaderField>,
    /// Offset after the empty line; the end of the entity when there is none.
    pub(super) body_start: usize,
    /// There were more fields than asked for.
    pub(super) truncated: bool,
    /// A line was no header field.
    pub(super) malformed: bool,
}

/// Splits the header section of the entity that occupies `range` of `octets`.
pub(super) fn split(octets: &[u8], range: Range<usize>, max_fields: usize) -> HeaderSection {
    let mut section = HeaderSection { body_start: range.end, ..HeaderSection::default() };
    let mut at = range.start;
    let mut first_stray = None;
    // Whether the current line may continue a field, and whether that field is one we record.
    let mut recording = false;
    while at < range.end {
        let rest = octets.get(at..range.end).unwrap_or_default();
        let end = memchr(b'\n', rest).map_or(range.end, |i| at + i + 1);
        let line = octets.get(at..end).unwrap_or_default();
        if matches!(line, b"\n" | b"\r\n") {
            section.body_start = end;
            return section;
        }
        if matches!(line.first(), Some(b' ' | b'\t')) && (recording || section.truncated) {
            if let Some(field) = section.fields.last_mut().filter(|_| recording) {
                field.range.end = end;
                field.value.end = end;
            }
        } else if let Some((name, colon)) = field_name(line) {
            recording = section.fields.len() < max_fields;
            if recording {
                let name = String::from_utf8_lossy(name).into_owned();
                section.fields.push(HeaderField { name, range: at..end, value: at + colon + 1..end });
            } else {
                section.truncated = true;
            }
        } else {
            recording = false;
            // The "From " line of an mbox file is no damage.
            if !(at == range.start && (line.starts_with(b"From ") || line.starts_with(b">From "))) {
                first_stray = first_stray.or(Some(at));
                section.malformed = true;
            }
        }
        at = end;
    }
    // No empty line at all: the first line that was no field is where a reader would see the body begin.
    if let Some(stray) = first_stray {
        section.body_start = stray;
        section.fields.retain(|field| field.range.start < stray);
    }
    section
}

/// Name (printable US-ASCII without colon, RFC 5322 3.6.8) and position of the colon.
fn field_name(line: &[u8]) -> Option<(&[u8], usize)> {
    let colon = memchr(b':', line)?;
    let name = line.get(..colon)?.trim_ascii_end();
    (!name.is_empty() && name.iter().all(|b| (33..=126).contains(b))).then_some((name, colon))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(octets: &[u8]) -> (Vec<String>, usize) {
        let section = split(octets, 0..octets.len(), 100);
        (section.fields.into_iter().map(|f| f.name).collect(), section.body_start)
    }

    #[test]
    fn sections_end_where_the_body_begins() {
        let rows: [(&str, &[u8], &[&str], usize); 8] = [
            ("CRLF", b"A: 1\r\nB: 2\r\n\r\nx", &["A", "B"], 14),
            ("bare LF", b"A: 1\nB: 2\n\nx", &["A", "B"], 11),
            ("folded", b"A: 1\r\n 2\r\nB: 3\r\n\r\n", &["A", "B"], 18),
            ("empty", b"", &[], 0),
            ("no header", b"\r\nbody", &[], 2),
            ("mbox line", b"From a@b Mon\nA: 1\n\nx", &["A"], 19),
            ("no empty line", b"A: 1\r\njust text\r\nX: no", &["A"], 6),
            ("stray line", b"A: 1\r\nstray\r\nB: 2\r\n\r\nx", &["A", "B"], 21),
        ];
        for (name, octets, expected, body) in rows {
            let (found, start) = names(octets);
            assert_eq!(
                (found.as_slice(), start),
                (&expected.iter().map(ToString::to_string).collect::<Vec<_>>()[..], body),
                "{name}"
            );
        }
    }

    #[test]
    fn a_folded_field_is_one_range() {
        let octets = b"Subject : a\r\n\tb\r\nTo: c\r\n\r\n";
        let section = split(octets, 0..octets.len(), 100);
        assert_eq!(&octets[section.fields[0].range.clone()], b"Subject : a\r\n\tb\r\n");
        assert_eq!(&octets[section.fields[0].value.clone()], b" a\r\n\tb\r\n");
    }
}
