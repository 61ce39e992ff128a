//! The parts of a workbook: its sheets by name, its number formats, its shared texts.

use super::number::Format;
use super::unreadable;
use super::xml::{Xml, attribute};
use crate::adapters::suppliers::csv::RowError;
use crate::adapters::suppliers::raw::stop;
use crate::limits;
use flate2::read::DeflateDecoder;
use quick_xml::events::Event;
use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use zip::{CompressionMethod, ZipArchive};

/// An opened archive.
pub(super) struct Package {
    archive: ZipArchive<File>,
    /// The same file, from which parts are read.
    file: File,
    /// Name and relationship of each sheet that is not hidden.
    sheets: Vec<(String, String)>,
    /// Relationship to part and type.
    relations: HashMap<String, (String, String)>,
}

impl Package {
    pub(super) fn open(file: File) -> Result<Self, RowError> {
        let parts = file.try_clone().map_err(unreadable)?;
        let archive = ZipArchive::new(file).map_err(|error| broken(&error.to_string()))?;
        let mut package = Self { archive, file: parts, sheets: Vec::new(), relations: HashMap::new() };
        package.relations = relations(package.part("xl/_rels/workbook.xml.rels")?)?;
        package.sheets = sheets(package.part("xl/workbook.xml")?)?;
        Ok(package)
    }

    /// A part as XML.
    pub(super) fn part(&mut self, name: &str) -> Result<Xml, RowError> {
        let place = {
            let entry = self.archive.by_name(name).map_err(|_| broken(&format!("it has no part {name}")))?;
            if entry.encrypted() {
                return Err(stop(0, "the workbook has a password: save it without"));
            }
            let start = entry.data_start().ok_or_else(|| broken("a part has no place"))?;
            (start, entry.compressed_size(), entry.compression(), entry.crc32())
        };
        let (start, length, compression, sum) = place;
        // Both handles share their place in the file: the archive is not read while a part is.
        let mut file = self.file.try_clone().map_err(unreadable)?;
        file.seek(SeekFrom::Start(start)).map_err(unreadable)?;
        let stored = file.take(length);
        let unpacked: Box<dyn Read + Send> = match compression {
            CompressionMethod::Stored => Box::new(stored),
            CompressionMethod::Deflated => Box::new(DeflateDecoder::new(stored)),
            _ => return Err(broken("it is packed in a way that spreadsheets do not use")),
        };
        Ok(Xml::new(unpacked, sum))
    }

    /// The part of a relationship whose type ends so.
    fn related(&self, kind: &str) -> Option<String> {
        let mut parts = self.relations.values().filter(|(_, found)| found.ends_with(kind));
        parts.next().map(|(part, _)| part.clone())
    }

    /// Name and part of the wanted sheet, or of the first.
    pub(super) fn sheet(&self, wanted: Option<&str>) -> Result<(String, String), RowError> {
        let found = match wanted {
            None => self.sheets.first(),
            Some(wanted) => {
                self.sheets.iter().find(|(name, _)| name.trim().eq_ignore_ascii_case(wanted.trim()))
            }
        };
        let part =
            found.and_then(|(name, id)| self.relations.get(id).map(|(part, _)| (name.clone(), part.clone())));
        part.ok_or_else(|| {
            let names: Vec<String> =
                self.sheets.iter().take(20).map(|(name, _)| name.chars().take(40).collect()).collect();
            stop(0, format!("the workbook has no such sheet; there are: {}", names.join(", ")))
        })
    }
}

fn broken(what: &str) -> RowError {
    stop(0, format!("the workbook is damaged or none: {what}"))
}

/// `xl/_rels/workbook.xml.rels`
fn relations(mut xml: Xml) -> Result<HashMap<String, (String, String)>, RowError> {
    let mut out = HashMap::new();
    loop {
        match xml.event()? {
            Event::Eof => return Ok(out),
            Event::Start(tag) | Event::Empty(tag) if tag.local_name().as_ref() == b"Relationship" => {
                let get = |name| attribute(&tag, name);
                if let (Some(id), Some(target), Some(kind)) = (get("Id"), get("Target"), get("Type")) {
                    let part = match target.strip_prefix('/') {
                        Some(absolute) => absolute.to_owned(),
                        None => format!("xl/{target}"),
                    };
                    out.insert(id, (part, kind));
                }
                if out.len() > limits::MAX_WORKBOOK_ENTRIES {
                    return Err(broken("it has too many parts"));
                }
            }
            _ => {}
        }
    }
}

