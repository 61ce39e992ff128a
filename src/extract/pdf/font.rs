//! What the codes of a shown string mean: the text they stand for, and how far each moves the pen.
//!
//! The text comes from `/ToUnicode`, else from the encoding (ISO 32000-1, 9.10.2). A font may lie about it: what a
//! glyph looks like is not known here, only that two statements of the file disagree.

use crate::limits::{PDF_CMAP_ENTRIES, PDF_CMAP_OCTETS};
use lopdf::content::Content;
use lopdf::{Dictionary, Document, Object};
use std::collections::{HashMap, HashSet};

/// Advance of a glyph whose width the file does not give, in thousandths of the font size.
const USUAL_WIDTH: f32 = 500.0;

/// A font as far as reading needs it.
#[derive(Debug, Default)]
pub(super) struct Font {
    /// Codes are two octets long.
    wide: bool,
    texts: HashMap<u32, String>,
    widths: HashMap<u32, f32>,
    default_width: f32,
    /// Two-octet codes are UTF-16 themselves.
    utf16: bool,
    /// A map calls a digit by another than its glyph is named, or calls two glyphs by the same digit: what is seen may
    /// be another number.
    pub(super) doubtful: bool,
}

/// One code of a shown string.
pub(super) struct Shown<'a> {
    /// What it stands for; empty where the file does not say.
    pub(super) text: std::borrow::Cow<'a, str>,
    /// Advance in thousandths of the font size.
    pub(super) width: f32,
    /// The one-octet code 32, to which word spacing applies.
    pub(super) is_space: bool,
}

impl Font {
    /// Reads a font dictionary; what is missing is guessed as viewers do.
    pub(super) fn read(doc: &Document, dict: &Dictionary) -> Self {
        let subtype = dict.get(b"Subtype").and_then(Object::as_name).unwrap_or_default();
        let mut font = Self { default_width: USUAL_WIDTH, ..Self::default() };
        let mut one_octet_codes = false;
        if let Ok(stream) = dict.get_deref(b"ToUnicode", doc).and_then(Object::as_stream)
            && let Ok(map) = stream.get_plain_content_with_limit(PDF_CMAP_OCTETS)
        {
            one_octet_codes = font.read_unicode_map(&map);
        }
        let digits = font.digits();
        let distinct: HashSet<char> = digits.values().copied().collect();
        font.doubtful = distinct.len() < digits.len();
        if subtype == b"Type0" {
            font.wide = !one_octet_codes;
            font.read_composite(doc, dict);
        } else {
            font.read_simple(doc, dict, digits);
        }
        font
    }

    /// The codes that stand for one digit each.
    fn digits(&self) -> HashMap<u32, char> {
        let digit = |text: &str| text.parse::<u8>().is_ok_and(|digit| digit < 10 && text.len() == 1);
        let found = self.texts.iter().filter(|(_, text)| digit(text));
        found.filter_map(|(code, text)| Some((*code, text.chars().next()?))).collect()
    }

    /// Compares what the map calls a code with the name of its glyph.
    fn compare(&mut self, digits: &mut HashMap<u32, char>, code: u32, named: &str) {
        let called = digits.remove(&code);
        let mut named = named.chars();
        if let (Some(called), Some(named), None) = (called, named.next(), named.next()) {
            self.doubtful |= named.is_ascii_digit() && named != called;
        }
    }

    /// The codes of a shown string, in order.
    pub(super) fn show<'a>(&'a self, octets: &'a [u8]) -> impl Iterator<Item = Shown<'a>> {
        octets.chunks(if self.wide { 2 } else { 1 }).map(|chunk| {
            let code = chunk.iter().fold(0_u32, |code, octet| (code << 8) | u32::from(*octet));
            let text = match self.texts.get(&code) {
                Some(text) => text.as_str().into(),
                None if self.utf16 => char::from_u32(code).map(String::from).unwrap_or_default().into(),
                None => "".into(),
            };
            let width = self.widths.get(&code).copied().unwrap_or(self.default_width);
            Shown { text, width, is_space: !self.wide && code == 32 }
        })
    }

    /// Takes the pairs of a ToUnicode CMap; true where all its codes are one octet long.
    fn read_unicode_map(&mut self, map: &[u8]) -> bool {
        let (mut narrow, mut any) = (true, false);
        for operation in Content::decode_iter(map).map_while(Result::ok) {
            let operands = &operation.operands;
            let step = match operation.operator.as_str() {
                "endbfchar" => 2,
                "endbfrange" => 3,
                _ => continue,
            };
            for entry in operands.chunks_exact(step) {
                if self.texts.len() >= PDF_CMAP_ENTRIES {
                    return any && narrow;
                }
                let Some(from) = entry.first().and_then(|code| code.as_str().ok()) else { continue };
                (narrow, any) = (narrow && from.len() == 1, true);
                match entry {
                    [_, to] => self.map_to(code_of(from), to, 0),
                    [_, last, to] => self.map_range(code_of(from), last, to),
                    _ => {}
                }
            }
        }
        any && narrow
    }

