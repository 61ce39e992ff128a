//! Text and HTML files inside other documents, by the readers of mail bodies; and what nobody reads.

use super::super::{formats, html};
use super::reading::Reading;
use super::{File, Format};
use crate::limits::LEAST_PICTURE;
use crate::model::{SpanKind, Unread};
use memchr::memmem;
use std::borrow::Cow;

/// Octets that are looked at to tell text from what is none.
const HEAD: usize = 4_096;
/// Names of kinds that are never plain text, whatever stands in them.
const BINARY: &[&str] =
    &["pdf", "zip", "docx", "docm", "xlsx", "xlsm", "xlsb", "pptx", "odt", "ods", "odp", "7z", "rar"];

/// Types whose octets are readable and yet say nothing of what the recipient gets to see.
const NO_TEXT: &[&str] = &["application/postscript"];

/// HTML.
pub(super) struct WebPage;

impl Format for WebPage {
    fn media_type(&self) -> &'static str {
        "text/html"
    }

    fn accepts(&self, file: &File<'_>) -> bool {
        if !is_text(file) {
            return false;
        }
        let head = formats::octets_as_text(file.head(HEAD)).to_ascii_lowercase();
        let marked =
            ["<html", "<!doctype html", "<body", "<table", "<meta"].iter().any(|mark| head.contains(mark));
        marked
            || file.named(&["htm", "html", "shtml", "xhtml", "xht", "svg"])
            || file.media_type == "image/svg+xml"
    }

    fn read(&self, file: &File<'_>, reading: &mut Reading<'_>) {
        let page = formats::octets_as_text(file.octets);
        let read = formats::read_page(&page, formats::Opened::AsFile);
        take(reading, &read);
        let vector = file.named(&["svg"]) || file.media_type == "image/svg+xml";
        if vector && formats::is_silent(file.octets, &read.visible) {
            reading.gap(Unread::Unsupported);
        }
        for (at, picture) in html::pictures(&page, LEAST_PICTURE).into_iter().enumerate() {
            let name = format!("picture-{}", at + 1);
            reading.embed_shown(
                &name,
                &picture.media_type,
                picture.octets,
                !html::is_all_pictures(&read.visible),
            );
        }
        complain_about_name(file, reading);
    }
}

/// Files that open an address.
pub(super) struct Shortcut;

impl Format for Shortcut {
    fn accepts(&self, file: &File<'_>) -> bool {
        file.named(formats::SHORTCUTS) && is_text(file)
    }

    fn read(&self, file: &File<'_>, reading: &mut Reading<'_>) {
        take(reading, &formats::read_shortcut(formats::octets_as_text(file.octets)));
    }
}

/// Plain text and formats that are text.
pub(super) struct Plain;

impl Format for Plain {
    fn media_type(&self) -> &'static str {
        "text/plain"
    }

    fn accepts(&self, file: &File<'_>) -> bool {
        is_text(file)
    }

    fn read(&self, file: &File<'_>, reading: &mut Reading<'_>) {
        take(reading, &formats::read_text(formats::octets_as_text(file.octets), false));
        complain_about_name(file, reading);
    }
}

/// Anything else.
pub(super) struct Opaque;

impl Format for Opaque {
    fn accepts(&self, _file: &File<'_>) -> bool {
        true
    }

    fn read(&self, file: &File<'_>, reading: &mut Reading<'_>) {
        let locked = memmem::find(file.head(1_024), b"%PDF").is_some()
            && memmem::find(file.octets, b"/Encrypt").is_some();
        reading.gap(if locked { Unread::Password } else { Unread::Unsupported });
    }
}

/// Hands on what a reader of texts found.
pub(super) fn take(reading: &mut Reading<'_>, read: &formats::Reading<'_>) {
    reading.say(SpanKind::Visible, None, &read.visible);
    reading.say(SpanKind::Hidden, None, &read.hidden);
    for link in read.links.lines() {
        reading.link(link);
    }
    for (shown, target) in &read.anchors {
        reading.anchor(shown, target);
    }
    match read.error {
        None => {}
        Some("limit") => reading.gap(Unread::Limit),
        Some(_) => reading.gap(Unread::Unsupported),
    }
}

/// A "PDF" that is text is not what its reader will show.
fn complain_about_name(file: &File<'_>, reading: &mut Reading<'_>) {
    if file.named(BINARY) {
        reading.gap(Unread::Damaged);
    }
}

/// No zeros outside UTF-16, hardly any control characters, and no PDF.
fn is_text(file: &File<'_>) -> bool {
    let head = file.head(HEAD);
    // A piece of a message, the address of one, a program that draws: their text is not what is seen.
    if NO_TEXT.contains(&file.media_type)
        || formats::is_elsewhere(file.media_type)
        || head.starts_with(b"%!PS")
    {
        return false;
    }
    if memmem::find(head.get(..1_024).unwrap_or(head), b"%PDF-").is_some() {
        return false;
    }
    let text: Cow<'_, str> = formats::octets_as_text(head);
    let control =
        text.chars().filter(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\u{C}')).count();
    control * 50 <= text.len().min(HEAD)
}
