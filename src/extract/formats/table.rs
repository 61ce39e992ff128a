//! CSV: rows of cells. A comma between two numbers is no decimal comma there, so cells are set apart by tabs, as those
//! of a table in a page are.

use super::{DocumentFormat, Reading, is_generic, named, octets_as_text};
use crate::model::{Part, PartContent};
use std::borrow::Cow;

/// Octets at the head of a file by which its separator is chosen.
const SAMPLE: usize = 4_096;

/// CSV.
pub(super) struct Table;

impl DocumentFormat for Table {
    fn accepts(&self, part: &Part, _parent: Option<&Part>) -> bool {
        matches!(part.media_type.as_str(), "text/csv" | "application/csv" | "text/comma-separated-values")
            || named(part, &["csv"])
                && (is_generic(part) || matches!(part.media_type.as_str(), "text/plain" | "application/vnd.ms-excel"))
    }

    fn opens(&self) -> bool {
        true
    }

    fn read<'a>(&self, part: &'a Part) -> Reading<'a> {
        let text = match &part.content {
            PartContent::Text(text) | PartContent::Html(text) => Cow::Borrowed(text.as_str()),
            PartContent::Binary(octets) => octets_as_text(octets),
            PartContent::Multipart | PartContent::AttachedMessage => Cow::Borrowed(""),
        };
        Reading { visible: Cow::Owned(cells(&text, separator(&text))), ..Reading::default() }
    }
}

/// Whichever of the usual separators stands most often at the head.
fn separator(text: &str) -> char {
    let head = text.get(..super::super::floor(text, SAMPLE)).unwrap_or_default();
    let count = |separator: char| head.matches(separator).count();
    [';', '\t', ','].into_iter().max_by_key(|separator| count(*separator)).unwrap_or(',')
}

/// Cells apart by tabs, rows by line feeds; quotation marks around cells go (RFC 4180), line feeds inside become spaces.
fn cells(text: &str, separator: char) -> String {
    let mut out = String::with_capacity(text.len());
    let mut quoted = false;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                out.push('"');
            }
            '"' => quoted = !quoted,
            '\n' | '\r' if quoted => out.push(' '),
            c if c == separator && !quoted => out.push('\t'),
            c => out.push(c),
        }
    }
    // A quotation mark that is never closed must not swallow the rows behind it.
    if quoted { text.replace(separator, "\t") } else { out }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_stand_apart() {
        for (text, expected) in [
            ("a,b\n1,2\n", "a\tb\n1\t2\n"),
            ("a;b\n1,5;2\n", "a\tb\n1,5\t2\n"),
            ("a,b\n\"1,5\",\"x \"\"y\"\"\"\n", "a\tb\n1,5\tx \"y\"\n"),
            ("a,\"b\n1,2\n", "a\t\"b\n1\t2\n"),
        ] {
            assert_eq!(cells(text, separator(text)), expected);
        }
    }
}
