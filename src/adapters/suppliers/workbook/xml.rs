//! XML under limits: octets of a part, octets of one token, depth; and the part's checksum at its end.

use crate::adapters::suppliers::csv::RowError;
use crate::adapters::suppliers::raw::stop;
use crate::limits;
use flate2::Crc;
use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;
use std::io::{self, BufRead, BufReader, Read};

/// Elements inside each other; a sheet has about six.
const MAX_DEPTH: usize = 64;

/// A part of a workbook.
pub(super) struct Xml {
    reader: Reader<Limited>,
    buffer: Vec<u8>,
    depth: usize,
    sum: u32,
}

impl Xml {
    /// Over an unpacked part with this CRC-32.
    pub(super) fn new(unpacked: Box<dyn Read + Send>, sum: u32) -> Self {
        let input = Limited { input: BufReader::new(unpacked), token: 0, total: 0, sum: Crc::new() };
        Self { reader: Reader::from_reader(input), buffer: Vec::new(), depth: 0, sum }
    }

    /// The next token. At the end the checksum must fit.
    pub(super) fn event(&mut self) -> Result<Event<'_>, RowError> {
        self.buffer.clear();
        self.reader.get_mut().token = 0;
        let event =
            self.reader.read_event_into(&mut self.buffer).map_err(|error| damaged(&error.to_string()))?;
        match &event {
            Event::Start(_) => self.depth = self.depth.saturating_add(1),
            Event::End(_) => self.depth = self.depth.saturating_sub(1),
            Event::Eof if self.depth > 0 => return Err(damaged("a part ends in the middle")),
            Event::Eof if self.reader.get_ref().sum.sum() != self.sum => {
                return Err(damaged("a part has the wrong checksum"));
            }
            _ => {}
        }
        if self.depth > MAX_DEPTH {
            return Err(damaged("its elements are nested too deep"));
        }
        Ok(event)
    }

    /// Reads on to the end, for the checksum.
    pub(super) fn drain(&mut self) -> Result<(), RowError> {
        while !matches!(self.event()?, Event::Eof) {}
        Ok(())
    }
}

fn damaged(what: &str) -> RowError {
    let what: String = what.chars().filter(|c| !c.is_control()).take(200).collect();
    stop(0, format!("the workbook is damaged: {what}"))
}

/// An attribute by its name as written.
pub(super) fn attribute(tag: &BytesStart<'_>, name: &str) -> Option<String> {
    let found = tag.attributes().with_checks(false).flatten().find(|a| a.key.as_ref() == name.as_bytes())?;
    found.normalized_value(XmlVersion::Explicit1_0).ok().map(std::borrow::Cow::into_owned)
}

/// The text of a token, if it has any. What cannot be decoded is marked.
pub(super) fn append(event: &Event<'_>, out: &mut String) {
    match event {
        Event::Text(text) => match text.decode() {
            Ok(text) => out.push_str(&text),
            Err(_) => out.push('\u{fffd}'),
        },
        Event::CData(text) => match text.decode() {
            Ok(text) => out.push_str(&text),
            Err(_) => out.push('\u{fffd}'),
        },
        Event::GeneralRef(reference) => {
            let character = reference.resolve_char_ref().ok().flatten();
            let name = reference.decode().unwrap_or_default();
            match (character, quick_xml::escape::resolve_predefined_entity(&name)) {
                (Some(character), _) => out.push(character),
                (None, Some(text)) => out.push_str(text),
                (None, None) => out.push('\u{fffd}'),
            }
        }
        _ => {}
    }
}

/// Octets that are counted.
struct Limited {
    input: BufReader<Box<dyn Read + Send>>,
    /// Octets since the last token.
    token: usize,
    total: u64,
    sum: Crc,
}

impl Read for Limited {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let length = self.fill_buf()?.read(out)?;
        self.consume(length);
        Ok(length)
    }
}

impl BufRead for Limited {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.token > limits::MAX_WORKBOOK_TOKEN {
            return Err(io::Error::other("a cell is larger than a spreadsheet writes"));
        }
        if self.total > limits::MAX_WORKBOOK_PART {
            return Err(io::Error::other("a part unpacks to more than is read"));
        }
        self.input.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        if let Some(octets) = self.input.buffer().get(..amount) {
            self.sum.update(octets);
        }
        self.token = self.token.saturating_add(amount);
        self.total = self.total.saturating_add(u64::try_from(amount).unwrap_or(u64::MAX));
        self.input.consume(amount);
    }
}
