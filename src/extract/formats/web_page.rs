//! HTML bodies, HTML files, and vector pictures.

use super::super::{html, is_body, is_text_of_attached_message};
use super::{DocumentFormat, Reading, named, octets_as_text, octets_of};
use crate::limits::SMALL_PICTURE;
use crate::model::{ContentDisposition, Part, PartContent};
use std::borrow::Cow;

/// HTML.
pub(super) struct WebPage;

impl DocumentFormat for WebPage {
    fn accepts(&self, part: &Part, _parent: Option<&Part>) -> bool {
        matches!(part.content, PartContent::Html(_))
            || part.media_type == "image/svg+xml"
            || named(part, &["htm", "html", "shtml", "xhtml", "xht", "mht", "mhtml", "svg"])
    }

    fn opens(&self) -> bool {
        true
    }

    fn read<'a>(&self, part: &'a Part) -> Reading<'a> {
        let opened_as = if is_body(part) || is_text_of_attached_message(part) { Opened::InMail } else { Opened::AsFile };
        let mut reading = match &part.content {
            PartContent::Html(text) | PartContent::Text(text) => read_page(text, opened_as),
            PartContent::Binary(octets) => read_page(&octets_as_text(octets), opened_as),
            PartContent::Multipart | PartContent::AttachedMessage => Reading::default(),
        };
        let attached = part.content_id.is_none() && part.disposition != ContentDisposition::Inline;
        if attached && part.media_type == "image/svg+xml" && is_silent(octets_of(part), &reading.visible) {
            reading.error = reading.error.or(Some("unsupported"));
        }
        reading
    }
}

/// Whether a vector picture is as large as a page and has no text: its writing, if any, is drawn.
pub(in crate::extract) fn is_silent(octets: &[u8], visible: &str) -> bool {
    octets.len() >= SMALL_PICTURE && html::is_all_pictures(visible)
}

/// How the recipient gets to see a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::extract) enum Opened {
    /// In a mail client, which runs nothing.
    InMail,
    /// In a browser, which runs everything.
    AsFile,
}

/// Reads HTML.
pub(in crate::extract) fn read_page<'a>(page: &str, opened: Opened) -> Reading<'a> {
    let text = html::read(page);
    let unknown = text.drawn || (opened == Opened::AsFile && text.runs);
    let error = text.incomplete.then_some("limit").or(unknown.then_some("unsupported"));
    let hidden = text.not_shown();
    Reading { visible: Cow::Owned(text.visible), hidden, links: text.links, anchors: text.anchors, error }
}
