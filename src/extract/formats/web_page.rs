//! HTML bodies and HTML files.

use super::super::html;
use super::{DocumentFormat, Reading, named, octets_as_text};
use crate::model::{Part, PartContent};
use std::borrow::Cow;

/// HTML.
pub(super) struct WebPage;

impl DocumentFormat for WebPage {
    fn accepts(&self, part: &Part, _parent: Option<&Part>) -> bool {
        matches!(part.content, PartContent::Html(_))
            || named(part, &["htm", "html", "shtml", "xhtml", "xht", "mht", "mhtml"])
    }

    fn opens(&self) -> bool {
        true
    }

    fn read<'a>(&self, part: &'a Part) -> Reading<'a> {
        match &part.content {
            PartContent::Html(text) | PartContent::Text(text) => read_page(text),
            PartContent::Binary(octets) => read_page(&octets_as_text(octets)),
            PartContent::Multipart | PartContent::AttachedMessage => Reading::default(),
        }
    }
}

/// Reads HTML.
pub(in crate::extract) fn read_page<'a>(page: &str) -> Reading<'a> {
    let text = html::read(page);
    let error = text.incomplete.then_some("limit").or(text.drawn.then_some("unsupported"));
    let hidden = text.not_shown();
    Reading { visible: Cow::Owned(text.visible), hidden, links: text.links, anchors: text.anchors, error }
}