/// `xl/workbook.xml`
fn sheets(mut xml: Xml) -> Result<Vec<(String, String)>, RowError> {
    let mut out = Vec::new();
    loop {
        match xml.event()? {
            Event::Eof => return Ok(out),
            Event::Start(tag) | Event::Empty(tag) if tag.local_name().as_ref() == b"sheet" => {
                let hidden = attribute(&tag, "state").is_some_and(|state| state != "visible");
                if let (Some(name), Some(id)) = (attribute(&tag, "name"), attribute(&tag, "r:id"))
                    && !hidden
                {
                    out.push((name, id));
                }
                if out.len() > limits::MAX_WORKBOOK_ENTRIES {
                    return Err(broken("it has too many sheets"));
                }
            }
            _ => {}
        }
    }
}

/// The number format of each cell style.
#[derive(Default)]
pub(super) struct Styles(Vec<Format>);

impl Styles {
    /// From `xl/styles.xml`, which a workbook may lack.
    pub(super) fn read(package: &mut Package) -> Result<Self, RowError> {
        let Some(part) = package.related("/styles") else { return Ok(Self::default()) };
        let mut xml = package.part(&part)?;
        let (mut codes, mut out, mut in_cells) = (HashMap::new(), Vec::new(), false);
        loop {
            match xml.event()? {
                Event::Eof => return Ok(Self(out)),
                Event::Start(tag) if tag.local_name().as_ref() == b"cellXfs" => in_cells = true,
                Event::End(tag) if tag.local_name().as_ref() == b"cellXfs" => in_cells = false,
                Event::Start(tag) | Event::Empty(tag) => match tag.local_name().as_ref() {
                    b"numFmt" => {
                        let id = attribute(&tag, "numFmtId").and_then(|id| id.parse::<u32>().ok());
                        if let (Some(id), Some(code)) = (id, attribute(&tag, "formatCode")) {
                            codes.insert(id, Format::of_code(&code));
                        }
                    }
                    b"xf" if in_cells => {
                        let id =
                            attribute(&tag, "numFmtId").and_then(|id| id.parse::<u32>().ok()).unwrap_or(0);
                        out.push(codes.get(&id).copied().unwrap_or_else(|| Format::built_in(id)));
                    }
                    _ => {}
                },
                _ => {}
            }
            if codes.len().max(out.len()) > limits::MAX_WORKBOOK_ENTRIES {
                return Err(broken("it has too many formats"));
            }
        }
    }

    /// The format of a cell by its `s` attribute.
    pub(super) fn format(&self, style: Option<usize>) -> Format {
        style.and_then(|at| self.0.get(at)).copied().unwrap_or(Format::Plain)
    }
}

/// Texts that cells name by number.
#[derive(Default)]
pub(super) struct SharedTexts {
    text: String,
    ends: Vec<usize>,
}

impl SharedTexts {
    pub(super) fn get(&self, at: usize) -> Option<&str> {
        let start = match at.checked_sub(1) {
            None => 0,
            Some(before) => *self.ends.get(before)?,
        };
        self.text.get(start..*self.ends.get(at)?)
    }
}

/// From `xl/sharedStrings.xml`, which a workbook may lack.
pub(super) fn shared_texts(package: &mut Package) -> Result<SharedTexts, RowError> {
    let Some(part) = package.related("/sharedStrings") else { return Ok(SharedTexts::default()) };
    let mut xml = package.part(&part)?;
    let mut out = SharedTexts::default();
    // `t` holds text; inside `rPh` it is how the text is read aloud.
    let (mut in_text, mut aloud) = (false, false);
    loop {
        match xml.event()? {
            Event::Eof => return Ok(out),
            Event::Start(tag) => match tag.local_name().as_ref() {
                b"t" => in_text = !aloud,
                b"rPh" => aloud = true,
                _ => {}
            },
            Event::Empty(tag) if tag.local_name().as_ref() == b"si" => out.ends.push(out.text.len()),
            Event::End(tag) => match tag.local_name().as_ref() {
                b"t" => in_text = false,
                b"rPh" => aloud = false,
                b"si" => out.ends.push(out.text.len()),
                _ => {}
            },
            event if in_text => super::xml::append(&event, &mut out.text),
            _ => {}
        }
        if out.text.len() > limits::MAX_SHARED_TEXTS || out.ends.len() > limits::MAX_SHARED_TEXT_COUNT {
            return Err(stop(0, "the workbook holds more text than is read: save its sheet as CSV"));
        }
    }
}
