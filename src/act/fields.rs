//! Finds header fields in raw octets, exactly and without allocating.
//!
//! What is removed or read here decides about trust, so nothing may hide a field of ours from us that a mail client
//! or a transport rule would still see: any line that starts with our prefix counts, whatever follows the name, in
//! any case, after a line feed or after a bare carriage return, however many fields stand before it.

use memchr::memchr2;
use std::ops::Range;

/// Every field of ours starts so.
const OURS: &[u8] = b"x-sentra-";

/// One field with its continuation lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Field {
    /// Name to final line end.
    pub(super) range: Range<usize>,
    /// The line before ended in a bare carriage return: to readers that do not take it for a line end, this field
    /// is the tail of the one before, so its own line end must stay when it goes.
    after_bare_cr: bool,
}

impl Field {
    /// Whether the field is one of ours (`X-Sentra-…`).
    pub(super) fn is_ours(&self, octets: &[u8]) -> bool {
        self.range
            .start
            .checked_add(OURS.len())
            .and_then(|end| octets.get(self.range.start..end))
            .is_some_and(|start| start.eq_ignore_ascii_case(OURS))
    }

    /// Whether the field has this name; white space before the colon is tolerated (RFC 5322 section 4.5.8).
    pub(super) fn is_named(&self, octets: &[u8], name: &str) -> bool {
        self.colon(octets)
            .and_then(|colon| octets.get(self.range.start..colon))
            .is_some_and(|found| found.trim_ascii_end().eq_ignore_ascii_case(name.as_bytes()))
    }

    /// Whether the field is an `Authentication-Results` in the name of this host (RFC 8601 section 5): ours to write, so
    /// one that arrives is forged. Comments, quotes, a final dot and the letters' case hide nothing.
    pub(super) fn speaks_for(&self, octets: &[u8], hostname: &str) -> bool {
        self.is_named(octets, "authentication-results")
            && authserv_id(&self.value(octets)).eq_ignore_ascii_case(hostname)
    }

    /// Offset after the colon.
    pub(super) fn value_start(&self, octets: &[u8]) -> Option<usize> {
        self.colon(octets).map(|colon| colon + 1)
    }

    /// The value without folding and outer white space; invalid UTF-8 replaced.
    pub(super) fn value(&self, octets: &[u8]) -> String {
        let raw = self.value_start(octets).and_then(|start| octets.get(start..self.range.end));
        let flat: Vec<u8> =
            raw.unwrap_or_default().iter().copied().filter(|b| !matches!(b, b'\r' | b'\n')).collect();
        String::from_utf8_lossy(flat.trim_ascii()).into_owned()
    }

    /// What has to go so that the field is gone and its neighbours stay as they are.
    pub(super) fn removal(&self, octets: &[u8]) -> Range<usize> {
        let field = octets.get(self.range.clone()).unwrap_or_default();
        let kept = match field {
            [.., b'\r', b'\n'] if self.after_bare_cr => 2,
            [.., b'\n'] if self.after_bare_cr => 1,
            _ => 0,
        };
        self.range.start..self.range.end.saturating_sub(kept)
    }

    fn colon(&self, octets: &[u8]) -> Option<usize> {
        let field = octets.get(self.range.clone())?;
        memchr::memchr(b':', field).map(|at| self.range.start + at)
    }
}

/// The first word of such a field's value.
fn authserv_id(value: &str) -> String {
    let (mut depth, mut id) = (0_usize, String::new());
    for c in value.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ if depth > 0 => {}
            '"' | '\\' => {}
            ';' | '/' => break,
            c if c.is_whitespace() && id.is_empty() => {}
            c if c.is_whitespace() => break,
            c => id.push(c),
        }
    }
    id.trim_end_matches('.').to_owned()
}

/// Iterates over the fields of the top-level header section.
#[derive(Clone, Debug)]
pub(super) struct Fields<'a> {
    octets: &'a [u8],
    at: usize,
    after_lf: bool,
    ended: bool,
    empty_line: bool,
}

impl<'a> Fields<'a> {
    pub(super) fn new(octets: &'a [u8]) -> Self {
        Self { octets, at: 0, after_lf: true, ended: false, empty_line: false }
    }

    /// Offset after the empty line that ends the header section; the length when there is none. Only once the
    /// iterator is used up.
    pub(super) fn body_start(&self) -> usize {
        self.at
    }

    /// Whether an empty line ends the header section: without one there is no body. Only once the iterator is used up.
    pub(super) fn has_body(&self) -> bool {
        self.empty_line
    }

    /// End of the line at `at` and whether a line feed ends it.
    fn line(&self, at: usize) -> Option<(usize, bool)> {
        let rest = self.octets.get(at..).filter(|rest| !rest.is_empty())?;
        let end = memchr2(b'\n', b'\r', rest).map_or(rest.len(), |i| i + 1);
        Some(match (rest.get(end.saturating_sub(1)), rest.get(end)) {
            (Some(b'\r'), Some(b'\n')) => (at + end + 1, true),
            // CR CR LF ends one line: to readers that know only CRLF the first CR belongs to it, so what would stay of it
            // when its field goes is an empty line.
            (Some(b'\r'), Some(b'\r')) if rest.get(end + 1) == Some(&b'\n') => (at + end + 2, true),
            (last, _) => (at + end, last == Some(&b'\n')),
        })
    }
}

