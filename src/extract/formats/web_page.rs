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
        let text = match &part.content {
            PartContent::Html(text) | PartContent::Text(text) => html::read(text),
            PartContent::Binary(octets) => html::read(&octets_as_text(octets)),
            PartContent::Multipart | PartContent::AttachedMessage => return Reading::default(),
        };
        let error = text.incomplete.then_some("limit");
        let hidden = text.not_shown();
        Reading { visible: Cow::Owned(text.visible), hidden, links: text.links, error }
    }
}
