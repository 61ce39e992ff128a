//! Compound files ([MS-CFB]): Word, Excel and PowerPoint of before 2007, Outlook messages, embedded objects, and the
//! shell around encrypted Office files. The streams inside say which.

use super::mapi::Item;
use super::octets::{Octets, ansi};
use super::reading::Reading;
use super::{File, Format, legacy_sheet, word_binary};
use crate::limits::{COMPOUND_STREAMS, DOCUMENT_PART};
use crate::model::Unread;
use cfb::CompoundFile;
use std::collections::BTreeMap;
use std::io::Cursor;

/// Compound files.
pub(super) struct Compound;

/// The streams of a compound file.
pub(super) struct Streams<'a> {
    inner: CompoundFile<Cursor<&'a [u8]>>,
    /// Paths, `/` between storages.
    paths: Vec<String>,
}

impl Streams<'_> {
    pub(super) fn has(&self, name: &str) -> bool {
        self.paths.iter().any(|path| path == name)
    }

    /// A stream's octets, under the budget of parts.
    pub(super) fn octets(&mut self, path: &str, reading: &mut Reading<'_>) -> Option<Vec<u8>> {
        let stream = self.inner.open_stream(format!("/{path}")).ok()?;
        Some(reading.unpack_part(stream))
    }
}

impl Format for Compound {
    fn accepts(&self, file: &File<'_>) -> bool {
        file.octets.starts_with(b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1")
    }

    fn read(&self, file: &File<'_>, reading: &mut Reading<'_>) {
        let Ok(inner) = CompoundFile::open(Cursor::new(file.octets)) else {
            reading.gap(Unread::Damaged);
            return;
        };
        let paths = paths(&inner, reading);
        let mut streams = Streams { inner, paths };
        if streams.has("EncryptedPackage") {
            reading.gap(Unread::Password);
        } else if streams.has("WordDocument") {
            kind(reading, "application/msword");
            word_binary::read(&mut streams, reading);
        } else if streams.has("Workbook") || streams.has("Book") {
            kind(reading, "application/vnd.ms-excel");
            let name = if streams.has("Workbook") { "Workbook" } else { "Book" };
            match streams.octets(name, reading) {
                Some(stream) => legacy_sheet::read(&stream, reading),
                None => reading.gap(Unread::Damaged),
            }
        } else if streams.has("__properties_version1.0") {
            kind(reading, "application/vnd.ms-outlook");
            message(&mut streams, reading);
        } else if streams.has("PowerPoint Document") {
            kind(reading, "application/vnd.ms-powerpoint");
            if let Some(octets) = streams.octets("PowerPoint Document", reading) {
                word_binary::runs(&octets, reading);
            }
        } else if !streams.paths.iter().any(|path| is_object(path)) {
            reading.gap(Unread::Unsupported);
        }
        objects(&mut streams, reading);
    }
}

fn kind(reading: &mut Reading<'_>, media_type: &str) {
    media_type.clone_into(&mut reading.file.media_type);
}

fn paths(inner: &CompoundFile<Cursor<&[u8]>>, reading: &mut Reading<'_>) -> Vec<String> {
    let mut paths = Vec::new();
    for entry in inner.walk().take(COMPOUND_STREAMS + 1) {
        if paths.len() == COMPOUND_STREAMS {
            reading.gap(Unread::Limit);
            break;
        }
        if entry.is_stream() {
            paths.push(entry.path().to_string_lossy().trim_start_matches('/').to_owned());
        }
    }
    paths
}

/// The properties of a message and of each storage in it (attachments, messages inside) stand in streams named by tag.
fn message(streams: &mut Streams<'_>, reading: &mut Reading<'_>) {
    let mut items: BTreeMap<String, Item> = BTreeMap::new();
    for path in streams.paths.clone() {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", &path));
        let Some(tag) = name.strip_prefix("__substg1.0_") else { continue };
        let half = |range| tag.get(range).and_then(|digits| u16::from_str_radix(digits, 16).ok());
        if let (Some(id), Some(kind)) = (half(0..4), half(4..8))
            && let Some(octets) = streams.octets(&path, reading)
        {
            items.entry(folder.to_owned()).or_default().property(id, kind, &octets);
        }
    }
    for item in items.into_values() {
        item.finish(reading);
    }
}

fn is_object(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    matches!(name, "\u{1}Ole10Native" | "Package" | "CONTENTS")
}

/// Files put into the document as objects.
fn objects(streams: &mut Streams<'_>, reading: &mut Reading<'_>) {
    for path in streams.paths.clone() {
        if !is_object(&path) {
            continue;
        }
        let Some(octets) = streams.octets(&path, reading) else { continue };
        if path.ends_with("Ole10Native") {
            match native(&octets) {
                Some((name, content)) => reading.embed(&name, "", content.to_vec()),
                None => reading.gap(Unread::Damaged),
            }
        } else {
            reading.embed("object", "", octets);
        }
    }
}

/// A file in `Ole10Native`: size, version, label, path, two numbers, path again, content.
fn native(octets: &[u8]) -> Option<(String, &[u8])> {
    let mut octets = Octets(octets);
    octets.take(6)?;
    let label = ansi(octets.until_zero()?);
    octets.until_zero()?;
    octets.take(4)?;
    let length = octets.length()?;
    octets.take(length)?;
    let length = octets.length()?.min(DOCUMENT_PART);
    let content = octets.0.get(..length).unwrap_or(octets.0);
    Some((label, content))
}