    fn map_range(&mut self, from: u32, last: &Object, to: &Object) {
        let last = last.as_str().map_or(from, code_of);
        // A range never crosses the last octet (ISO 32000-1, 9.10.3), and a hostile one must not fill memory.
        for (offset, code) in (from..=last).take(0x1_0000).enumerate() {
            if self.texts.len() >= PDF_CMAP_ENTRIES {
                return;
            }
            match to {
                Object::Array(each) => {
                    let Some(to) = each.get(offset) else { return };
                    self.map_to(code, to, 0);
                }
                to => self.map_to(code, to, u16::try_from(offset).unwrap_or(u16::MAX)),
            }
        }
    }

    /// `to` is UTF-16BE; `offset` is added to its last unit.
    fn map_to(&mut self, code: u32, to: &Object, offset: u16) {
        let Ok(octets) = to.as_str() else { return };
        let mut units: Vec<u16> = octets
            .chunks(2)
            .take(16)
            .map(|unit| unit.iter().fold(0_u16, |sum, octet| (sum << 8) | u16::from(*octet)))
            .collect();
        if let Some(last) = units.last_mut() {
            *last = last.wrapping_add(offset);
        }
        let text = char::decode_utf16(units).filter_map(Result::ok).filter(|c| *c != '\0').collect();
        self.texts.insert(code, text);
    }

    fn read_composite(&mut self, doc: &Document, dict: &Dictionary) {
        let encoding = dict.get_deref(b"Encoding", doc).and_then(Object::as_name).unwrap_or_default();
        let named = |part: &[u8]| memchr::memmem::find(encoding, part).is_some();
        self.utf16 = named(b"UCS2") || named(b"UTF16");
        let descendant = dict
            .get_deref(b"DescendantFonts", doc)
            .and_then(Object::as_array)
            .ok()
            .and_then(|fonts| fonts.first())
            .and_then(|font| doc.dereference(font).ok())
            .and_then(|(_, font)| font.as_dict().ok());
        let Some(descendant) = descendant else { return };
        self.default_width = descendant.get_deref(b"DW", doc).and_then(Object::as_float).unwrap_or(1_000.0);
        let Ok(list) = descendant.get_deref(b"W", doc).and_then(Object::as_array) else { return };
        let mut list = list.iter().filter_map(|item| doc.dereference(item).ok()).map(|(_, item)| item);
        // `first [w w w]` or `first last w` (ISO 32000-1, 9.7.4.3).
        while let (Some(first), Some(second)) = (list.next(), list.next()) {
            let Some(first) = as_code(first) else { return };
            if let Object::Array(widths) = second {
                for (code, width) in (first..).zip(widths).take(PDF_CMAP_ENTRIES) {
                    self.width(code, width);
                }
            } else if let (Some(last), Some(width)) = (as_code(second), list.next()) {
                for code in (first..=last).take(0x1_0000) {
                    self.width(code, width);
                }
            }
        }
    }

    fn width(&mut self, code: u32, width: &Object) {
        if let (Ok(width), true) = (width.as_float(), self.widths.len() < PDF_CMAP_ENTRIES) {
            self.widths.insert(code, width);
        }
    }

    fn read_simple(&mut self, doc: &Document, dict: &Dictionary, mut digits: HashMap<u32, char>) {
        let encoding = dict.get_deref(b"Encoding", doc).ok();
        let described = encoding.and_then(|encoding| encoding.as_dict().ok());
        if let Some(names) = described.and_then(|d| d.get_deref(b"Differences", doc).ok()) {
            self.read_names(doc, names, &mut digits);
        }
        let drawn_here = dict.get(b"Subtype").and_then(Object::as_name).is_ok_and(|kind| kind == b"Type3");
        let base = match (encoding, described) {
            (_, Some(described)) => described.get_deref(b"BaseEncoding", doc).ok(),
            (encoding, None) => encoding,
        };
        for code in 0..=u8::MAX {
            // The glyphs of a Type 3 font are pictures: without a name or a map they mean nothing.
            if drawn_here {
                break;
            }
            let named = base.and_then(|base| decode(doc, base.clone(), code));
            if let Some(named) = &named {
                self.compare(&mut digits, u32::from(code), named);
            }
            let text = named.unwrap_or_else(|| {
                // Text in a font that says nothing is mostly Latin.
                encoding_rs::WINDOWS_1252.decode_without_bom_handling(&[code]).0.into_owned()
            });
            self.texts.entry(u32::from(code)).or_insert(text);
        }
        if let Ok(descriptor) = dict.get_deref(b"FontDescriptor", doc).and_then(Object::as_dict)
            && let Ok(missing) = descriptor.get_deref(b"MissingWidth", doc).and_then(Object::as_float)
            && missing > 0.0
        {
            self.default_width = missing;
        }
        let first = dict.get_deref(b"FirstChar", doc).ok().and_then(as_code).unwrap_or_default();
        let Ok(widths) = dict.get_deref(b"Widths", doc).and_then(Object::as_array) else {
            return self.standard_widths(dict);
        };
        for (code, width) in (first..).zip(widths).take(256) {
            if let Ok((_, width)) = doc.dereference(width) {
                self.width(code, width);
            }
        }
        if dict.get(b"Subtype").and_then(Object::as_name).is_ok_and(|kind| kind == b"Type3") {
            self.scale_type3(doc, dict);
        }
    }

