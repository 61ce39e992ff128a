//! OpenDocument texts, sheets and presentations (ISO/IEC 26300): `content.xml` and `styles.xml`, which holds headers.
//!
//! Cells hold the text that is shown, so numbers need no format here. A cell that stands for a million is read once.

use super::office;
use super::package::Package;
use super::reading::Reading;
use super::xml::{self, Tag, Visitor};
use crate::limits::{DOCUMENT_TEXT, SHEET_STYLES, XML_DEPTH};
use crate::model::{SpanKind, Unread};
use memchr::memmem;
use std::collections::BTreeSet;

/// Spaces that one element may stand for.
const MAX_SPACES: usize = 100;

pub(super) fn read(package: &mut Package<'_>, reading: &mut Reading<'_>) {
    if let Some(kind) = package.find("mimetype").and_then(|at| package.octets(at, reading)) {
        reading.file.media_type = String::from_utf8_lossy(&kind).trim().chars().take(100).collect();
    }
    let manifest = package.part("META-INF/manifest.xml", reading).unwrap_or_default();
    if memmem::find(manifest.as_bytes(), b"encryption-data").is_some() {
        reading.gap(Unread::Password);
        return;
    }
    let parts: Vec<String> = package
        .names()
        .iter()
        .filter(|name| name.ends_with("content.xml") || name.ends_with("styles.xml"))
        .cloned()
        .collect();
    for part in parts {
        let Some(text) = package.part(&part, reading) else { continue };
        let mut content = Content::default();
        // Automatic styles stand before what they style, but a style sheet of the same file may stand after it.
        if let Some(why) = xml::walk(&text, XML_DEPTH, &mut content.styles)
            .or_else(|| xml::walk(&text, XML_DEPTH, &mut content))
        {
            reading.gap(why);
        }
        content.finish(reading);
    }
    office::pictures(package, "pictures/", reading);
}

/// Names of styles that hide.
#[derive(Default)]
struct Styles {
    hidden: BTreeSet<String>,
    current: String,
}

impl Visitor for Styles {
    fn open(&mut self, tag: &Tag<'_>) {
        match tag.name() {
            "style" => self.current = tag.text("name"),
            "text-properties" if tag.text("display") == "none" => self.hide(),
            "table-properties" if tag.text("display") == "false" => self.hide(),
            _ => {}
        }
    }
    fn close(&mut self, name: &str) {
        if name == "style" {
            self.current.clear();
        }
    }
    fn text(&mut self, _text: &str) {}
}

impl Styles {
    fn hide(&mut self) {
        if !self.current.is_empty() && self.hidden.len() < SHEET_STYLES {
            self.hidden.insert(self.current.clone());
        }
    }
}

#[derive(Default)]
struct Content {
    styles: Styles,
    /// For each open element whether it hides.
    open: Vec<bool>,
    /// How many of them do.
    hiding: usize,
    /// Paragraphs open.
    paragraphs: usize,
    shown: String,
    concealed: String,
    /// Text around the text box being read, and boxes already read.
    outer: Vec<String>,
    boxes: Vec<String>,
    /// Value of the current cell, should it show no text; and where its text begins.
    value: String,
    began: usize,
    links: Vec<String>,
}

impl Content {
    fn finish(mut self, reading: &mut Reading<'_>) {
        while let Some(outer) = self.outer.pop() {
            self.boxes.push(std::mem::replace(&mut self.shown, outer));
        }
        for text in &self.boxes {
            self.shown.push('\n');
            self.shown.push_str(text);
        }
        reading.say(SpanKind::Visible, None, &self.shown);
        reading.say(SpanKind::Hidden, None, &self.concealed);
        for link in &self.links {
            reading.link(link);
        }
    }

    fn put(&mut self, text: &str) {
        if self.hiding > 0 { self.concealed.push_str(text) } else { self.shown.push_str(text) }
    }

    fn hides(&self, tag: &Tag<'_>) -> bool {
        let by_style = || self.styles.hidden.contains(&tag.text("style-name"));
        match tag.name() {
            "annotation" | "deletion" | "hidden-text" | "hidden-paragraph" => true,
            "table-row" | "table-column" => matches!(tag.text("visibility").as_str(), "collapse" | "filter"),
            "p" | "h" | "span" | "table" => by_style(),
            _ => false,
        }
    }
}

impl Visitor for Content {
    fn open(&mut self, tag: &Tag<'_>) {
        let hides = self.hides(tag);
        self.hiding += usize::from(hides);
        self.open.push(hides);
        match tag.name() {
            "p" | "h" => self.paragraphs += 1,
            "s" => {
                let count = tag.text("c").parse().unwrap_or(1_usize).min(MAX_SPACES);
                self.put(&" ".repeat(count));
            }
            "tab" => self.put("\t"),
            "line-break" => self.put("\n"),
            "hidden-text" => self.concealed.push_str(&tag.text("string-value")),
            "table-cell" => {
                self.value = tag.get("value").or_else(|| tag.get("date-value")).unwrap_or_default();
                self.began = self.shown.len();
            }
            "text-box" => self.outer.push(std::mem::take(&mut self.shown)),
            "a" => self.links.push(tag.text("href")),
            _ => {}
        }
    }

    fn close(&mut self, name: &str) {
        match name {
            "p" | "h" => {
                self.paragraphs = self.paragraphs.saturating_sub(1);
                self.put("\n");
            }
            "table-cell" => {
                let value = std::mem::take(&mut self.value);
                if self.hiding == 0 {
                    if self.shown.len() == self.began {
                        self.shown.push_str(&value);
                    }
                    // The cell's last paragraph ends no line.
                    self.shown.truncate(self.shown.trim_end_matches('\n').len().max(self.began));
                }
                self.put("\t");
            }
            "table-row" => self.put("\n"),
            "text-box" => {
                if let Some(outer) = self.outer.pop() {
                    self.boxes.push(std::mem::replace(&mut self.shown, outer));
                }
            }
            _ => {}
        }
        self.hiding -= usize::from(self.open.pop().unwrap_or(false));
    }

    fn text(&mut self, text: &str) {
        if self.paragraphs > 0 {
            self.put(text);
        }
    }

    fn is_full(&self) -> bool {
        self.shown.len().max(self.concealed.len()) > DOCUMENT_TEXT
    }
}
