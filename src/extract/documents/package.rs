//! A ZIP archive in memory: entries by name, encryption told, unpacking by counting.

use super::reading::Reading;
use super::xml;
use crate::limits::PACKAGE_ENTRIES;
use crate::model::Unread;
use std::io::{Cursor, Read};
use zip::ZipArchive;
use zip::result::ZipError;

/// An opened archive.
pub(super) struct Package<'a> {
    archive: ZipArchive<Cursor<&'a [u8]>>,
    /// Names in the order of the archive; `\` made `/`.
    names: Vec<String>,
}

impl<'a> Package<'a> {
    /// Opens an archive and reads its directory.
    pub(super) fn open(octets: &'a [u8], reading: &mut Reading<'_>) -> Option<Self> {
        let Ok(mut archive) = ZipArchive::new(Cursor::new(octets)) else {
            reading.gap(Unread::Damaged);
            return None;
        };
        if archive.len() > PACKAGE_ENTRIES {
            reading.gap(Unread::Limit);
        }
        if archive.has_duplicate_names() {
            // Which of the two another program shows is not known.
            reading.gap(Unread::Damaged);
        }
        let mut names = Vec::new();
        for at in 0..archive.len().min(PACKAGE_ENTRIES) {
            let name = archive
                .by_index_raw(at)
                .ok()
                .map(|entry| String::from_utf8_lossy(entry.name_raw()).replace('\\', "/"));
            names.push(name.unwrap_or_default());
        }
        Some(Self { archive, names })
    }

    /// The names, in the order of the archive.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// Whether there is an entry of this name; case does not count, as in Office.
    pub(super) fn find(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|found| {
            found.trim_start_matches('/').eq_ignore_ascii_case(name.trim_start_matches('/'))
        })
    }

    /// An entry as XML text, under the budget of parts.
    pub(super) fn part(&mut self, name: &str, reading: &mut Reading<'_>) -> Option<String> {
        let at = self.find(name)?;
        let octets = self.octets_at(at, reading, true)?;
        Some(xml::decode(&octets).into_owned())
    }

    /// An entry's octets, under the budget of embedded files.
    pub(super) fn octets(&mut self, at: usize, reading: &mut Reading<'_>) -> Option<Vec<u8>> {
        self.octets_at(at, reading, false)
    }

    fn octets_at(&mut self, at: usize, reading: &mut Reading<'_>, part: bool) -> Option<Vec<u8>> {
        if self.archive.by_index_raw(at).is_ok_and(|entry| entry.encrypted()) {
            reading.gap(Unread::Password);
            return None;
        }
        match self.archive.by_index(at) {
            Ok(entry) if entry.is_dir() => None,
            Ok(entry) => Some(unpack(entry, reading, part)),
            Err(ZipError::UnsupportedArchive(_)) => {
                reading.gap(Unread::Unsupported);
                None
            }
            Err(_) => {
                reading.gap(Unread::Damaged);
                None
            }
        }
    }
}

fn unpack(entry: impl Read, reading: &mut Reading<'_>, part: bool) -> Vec<u8> {
    if part { reading.unpack_part(entry) } else { reading.unpack(entry) }
}

/// The target of a relationship, from the part that names it: `../media/a.png` from `word/document.xml`.
pub(super) fn resolve(from: &str, target: &str) -> String {
    if let Some(absolute) = target.strip_prefix('/') {
        return absolute.to_owned();
    }
    let mut folders: Vec<&str> = from.split('/').collect();
    folders.pop();
    for step in target.split('/') {
        match step {
            "" | "." => {}
            ".." => drop(folders.pop()),
            step => folders.push(step),
        }
    }
    folders.join("/")
}

/// The part that holds the relationships of a part.
pub(super) fn relations_of(part: &str) -> String {
    match part.rsplit_once('/') {
        Some((folder, name)) => format!("{folder}/_rels/{name}.rels"),
        None => format!("_rels/{part}.rels"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets() {
        for (from, target, want) in [
            ("xl/workbook.xml", "worksheets/sheet1.xml", "xl/worksheets/sheet1.xml"),
            ("xl/workbook.xml", "/xl/a.xml", "xl/a.xml"),
            ("word/document.xml", "../customXml/item1.xml", "customXml/item1.xml"),
            ("a.xml", "../../../b.xml", "b.xml"),
        ] {
            assert_eq!(resolve(from, target), want);
        }
        assert_eq!(relations_of("xl/workbook.xml"), "xl/_rels/workbook.xml.rels");
    }
}
