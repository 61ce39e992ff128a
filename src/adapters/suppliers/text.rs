//! Octets of a supplier file to text, and which character separates its cells.

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};
use std::borrow::Cow;

/// The text of a file and how it was read.
pub(super) struct Decoded<'a> {
    pub(super) text: Cow<'a, str>,
    /// The file says nothing about its encoding and is no UTF-8: letters beyond ASCII may be wrong.
    pub(super) guessed: bool,
}

/// Byte order mark, else UTF-16 by its zero octets, else UTF-8, else Windows-1252 (what Excel writes).
pub(super) fn decode(bytes: &[u8]) -> Decoded<'_> {
    if let Some((encoding, length)) = Encoding::for_bom(bytes) {
        let rest = bytes.get(length..).unwrap_or_default();
        let (text, had_errors) = encoding.decode_without_bom_handling(rest);
        return Decoded { text, guessed: had_errors };
    }
    if let Some(encoding) = utf_16_without_mark(bytes) {
        let (text, had_errors) = encoding.decode_without_bom_handling(bytes);
        return Decoded { text, guessed: had_errors };
    }
    if let Some(text) = UTF_8.decode_without_bom_handling_and_without_replacement(bytes) {
        return Decoded { text, guessed: false };
    }
    let (text, _) = WINDOWS_1252.decode_without_bom_handling(bytes);
    Decoded { text, guessed: true }
}

/// A table in UTF-16 begins with ASCII, so one octet of each of its first pairs is zero.
fn utf_16_without_mark(bytes: &[u8]) -> Option<&'static Encoding> {
    match bytes {
        [0, a, 0, b, ..] if *a != 0 && *b != 0 => Some(UTF_16BE),
        [a, 0, b, 0, ..] if *a != 0 && *b != 0 => Some(UTF_16LE),
        _ => None,
    }
}

/// The table inside the text: what precedes the header row is cut off, and counted in lines.
pub(super) struct Table<'a> {
    pub(super) body: &'a str,
    pub(super) delimiter: u8,
    /// Lines before `body`.
    pub(super) skipped: u64,
}

/// Skips what exports put before the header row (`sep=;` of Excel, `{}` of MYOB, empty lines) and finds the delimiter
/// that the header row uses most.
pub(super) fn table(text: &str) -> Table<'_> {
    let mut body = text;
    let mut skipped = 0_u64;
    let mut declared = None;
    while let Some((line, rest)) = body.split_once('\n') {
        let line = line.trim();
        match line.strip_prefix("sep=").map(str::as_bytes) {
            Some([delimiter]) => declared = Some(*delimiter),
            _ if line.is_empty() || line == "{}" => {}
            _ => break,
        }
        body = rest;
        skipped = skipped.saturating_add(1);
    }
    Table { body, delimiter: declared.unwrap_or_else(|| delimiter(body)), skipped }
}

fn delimiter(body: &str) -> u8 {
    let (mut commas, mut semicolons, mut tabs, mut quoted) = (0_usize, 0_usize, 0_usize, false);
    for b in body.bytes() {
        match b {
            b'"' => quoted = !quoted,
            b'\n' | b'\r' if !quoted => break,
            b',' if !quoted => commas += 1,
            b';' if !quoted => semicolons += 1,
            b'\t' if !quoted => tabs += 1,
            _ => {}
        }
    }
    if tabs > commas && tabs > semicolons {
        b'\t'
    } else if semicolons > commas {
        b';'
    } else {
        b','
    }
}

/// The line of a quotation mark that is never closed: everything after it would silently become one cell.
pub(super) fn unclosed_quote(body: &str, delimiter: u8) -> Option<u64> {
    let (mut line, mut opened, mut at_start) = (1_u64, None, true);
    let mut bytes = body.bytes().peekable();
    while let Some(b) = bytes.next() {
        if b == b'\n' {
            line = line.saturating_add(1);
        }
        match (opened, b) {
            (None, b'"') if at_start => opened = Some(line),
            // Two quotation marks inside a quoted cell stand for one.
            (Some(_), b'"') if bytes.next_if_eq(&b'"').is_none() => opened = None,
            _ => {}
        }
        at_start = b == delimiter || b == b'\n' || b == b'\r';
    }
    opened
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_encoding_that_spreadsheets_write() {
        let utf_16_le: Vec<u8> = "name\nMüller".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let utf_16_be: Vec<u8> = "name\nMüller".encode_utf16().flat_map(u16::to_be_bytes).collect();
        let rows: [(&str, Vec<u8>, bool); 6] = [
            ("utf-8", "name\nMüller".into(), false),
            ("utf-8 with mark", "\u{feff}name\nMüller".into(), false),
            ("utf-16le with mark", [vec![0xff, 0xfe], utf_16_le.clone()].concat(), false),
            ("utf-16le", utf_16_le, false),
            ("utf-16be", utf_16_be, false),
            ("windows-1252", b"name\nM\xfcller".to_vec(), true),
        ];
        for (name, bytes, guessed) in rows {
            let decoded = decode(&bytes);
            assert_eq!(decoded.text, "name\nMüller", "{name}");
            assert_eq!(decoded.guessed, guessed, "{name}");
        }
    }

    #[test]
    fn the_header_row_decides_the_delimiter() {
        for (text, want, skipped) in [
            ("a,b,c\n1;2;3", b',', 0),
            ("a;b;c\n", b';', 0),
            ("a\tb,c\td\n", b'\t', 0),
            ("\"a;b;c\",d\n", b',', 0),
            ("sep=;\na\n", b';', 1),
            ("{}\n\na\tb\n", b'\t', 2),
        ] {
            let table = table(text);
            assert_eq!((table.delimiter, table.skipped), (want, skipped), "{text}");
        }
    }

    #[test]
    fn an_unclosed_quote_is_found() {
        assert_eq!(unclosed_quote("a,b\n\"x\"\"y\",z\n", b','), None);
        assert_eq!(unclosed_quote("a,b\n1,\"x\ny,z\n", b','), Some(2));
        assert_eq!(unclosed_quote("a,b\n5\" pipe,z\n", b','), None, "a mark inside a cell opens nothing");
    }
}
