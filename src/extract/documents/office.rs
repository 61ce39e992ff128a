//! Office packages (ECMA-376): which kind, and what all kinds share.
//!
//! The content types say which parts are XML, because a part may lie anywhere under any name. Relationships that leave
//! the package are links; files inside (objects, chunks of other formats that Word shows as its own text) are handed on.

use super::package::Package;
use super::reading::Reading;
use super::seen::{self, Writing};
use super::xml::{self, Tag, Visitor};
use super::{File, legacy_sheet, lines, markup, picture, slides, workbook};
use crate::limits::{OFFICE_PICTURES, SMALL_PICTURE, XML_DEPTH};
use crate::model::{SpanKind, Unread};
use std::collections::BTreeMap;

/// Files inside that hold text of their own.
const CARRIERS: &[&str] = &[
    "doc", "docx", "docm", "rtf", "xls", "xlsx", "xlsm", "xlsb", "ppt", "pptx", "pdf", "htm", "html",
    "xhtml", "mht", "mhtml", "txt", "csv", "eml", "msg", "odt", "ods", "zip",
];

/// Characters of text below which a document is an image of one.
const FEW_LETTERS: usize = 40;

/// The parts of a package by what they are.
#[derive(Default)]
pub(super) struct Types {
    /// Content type by part, lower case, without leading slash.
    overrides: BTreeMap<String, String>,
    /// Content type by extension.
    defaults: BTreeMap<String, String>,
}

impl Types {
    /// The content type of a part.
    pub(super) fn of(&self, part: &str) -> &str {
        let part = part.trim_start_matches('/').to_ascii_lowercase();
        let extension = part.rsplit_once('.').map_or("", |(_, extension)| extension);
        self.overrides.get(&part).or_else(|| self.defaults.get(extension)).map_or("", String::as_str)
    }

    /// The first part whose content type ends so.
    pub(super) fn part(&self, end: &str) -> Option<&str> {
        self.overrides.iter().find(|(_, kind)| kind.ends_with(end)).map(|(part, _)| part.as_str())
    }

    fn main(&self, family: &str) -> Option<&str> {
        let is_main =
            |kind: &str| kind.contains(family) && (kind.ends_with("main+xml") || kind.ends_with(".main"));
        let found = self.overrides.iter().find(|(_, kind)| is_main(kind)).map(|(part, _)| part.as_str());
        found.or_else(|| {
            self.defaults.iter().find(|(_, kind)| is_main(kind)).map(|(extension, _)| extension.as_str())
        })
    }
}

impl Visitor for Types {
    fn open(&mut self, tag: &Tag<'_>) {
        let kind = tag.text("ContentType").to_ascii_lowercase();
        match tag.name() {
            "Override" => {
                let part = tag.text("PartName").trim_start_matches('/').to_ascii_lowercase();
                self.overrides.insert(part, kind);
            }
            "Default" => drop(self.defaults.insert(tag.text("Extension").to_ascii_lowercase(), kind)),
            _ => {}
        }
    }
    fn close(&mut self, _name: &str) {}
    fn text(&mut self, _text: &str) {}
}

