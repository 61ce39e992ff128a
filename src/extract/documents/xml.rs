//! XML as a pull parser gives it: no entity but the predefined ones, no DTD, bounded depth.
//!
//! A document type is never needed in what is read here, and an entity that it defines would be text that another
//! program shows and this one does not: it is a gap.

use crate::model::Unread;
use encoding_rs::Encoding;
use memchr::memmem;
use quick_xml::XmlVersion;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::reader::Reader;
use std::borrow::Cow;

/// Sees the tokens of a document. Names come without their namespace's prefix.
pub(super) trait Visitor {
    /// An element begins; an empty one ends at once.
    fn open(&mut self, tag: &Tag<'_>);
    /// An element ends.
    fn close(&mut self, name: &str);
    /// A piece of text.
    fn text(&mut self, text: &str);
    /// Whether it has more than anybody will take: the walk ends.
    fn is_full(&self) -> bool {
        false
    }
}

/// The start of an element.
pub(super) struct Tag<'a> {
    start: &'a BytesStart<'a>,
    name: &'a str,
}

impl Tag<'_> {
    pub(super) fn name(&self) -> &str {
        self.name
    }

    /// An attribute by its name without prefix.
    pub(super) fn get(&self, name: &str) -> Option<String> {
        let mut attributes = self.start.attributes();
        let found = attributes
            .with_checks(false)
            .flatten()
            .find(|attribute| attribute.key.local_name().as_ref() == name.as_bytes())?;
        found.normalized_value(XmlVersion::Explicit1_0).ok().map(Cow::into_owned)
    }

    /// An attribute's value, or nothing.
    pub(super) fn text(&self, name: &str) -> String {
        self.get(name).unwrap_or_default()
    }

    /// A switch of Office: there without a value, or with one that does not say no.
    pub(super) fn is_on(&self) -> bool {
        !matches!(self.text("val").as_str(), "0" | "false" | "off" | "none")
    }
}

/// Walks a document; gives back why it was not read to its end.
pub(super) fn walk(text: &str, max_depth: usize, visitor: &mut dyn Visitor) -> Option<Unread> {
    let mut reader = Reader::from_str(text);
    reader.config_mut().expand_empty_elements = true;
    let (mut depth, mut gap) = (0_usize, None);
    loop {
        if visitor.is_full() {
            return Some(Unread::Limit);
        }
        match reader.read_event() {
            Err(_) => return Some(Unread::Damaged),
            Ok(Event::Eof) if depth > 0 => return Some(Unread::Damaged),
            Ok(Event::Eof) => return gap,
            Ok(Event::DocType(_)) => gap = Some(Unread::Damaged),
            Ok(Event::Start(start)) => {
                depth += 1;
                if depth > max_depth {
                    return Some(Unread::Limit);
                }
                let local = start.local_name();
                let name = std::str::from_utf8(local.as_ref()).unwrap_or_default();
                visitor.open(&Tag { start: &start, name });
            }
            Ok(Event::End(end)) => {
                depth = depth.saturating_sub(1);
                visitor.close(std::str::from_utf8(end.local_name().as_ref()).unwrap_or_default());
            }
            Ok(Event::Text(text)) => visitor.text(&text.decode().unwrap_or(Cow::Borrowed("\u{FFFD}"))),
            Ok(Event::CData(text)) => visitor.text(&text.decode().unwrap_or(Cow::Borrowed("\u{FFFD}"))),
            Ok(Event::GeneralRef(reference)) => match resolved(&reference) {
                Some(text) => visitor.text(&text),
                None => gap = Some(Unread::Damaged),
            },
            Ok(_) => {}
        }
    }
}

fn resolved(reference: &BytesRef<'_>) -> Option<String> {
    if let Ok(Some(character)) = reference.resolve_char_ref() {
        return Some(character.to_string());
    }
    resolve_predefined_entity(&reference.decode().ok()?).map(str::to_owned)
}

/// Octets of XML as text: by byte order mark, by its absence in UTF-16, by declaration, else UTF-8.
pub(super) fn decode(octets: &[u8]) -> Cow<'_, str> {
    if let Some((encoding, mark)) = Encoding::for_bom(octets) {
        return encoding.decode_without_bom_handling(octets.get(mark..).unwrap_or_default()).0;
    }
    let encoding = match octets {
        [b'<', 0, ..] => encoding_rs::UTF_16LE,
        [0, b'<', ..] => encoding_rs::UTF_16BE,
        _ => declared(octets).unwrap_or(encoding_rs::UTF_8),
    };
    encoding.decode_without_bom_handling(octets).0
}

/// `<?xml … encoding="…"?>`
fn declared(octets: &[u8]) -> Option<&'static Encoding> {
    let head = octets.trim_ascii_start();
    let head = head.get(..200).unwrap_or(head).strip_prefix(b"<?xml")?;
    let head = head.get(..memmem::find(head, b"?>")?)?;
    let value = head
        .get(memmem::find(head, b"encoding")? + 8..)?
        .trim_ascii_start()
        .strip_prefix(b"=")?
        .trim_ascii_start();
    let quote = value.first()?;
    let label = value.get(1..)?.split(|octet| octet == quote).next()?;
    // A declaration that can be read in octets is not in UTF-16, whatever it says.
    Encoding::for_label(label).filter(|encoding| encoding.is_ascii_compatible())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Trace(String);

    impl Visitor for Trace {
        fn open(&mut self, tag: &Tag<'_>) {
            self.0.push_str(&format!("<{}{}>", tag.name(), tag.text("val")));
        }
        fn close(&mut self, name: &str) {
            self.0.push_str(&format!("</{name}>"));
        }
        fn text(&mut self, text: &str) {
            self.0.push_str(text);
        }
    }

    #[test]
    fn tokens_and_gaps() {
        for (text, want, gap) in [
            ("<w:a w:val='1'><b/>x&amp;&#65;</w:a>", "<a1><b></b>x&A</a>", None),
            ("<a><![CDATA[<x>]]></a>", "<a><x></a>", None),
            ("<a>x", "<a>x", Some(Unread::Damaged)),
            ("<a></b>", "<a>", Some(Unread::Damaged)),
            ("<!DOCTYPE a [<!ENTITY e 'DE89'>]><a>&e;</a>", "<a></a>", Some(Unread::Damaged)),
            ("<a><b><c><d/></c></b></a>", "<a><b><c>", Some(Unread::Limit)),
        ] {
            let mut trace = Trace::default();
            assert_eq!(walk(text, 3, &mut trace), gap, "{text}");
            assert_eq!(trace.0, want, "{text}");
        }
    }

    #[test]
    fn encodings() {
        let utf16 = |text: &str, bom: bool| {
            let mut octets = if bom { vec![0xFF, 0xFE] } else { Vec::new() };
            octets.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
            octets
        };
        for (octets, want) in [
            ("<a>é</a>".as_bytes().to_vec(), "<a>é</a>"),
            (
                b"<?xml version='1.0' encoding='ISO-8859-1'?><a>\xE9</a>".to_vec(),
                "<?xml version='1.0' encoding='ISO-8859-1'?><a>é</a>",
            ),
            (utf16("<a>é</a>", true), "<a>é</a>"),
            (utf16("<a>é</a>", false), "<a>é</a>"),
        ] {
            assert_eq!(decode(&octets), want);
        }
    }
}