impl Iterator for Fields<'_> {
    type Item = Field;

    fn next(&mut self) -> Option<Field> {
        if self.ended {
            return None;
        }
        let start = self.at;
        let Some((mut end, mut by_lf)) = self.line(start) else {
            self.ended = true;
            return None;
        };
        if self.after_lf && matches!(self.octets.get(start..end), Some(b"\n" | b"\r\n")) {
            self.at = end;
            self.ended = true;
            self.empty_line = true;
            return None;
        }
        while matches!(self.octets.get(end), Some(b' ' | b'\t')) {
            let Some((next, lf)) = self.line(end) else { break };
            (end, by_lf) = (next, lf);
        }
        let field = Field { range: start..end, after_bare_cr: !self.after_lf };
        self.at = end;
        self.after_lf = by_lf;
        Some(field)
    }
}

/// Value of the first field of that name, unfolded and trimmed; empty when there is none.
pub(super) fn first_value(octets: &[u8], name: &str) -> String {
    Fields::new(octets).find(|f| f.is_named(octets, name)).map(|f| f.value(octets)).unwrap_or_default()
}

/// Offset of the first octet after the header section.
pub(super) fn body_start(octets: &[u8]) -> usize {
    let mut fields = Fields::new(octets);
    fields.by_ref().for_each(drop);
    fields.body_start()
}

/// The line end that the message itself uses: bare LF only where its first line ends so (possible by BDAT).
pub(super) fn newline(octets: &[u8]) -> &'static str {
    match memchr::memchr(b'\n', octets) {
        Some(at) if at == 0 || octets.get(at - 1) != Some(&b'\r') => "\n",
        _ => "\r\n",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn without_ours(octets: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut at = 0;
        for field in Fields::new(octets).filter(|f| f.is_ours(octets)) {
            let gone = field.removal(octets);
            out.extend_from_slice(&octets[at..gone.start]);
            at = gone.end;
        }
        out.extend_from_slice(&octets[at..]);
        out
    }

    #[test]
    fn no_spelling_hides_a_field_of_ours() {
        let rows: [(&str, &[u8], &[u8]); 13] = [
            ("plain", b"A: 1\r\nX-Sentra-Id: x\r\nB: 2\r\n\r\nbody", b"A: 1\r\nB: 2\r\n\r\nbody"),
            ("case", b"x-SENTRA-verdict: x\r\nB: 2\r\n\r\n", b"B: 2\r\n\r\n"),
            ("space before colon", b"X-Sentra-Id : x\r\nB: 2\r\n\r\n", b"B: 2\r\n\r\n"),
            ("folded", b"X-Sentra-Id: x\r\n y\r\n\tz\r\nB: 2\r\n\r\n", b"B: 2\r\n\r\n"),
            ("folded before colon", b"X-Sentra-Id\r\n : x\r\nB: 2\r\n\r\n", b"B: 2\r\n\r\n"),
            ("no colon", b"X-Sentra-Id\r\nB: 2\r\n\r\n", b"B: 2\r\n\r\n"),
            (
                "line feeds",
                b"A: 1\nX-Sentra-Id: x\n y\nB: 2\n\nX-Sentra-Id: body",
                b"A: 1\nB: 2\n\nX-Sentra-Id: body",
            ),
            ("bare CR before", b"A: 1\rX-Sentra-Id: x\r\nB: 2\r\n\r\n", b"A: 1\r\r\nB: 2\r\n\r\n"),
            ("bare CR after", b"X-Sentra-Id: x\rB: 2\r\n\r\n", b"B: 2\r\n\r\n"),
            (
                "CR CR LF is one line end",
                b"A: 1\r\nX-Sentra-Id: x\r\r\nB: 2\r\n\r\n",
                b"A: 1\r\nB: 2\r\n\r\n",
            ),
            ("no empty line", b"A: 1\r\nX-Sentra-Id: x", b"A: 1\r\n"),
            ("after a stray line", b"stray\r\nX-Sentra-Id: x\r\n\r\n", b"stray\r\n\r\n"),
            ("in the body", b"A: 1\r\n\r\nX-Sentra-Id: x\r\n", b"A: 1\r\n\r\nX-Sentra-Id: x\r\n"),
        ];
        for (name, octets, expected) in rows {
            assert_eq!(
                String::from_utf8_lossy(&without_ours(octets)),
                String::from_utf8_lossy(expected),
                "{name}"
            );
        }
    }

    #[test]
    fn a_field_past_any_count_is_found() {
        let mut octets = b"A: 1\r\n".repeat(5_000);
        octets.extend_from_slice(b"X-Sentra-Verdict: v=1\r\n\r\n");
        assert_eq!(without_ours(&octets).len(), 5_000 * 6 + 2);
    }

    #[test]
    fn the_body_starts_after_the_first_empty_line() {
        for (name, octets, expected) in [
            ("CRLF", &b"A: 1\r\n\r\nx"[..], 8),
            ("LF", b"A: 1\n\nx", 6),
            ("none", b"A: 1\r\n", 6),
            ("empty", b"", 0),
            ("at once", b"\r\nx", 2),
            ("white space is no empty line", b"A: 1\r\n \r\nB: 2\r\n\r\nx", 17),
            ("CR CR LF is no empty line", b"A: 1\r\r\nB: 2\r\n\r\nx", 15),
        ] {
            assert_eq!(body_start(octets), expected, "{name}");
        }
    }

    #[test]
    fn values_are_unfolded() {
        let octets = b"Message-ID:\r\n <a@b>\r\nSubject : x\r\n\ty\r\n\r\n";
        assert_eq!(first_value(octets, "message-id"), "<a@b>");
        assert_eq!(first_value(octets, "Subject"), "x\ty");
        assert_eq!(first_value(octets, "Date"), "");
    }
}