pub(super) fn read(package: &mut Package<'_>, file: &File<'_>, reading: &mut Reading<'_>) {
    let mut types = Types::default();
    visit(package, "[Content_Types].xml", &mut types, reading);
    if types.main("ms-excel.sheet.binary").is_some() {
        kind(reading, "application/vnd.ms-excel.sheet.binary.macroenabled.12");
        legacy_sheet::read_binary(file.octets, reading);
    } else if let Some(main) =
        types.main("spreadsheetml").or_else(|| types.main("ms-excel")).map(str::to_owned)
    {
        kind(reading, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet");
        workbook::read(package, &types, &main, reading);
    } else if types.main("presentationml").or_else(|| types.main("powerpoint")).is_some() {
        kind(reading, "application/vnd.openxmlformats-officedocument.presentationml.presentation");
        slides::read(package, &types, reading);
    } else if types.main("wordprocessingml").or_else(|| types.main("ms-word")).is_some() {
        kind(reading, "application/vnd.openxmlformats-officedocument.wordprocessingml.document");
        markup::read(package, &types, reading);
    } else {
        reading.gap(Unread::Unsupported);
    }
    around(package, &types, reading);
}

fn kind(reading: &mut Reading<'_>, media_type: &str) {
    media_type.clone_into(&mut reading.file.media_type);
}

/// Walks one part.
pub(super) fn visit(
    package: &mut Package<'_>,
    part: &str,
    visitor: &mut dyn Visitor,
    reading: &mut Reading<'_>,
) {
    if let Some(text) = package.part(part, reading)
        && let Some(why) = xml::walk(&text, XML_DEPTH, visitor)
    {
        reading.gap(why);
    }
}

/// Links, properties, files inside, and whether the text is only an image of it.
fn around(package: &mut Package<'_>, types: &Types, reading: &mut Reading<'_>) {
    let mut relations = Relations::default();
    for (at, name) in package.names().to_vec().iter().enumerate() {
        let lower = name.to_ascii_lowercase();
        let extension = lower.rsplit_once('.').map_or("", |(_, extension)| extension);
        if lower.ends_with(".rels") {
            visit(package, name, &mut relations, reading);
        } else if lower.starts_with("customxml/item") && extension == "xml" && !lower.contains("itemprops")
            || lower == "docprops/custom.xml"
        {
            // Word shows these in content controls and fields, and writes them there anew when it opens the file.
            let mut all = lines::Lines::default();
            visit(package, name, &mut all, reading);
            reading.say(SpanKind::Machine, None, &all.finish());
        } else if lower == "docprops/app.xml" {
            let mut properties = Application::default();
            visit(package, name, &mut properties, reading);
            reading.file.producer = Some(properties.name).filter(|name| !name.is_empty());
        } else if (lower.contains("/embeddings/")
            || (CARRIERS.contains(&extension) && !types.of(name).ends_with("+xml")))
            && let Some(octets) = package.octets(at, reading)
        {
            reading.embed(name, "", octets);
        }
    }
    for target in relations.external {
        reading.link(&target);
    }
    pictures(package, "/media/", reading);
}

/// Looks at the pictures of a package, which lie in a folder of this name, after its text was read. A scanned letter in
/// Word's clothes is not read by its text; a picture beside a text is.
pub(super) fn pictures(package: &mut Package<'_>, folder: &str, reading: &mut Reading<'_>) {
    let inside = |name: &String| name.to_ascii_lowercase().contains(folder) && !name.ends_with('/');
    let found: Vec<usize> =
        package.names().iter().enumerate().filter(|(_, name)| inside(name)).map(|(at, _)| at).collect();
    if found.is_empty() || !reading.looks() {
        return;
    }
    let spans = reading.file.spans.iter().filter(|span| span.kind == SpanKind::Visible);
    let shown: usize = spans.map(|span| span.text.trim().len()).sum();
    let most = if shown < FEW_LETTERS { Writing::Required } else { Writing::Welcome };
    for at in found.iter().take(OFFICE_PICTURES) {
        see(package, *at, most, reading);
    }
    if found.len() > OFFICE_PICTURES && most == Writing::Required {
        reading.gap(Unread::Unsupported);
    }
}

/// Looks at a picture of the package; its drawings in other formats are taken for decoration while they are small.
fn see(package: &mut Package<'_>, at: usize, most: Writing, reading: &mut Reading<'_>) {
    let Some(octets) = package.octets(at, reading) else { return };
    match picture::kind(&octets) {
        Some(kind) => seen::picture(&octets, kind, most, reading),
        None if octets.len() >= SMALL_PICTURE && most == Writing::Required => {
            reading.gap(Unread::Unsupported)
        }
        None => {}
    }
}

#[derive(Default)]
struct Relations {
    external: Vec<String>,
}

impl Visitor for Relations {
    fn open(&mut self, tag: &Tag<'_>) {
        if tag.name() == "Relationship" && tag.text("TargetMode").eq_ignore_ascii_case("external") {
            self.external.push(tag.text("Target"));
        }
    }
    fn close(&mut self, _name: &str) {}
    fn text(&mut self, _text: &str) {}
}

#[derive(Default)]
struct Application {
    inside: bool,
    name: String,
}

impl Visitor for Application {
    fn open(&mut self, tag: &Tag<'_>) {
        self.inside = tag.name() == "Application";
    }
    fn close(&mut self, _name: &str) {
        self.inside = false;
    }
    fn text(&mut self, text: &str) {
        if self.inside {
            self.name.extend(text.chars().take(100));
        }
    }
}