    /// Takes the names of `/Differences`. A name that says nothing (`g17`) leaves its code without text.
    fn read_names(&mut self, doc: &Document, names: &Object, digits: &mut HashMap<u32, char>) {
        let Ok(names) = names.as_array() else { return };
        let mut code = 0_u32;
        for item in names.iter().take(1_024) {
            match item {
                Object::Integer(_) => code = as_code(item).unwrap_or_default(),
                Object::Name(name) => {
                    let text = glyph(doc, name);
                    self.compare(digits, code, &text);
                    self.texts.entry(code).or_insert(text);
                    code = code.saturating_add(1);
                }
                _ => {}
            }
        }
    }

    /// About the widths of the fonts that a file need not describe (ISO 32000-1, 9.6.2.2): close enough to tell a gap
    /// between words from one between letters.
    fn standard_widths(&mut self, dict: &Dictionary) {
        let name = dict.get(b"BaseFont").and_then(Object::as_name).unwrap_or_default();
        if name.starts_with(b"Courier") {
            self.default_width = 600.0;
            return;
        }
        for code in 0..=u8::MAX {
            let width = match code {
                b'i' | b'j' | b'l' | b' ' | b'.' | b',' | b':' | b';' | b'I' | b'/' | b'\'' | b'|' | b'!' => {
                    278.0
                }
                b'f' | b't' | b'r' | b'(' | b')' | b'-' => 333.0,
                b'm' | b'M' | b'W' | b'%' | b'@' => 833.0,
                b'A'..=b'Z' | b'w' => 690.0,
                _ => 545.0,
            };
            self.widths.entry(u32::from(code)).or_insert(width);
        }
    }

    /// The widths of a Type 3 font are in a space of its own.
    fn scale_type3(&mut self, doc: &Document, dict: &Dictionary) {
        let matrix = dict.get_deref(b"FontMatrix", doc).and_then(Object::as_array);
        let scale = matrix.ok().and_then(|m| m.first()).and_then(|a| a.as_float().ok()).unwrap_or(0.001);
        self.widths = self.widths.iter().map(|(code, width)| (*code, width * scale * 1_000.0)).collect();
    }
}

/// The character of a glyph's name (Adobe Glyph List); empty where it has none.
fn glyph(doc: &Document, name: &[u8]) -> String {
    if let [letter] = name
        && letter.is_ascii_alphabetic()
    {
        return char::from(*letter).into();
    }
    let text = std::str::from_utf8(name).unwrap_or_default();
    let number = text.strip_prefix("uni").or_else(|| text.strip_prefix('u'));
    if let Some(number) = number.filter(|digits| (4..=6).contains(&digits.len()))
        && let Some(character) = u32::from_str_radix(number, 16).ok().and_then(char::from_u32)
    {
        return character.into();
    }
    let mut encoding = Dictionary::new();
    encoding.set("Differences", vec![Object::Integer(0), Object::Name(name.to_vec())]);
    decode(doc, Object::Dictionary(encoding), 0).unwrap_or_default()
}

/// What a code is under an encoding; `None` where it names nothing.
fn decode(doc: &Document, encoding: Object, code: u8) -> Option<String> {
    let mut font = Dictionary::new();
    font.set("Type", Object::Name(b"Font".to_vec()));
    font.set("Encoding", encoding);
    let table = font.get_font_encoding_with_limit(doc, PDF_CMAP_OCTETS).ok()?;
    table.bytes_to_string(&[code]).ok().filter(|text| !text.is_empty() && text != "\u{FFFD}")
}

fn code_of(octets: &[u8]) -> u32 {
    octets.iter().take(4).fold(0, |code, octet| (code << 8) | u32::from(*octet))
}

fn as_code(object: &Object) -> Option<u32> {
    object.as_i64().ok().and_then(|code| u32::try_from(code).ok()).filter(|code| *code <= 0xFFFF)
}
