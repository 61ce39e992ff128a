//! Calendars and cards (iCalendar, RFC 5545; vCard, RFC 6350 and 2.1): content lines as a client shows them.
//!
//! Lines are folded anywhere and line ends written `\n`, so that a number may be cut by both.

/// Beginnings of such a file.
const BEGINS: &[&str] = &["BEGIN:VCALENDAR", "BEGIN:VCARD", "BEGIN:VEVENT"];

/// Whether a text is a calendar or a card.
pub(super) fn is_one(text: &str) -> bool {
    let head = text.trim_start_matches('\u{feff}').trim_start();
    BEGINS.iter().any(|begin| head.get(..begin.len()).is_some_and(|word| word.eq_ignore_ascii_case(begin)))
}

/// Its content lines, unfolded and without escapes.
pub(super) fn shown(text: &str) -> String {
    let mut unfolded = String::with_capacity(text.len());
    let mut quoted = false;
    for line in text.lines() {
        let continued = line.strip_prefix([' ', '\t']);
        match continued {
            Some(rest) => unfolded.push_str(rest),
            None if quoted => unfolded.push_str(line),
            None => {
                unfolded.push('\n');
                unfolded.push_str(line);
            }
        }
        // vCard 2.1 may write a value in quoted-printable, with its soft line ends.
        quoted = (quoted || is_quoted(line)) && unfolded.ends_with('=');
        if quoted {
            unfolded.pop();
        }
    }
    unfolded.lines().map(value_shown).collect::<Vec<_>>().join("\n")
}

/// One content line without escapes.
fn value_shown(line: &str) -> String {
    if is_quoted(line) { unquoted(line) } else { unescaped(line) }
}

/// Whether the parameters of a line say that its value is in quoted-printable.
fn is_quoted(line: &str) -> bool {
    line.split_once(':').is_some_and(|(name, _)| name.to_ascii_uppercase().contains("QUOTED-PRINTABLE"))
}

/// `\n` is a line end; any other escaped character stands for itself (RFC 5545 section 3.3.11).
fn unescaped(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('n' | 'N') => out.push('\n'),
            Some(other) => out.push(other),
            None => {}
        }
    }
    out
}

/// `=47` is an octet.
fn unquoted(line: &str) -> String {
    let mut octets = Vec::with_capacity(line.len());
    let mut rest = line.as_bytes();
    while let [first, after @ ..] = rest {
        let octet = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        let octet = octet.filter(|_| *first == b'=').and_then(|hex| u8::from_str_radix(hex, 16).ok());
        octets.push(octet.unwrap_or(*first));
        rest = if octet.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    String::from_utf8_lossy(&octets).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_lines_as_clients_show_them() {
        for (name, text, expected) in [
            ("folded", "BEGIN:VCARD\r\nNOTE:GB29 NW\r\n BK\r\n", "BEGIN:VCARD\nNOTE:GB29 NWBK"),
            (
                "line ends",
                "BEGIN:VCALENDAR\nDESCRIPTION:GB29\\n NWBK\\, x",
                "BEGIN:VCALENDAR\nDESCRIPTION:GB29\n NWBK, x",
            ),
            (
                "quoted-printable",
                "BEGIN:VCARD\nNOTE;ENCODING=QUOTED-PRINTABLE:=47=42=\n29\nTEL:1",
                "BEGIN:VCARD\nNOTE;ENCODING=QUOTED-PRINTABLE:GB29\nTEL:1",
            ),
        ] {
            assert!(is_one(text), "{name}");
            assert_eq!(shown(text).trim_start(), expected, "{name}");
        }
        assert!(!is_one("Dear all, BEGIN:VCARD"));
    }
}
